"""What grows: one huge object (L1), long lists (U1, U2), a resume of many instances (R)."""

from dataclasses import replace

from benchmarks import corpus, raw_holdings, tools
from benchmarks.contestants import OURS, UNSYNCED, against, uid_list
from benchmarks.peers import Peers
from benchmarks.raw_holdings import Holdings
from benchmarks.scenario import CPU, PEAK, Comparison, Limit, Scenario
from benchmarks.tools import Tool

_HUGE = Holdings(studies=1, instances=1, pixel_bytes=2 << 30)
_A_MILLION = 1_000_000
_ONE_BIG_STUDY = Holdings(studies=1, instances=20_000, pixel_bytes=128)


def l1(peers: Peers) -> Scenario:
    """One object that is larger than the memory of a process should be."""
    address = peers.raw(_HUGE)
    uid = raw_holdings.study_uid(0)
    expected = _expected(_HUGE)
    flags = tools.get_flags(uid)
    return Scenario(
        name="L1",
        title="one multi-frame object of 2 GiB from a raw streaming peer",
        pairs_max=3,
        tools=(
            Tool(
                name=UNSYNCED,
                commands=tools.ours(*flags, address=address, sync=False),
                expected=expected,
            ),
            Tool(
                name="getscu tuned",
                commands=tools.getscu(address, uid, tuned=True),
                environ=tools.tuned_environment(tuned=True),
                count=1,
            ),
            Tool(
                name=OURS,
                commands=tools.ours(*flags, address=address, sync=True),
                expected=expected,
                runs_max=1,
            ),
        ),
        comparisons=against({"getscu tuned": 1.0}),
        limits=(
            Limit(tool=UNSYNCED, metric=PEAK, target=100),
            Limit(tool=OURS, metric=PEAK, target=100),
        ),
    )


def u1(peers: Peers) -> Scenario:
    """A long list of small studies: the cost of each must not grow."""
    many, few = _studies(peers, 100_000, sync=False), _studies(peers, 10_000, sync=False)
    synced = replace(_studies(peers, 100_000, sync=True), runs_max=1)
    return Scenario(
        name="U1",
        title="a list of 100,000 studies of one instance each, --parallel 8, raw peer",
        pairs_max=3,
        tools=(many, few, synced),
        comparisons=(
            Comparison(subject=many.name, opponent=few.name, target=10.5),
            Comparison(subject=synced.name, opponent=many.name),
        ),
        limits=tuple(
            Limit(tool=name, metric=PEAK, target=150) for name in (many.name, synced.name)
        ),
    )


def u2(peers: Peers) -> Scenario:
    """What a study costs that needs no instance: the PACS has the first of a million, and says so.

    One instance comes, so that there is a journal with a million studies.
    """
    holdings = Holdings(studies=1, instances=1, pixel_bytes=512)
    uids = [raw_holdings.study_uid(study) for study in range(_A_MILLION)]
    report = str(peers.folder / "u2-report.json")
    flags = ["--method", "c-get", "--parallel", "2", "--report", report]
    flags += uid_list(peers, "u2", uids)
    tool = Tool(
        name=OURS,
        commands=tools.ours(*flags, address=peers.raw(holdings), sync=True),
        expected=_expected(holdings),
        exit_code=1,
        runs_max=1,
    )
    return Scenario(
        name="U2",
        title="a list of a million UIDs, of which the PACS has one",
        pairs_max=1,
        tools=(tool,),
        limits=(
            Limit(tool=OURS, metric=CPU, target=_A_MILLION / 1000),
            Limit(tool=OURS, metric=PEAK, target=400),
        ),
    )


def _studies(peers: Peers, studies: int, *, sync: bool) -> Tool:
    """The command with a list of so many studies."""
    holdings = Holdings(studies=studies, instances=1, pixel_bytes=512)
    address = peers.raw(holdings)
    uids = [raw_holdings.study_uid(study) for study in range(studies)]
    flags = ["--method", "c-get", "--parallel", "8", *uid_list(peers, f"u1-{studies}", uids)]
    return Tool(
        name=f"{OURS if sync else UNSYNCED}, {studies:,}",
        commands=tools.ours(*flags, address=address, sync=sync),
        expected=_expected(holdings),
    )


def resume(peers: Peers) -> Scenario:
    """Everything is here already: how long does it take to see that?"""
    address = peers.raw(_ONE_BIG_STUDY)
    again = Tool(
        name="engine, twice",
        commands=tools.engine(address, raw_holdings.study_uid(0), "--again"),
        expected=_expected(_ONE_BIG_STUDY),
    )
    return Scenario(
        name="R",
        title="20,000 instances present: from the end of the C-FIND to the verdict",
        pairs_max=3,
        tools=(again,),
        limits=(Limit(tool=again.name, metric="again_decided_s", target=5.0),),
    )


def _expected(holdings: Holdings) -> dict[str, str]:
    return {
        raw_holdings.sop_uid(study, number): corpus.digest(
            raw_holdings.data_set(holdings, study, number)
        )
        for study in range(holdings.studies)
        for number in range(holdings.instances)
    }
