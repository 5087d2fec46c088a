"""The embedded PACS as the command sees it; nothing here loads it."""

import socket
from collections.abc import Sequence
from typing import Protocol

from dicom_retrieve_tui.model.address import Endpoint, PeerAE

HOST = "127.0.0.1"
CALLING = "DEMO_SCU"
DESTINATION = "DEMO_SCP"
"""Where it may send to by C-MOVE, once it was offered."""


class DemoStudy(Protocol):
    """What the demonstration needs to know of a study."""

    @property
    def study_instance_uid(self) -> str:
        """Study Instance UID (0020,000D)."""

    @property
    def description(self) -> str:
        """Study Description (0008,1030)."""

    @property
    def number_of_instances(self) -> int:
        """How many instances it has."""


class DemoServer(Protocol):
    """`demo.pacs.DemoPacs`, up and answering."""

    @property
    def ae_title(self) -> str:
        """Its AE title."""

    @property
    def port(self) -> int:
        """Where it listens, on the loopback interface."""

    @property
    def studies(self) -> Sequence[DemoStudy]:
        """What it holds."""

    def register_destination(self, ae_title: str, host: str, port: int) -> None:
        """Make a move destination known."""


def peer_of(pacs: DemoServer) -> PeerAE:
    """The PACS as the command addresses it."""
    return PeerAE(ae_title=pacs.ae_title, endpoint=Endpoint(host=HOST, port=pacs.port))


def offer_destination(pacs: DemoServer) -> int:
    """Make `DEMO_SCP` known to the PACS, at the port that is returned.

    Nobody has that port now; the PACS must know it before our listener is up.
    """
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = int(probe.getsockname()[1])
    pacs.register_destination(DESTINATION, HOST, port)
    return port
