"""Rows 45 to 51: the list is satisfied, and something else speaks of more."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.events import AttemptFailed, InstanceRefused, Noted
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.verdict import Verdict
from tests.faults.catalogue import Told, fault
from tests.peers import wire
from tests.peers.doubtful_pacs import DoubtfulPacs
from tests.peers.raw_pacs import Conversation, NoContext, Request, instances
from tests.runs import files_in, get_plan, of_kind, run, settings, verdict_of

_FAILED_LIST = 0x00080058
_HIDDEN = "1.2.3.2"


class _Counts(DoubtfulPacs):
    """Honest but for its list: counts as failed what it has no context for, as DCMTK does."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        failed = []
        wanted = [i for i in self.holdings if request.matches(i)]
        for instance in wanted:
            try:
                conversation.store(instance)
                self.sent.append(instance.sop)
            except NoContext:
                failed.append(instance.sop)
        names = wire.data_set({_FAILED_LIST: "\\".join(failed)}) if failed else None
        conversation.respond(
            request,
            0xA702 if failed else 0,
            names,
            completed=len(wanted) - len(failed),
            failed=len(failed),
            warning=0,
        )


@fault(45, user_reads="complete")
@pytest.mark.parametrize("parallel", [1, 4])
def test_an_honest_archive_without_counts_is_complete_and_sends_nothing_twice(
    tmp_path: Path, parallel: int
) -> Told:
    with _Counts() as pacs:
        events = run(get_plan(parallel=parallel), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored) == (Verdict.COMPLETE, 250)
    assert sorted(pacs.sent) == sorted(i.sop for i in pacs.holdings)
    return events


@fault(45, user_reads="complete")
def test_a_capped_list_of_an_archive_that_sends_everything_is_complete(tmp_path: Path) -> Told:
    with _Counts() as pacs:
        pacs.cap = 100
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored, finished.expected) == (Verdict.COMPLETE, 250, 250)
    return events


@fault(45, user_reads="complete")
def test_a_resumed_study_whose_list_is_capped_is_retrieved_whole(tmp_path: Path) -> Told:
    with _Counts() as pacs:
        pacs.holdings, whole = pacs.holdings[:60], pacs.holdings
        run(get_plan(), settings(pacs.port, tmp_path))
        pacs.holdings, pacs.cap = whole, 100
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(files_in(tmp_path)) == 250
    return events


class _CutsAt120(DoubtfulPacs):
    """Hangs up after 120 instances, always."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        for instance in [i for i in self.holdings if request.matches(i)][:120]:
            conversation.store(instance)
        raise EOFError


@fault(45, user_reads="All that it lists came, but there may be more")
def test_a_capped_list_is_not_believed_where_every_request_breaks_off(tmp_path: Path) -> Told:
    with _CutsAt120() as pacs:
        pacs.cap = 100
        events = run(get_plan(retries=2), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored) == (Verdict.UNVERIFIED, 120)
    return events


class _FailsAfter120(DoubtfulPacs):
    """Says that all but 120 failed, and names none of them."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        wanted = [i for i in self.holdings if request.matches(i)]
        for instance in wanted[:120]:
            conversation.store(instance)
        failed = len(wanted) - 120
        conversation.respond(request, 0xB000, completed=120, failed=failed, warning=0)


@fault(45, user_reads="It counts 130 more as failed than it lists, and does not name them")
def test_what_failed_beyond_a_capped_list_is_missing_by_number(tmp_path: Path) -> Told:
    with _FailsAfter120() as pacs:
        pacs.cap = 100
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored, finished.expected) == (Verdict.PARTIAL, 120, 250)
    return events


