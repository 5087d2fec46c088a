"""A raw PACS that answers a C-MOVE by calling the Storage SCP under test."""

import socket
import ssl
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from dicom_retrieve_tui.model.options import RetrieveOptions
from tests.peers.raw_pacs import Conversation, Instance, RawPacs, Request
from tests.peers.raw_scu import RawScu
from tests.runs import settings


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class MovingPacs(RawPacs):
    """Sends what matches to the port of the Storage SCP under test, over one association."""

    scp_tls: ssl.SSLContext | None = None
    """With what we call the Storage SCP under test; None: without TLS."""
    source = ""
    """Which address of this machine it sends from; empty for that of the PACS."""

    def __init__(self, holdings: list[Instance] | None = None) -> None:
        super().__init__(holdings)
        self.scp_port = _free_port()
        self.called: list[RawScu] = []
        """Our associations with the Storage SCP under test; the end closes what is left open."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, traceback)
        for scu in self.called:
            scu.sock.close()

    def move_elsewhere(self) -> None:
        """Send to another port from now on: the one that was free has been taken since."""
        self.scp_port = _free_port()

    def settings(self, output: Path, timeout_s: float = 10.0) -> RetrieveOptions:
        given = settings(self.port, output, timeout_s=timeout_s)
        return replace(given, listen=("127.0.0.1", self.scp_port))

    def on_move(self, conversation: Conversation, request: Request) -> None:
        wanted = [i for i in self.holdings if request.matches(i)]
        self.send_to_scp(wanted)
        self.finish(conversation, request, completed=len(wanted))

    def send_to_scp(self, wanted: list[Instance]) -> list[int]:
        with self.call_scp(wanted) as scu:
            statuses = [scu.store(instance) for instance in wanted]
            scu.release()
            return statuses

    def call_scp(self, wanted: list[Instance]) -> RawScu:
        """Open an association with the Storage SCP under test, to send `wanted` on."""
        classes = [i.sop_class for i in wanted]
        self.called.append(RawScu(self.scp_port, classes, source=self.source, tls=self.scp_tls))
        return self.called[-1]
