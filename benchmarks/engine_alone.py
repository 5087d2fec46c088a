"""The engine without its start-up: G4, and J, what journal and structure check cost."""

from benchmarks import tools
from benchmarks.contestants import checked
from benchmarks.corpus import LARGE, SMALL
from benchmarks.peers import Peers
from benchmarks.scenario import Comparison, Scenario
from benchmarks.tools import Tool

ENGINE = "engine"
ENGINE_UNSYNCED = "engine, no sync"
FLOOR = "bare socket"


def g4(peers: Peers) -> Scenario:
    """The engine alone, start-up taken off, against a bare socket that checks nothing."""
    contestants: list[Tool] = []
    comparisons: list[Comparison] = []
    for study, address in ((SMALL, peers.orthanc(SMALL)), (LARGE[0], peers.dcmqrscp(LARGE[0]))):
        suffix = f" ({'G2' if study is SMALL else 'G3'})"
        unsynced = tools.engine(address, study.uid, "--no-sync")
        contestants += [
            checked(ENGINE_UNSYNCED + suffix, study, unsynced),
            checked(ENGINE + suffix, study, tools.engine(address, study.uid)),
            Tool(
                name=FLOOR + suffix,
                commands=tools.floor(address, study.uid),
                count=study.instances,
            ),
        ]
        for subject, target in ((ENGINE_UNSYNCED, 1.30), (ENGINE, None)):
            comparisons.append(
                Comparison(
                    subject=subject + suffix,
                    opponent=FLOOR + suffix,
                    target=target,
                    metric="get_s",
                )
            )
    return Scenario(
        name="G4",
        title="G2 and G3, engine only, connect to final response, against a bare socket",
        tools=tuple(contestants),
        comparisons=tuple(comparisons),
    )


def journal_and_check(peers: Peers) -> Scenario:
    """What journal and structure check cost."""
    study = SMALL
    address = peers.orthanc(study)
    unchecked = tools.engine(address, study.uid, "--unchecked")
    return Scenario(
        name="J",
        title="G2, engine only, with and without journal and structure check",
        tools=(
            checked(ENGINE, study, tools.engine(address, study.uid)),
            checked(ENGINE_UNSYNCED, study, tools.engine(address, study.uid, "--no-sync")),
            checked("engine, no journal, no check", study, unchecked),
        ),
        comparisons=tuple(
            Comparison(
                subject=subject,
                opponent="engine, no journal, no check",
                target=target,
                metric="get_s",
            )
            for subject, target in ((ENGINE_UNSYNCED, 1.15), (ENGINE, None))
        ),
    )
