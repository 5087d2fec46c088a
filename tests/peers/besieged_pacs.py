"""A PACS that answers a C-MOVE while strangers besiege the Storage SCP under test."""

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic

from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, Instance, Request
from tests.peers.raw_scu import associate_request
from tests.peers.wire import CT_IMAGE

HELLO = associate_request({CT_IMAGE: 1}, "DRTUI", "STRANGER")
"""The A-ASSOCIATE-RQ of somebody who would be let in."""
_PATIENCE_S = 20.0


class BesiegedPacs(MovingPacs):
    """Lets strangers call from its own address, and then sends; measures what that takes."""

    def __init__(self, holdings: list[Instance] | None = None) -> None:
        super().__init__(holdings)
        self.siege = contextlib.ExitStack()
        """Closed by the test, once the run is over: strangers do not leave before it ends."""
        self.statuses: list[int] = []
        self.seconds_to_send = self.finished_s = 0.0
        self.siege_bytes = 0
        """By how much the process grew."""

    def besiege(self) -> None:
        """Have whoever it is call; overridden."""

    def on_move(self, conversation: Conversation, request: Request) -> None:
        before_bytes = _rss_bytes()
        self.besiege()
        started_s = monotonic()
        self.statuses = self.send_to_scp([i for i in self.holdings if request.matches(i)])
        self.finished_s = monotonic()
        self.seconds_to_send = self.finished_s - started_s
        self.siege_bytes = _rss_bytes() - before_bytes
        self.finish(conversation, request, completed=len(self.statuses))

    def stranger(self) -> socket.socket:
        """Somebody who has called, and said nothing yet."""
        made = socket.create_connection(("127.0.0.1", self.scp_port), timeout=_PATIENCE_S)
        return self.siege.enter_context(made)

    def drip(self, socks: Sequence[socket.socket], data: bytes, pause_s: float) -> None:
        """Let each of them send a byte, again and again, with a pause in between."""
        self.siege.enter_context(_dripping(socks, data, pause_s))


def read_to_end(sock: socket.socket) -> bytes:
    """What comes until the other side closes, by FIN or by RST."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while piece := sock.recv(4096):
            received += piece
    return received


@contextlib.contextmanager
def _dripping(socks: Sequence[socket.socket], data: bytes, pause_s: float) -> Iterator[None]:
    enough = threading.Event()

    def drip() -> None:
        for byte in data:
            for sock in socks:
                with contextlib.suppress(OSError):
                    sock.send(bytes([byte]))
            if enough.wait(pause_s):
                return

    dripper = threading.Thread(target=drip, name="dripper")
    dripper.start()
    try:
        yield
    finally:
        enough.set()
        dripper.join()


def _rss_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096
