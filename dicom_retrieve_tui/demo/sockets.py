"""Additions to pynetdicom: sockets with timeouts, threads that end.

Each of them is for something seen in pynetdicom 3.0.4; the comments say what.
"""

import contextlib
import logging
import socket
import threading
import time
from socketserver import BaseServer
from typing import Any

from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.dul import DULServiceProvider
from pynetdicom.transport import ThreadedAssociationServer

from dicom_retrieve_tui.demo.service import Handler

_LOG = logging.getLogger(__name__)

_STALL_S = 10.0
_DRAIN_S = 2.0
_JOIN_S = 0.05


class Server(ThreadedAssociationServer):
    """A listener that this package starts and stops."""

    request_queue_size = 64
    """Backlog; the default of 5 refuses a burst of associations."""

    def shutdown(self) -> None:
        """Stop listening; the threads that set up associations have ended.

        Not the library's, which looks the server up in a list that only `start_server` fills.
        """
        BaseServer.shutdown(self)
        self.server_close()


class AssociationSockets:
    """The sockets and threads of one AE's associations, in both directions."""

    def __init__(self, ae: AE) -> None:
        self._ae = ae
        self._lock = threading.Lock()
        self._sockets: dict[Association, socket.socket] = {}

    def handlers(self) -> list[Handler]:
        """Return the handlers to bind to every association."""
        return [
            (evt.EVT_CONN_OPEN, self._on_open),
            (evt.EVT_DATA_SENT, self._on_sent),
            (evt.EVT_CONN_CLOSE, self._on_close),
        ]

    def close_all(self) -> None:
        """Close every connection and wait for their threads, two seconds at most."""
        deadline = time.monotonic() + _DRAIN_S
        while (threads := self._threads()) and time.monotonic() < deadline:
            self._cut()
            threads[0][0].join(_JOIN_S)
        if threads:
            _LOG.warning("%d threads of the demonstration PACS would not end", len(threads))
        with self._lock:
            sockets, self._sockets = self._sockets, {}
        for sock in sockets.values():
            sock.close()

    def _on_open(self, event: evt.Event) -> None:
        association: Association = event.assoc
        transport = association.dul.socket
        sock = transport.socket if transport else None
        if sock is None:
            return
        # Its thread reads a PDU to the end with the timeout cleared, and cannot be stopped then.
        sock.settimeout(_STALL_S)
        # A command and its data set are written separately: the second would wait for an ACK.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._sockets[association] = sock

    def _on_sent(self, event: evt.Event) -> None:
        """Acknowledge the answer at once; Linux has to be asked again after each send.

        DCMTK writes a PDU in two parts with Nagle's algorithm on, and would wait 40 ms each time.
        """
        with self._lock:
            sock = self._sockets.get(event.assoc)
        if sock and hasattr(socket, "TCP_QUICKACK"):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def _on_close(self, event: evt.Event) -> None:
        """Close sockets that pynetdicom only drops where the peer closed first."""
        with self._lock:
            sock = self._sockets.pop(event.assoc, None)
        if sock:
            sock.close()

    def _threads(self) -> list[tuple[threading.Thread, Association]]:
        """Return our threads that are alive, two for each association."""
        pairs = (
            (thread, thread if isinstance(thread, Association) else thread.assoc)
            for thread in threading.enumerate()
            if isinstance(thread, Association | DULServiceProvider)
        )
        return [
            (thread, association) for thread, association in pairs if association.ae is self._ae
        ]

    def _cut(self) -> None:
        with self._lock:
            sockets = list(self._sockets.values())
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for _, association in self._threads():
            # A lost connection does not wake a thread that waits for A-ASSOCIATE or a response.
            waiting_for_an_answer: Any = association.dul.to_user_queue
            waiting_for_an_answer.put(None)  # as an empty queue gives after its timeout
            association.dimse.msg_queue.put((None, None))
