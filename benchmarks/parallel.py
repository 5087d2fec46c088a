"""Several associations at once, in one process and in several: P1 to P4."""

from benchmarks import corpus, tools
from benchmarks.contestants import OURS, UNSYNCED, against, dcmtk, pair_of_ours, uid_list
from benchmarks.corpus import LARGE, SMALL
from benchmarks.peers import Peers
from benchmarks.raw_holdings import Holdings, study_uid
from benchmarks.scenario import Comparison, Scenario
from benchmarks.tools import Commands, Tool
from dicom_retrieve_tui.model.shard import Shard

_SHARDS = 4
_SHARE = 120
_COHORT = Holdings(studies=600, instances=20, pixel_bytes=8000)


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


def p3(peers: Peers) -> Scenario:
    """One list, far away: four shards of two associations, and one process with eight."""
    address = peers.delayed(peers.raw(_COHORT), each_way_ms=10)
    uids = _evenly_shared()
    flags = ["--method", "c-get", *uid_list(peers, "p3", uids)]
    of_two = [*flags, "--parallel", "2"]
    shards = [
        tools.ours(*of_two, "--shard", f"{number}/{_SHARDS}", address=address, sync=True)
        for number in range(1, _SHARDS + 1)
    ]
    one = tools.ours(*flags, "--parallel", "8", address=address, sync=True)
    count = len(uids) * _COHORT.instances
    return Scenario(
        name="P3",
        title=f"{len(uids)} studies of 20 x 8 KB over a 20 ms round trip, 8 associations, raw peer",
        tools=(
            Tool(name="one process", commands=one, count=count),
            Tool(name="4 shards at once", commands=_together(shards), count=count),
        ),
        comparisons=(
            Comparison(subject="4 shards at once", opponent="one process", target=1 / 0.95),
        ),
    )


def p4(peers: Peers) -> Scenario:
    """The same list: four workers of a Dask cluster, started for it, and one process."""
    address = peers.delayed(peers.raw(_COHORT), each_way_ms=10)
    uids = _evenly_shared()
    flags = ["--method", "c-get", *uid_list(peers, "p4", uids), "--parallel", "8"]
    one = tools.ours(*flags, address=address, sync=True)
    cluster = tools.ours(*flags, "--cluster", "local:4", address=address, sync=True)
    count = len(uids) * _COHORT.instances
    return Scenario(
        name="P4",
        title=f"{len(uids)} studies of 20 x 8 KB over a 20 ms round trip, 8 associations, raw peer",
        tools=(
            Tool(name="one process", commands=one, count=count),
            Tool(name="4 Dask workers", commands=cluster, count=count),
        ),
        comparisons=(Comparison(subject="4 Dask workers", opponent="one process", target=1 / 0.9),),
    )


def _evenly_shared() -> list[str]:
    """Return studies of which each shard has as many, as it nearly has of a long list."""
    held = [study_uid(number) for number in range(_COHORT.studies)]
    shares = [
        [uid for uid in held if Shard(number, _SHARDS).has(uid)][:_SHARE]
        for number in range(1, _SHARDS + 1)
    ]
    return sorted(uid for share in shares for uid in share)


def _together(each: list[Commands]) -> Commands:
    return lambda folder: [command for commands in each for command in commands(folder)]