class _SaysNoMore(DoubtfulPacs):
    """Sends what it lists, and counts nothing in its responses."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        for instance in [i for i in self.holdings if request.matches(i)][: self.cap]:
            conversation.store(instance)
        conversation.respond(request, 0)


@fault(45, user_reads="gives no count of the study: it may cap its answers")
def test_a_list_of_a_round_length_that_nothing_corroborates_is_unverified(tmp_path: Path) -> Told:
    with _SaysNoMore() as pacs:
        pacs.cap = 100
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.UNVERIFIED
    return events


class _FailsHidden(DoubtfulPacs):
    """Fails a series that it does not list, and names its instances."""

    hidden = frozenset({_HIDDEN})
    counts = True

    def on_get(self, conversation: Conversation, request: Request) -> None:
        wanted = [i for i in self.holdings if request.matches(i)]
        failed = [i.sop for i in wanted if i.series == _HIDDEN]
        for instance in wanted:
            if instance.series != _HIDDEN:
                conversation.store(instance)
        conversation.respond(
            request,
            0xB000 if failed else 0,
            wire.data_set({_FAILED_LIST: "\\".join(failed)}) if failed else None,
            completed=len(wanted) - len(failed),
            failed=len(failed),
            warning=0,
        )


@fault(46, user_reads="It counts 3 more as failed than it lists, and names them")
def test_what_failed_and_is_not_listed_is_missing_by_its_uid(tmp_path: Path) -> Told:
    holdings = instances(5) + instances(3, series=_HIDDEN)
    with _FailsHidden(holdings) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored, finished.expected) == (Verdict.PARTIAL, 5, 8)
    assert finished.missing == ("1.2.3.2.1", "1.2.3.2.2", "1.2.3.2.3")
    return events


class _CountsSeriesAlone(_Counts):
    """Counts what its series have and not what its study has, and hides a series."""

    counts = True
    hidden = frozenset({_HIDDEN})

    def find(self, request: Request) -> list[dict[int, str]]:
        matches = super().find(request)
        return [{tag: text for tag, text in m.items() if tag != 0x00201208} for m in matches]


@fault(46, user_reads="complete")
@pytest.mark.parametrize("parallel", [1, 4])
def test_a_series_that_is_not_listed_comes_with_several_associations_too(
    tmp_path: Path, parallel: int
) -> Told:
    holdings = instances(40) + instances(40, series="1.2.3.3") + instances(5, series=_HIDDEN)
    with _CountsSeriesAlone(holdings) as pacs:
        events = run(get_plan(parallel=parallel), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored) == (Verdict.COMPLETE, 85)
    return events


class _BreaksOnce(_CountsSeriesAlone):
    """Hangs up in the midst of its first request; after that, lists of UIDs ask for the rest."""

    breaks = True

    def on_get(self, conversation: Conversation, request: Request) -> None:
        if self.breaks:
            self.breaks = False
            conversation.store(self.holdings[0])
            raise EOFError
        super().on_get(conversation, request)


@fault(46, user_reads="complete")
def test_a_series_that_is_not_listed_comes_after_a_break_too(tmp_path: Path) -> Told:
    with _BreaksOnce(instances(13) + instances(41, series=_HIDDEN)) as pacs:
        events = run(get_plan(retries=2), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored) == (Verdict.COMPLETE, 54)
    return events


class _CountsNoSubOperations(_CountsSeriesAlone):
    """Has no counters in its responses either: only a request for all of a study shows more."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        sendable = [i for i in self.holdings if request.matches(i)]
        with suppress(NoContext):
            for instance in sendable:
                conversation.store(instance)
                self.sent.append(instance.sop)
        conversation.respond(request, 0)


@fault(46, user_reads="complete")
def test_a_series_comes_that_neither_lists_nor_counters_show(tmp_path: Path) -> Told:
    holdings = instances(40) + instances(40, series="1.2.3.3") + instances(5, series=_HIDDEN)
    with _CountsNoSubOperations(holdings) as pacs:
        events = run(get_plan(parallel=4), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored) == (Verdict.COMPLETE, 85)
    return events


class _CountsItsStudy(_CountsNoSubOperations):
    """Counts the study if it is asked; nothing is sent again where that agrees with the list."""

    hidden = frozenset()

    def find(self, request: Request) -> list[dict[int, str]]:
        counted = request.level == "STUDY"
        matches = super().find(request)
        return [{**m, 0x00201208: str(len(self.holdings))} if counted else m for m in matches]


def test_a_small_study_is_counted_before_it_is_sent_again(tmp_path: Path) -> None:
    with _CountsItsStudy(instances(20)) as pacs:
        pacs.holdings, whole = pacs.holdings[:12], pacs.holdings
        run(get_plan(), settings(pacs.port, tmp_path))
        pacs.holdings = whole
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert sorted(pacs.sent) == sorted(i.sop for i in whole)


class _SendsAllOfTheStudy(DoubtfulPacs):
    """Sends the whole study, whatever series of it is asked for, and names what it failed."""

    counts = True
    names = False

    def on_get(self, conversation: Conversation, request: Request) -> None:
        answers = [(each.sop, conversation.store(each)) for each in self.holdings]
        failed = [sop for sop, status in answers if status]
        conversation.respond(
            request,
            0xB000 if failed else 0,
            wire.data_set({_FAILED_LIST: "\\".join(failed)}) if failed and self.names else None,
            completed=len(answers) - len(failed),
            failed=len(failed),
            warning=0,
        )


@fault(46, user_reads="complete")
@pytest.mark.parametrize("names", [False, True])
def test_what_was_refused_because_it_was_not_asked_for_is_not_missing(
    tmp_path: Path, *, names: bool
) -> Told:
    only = Selection.of("1.2.3", "1.2.3.1", None)
    with _SendsAllOfTheStudy(instances(3) + instances(2, series=_HIDDEN)) as pacs:
        pacs.names = names
        events = run(replace(get_plan(), selections=(only,)), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored, finished.missing) == (Verdict.COMPLETE, 3, ())
    assert len(of_kind(InstanceRefused, events)) == 2
    return events


