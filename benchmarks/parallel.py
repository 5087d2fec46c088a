"""Several associations at once: P1, P2."""

from benchmarks import corpus, tools
from benchmarks.contestants import OURS, UNSYNCED, against, dcmtk, pair_of_ours, uid_list
from benchmarks.corpus import LARGE, SMALL
from benchmarks.peers import Peers
from benchmarks.scenario import Scenario
from benchmarks.tools import Tool


def p1(peers: Peers) -> Scenario:
    """Four studies, four associations."""
    address = peers.orthanc(*LARGE)
    uids = [study.uid for study in LARGE]
    expected = {k: v for study in LARGE for k, v in corpus.expected(study).items()}
    flags = ["--method", "c-get", "--parallel", "4", *uid_list(peers, "p1", uids)]
    return Scenario(
        name="P1",
        title="4 studies of 250 MB, --parallel 4, Orthanc",
        tools=(
            *(
                Tool(
                    name=name,
                    commands=tools.ours(*flags, address=address, sync=name == OURS),
                    expected=expected,
                )
                for name in (UNSYNCED, OURS)
            ),
            Tool(
                name="4 tuned getscu at once",
                commands=tools.getscu(address, *uids, tuned=True),
                environ=tools.tuned_environment(tuned=True),
                count=len(expected),
            ),
        ),
        comparisons=against({"4 tuned getscu at once": 1.0}),
    )


def p2(peers: Peers) -> Scenario:
    """One study of small images, far away."""
    study = SMALL
    address = peers.delayed(peers.orthanc(study), each_way_ms=10)
    flags = [*tools.get_flags(study.uid), "--parallel", "8"]
    tuned = tools.getscu(address, study.uid, tuned=True)
    return Scenario(
        name="P2",
        title="one study of 2,000 x 33 KB over a 20 ms round trip, --parallel 8, Orthanc",
        tools=(
            *pair_of_ours(study, address, flags),
            dcmtk("getscu tuned", tuned, study, tuned=True, runs_max=1),
        ),
        comparisons=against({"getscu tuned": 0.15}),
    )
