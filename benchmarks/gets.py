"""One association that retrieves by C-GET, whole processes: G1, G2, G3."""

from benchmarks import tools
from benchmarks.contestants import OURS, UNSYNCED, against, dcmtk, pair_of_ours
from benchmarks.corpus import LARGE, SMALL
from benchmarks.peers import Peers
from benchmarks.scenario import STORED, Comparison, Scenario
from benchmarks.tools import Tool

_SYNC_TARGET = 1.40


def g1(peers: Peers) -> Scenario:
    """Medium images from Orthanc."""
    study = LARGE[0]
    address = peers.orthanc(study)
    return Scenario(
        name="G1",
        title="C-GET, 500 x 0.5 MB, Orthanc, 1 association",
        tools=(
            *pair_of_ours(study, address, tools.get_flags(study.uid)),
            dcmtk("getscu tuned", tools.getscu(address, study.uid, tuned=True), study, tuned=True),
            Tool(
                name="pynetdicom getscu",
                commands=tools.pynetdicom_get(address, study.uid),
                count=study.instances,
            ),
            dcmtk(
                "getscu",
                tools.getscu(address, study.uid, tuned=False),
                study,
                tuned=False,
                runs_max=1,
            ),
        ),
        comparisons=against({"getscu": 0.08, "getscu tuned": 0.95, "pynetdicom getscu": 0.25}),
    )


def g2(peers: Peers) -> Scenario:
    """Small images from Orthanc, where delayed acknowledgements cost the others minutes."""
    study = SMALL
    address = peers.orthanc(study)
    default = tools.getscu(address, study.uid, tuned=False)
    tuned = tools.getscu(address, study.uid, tuned=True)
    return Scenario(
        name="G2",
        title="C-GET, 2,000 x 33 KB, Orthanc, 1 association",
        tools=(
            *pair_of_ours(study, address, tools.get_flags(study.uid)),
            dcmtk("getscu tuned", tuned, study, tuned=True, runs_max=1),
            dcmtk("getscu", default, study, tuned=False, runs_max=1),
            Tool(
                name="pynetdicom getscu",
                commands=tools.pynetdicom_get(address, study.uid),
                count=study.instances,
                runs_max=1,
            ),
        ),
        comparisons=(
            Comparison(subject=UNSYNCED, opponent="getscu", target=0.02),
            Comparison(subject=UNSYNCED, opponent="getscu tuned", target=0.03),
            Comparison(subject=UNSYNCED, opponent="pynetdicom getscu", target=0.03),
            Comparison(subject=OURS, opponent=UNSYNCED, target=_SYNC_TARGET),
            Comparison(subject=OURS, opponent=OURS, opponent_metric=STORED),
        ),
    )


def g3(peers: Peers) -> Scenario:
    """Medium images from dcmqrscp."""
    study = LARGE[0]
    address = peers.dcmqrscp(study)
    return Scenario(
        name="G3",
        title="C-GET, 500 x 0.5 MB, dcmqrscp, 1 association",
        tools=(
            *pair_of_ours(study, address, tools.get_flags(study.uid)),
            dcmtk("getscu tuned", tools.getscu(address, study.uid, tuned=True), study, tuned=True),
        ),
        comparisons=against({"getscu tuned": 0.70}),
    )
