"""What the tests know of any peer that holds the corpus."""

from collections.abc import Mapping
from typing import Protocol

from tests.interop.corpus import Instance, Study
from tests.interop.files import StoredInstance

DRTUI = "DRTUI"
"""Our own Storage SCP: each peer knows it at `move_ports[DRTUI]`; the test listens there."""

STORESCP = "STORESCP"
"""Somebody else's Storage SCP, which the fixture `storescp` runs."""

DEAF = "DEAF"
"""A move destination that the peers know, and where nobody ever listens."""

MOVE_DESTINATIONS = (DRTUI, STORESCP, DEAF)


class Peer(Protocol):
    """A PACS that runs on a loopback port and holds studies of the corpus."""

    @property
    def ae_title(self) -> str: ...

    @property
    def port(self) -> int: ...

    @property
    def studies(self) -> tuple[Study, ...]:
        """What it holds."""
        ...

    @property
    def move_ports(self) -> Mapping[str, int]:
        """Where it sends to, by the AE title of the move destination."""
        ...

    def holds(self, sop_instance_uid: str) -> StoredInstance:
        """The instance, byte for byte as the peer has it."""
        ...


def url_of(peer: Peer) -> str:
    """The peer as a target of the command line."""
    return f"pacs://127.0.0.1:{peer.port}"


def instances_of(peer: Peer) -> dict[str, Instance]:
    """What was sent to the peer, by SOP Instance UID."""
    return {i.sop_instance_uid: i for study in peer.studies for i in study.instances}
