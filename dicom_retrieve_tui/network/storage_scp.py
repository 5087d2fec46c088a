"""Our own Storage SCP: the move destination of our C-MOVEs, in this process.

One listener for all running C-MOVEs, and one thread for each association that a PACS opens. The
receiver matches instances to studies: a PACS may use several associations for one study.
Source: PS3.4 annex B, PS3.8 section 9.1.2.
"""

import contextlib
import errno
import logging
import socket
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from dicom_retrieve_tui.errors import (
    Cancelled,
    ConfigError,
    PeerError,
    PeerTimeout,
    PeerUnreachable,
    ProtocolError,
    StoreError,
    reason_of,
)
from dicom_retrieve_tui.model.allowed_callers import RefusedCaller
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.option_values import MAX_PDU_BYTES
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.status import SUCCESS
from dicom_retrieve_tui.network import associate_pdu as associate_pdus
from dicom_retrieve_tui.network import command_set as cs
from dicom_retrieve_tui.network import messages
from dicom_retrieve_tui.network.access import (
    AccessControl,
    AccessList,
    CallerConnection,
    CallRefused,
    ConnectionLimits,
    RefusalLog,
    ScpReceiver,
)
from dicom_retrieve_tui.network.association import receive_associate_pdu
from dicom_retrieve_tui.network.c_store import receive_instance
from dicom_retrieve_tui.network.connection import Connection
from dicom_retrieve_tui.network.deviations import Deviations
from dicom_retrieve_tui.network.dns import claim_port
from dicom_retrieve_tui.network.messages import MessageStream, PeerReleased
from dicom_retrieve_tui.network.negotiation import AssociateRequest, decode_request
from dicom_retrieve_tui.network.timeouts import TICK_S, Guard, Timeouts, within

if TYPE_CHECKING:
    from dicom_retrieve_tui.network.rate_limit import RateLimiter
    from dicom_retrieve_tui.network.tls.context import TlsServer

_LOG = logging.getLogger(__name__)
_BACKLOG = 64
_ANOTHER_PORT = "Choose another port with --listen, and have the PACS send to that one."
_NOT_OUR_ADDRESS = (
    "It is not an address of this machine: use one that is, or --listen PORT without an address."
)
_ASSOCIATE_S_MAX = 10.0
"""Longest wait for an A-ASSOCIATE-RQ, which a PACS sends at once."""


