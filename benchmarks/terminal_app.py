"""The application at a terminal: what its screen costs (T1, T2), its start (T3), its rest (T4)."""

from benchmarks.corpus import LARGE, SMALL, Study
from benchmarks.peers import Address, Peers
from benchmarks.places import PYTHON
from benchmarks.scenario import Comparison, Limit, Scenario
from benchmarks.tools import Commands, Tool

_HEADLESS, _SCREEN = "headless", "application"


def t1(peers: Peers) -> Scenario:
    """A retrieval with and without the screen, start-up taken off."""
    address = peers.orthanc(SMALL)
    headless = [PYTHON, "-m", "benchmarks.engine_get", str(address.port), address.ae_title]
    return Scenario(
        name="T1",
        title="2,000 x 33 KB, Orthanc, 4 associations, in the application and without",
        tools=(
            Tool(
                name=_HEADLESS,
                commands=lambda folder: [[*headless, SMALL.uid, str(folder), "--parallel", "4"]],
                count=SMALL.instances,
            ),
            Tool(name=_SCREEN, commands=_retrieve(address, 4, 0, SMALL), count=SMALL.instances),
        ),
        comparisons=(Comparison(subject=_SCREEN, opponent=_HEADLESS, metric="run_s", target=1.10),),
    )


def t2(peers: Peers) -> Scenario:
    """How late the loop of the user interface is in the thick of it."""
    studies = (SMALL, *LARGE[:2])
    commands = _retrieve(peers.orthanc(*studies), 8, 100_000, *studies)
    count = sum(study.instances for study in studies)
    return Scenario(
        name="T2",
        title="8 associations deliver 3,000 instances, 100,000 further rows in the queue",
        tools=(Tool(name=_SCREEN, commands=commands, count=count),),
        limits=(Limit(tool=_SCREEN, metric="lag_p99_ms", target=100),),
    )


def t3(_peers: Peers) -> Scenario:
    """From the start of the process to the first frame."""
    return Scenario(
        name="T3",
        title="start of the application to its first frame",
        pairs_factor=2,
        tools=(Tool(name=_SCREEN, commands=_seen("start")),),
        limits=(Limit(tool=_SCREEN, metric="paint_s", target=0.700),),
    )


def t4(_peers: Peers) -> Scenario:
    """What it takes when nothing happens."""
    return Scenario(
        name="T4",
        title="the application at rest",
        pairs_max=3,
        tools=(Tool(name=_SCREEN, commands=_seen("idle")),),
        limits=(Limit(tool=_SCREEN, metric="idle_percent", target=1.0),),
    )


def _seen(kind: str) -> Commands:
    return lambda folder: [[PYTHON, "-m", "benchmarks.in_terminal", kind, str(folder)]]


def _retrieve(address: Address, parallel: int, rows: int, *studies: Study) -> Commands:
    options = [str(address.port), address.ae_title, str(parallel), str(rows)]
    uids = [study.uid for study in studies]
    return lambda folder: [
        [PYTHON, "-m", "benchmarks.in_terminal", "retrieve", str(folder), *options, *uids]
    ]
