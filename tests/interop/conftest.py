"""Fixtures: real peers that hold the corpus, started once for the whole run."""

import shutil
from collections.abc import Iterator, Mapping
from typing import TypeVar

import pytest

from tests.interop.dcmtk import Dcmqrscp, Storescp
from tests.interop.loading import load
from tests.interop.orthanc import Orthanc
from tests.interop.peers import MOVE_DESTINATIONS, STORESCP, Peer
from tests.interop.process import free_port
from tests.interop.programs import SHELLS, missing_programs, peers_required
from tests.interop.tiny_pacs import TinyPacs, missing_package
from tests.interop.tls_orthanc import TlsOrthanc
from tests.peers.certificates import Authority, Issued

_P = TypeVar("_P", Orthanc, Dcmqrscp, TinyPacs)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test marked `peers` runs, or is skipped for a reason, or fails where peers are required."""
    if item.get_closest_marker("peers") is None or not missing_programs():
        return
    reason = f"missing: {', '.join(missing_programs())} (Debian: apt install orthanc dcmtk)"
    if peers_required():
        pytest.fail(f"DICOM_RETRIEVE_REQUIRE_PEERS=1, and {reason}", pytrace=False)
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end, where it is read, what was not tried against a real peer or shell."""
    missing = [*missing_programs(), *(["tiny-pacs"] if missing_package() else [])]
    missing += [shell for shell in SHELLS if shutil.which(shell) is None]
    if not missing:
        return
    title = "NOT TESTED AGAINST REAL PEERS AND SHELLS"
    terminalreporter.section(title, sep="!", red=True, bold=True)
    terminalreporter.write_line(f"missing: {', '.join(missing)}")


@pytest.fixture(scope="session")
def move_ports() -> Mapping[str, int]:
    """The port of each move destination that the peers know, by its AE title."""
    return {ae_title: free_port() for ae_title in MOVE_DESTINATIONS}


@pytest.fixture(scope="session")
def orthanc(
    tmp_path_factory: pytest.TempPathFactory, move_ports: Mapping[str, int]
) -> Iterator[Orthanc]:
    """An Orthanc with all studies of the corpus."""
    running = Orthanc(tmp_path_factory.mktemp("orthanc"), move_ports)
    yield from _loaded(running, tmp_path_factory)


@pytest.fixture(scope="session")
def dcmqrscp(
    tmp_path_factory: pytest.TempPathFactory, move_ports: Mapping[str, int]
) -> Iterator[Dcmqrscp]:
    """A dcmqrscp with the studies that have one transfer syntax for each class."""
    running = Dcmqrscp(tmp_path_factory.mktemp("dcmqrscp"), move_ports)
    yield from _loaded(running, tmp_path_factory)


def _loaded(running: _P, tmp_path_factory: pytest.TempPathFactory) -> Iterator[_P]:
    try:
        running.start()
        load(running, tmp_path_factory.mktemp("sent"))
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def tiny_pacs(
    tmp_path_factory: pytest.TempPathFactory, move_ports: Mapping[str, int]
) -> Iterator[TinyPacs]:
    """A tiny-pacs with the studies of dcmqrscp, and many small ones."""
    _require_tiny_pacs()
    running = TinyPacs(tmp_path_factory.mktemp("tiny-pacs"), move_ports)
    yield from _loaded(running, tmp_path_factory)


@pytest.fixture(scope="session")
def hasty_tiny_pacs(
    tmp_path_factory: pytest.TempPathFactory, move_ports: Mapping[str, int]
) -> Iterator[TinyPacs]:
    """The same, with answers to C-FIND that overwrite each other."""
    _require_tiny_pacs()
    folder = tmp_path_factory.mktemp("hasty-tiny-pacs")
    running = TinyPacs(folder, move_ports, answers_whole=False)
    yield from _loaded(running, tmp_path_factory)


def _require_tiny_pacs() -> None:
    if not (reason := missing_package()):
        return
    if peers_required():
        pytest.fail(f"DICOM_RETRIEVE_REQUIRE_PEERS=1, and {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Whom all who speak TLS trust."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def ours(authority: Authority) -> Issued:
    """The certificate that we show."""
    return authority.issue("ours")


@pytest.fixture(scope="session")
def tls_orthanc(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Iterator[TlsOrthanc]:
    """An Orthanc that speaks TLS both ways, and wants a certificate of whoever calls."""
    ports = {ae_title: free_port() for ae_title in MOVE_DESTINATIONS}
    running = TlsOrthanc(tmp_path_factory.mktemp("tls-orthanc"), ports, authority)
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session", params=["orthanc", "dcmqrscp"])
def peer(request: pytest.FixtureRequest) -> Peer:
    """Each of the two PACS in turn."""
    loaded: Peer = request.getfixturevalue(request.param)
    return loaded


@pytest.fixture(scope="session")
def _running_storescp(
    tmp_path_factory: pytest.TempPathFactory, move_ports: Mapping[str, int]
) -> Iterator[Storescp]:
    running = Storescp(tmp_path_factory.mktemp("storescp"), move_ports[STORESCP])
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def storescp(_running_storescp: Storescp) -> Storescp:
    """Somebody else's Storage SCP, which has received nothing yet."""
    _running_storescp.forget()
    return _running_storescp
