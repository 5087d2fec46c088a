"""Starts the peers of a scenario, each on a free loopback port, and ends them.

How their processes are started and ended is the interop tests' business.
"""

import json
import os
import socket
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from benchmarks import corpus
from benchmarks.corpus import Study
from benchmarks.measuring import ToolFailed
from benchmarks.places import PYTHON
from benchmarks.raw_holdings import Holdings
from benchmarks.siege import READY
from tests.interop.orthanc import Orthanc
from tests.interop.process import PeerProcess, free_port
from tests.interop.programs import answers_echo, program
from tests.interop.tls_orthanc import TlsOrthanc
from tests.peers.certificates import Authority

MOVE_DESTINATION = "BENCH"
"""The AE title that Orthanc knows the move port by."""
_LOAD_S = 300.0
_SIEGE_MIN = 20


@dataclass(frozen=True, slots=True)
class Address:
    """Where a peer listens."""

    port: int
    ae_title: str


@dataclass
class Peers:
    """The peers that run; each is started when first asked for, and ended with the benchmark."""

    folder: Path
    stack: ExitStack
    move_port: int = field(default_factory=free_port)
    """Where the move destination listens, whichever tool it is of."""
    _running: dict[str, Address] = field(default_factory=dict)
    _loaded: set[tuple[int, str]] = field(default_factory=set)

    def orthanc(self, *studies: Study) -> Address:
        """Orthanc, holding these studies."""
        if "orthanc" not in self._running:
            peer = Orthanc(self._new_folder("orthanc"), {MOVE_DESTINATION: self.move_port})
            self.stack.callback(peer.stop)
            peer.start()
            self._running["orthanc"] = Address(peer.port, peer.ae_title)
        return self._with(self._running["orthanc"], studies)

    def tls_orthanc(self, *studies: Study) -> Address:
        """Another Orthanc, which speaks TLS both ways and wants a certificate."""
        if "tls-orthanc" not in self._running:
            folder = self._new_folder("tls-orthanc")
            peer = TlsOrthanc(folder, {MOVE_DESTINATION: self.move_port}, self.authority)
            self.stack.callback(peer.stop)
            peer.start()
            self._running["tls-orthanc"] = Address(peer.port, peer.ae_title)
        return self._with(self._running["tls-orthanc"], studies, self._tls_files)

    @cached_property
    def authority(self) -> Authority:
        """Whom all trust that speak TLS."""
        return Authority(self._new_folder("authority"))

    @cached_property
    def _tls_files(self) -> list[str]:
        ours = self.authority.issue("ours")
        return [str(self.authority.certificate), str(ours.certificate), str(ours.key)]

    @property
    def tls_flags(self) -> list[str]:
        """What makes ours encrypt."""
        names = ("--tls-ca", "--tls-cert", "--tls-key")
        pairs = zip(names, self._tls_files, strict=True)
        return ["--tls", *(word for pair in pairs for word in pair)]

    @contextmanager
    def siege(self, *, tls: bool) -> Iterator[dict[str, float]]:
        """Strangers at the move port while it lasts; tells at its end how often they connected.

        Raises:
            ToolFailed: They were too few to disturb a transfer.
        """
        told: dict[str, float] = {}
        argv = [PYTHON, "-m", "benchmarks.siege", str(self.move_port), MOVE_DESTINATION]
        process = PeerProcess([*argv, *(self._tls_files if tls else [])], self.folder / "siege")
        process.start(lambda: READY in process.log())
        try:
            yield told
        finally:
            process.stop()
        told.update(json.loads(process.log().splitlines()[-1]))
        if told["strangers"] < _SIEGE_MIN:
            raise ToolFailed(f"only {told['strangers']:.0f} strangers besieged it")

    def dcmqrscp(self, *studies: Study) -> Address:
        """DCMTK's dcmqrscp, holding these studies."""
        if "dcmqrscp" not in self._running:
            folder, address = self._new_folder("dcmqrscp"), Address(free_port(), "DCMQRSCP")
            (folder / "storage").mkdir()
            configuration = folder / "dcmqrscp.cfg"
            configuration.write_text(_dcmqrscp_configuration(address, folder / "storage"))
            argv = [program("dcmqrscp"), "--config", str(configuration), "--bit-preserving"]
            process = PeerProcess([*argv, "--disable-host-lookup"], folder / "log")
            self.stack.callback(process.stop)
            process.start(lambda: answers_echo(address.port, address.ae_title))
            self._running["dcmqrscp"] = address
        return self._with(self._running["dcmqrscp"], studies)

    def raw(self, holdings: Holdings) -> Address:
        """The raw peer, holding these."""
        return self._module("raw_peer", "RAW", str(holdings))

    def delayed(self, address: Address, each_way_ms: int) -> Address:
        """The same peer, this far away."""
        args = (str(address.port), str(each_way_ms))
        return self._module("delay_proxy", address.ae_title, *args)

    def _module(self, module: str, ae_title: str, *args: str) -> Address:
        name = "-".join([module, *args]).replace(":", "-")
        if name not in self._running:
            address = Address(free_port(), ae_title)
            argv = [PYTHON, "-m", f"benchmarks.{module}", str(address.port), *args]
            process = PeerProcess(argv, self._new_folder(name) / "log")
            self.stack.callback(process.stop)
            process.start(lambda: _listens(address.port))
            self._running[name] = address
        return self._running[name]

    def _new_folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True)
        return folder

    def _with(self, address: Address, studies: Iterable[Study], tls: Iterable[str] = ()) -> Address:
        new = [s for s in studies if (address.port, s.name) not in self._loaded]
        for study in new:
            corpus.make(study)
        if new:
            argv = [PYTHON, "-m", "benchmarks.loading", str(address.port), address.ae_title]
            argv += [str(study.folder) for study in new]
            environ = {**os.environ, "DICOM_TLS": " ".join(tls)}
            subprocess.run(argv, check=True, timeout=_LOAD_S, env=environ)  # noqa: S603 - our own
        self._loaded.update((address.port, study.name) for study in new)
        return address


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _dcmqrscp_configuration(address: Address, storage: Path) -> str:
    return f"""\
NetworkTCPPort  = {address.port}
MaxPDUSize      = 131072
MaxAssociations = 16
HostTable BEGIN
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
{address.ae_title} {storage} RW (200, 4096mb) ANY
AETable END
"""