class StorageScp:
    """Listens for C-STORE associations and hands each instance to a receiver."""

    def __init__(
        self,
        receiver: ScpReceiver,
        timeouts: Timeouts,
        access_list: AccessList,
        *,
        ae_title: str,
        host: str,
        port: int,
        tls: "TlsServer | None" = None,
        max_pdu_bytes: int = MAX_PDU_BYTES,
        deviations: Deviations | None = None,
        rate_limiter: "RateLimiter | None" = None,
    ) -> None:
        """Bind and listen; nothing is accepted before `start`.

        Args:
            access_list: Who may call.
            ae_title: Our AE title, by which a caller must call us.
            port: 0 takes any free port; see the attribute `port`.
            tls: Require TLS of callers; None: require that they use none.
            max_pdu_bytes: Largest PDU that a caller may send.
            deviations: Where to note what a caller does against the standard; None only logs it.
            rate_limiter: Limits what all associations receive together.

        Raises:
            ConfigError: The address cannot be bound.
        """
        self._access_list = access_list
        self._ae_title = ae_title
        self._limits = ConnectionLimits()
        self._refusals = RefusalLog()
        self._stop = CancelToken()
        self._service = _Service(
            receiver,
            timeouts,
            AccessControl(receiver, access_list, self._limits, ae_title),
            tls=tls,
            max_pdu_bytes=max_pdu_bytes,
            refusals=self._refusals,
            deviations=deviations or Deviations(),
            rate_limiter=rate_limiter,
            stop=self._stop,
        )
        self._threads: dict[threading.Thread, socket.socket] = {}
        self._lock = threading.Lock()
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._listener = _listen(host, port, family)
        except OSError as error:
            raise ConfigError(
                f"Cannot listen on {host} port {port}: {reason_of(error)}.",
                next_step=_NOT_OUR_ADDRESS if error.errno == errno.EADDRNOTAVAIL else _ANOTHER_PORT,
            ) from error
        self._listener.settimeout(TICK_S)
        self.host = host
        self.port = int(self._listener.getsockname()[1])
        self._acceptor = threading.Thread(target=self._accept, name="storage-scp")
        self._bug: Exception | None = None

    def __enter__(self) -> Self:
        _LOG.info(
            "listening as %s on %s port %d for %s",
            self._ae_title, self.host, self.port, self._access_list,
        )  # fmt: skip
        self._acceptor.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop listening, abort what is open and wait for every thread to end."""
        self._stop.request()
        _wake(self._listener)
        self._acceptor.join()
        self._listener.close()
        with self._lock:
            threads = dict(self._threads)
        for sock in threads.values():
            _wake(sock)
        for thread in threads:
            thread.join()
        self._refusals.close()
        if kind is None:
            self.raise_bug()

    def raise_bug(self) -> None:
        """Raise an unexpected error of one of our threads, which would look like the PACS's."""
        if self._bug is not None:
            raise self._bug

    def _accept(self) -> None:
        while not self._stop.requested:
            try:
                sock, address = self._listener.accept()
            except TimeoutError:
                continue
            except OSError as error:
                # `_wake` causes this error, too.
                if not self._stop.wait(0):
                    _LOG.warning("could not accept a connection: %s", error)
                    self._stop.wait(TICK_S)
                continue
            if (caller := self._limits.register(str(address[0]))) is None:
                sock.close()
                self._refusals.add(str(address[0]), "there are too many connections")
                continue
            peer = f"{address[0]}:{address[1]}"
            thread = threading.Thread(
                target=self._serve, args=(sock, peer, caller), name=f"storage-scp {peer}"
            )
            with self._lock:
                self._threads[thread] = sock
            try:
                thread.start()
            except RuntimeError as error:
                # The system has no thread left for now.
                sock.close()
                self._refusals.add(str(address[0]), str(error))
                self._remove(caller, thread)

    def _remove(self, caller: CallerConnection, thread: threading.Thread) -> None:
        self._limits.remove(caller)
        with self._lock:
            self._threads.pop(thread, None)

    def _serve(self, sock: socket.socket, peer: str, caller: CallerConnection) -> None:
        try:
            self._service.serve(sock, peer, caller)
        except Exception as error:  # noqa: BLE001 - a bug, and no thread's end shows it
            self._bug = error
        finally:
            self._remove(caller, threading.current_thread())