@fault(46, user_reads="It counts 2 more as failed than it lists")
def test_what_a_list_without_counts_may_lack_is_not_taken_for_a_strangers(tmp_path: Path) -> Told:
    only = Selection.of("1.2.3", "1.2.3.1", None)
    with _SendsAllOfTheStudy(instances(3) + instances(2, series=_HIDDEN)) as pacs:
        pacs.counts = False
        events = run(replace(get_plan(), selections=(only,)), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.PARTIAL
    return events


class _BreaksWhenAllIsSent(DoubtfulPacs):
    """Hangs up instead of the final response, `times` times."""

    counts = True
    times = 1

    def on_get(self, conversation: Conversation, request: Request) -> None:
        if len(self.retrievals) <= self.times:
            for instance in self.holdings:
                conversation.store(instance)
            raise EOFError
        super().on_get(conversation, request)


@fault(47, user_reads="complete")
def test_a_request_that_broke_off_is_made_again_though_the_list_is_satisfied(
    tmp_path: Path,
) -> Told:
    with _BreaksWhenAllIsSent(instances(5)) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert not of_kind(AttemptFailed, events)
    assert len(pacs.retrievals) > 1
    return events


@fault(47, user_reads="All that it lists came, but there may be more")
def test_without_a_final_response_to_any_request_a_study_is_unverified(tmp_path: Path) -> Told:
    with _BreaksWhenAllIsSent(instances(5)) as pacs:
        pacs.times = 99
        events = run(get_plan(retries=1), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored) == (Verdict.UNVERIFIED, 5)
    return events


class _StillReceives(_Counts):
    """Receives `arriving` more instances while it sends, each time that it is asked."""

    counts = True
    arriving = (3,)

    def __init__(self) -> None:
        super().__init__(instances(20))
        self._later = instances(40)[20:]
        self._left = list(self.arriving)

    def on_get(self, conversation: Conversation, request: Request) -> None:
        for _ in range(self._left.pop(0) if self._left else 0):
            self.holdings.append(self._later.pop(0))
        super().on_get(conversation, request)


@fault(48, user_reads="The study is still arriving: 23 now, 20 when it was listed")
def test_a_study_that_grew_meanwhile_is_listed_again_and_said_to_arrive(tmp_path: Path) -> Told:
    with _StillReceives() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored, finished.expected) == (Verdict.COMPLETE, 23, 23)
    return [event for event in events if isinstance(event, Noted)]


class _GrowsWithEachList(_StillReceives):
    def find(self, request: Request) -> list[dict[int, str]]:
        if request.level == "SERIES" and self.retrievals:
            self.holdings.append(self._later.pop(0))
        return super().find(request)


@fault(48, user_reads="is still arriving: 26 now, 20 when it was listed. Run the same command")
def test_a_study_that_grows_each_time_is_not_complete(tmp_path: Path) -> Told:
    with _GrowsWithEachList() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.UNVERIFIED
    return events


@fault(49, user_reads="complete")
def test_files_that_are_gone_are_asked_for_though_the_list_does_not_have_them(
    tmp_path: Path,
) -> Told:
    with _Counts() as pacs:
        run(get_plan(), settings(pacs.port, tmp_path))
        for number in range(101, 251):
            (tmp_path / f"1.2.3.1.{number}.dcm").unlink()
        pacs.cap = 100
        pacs.sent.clear()
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored) == (Verdict.COMPLETE, 250)
    assert len(pacs.sent) == 150
    return events


@fault(49, user_reads="no longer lists 1 of what an earlier run knew")
def test_what_an_earlier_run_had_counts_against_a_list_that_nothing_corroborates(
    tmp_path: Path,
) -> Told:
    with _SaysNoMore(instances(3)) as pacs:
        run(get_plan(), settings(pacs.port, tmp_path))
        (tmp_path / "1.2.3.1.3.dcm").unlink()
        pacs.holdings = pacs.holdings[:2]
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.missing) == (Verdict.PARTIAL, ("1.2.3.1.3",))
    return events


@fault(49, user_reads="complete")
def test_what_a_corroborated_list_does_not_have_any_longer_is_not_missed(tmp_path: Path) -> Told:
    with _Counts(instances(3)) as pacs:
        run(get_plan(), settings(pacs.port, tmp_path))
        (tmp_path / "1.2.3.1.3.dcm").unlink()
        pacs.holdings = pacs.holdings[:2]
        events = run(get_plan(), settings(pacs.port, tmp_path))
        again = run(get_plan(), settings(pacs.port, tmp_path))

    for finished in map(verdict_of, (events, again)):
        assert (finished.verdict, finished.stored) == (Verdict.COMPLETE, 2)
    return events
