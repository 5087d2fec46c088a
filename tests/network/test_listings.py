"""Listings that cannot be all: who contradicts himself is asked all the same, and not believed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.inventory import ListedInstance, reckon
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.wiring import dry_run
from tests.peers.raw_pacs import Conversation, Instance, RawPacs, Request, instances
from tests.runs import STUDY, files_in, get_plan, run, settings, verdict_of

_SERIES, _OTHER_SERIES = "1.2.3.1", "1.2.3.2"
_OF_SERIES, _OF_STUDY = 0x00201209, 0x00201208
_SHARED = "1.2.3.9"
"""A SOP Instance UID that two series have."""

_Match = dict[int, str]


class _Lists(RawPacs):
    """Lists what it is told to, and sends what it has."""

    def __init__(
        self,
        holdings: list[Instance],
        change: Callable[[str, list[_Match]], list[_Match]],
        keeps_back: int = 0,
    ) -> None:
        super().__init__(holdings)
        self.change = change
        self.keeps_back = keeps_back

    def find(self, request: Request) -> list[_Match]:
        return self.change(request.level, super().find(request))

    def on_get(self, conversation: Conversation, request: Request) -> None:
        held, self.holdings = self.holdings, self.holdings[: len(self.holdings) - self.keeps_back]
        try:
            super().on_get(conversation, request)
        finally:
            self.holdings = held


def _counts(**counts: str) -> Callable[[str, list[_Match]], list[_Match]]:
    """Series counts by the last component of the series' UID; empty for none."""

    def change(level: str, matches: list[_Match]) -> list[_Match]:
        if level != "SERIES":
            return matches
        return [m | {_OF_SERIES: counts["s" + m[0x0020000E][-1]]} for m in matches]

    return change


def _two_series(first: int, second: int) -> list[Instance]:
    return instances(first) + instances(second, series=_OTHER_SERIES)


def _same_uid_twice() -> list[Instance]:
    return [
        *_two_series(1, 1),
        Instance(STUDY, _SERIES, _SHARED),
        Instance(STUDY, _OTHER_SERIES, _SHARED),
    ]


class _ListsTheSharedTwice(_Lists):
    def find(self, request: Request) -> list[_Match]:
        if request.level != "IMAGE":
            return super().find(request)
        return [
            {0x0020000D: i.study, 0x0020000E: i.series, 0x00080018: i.sop, 0x00080016: i.sop_class}
            for i in self.holdings
            if request.matches(i)
        ]


@pytest.mark.parametrize("counts", [{"s1": "2", "s2": "2"}, {"s1": "", "s2": ""}])
@pytest.mark.parametrize("keeps_back", [0, 1])
def test_an_instance_that_two_series_list_is_never_called_complete(
    counts: dict[str, str], keeps_back: int, tmp_path: Path
) -> None:
    with _ListsTheSharedTwice(_same_uid_twice(), _counts(**counts), keeps_back) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert finished.verdict is Verdict.UNVERIFIED
    assert f"{_SHARED} in more than one series" in finished.reason


def test_a_count_that_the_shared_instance_explains_is_no_cap() -> None:
    listed = [
        ListedInstance(series_instance_uid=series, sop_instance_uid=sop, sop_class_uid=None)
        for series, sop in [("1", "1.1"), ("1", _SHARED), ("2", "2.1"), ("2", _SHARED)]
    ]

    assert f"{_SHARED} in more than one series" in reckon(listed, {"1": 2, "2": 2}, 4)[1]
    assert "seems to cap" in reckon(listed, {"1": 2, "2": 2}, 5)[1]


@pytest.mark.parametrize(
    "counts",
    [
        {"s1": "3", "s2": "2"},  # the sum is that of what is listed
        {"s1": "3", "s2": ""},
    ],
)
def test_each_series_is_held_to_its_own_count(counts: dict[str, str], tmp_path: Path) -> None:
    with _Lists(_two_series(2, 3), _counts(**counts)) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert finished.verdict is Verdict.UNVERIFIED
    assert "C-FIND listed 5 instances where the PACS counts 6" in finished.reason


def _caps_series(count: str) -> Callable[[str, list[_Match]], list[_Match]]:
    """Lists one series of two, without counts, and knows how many instances the study has."""

    def change(level: str, matches: list[_Match]) -> list[_Match]:
        if level == "STUDY":
            return [m | {_OF_STUDY: count} for m in matches]
        if level == "SERIES":
            return [{t: v for t, v in m.items() if t != _OF_SERIES} for m in matches[:1]]
        return matches

    return change


@pytest.mark.parametrize("parallel", [1, 2])
def test_what_is_not_listed_but_counted_comes_with_the_whole_study(
    parallel: int, tmp_path: Path
) -> None:
    with _Lists(_two_series(40, 2), _caps_series("42")) as pacs:
        first = run(get_plan(parallel=parallel), settings(pacs.port, tmp_path))
        pacs.requests.clear()
        again = run(get_plan(parallel=parallel), settings(pacs.port, tmp_path))

    for finished in map(verdict_of, (first, again)):
        assert (finished.verdict, finished.stored) == (Verdict.COMPLETE, 42)
        assert finished.expected == 42
    assert not pacs.retrievals
    assert len(files_in(tmp_path)) == 42


def test_the_count_of_the_study_is_held_against_the_list(tmp_path: Path) -> None:
    with _Lists(_two_series(2, 2), _caps_series("4"), keeps_back=2) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored) == (Verdict.UNVERIFIED, 2)
    assert "C-FIND listed 2 instances where the PACS counts 4" in finished.reason


def test_a_pacs_that_lists_no_instances_of_its_series_is_asked_for_them(tmp_path: Path) -> None:
    with _Lists(instances(3), lambda level, found: [] if level == "IMAGE" else found) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored) == (Verdict.UNVERIFIED, 3)
    assert "C-FIND listed no instance of series 1.2.3.1" in finished.reason


def test_a_series_that_lists_nothing_leaves_a_doubt(tmp_path: Path) -> None:
    def change(level: str, matches: list[_Match]) -> list[_Match]:
        if level == "IMAGE":
            return [m for m in matches if m[0x0020000E] == _SERIES]
        return [{t: v for t, v in m.items() if t != _OF_SERIES} for m in matches]

    with _Lists(_two_series(2, 2), change, keeps_back=2) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored) == (Verdict.UNVERIFIED, 2)
    assert f"C-FIND listed no instance of series {_OTHER_SERIES}" in finished.reason


def test_a_dry_run_does_not_plan_with_a_list_that_is_short(tmp_path: Path) -> None:
    with _Lists(instances(2), _counts(s1="5")) as pacs:
        events = list(dry_run(*get_plan().on(settings(pacs.port, tmp_path)), CancelToken()))

    finished = verdict_of(events)
    assert finished.verdict is Verdict.UNVERIFIED
    assert "C-FIND listed 2 instances where the PACS counts 5" in finished.reason
