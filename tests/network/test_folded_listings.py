"""Archives that fold all matches into one where they count, or that repeat an answer."""

from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.verdict import Verdict
from tests.peers.raw_pacs import (
    Conversation,
    Instance,
    NoContext,
    RawPacs,
    Request,
    instances,
)
from tests.runs import STUDY, files_in, get_plan, run, settings, verdict_of

_OF_SERIES = 0x00201209
_OF_STUDY = 0x00201208
_SR = "1.2.840.10008.5.1.4.1.1.88.22"

_Match = dict[int, str]


class _Folds(RawPacs):
    """Answers a question with a count in it with one match, and counts all of them in that."""

    keeps_back = 0

    def __init__(self) -> None:
        super().__init__(instances(2) + instances(2, series="1.2.3.2"))

    def find(self, request: Request) -> list[_Match]:
        found = super().find(request)
        if request.level != "SERIES":
            return found
        if _OF_SERIES not in request.identifier:
            return [{tag: value for tag, value in m.items() if tag != _OF_SERIES} for m in found]
        held = [i for i in self.holdings if i.study == request.key(0x0020000D)]
        return [found[0] | {_OF_SERIES: str(len(held))}]

    def on_get(self, conversation: Conversation, request: Request) -> None:
        held, self.holdings = self.holdings, self.holdings[: len(self.holdings) - self.keeps_back]
        try:
            super().on_get(conversation, request)
        finally:
            self.holdings = held

    def queries(self, level: str) -> int:
        return sum(r.number(0x0100) == 0x20 and r.level == level for r in self.requests)


def test_series_that_are_folded_into_one_are_listed_without_counts(tmp_path: Path) -> None:
    with _Folds() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.expected) == (Verdict.COMPLETE, 4)
    assert len(files_in(tmp_path)) == 4
    assert pacs.queries("SERIES") == 2


def test_what_is_missing_of_folded_series_is_named(tmp_path: Path) -> None:
    with _Folds() as pacs:
        pacs.keeps_back = 1
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert finished.verdict is Verdict.PARTIAL
    assert finished.missing == ("1.2.3.2.2",)


def test_an_honest_count_costs_no_further_question(tmp_path: Path) -> None:
    with RawPacs(instances(3)) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    series = [r for r in pacs.requests if r.number(0x0100) == 0x20 and r.level == "SERIES"]
    assert len(series) == 1


class _Repeats(RawPacs):
    """Answers as often as there are matches, and always with the last of them."""

    counts = False
    keeps_back = 0

    def find(self, request: Request) -> list[_Match]:
        found = super().find(request)
        if not self.counts:
            found = [{tag: v for tag, v in m.items() if tag != _OF_SERIES} for m in found]
        return [found[-1]] * len(found) if request.level == "IMAGE" else found

    def on_get(self, conversation: Conversation, request: Request) -> None:
        wanted = [i for i in self.holdings if request.matches(i)]
        for instance in wanted[self.keeps_back :]:
            conversation.store(instance)
        self.finish(conversation, request, completed=len(wanted) - self.keeps_back)


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("keeps_back", [0, 1, 3])
def test_a_list_that_repeats_itself_is_not_believed(
    tmp_path: Path, keeps_back: int, *, counts: bool
) -> None:
    with _Repeats(instances(4)) as pacs:
        pacs.counts, pacs.keeps_back = counts, keeps_back
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert finished.stored == 4 - keeps_back
    assert (finished.verdict is Verdict.COMPLETE) is (keeps_back == 0)


class _AnswersTwice(RawPacs):
    """Gives each answer twice, as archives do that have rows twice in their database."""

    hidden = ""

    def find(self, request: Request) -> list[_Match]:
        found = super().find(request)
        if request.level == "STUDY":
            return [found[0] | {_OF_STUDY: str(len(self.holdings))}]
        if request.level == "SERIES":
            found = [match for match in found if match[0x0020000E] != self.hidden]
        return [match for match in found for _ in (1, 2)]

    def on_get(self, conversation: Conversation, request: Request) -> None:
        wanted = [i for i in self.holdings if request.matches(i) and i.series != self.hidden]
        for instance in wanted:
            conversation.store(instance)
        self.finish(conversation, request, completed=len(wanted))


@pytest.mark.parametrize("hidden", ["", "1.2.3.2"])
def test_series_that_are_listed_twice_are_counted_by_their_study(
    tmp_path: Path, hidden: str
) -> None:
    with _AnswersTwice(instances(3) + instances(2, series="1.2.3.2")) as pacs:
        pacs.hidden = hidden
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert finished.expected == 5
    assert (finished.verdict is Verdict.COMPLETE) is (not hidden)


def test_one_series_that_is_listed_twice_is_whole(tmp_path: Path) -> None:
    only = Selection.of(STUDY, "1.2.3.1", None)
    with _AnswersTwice(instances(3)) as pacs:
        events = run(replace(get_plan(), selections=(only,)), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE


class _HangsUpWithoutContext(_Repeats):
    """Lists the last of four instances four times, and hangs up where it cannot send one."""

    def __init__(self) -> None:
        super().__init__([Instance(STUDY, "1.2.3.1", "1.2.3.1.9", _SR), *instances(3)])

    def on_get(self, conversation: Conversation, request: Request) -> None:
        try:
            super().on_get(conversation, request)
        except NoContext:
            raise EOFError from None


def test_classes_that_a_short_list_does_not_name_are_proposed(tmp_path: Path) -> None:
    with _HangsUpWithoutContext() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(files_in(tmp_path)) == 4
    assert len(pacs.retrievals) == 1
