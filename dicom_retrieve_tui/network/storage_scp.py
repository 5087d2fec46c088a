"""Our own Storage SCP: the move destination of our C-MOVEs, in this process.

One listener for all running C-MOVEs, one thread for each association that a PACS opens; what is
said there is `storage_service`'s. Source: PS3.4 annex B.
"""

import contextlib
import errno
import logging
import socket
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from dicom_retrieve_tui.errors import ConfigError, reason_of
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.options import MAX_PDU_BYTES
from dicom_retrieve_tui.network.access_control import Admission, Reception
from dicom_retrieve_tui.network.access_rules import Callers
from dicom_retrieve_tui.network.connection_limits import Visitor, Visitors
from dicom_retrieve_tui.network.deviations import Deviations
from dicom_retrieve_tui.network.refused_calls import Refusals
from dicom_retrieve_tui.network.storage_service import StorageService
from dicom_retrieve_tui.network.timeouts import TICK_S, Timeouts

if TYPE_CHECKING:
    from dicom_retrieve_tui.network.tls.client_server import TlsServer

_LOG = logging.getLogger(__name__)
_BACKLOG = 64
_ANOTHER_PORT = "Choose another port with --listen, and have the PACS send to that one."
_OF_ANOTHER = (
    "It is no address of this machine: name one that is, or with --listen PORT none at all."
)


class StorageScp:
    """Listens for C-STORE associations and hands each instance to a receiver."""

    def __init__(
        self,
        receiver: Reception,
        timeouts: Timeouts,
        callers: Callers,
        *,
        ae_title: str,
        host: str,
        port: int,
        tls: "TlsServer | None" = None,
        max_pdu_bytes: int = MAX_PDU_BYTES,
        deviations: Deviations | None = None,
    ) -> None:
        """Bind and listen; nothing is accepted before `start`.

        Args:
            ae_title: Ours, by which a caller must call us.
            port: 0 takes any free port; `port` then says which.
            tls: Whoever calls must speak TLS; None: must not.
            max_pdu_bytes: Largest PDU that a caller may send.
            deviations: Where to note what a caller does against the standard; None only logs it.

        Raises:
            ConfigError: The address cannot be bound.
        """
        self._callers = callers
        self._ae_title = ae_title
        self._visitors = Visitors()
        self._refusals = Refusals()
        self._stop = CancelToken()
        self._service = StorageService(
            receiver,
            timeouts,
            Admission(receiver, callers, self._visitors, ae_title),
            tls=tls,
            max_pdu_bytes=max_pdu_bytes,
            refusals=self._refusals,
            deviations=deviations or Deviations(),
            stop=self._stop,
        )
        self._threads: dict[threading.Thread, socket.socket] = {}
        self._lock = threading.Lock()
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        except OSError as error:
            # `create_server` names the address a second time; of an unknown name only it knows.
            reason = reason_of(error).partition(" (while ")[0]
            raise ConfigError(
                f"Cannot listen on {host} port {port}: {reason}.",
                next_step=_OF_ANOTHER if error.errno == errno.EADDRNOTAVAIL else _ANOTHER_PORT,
            ) from error
        self._listener.settimeout(TICK_S)
        self.host = host
        self.port = int(self._listener.getsockname()[1])
        self._acceptor = threading.Thread(target=self._accept, name="storage-scp")
        self._bug: Exception | None = None

    def __enter__(self) -> Self:
        _LOG.info(
            "listening as %s on %s port %d for %s",
            self._ae_title, self.host, self.port, self._callers,
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
        """Raise what broke a thread of ours, which the PACS would be blamed for otherwise."""
        if self._bug is not None:
            raise self._bug

    def _accept(self) -> None:
        while not self._stop.requested:
            try:
                sock, address = self._listener.accept()
            except TimeoutError:
                continue
            except OSError as error:
                if not self._stop.wait(0):  # else it was woken
                    _LOG.warning("could not accept a connection: %s", error)
                    self._stop.wait(TICK_S)
                continue
            if (visitor := self._visitors.enter(str(address[0]))) is None:
                sock.close()
                self._refusals.add(str(address[0]), "there are too many connections")
                continue
            peer = f"{address[0]}:{address[1]}"
            thread = threading.Thread(
                target=self._serve, args=(sock, peer, visitor), name=f"storage-scp {peer}"
            )
            with self._lock:
                self._threads[thread] = sock
            try:
                thread.start()
            except RuntimeError as error:  # the system has no thread left for us, just now
                sock.close()
                self._refusals.add(str(address[0]), str(error))
                self._gone(visitor, thread)

    def _gone(self, visitor: Visitor, thread: threading.Thread) -> None:
        self._visitors.leave(visitor)
        with self._lock:
            self._threads.pop(thread, None)

    def _serve(self, sock: socket.socket, peer: str, visitor: Visitor) -> None:
        try:
            self._service.serve(sock, peer, visitor)
        except Exception as error:  # noqa: BLE001 - a bug, and no thread's end shows it
            self._bug = error
        finally:
            self._gone(visitor, threading.current_thread())


def _wake(sock: socket.socket) -> None:
    """Let whoever waits for this socket look up now, where the system can, and not a tick later."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RD)