class _Service:
    """Serves callers. Safe to use from several threads, one for each caller."""

    def __init__(
        self,
        receiver: ScpReceiver,
        timeouts: Timeouts,
        access_control: AccessControl,
        *,
        tls: "TlsServer | None",
        max_pdu_bytes: int,
        refusals: RefusalLog,
        deviations: Deviations,
        rate_limiter: "RateLimiter | None",
        stop: CancelToken,
    ) -> None:
        self._receiver = receiver
        self._timeouts = timeouts
        self._tls = tls
        self._max_pdu_bytes = max_pdu_bytes
        self._access_control = access_control
        self._refusals = refusals
        self._deviations = deviations
        self._rate_limiter = rate_limiter
        self._stop = stop

    def serve(self, sock: socket.socket, peer: str, caller: CallerConnection) -> None:
        """Serve one connection until its end, and close it."""
        connection = Connection(self._tls.wrap(sock, peer) if self._tls else sock, peer)
        if self._rate_limiter is not None:
            self._rate_limiter.attach(connection)
        try:
            own_address = _own_address(sock)
            self._access_control.check_address(caller, own_address)
            stream, request = self._associate(connection, caller, own_address)
            self._receive(stream, request)
        except PeerReleased:
            _LOG.debug("%s released its association", connection.peer)
        except CallRefused as refusal:
            self._refusals.add(caller.address, str(refusal))
            if refusal.rejection is not None:
                _send_last(connection, associate_pdus.encode_rejection(*refusal.rejection))
        except (PeerError, StoreError, Cancelled) as error:
            # Do not blame the peer if we ended the association.
            self._abort(connection, caller, Cancelled() if self._stop.requested else error)
        finally:
            connection.close()

    def _abort(
        self,
        connection: Connection,
        caller: CallerConnection,
        why: PeerError | StoreError | Cancelled,
    ) -> None:
        # Its address is the PACS's, but TLS failed.
        if isinstance(why, PeerUnreachable):
            self._receiver.refuse_caller(RefusedCaller(caller.address, why.reason, why.next_step))
        self._refusals.add(caller.address, str(why) or "we stopped", peer=connection.peer)
        _send_last(connection, messages.USER_ABORT)

    def _associate(
        self, connection: Connection, caller: CallerConnection, own_address: str
    ) -> tuple[MessageStream, AssociateRequest]:
        """Receive and accept an A-ASSOCIATE-RQ."""
        limit_s = min(_ASSOCIATE_S_MAX, self._timeouts.acse_s)
        limit = within(limit_s, "an A-ASSOCIATE-RQ", self._stop)

        def guard(now_s: float) -> None:
            limit(now_s)
            if caller.dropped:
                raise CallRefused("it sent nothing, and others called")

        connection.guard = guard
        kind, pdu = receive_associate_pdu(connection)
        if kind != associate_pdus.A_ASSOCIATE_RQ:
            raise ProtocolError(f"{connection.peer} began with a PDU of type 0x{kind:02X}.")
        request = decode_request(pdu, self._max_pdu_bytes)
        self._access_control.admit(request, caller, own_address)
        connection.peer = f"{clean_text(request.calling_ae_title)}@{connection.peer}"
        _LOG.debug("%s opened an association with %d contexts", connection.peer,
                   len(request.contexts))  # fmt: skip
        for deviation in request.deviations:
            self._deviations.note(deviation)
        connection.guard = self._idle_guard(connection)
        connection.send(request.reply)
        stream = MessageStream(
            connection, request.peer_max_pdu_bytes, self._max_pdu_bytes, self._deviations
        )
        return stream, request

    def _receive(self, stream: MessageStream, request: AssociateRequest) -> None:
        contexts = {context.context_id: context for context in request.contexts}
        while True:
            context_id, command = stream.receive_command()
            if command.field == cs.C_STORE_RQ:
                receive_instance(stream, contexts, context_id, command, self._receiver)
            elif command.field == cs.C_ECHO_RQ:
                stream.send(context_id, _echo_response(command))
            else:
                raise ProtocolError(
                    f"{stream.connection.peer} sent a request other than C-STORE and C-ECHO."
                )

    def _idle_guard(self, connection: Connection) -> Guard:
        """Return a guard that limits the silence between instances: some PACS never release."""

        def guard(now_s: float) -> None:
            if self._stop.requested:
                raise Cancelled
            silent_s = now_s - connection.last_byte_s
            if silent_s > self._timeouts.first_s:
                waiting_for = f"the next instance from {connection.peer}"
                raise PeerTimeout(
                    f"Waited {silent_s:.0f} s for {waiting_for}.",
                    waiting_for=waiting_for,
                    waited_s=silent_s,
                )

        return guard


def _listen(host: str, port: int, family: socket.AddressFamily) -> socket.socket:
    """Return a listening socket; no other program listens on its port meanwhile."""
    listener = socket.socket(family)
    try:
        claim_port(listener)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _own_address(sock: socket.socket) -> str:
    try:
        return str(sock.getsockname()[0])
    except OSError as error:
        raise CallRefused("it has disconnected") from error


def _send_last(connection: Connection, pdu: bytes) -> None:
    """Send a PDU before closing, if the connection still takes it."""
    connection.guard = within(TICK_S, "room for a last PDU", CancelToken())
    with contextlib.suppress(PeerError):
        connection.send(pdu)


def _echo_response(request: cs.Command) -> bytes:
    return cs.encode(
        {
            cs.AFFECTED_SOP_CLASS_UID: request.text(cs.AFFECTED_SOP_CLASS_UID),
            cs.COMMAND_FIELD: cs.C_ECHO_RSP,
            cs.MESSAGE_ID_RESPONDED_TO: request.number(cs.MESSAGE_ID) or 0,
            cs.COMMAND_DATA_SET_TYPE: cs.NO_DATA_SET,
            cs.STATUS: SUCCESS,
        }
    )


def _wake(sock: socket.socket) -> None:
    """Wake the thread that waits for this socket, where the system can."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RD)
