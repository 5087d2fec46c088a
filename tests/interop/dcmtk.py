"""Runs DCMTK's `dcmqrscp`, a small PACS, and `storescp`, somebody else's Storage SCP."""

from collections.abc import Mapping
from pathlib import Path

from tests.interop.association_profile import association_profile
from tests.interop.corpus import ONE_SYNTAX_PER_CLASS, Study
from tests.interop.files import StorageFolder, StoredInstance, instances_below
from tests.interop.process import PeerProcess, free_port
from tests.interop.programs import ECHOSCU, answers_echo, program

_PROFILE = "Corpus"


class Dcmqrscp:
    """A `dcmqrscp` that keeps and sends each class in the one transfer syntax that it holds.

    DCMTK 3.6.7 sends an instance in the first context accepted for its class, whatever the
    transfer syntax of the file, and cannot decompress. So the association profile accepts, and
    proposes, for a class only what the corpus has of it; studies that mix syntaxes within a class
    are not loaded. It forks for each association.
    """

    ae_title = "DCMQRSCP"
    studies: tuple[Study, ...] = ONE_SYNTAX_PER_CLASS

    def __init__(self, folder: Path, move_ports: Mapping[str, int], *, peers: str = "") -> None:
        """Prepare a folder.

        Args:
            peers: The one AE title that it answers to, of those in `move_ports`; empty for any.
        """
        self.port = free_port()
        self._peers = peers
        self.move_ports = move_ports
        self._storage = folder / "storage"
        self._storage.mkdir()
        configuration = folder / "dcmqrscp.cfg"
        configuration.write_text(self._configuration())
        profile = folder / "profile.cfg"
        profile.write_text(association_profile(_PROFILE, self.studies))
        argv = [program("dcmqrscp"), "--config", str(configuration)]
        argv += ["--assoc-config-file", str(profile), _PROFILE, _PROFILE]
        # Without +B it would encode anew what it stores.
        argv += ["--bit-preserving", "--disable-host-lookup", "--verbose"]
        self._process = PeerProcess(argv, folder / "log")
        self._instances = StorageFolder(self._storage)

    def start(self) -> None:
        calling = self._peers or ECHOSCU
        self._process.start(lambda: answers_echo(self.port, self.ae_title, calling))

    def stop(self) -> None:
        self._process.stop()

    def log(self) -> str:
        return self._process.log()

    def holds(self, sop_instance_uid: str) -> StoredInstance:
        """See `peers.Peer`."""
        return self._instances.find(sop_instance_uid)

    def _configuration(self) -> str:
        allowed = "ANY" if not self._peers else self._peers.lower()
        hosts = "\n".join(
            f"{ae_title.lower()} = ({ae_title}, 127.0.0.1, {port})"
            for ae_title, port in self.move_ports.items()
        )
        return f"""\
NetworkTCPPort  = {self.port}
MaxPDUSize      = 16384
MaxAssociations = 16
HostTable BEGIN
{hosts}
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
{self.ae_title} {self._storage} RW (200, 1024mb) {allowed}
AETable END
"""


class Storescp:
    """A Storage SCP that is not ours: it takes every class and transfer syntax, bit for bit."""

    ae_title = "STORESCP"

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self._storage = folder / "storage"
        self._storage.mkdir()
        argv = [program("storescp"), "--aetitle", self.ae_title, "--fork"]
        argv += ["--bit-preserving", "--accept-all", "--promiscuous"]
        argv += ["--output-directory", str(self._storage), str(port)]
        self._process = PeerProcess(argv, folder / "log")

    def start(self) -> None:
        self._process.start(lambda: answers_echo(self.port, self.ae_title))

    def stop(self) -> None:
        self._process.stop()

    def received(self) -> dict[str, StoredInstance]:
        """What has arrived since the last `forget`, by SOP Instance UID."""
        return {i.sop_instance_uid: i for i in instances_below(self._storage)}

    def forget(self) -> None:
        """Delete what has arrived."""
        for path in self._storage.iterdir():
            path.unlink()
