"""C-MOVE to the tool's own Storage SCP: M1, M2."""

from benchmarks import tools
from benchmarks.contestants import UNSYNCED, against, dcmtk, pair_of_ours
from benchmarks.corpus import LARGE, SMALL
from benchmarks.peers import Peers
from benchmarks.scenario import Comparison, Scenario
from benchmarks.tools import Tool


def m1(peers: Peers) -> Scenario:
    """C-MOVE of medium images to our own Storage SCP."""
    study, port = LARGE[0], peers.move_port
    address = peers.orthanc(study)
    default = tools.movescu(address, port, study.uid, tuned=False)
    tuned = tools.movescu(address, port, study.uid, tuned=True)
    return Scenario(
        name="M1",
        title="C-MOVE to the tool's own SCP, 500 x 0.5 MB, Orthanc",
        tools=(
            *pair_of_ours(study, address, tools.move_flags(study.uid, port)),
            dcmtk("movescu tuned", tuned, study, tuned=True),
            Tool(
                name="pynetdicom movescu",
                commands=tools.pynetdicom_move(address, port, study.uid),
                count=study.instances,
                runs_max=1,
            ),
            dcmtk("movescu", default, study, tuned=False, runs_max=1),
        ),
        comparisons=(
            *against({"movescu": 0.06, "movescu tuned": 0.75}),
            Comparison(subject=UNSYNCED, opponent="pynetdicom movescu"),
        ),
    )


def m2(peers: Peers) -> Scenario:
    """C-MOVE of small images to our own Storage SCP."""
    study, port = SMALL, peers.move_port
    address = peers.orthanc(study)
    tuned = tools.movescu(address, port, study.uid, tuned=True)
    return Scenario(
        name="M2",
        title="C-MOVE to the tool's own SCP, 2,000 x 33 KB, Orthanc",
        tools=(
            *pair_of_ours(study, address, tools.move_flags(study.uid, port)),
            dcmtk("movescu tuned", tuned, study, tuned=True, runs_max=1),
        ),
        comparisons=against({"movescu tuned": 0.03}),
    )
