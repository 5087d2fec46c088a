"""Our own Storage SCP: the move destination of our C-MOVEs, in this process.

One listener for all running C-MOVEs, one thread for each association that a PACS opens. Which
study an instance belongs to is the receiver's business: a PACS may use several for one study.
Source: PS3.4 annex B, PS3.8 section 9.1.2.
"""

import contextlib
import logging
import os
import socket
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from dicom_retrieve_tui.errors import (
    Cancelled,
    ConfigError,
    PeerError,
    PeerTimeout,
    ProtocolError,
    StoreError,
)
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.text import clean_text
from dicom_retrieve_tui.network import associate_pdus, messages
from dicom_retrieve_tui.network import command_set as cs
from dicom_retrieve_tui.network.association import receive_associate_pdu
from dicom_retrieve_tui.network.clocks import TICK_S, Clocks, Guard, within
from dicom_retrieve_tui.network.connection import Connection
from dicom_retrieve_tui.network.messages import MessageStream, PeerReleased
from dicom_retrieve_tui.network.negotiation import decode_request
from dicom_retrieve_tui.network.receiving import InstanceReceiver, receive_instance

if TYPE_CHECKING:
    from dicom_retrieve_tui.network.tls import TlsServer

_LOG = logging.getLogger(__name__)
_ASSOCIATE_S_MAX = 10.0
"""A PACS sends its A-ASSOCIATE-RQ at once; only a stranger takes longer."""
_BACKLOG = 64


class StorageScp:
    """Listens for C-STORE associations and hands each instance to a receiver."""

    def __init__(
        self,
        receiver: InstanceReceiver,
        clocks: Clocks,
        *,
        host: str,
        port: int,
        tls: "TlsServer | None" = None,
    ) -> None:
        """Bind and listen; nothing is accepted before `start`.

        Args:
            port: 0 takes any free port; `port` then says which.
            tls: Whoever calls must speak TLS; None: must not.

        Raises:
            ConfigError: The address cannot be bound.
        """
        self._receiver = receiver
        self._clocks = clocks
        self._tls = tls
        self._stop = CancelToken()
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        except OSError as error:
            # The text of the error itself names the address a second time.
            reason = (os.strerror(error.errno) if error.errno else str(error)).lower()
            raise ConfigError(
                f"Cannot listen on {host} port {port}: {reason}.",
                next_step="Choose another port with --listen, and have the PACS send to that one.",
            ) from error
        self._listener.settimeout(TICK_S)
        self.host = host
        self.port = int(self._listener.getsockname()[1])
        self._acceptor = threading.Thread(target=self._accept, name="storage-scp")

    def __enter__(self) -> Self:
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
        self._acceptor.join()
        self._listener.close()
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join()

    def _accept(self) -> None:
        while not self._stop.requested:
            try:
                sock, address = self._listener.accept()
            except TimeoutError:
                continue
            except OSError as error:
                _LOG.warning("could not accept a connection: %s", error)
                self._stop.wait(TICK_S)
                continue
            peer = f"{address[0]}:{address[1]}"
            thread = threading.Thread(
                target=self._serve, args=(sock, peer), name=f"storage-scp {peer}"
            )
            with self._lock:
                self._threads.add(thread)
            thread.start()

    def _serve(self, sock: socket.socket, peer: str) -> None:
        """Deal with one association from its first byte to its last."""
        connection = Connection(self._tls.wrap(sock, peer) if self._tls else sock, peer)
        try:
            self._associate_and_receive(connection)
        except PeerReleased:
            _LOG.debug("%s released its association", peer)
        except (PeerError, StoreError, Cancelled) as error:
            _LOG.warning("association from %s ended: %s", peer, str(error) or "we stopped")
            connection.guard = within(TICK_S, "room for an A-ABORT", CancelToken())
            with contextlib.suppress(PeerError):
                connection.send(messages.USER_ABORT)
        finally:
            connection.close()
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _associate_and_receive(self, connection: Connection) -> None:
        limit_s = min(_ASSOCIATE_S_MAX, self._clocks.acse_s)
        connection.guard = within(limit_s, "an A-ASSOCIATE-RQ", self._stop)
        kind, pdu = receive_associate_pdu(connection)
        if kind != associate_pdus.A_ASSOCIATE_RQ:
            raise ProtocolError(f"{connection.peer} began with a PDU of type 0x{kind:02X}.")
        request = decode_request(pdu)
        connection.peer = f"{clean_text(request.calling_ae_title)}@{connection.peer}"
        _LOG.debug("%s opened an association with %d contexts", connection.peer,
                   len(request.contexts))  # fmt: skip
        contexts = {context.context_id: context for context in request.contexts}
        stream = MessageStream(connection, request.peer_max_pdu_bytes)
        connection.guard = self._idle_guard(connection)
        connection.send(request.reply)
        while True:
            context_id, command = stream.receive_command()
            if command.field == cs.C_STORE_RQ:
                receive_instance(stream, contexts, context_id, command, self._receiver)
            elif command.field == cs.C_ECHO_RQ:
                stream.send(context_id, _echo_response(command))
            else:
                raise ProtocolError(f"{connection.peer} asked our Storage SCP for something else.")

    def _idle_guard(self, connection: Connection) -> Guard:
        """A PACS may pause between instances, and some never release; none may stay for ever."""

        def guard(now_s: float) -> None:
            if self._stop.requested:
                raise Cancelled
            silent_s = now_s - connection.last_byte_s
            if silent_s > self._clocks.first_s:
                waiting_for = f"the next instance from {connection.peer}"
                raise PeerTimeout(
                    f"Waited {silent_s:.0f} s for {waiting_for}.",
                    waiting_for=waiting_for,
                    waited_s=silent_s,
                )

        return guard


def _echo_response(request: cs.Command) -> bytes:
    return cs.encode(
        {
            cs.AFFECTED_SOP_CLASS_UID: request.text(cs.AFFECTED_SOP_CLASS_UID),
            cs.COMMAND_FIELD: cs.C_ECHO_RSP,
            cs.MESSAGE_ID_RESPONDED_TO: request.number(cs.MESSAGE_ID) or 0,
            cs.COMMAND_DATA_SET_TYPE: cs.NO_DATA_SET,
            cs.STATUS: 0x0000,
        }
    )
