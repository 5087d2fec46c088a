"""An outage of the PACS and the failure of a study are told apart by a probe."""

from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any

import pytest

from dicom_retrieve_tui.dataset.walk_result import WalkResult
from dicom_retrieve_tui.engine.dry_run import DryRun
from dicom_retrieve_tui.engine.hold import Holds
from dicom_retrieve_tui.engine.hours import HoursWatch
from dicom_retrieve_tui.engine.outage import PROBES, Blame, PeerWatch
from dicom_retrieve_tui.engine.ports import Peer
from dicom_retrieve_tui.engine.queue import TaskQueue
from dicom_retrieve_tui.engine.receiver import InstanceReceiver
from dicom_retrieve_tui.engine.requests import RunContext
from dicom_retrieve_tui.engine.run import Retriever, Run
from dicom_retrieve_tui.engine.study import StudyRetriever
from dicom_retrieve_tui.errors import (
    AssociationAborted,
    AssociationRejected,
    DiskFailed,
    OperationFailed,
    PeerError,
    PeerTimeout,
    PeerUnreachable,
    RetrieveError,
)
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import HoldCause
from dicom_retrieve_tui.model.dimse import FinalResponse, RetrieveOperation, StoreRequest
from dicom_retrieve_tui.model.events import (
    AttemptFailed,
    Event,
    HoursClosed,
    PeerBack,
    PeerLost,
    ProbeFailed,
    QueueGivenUp,
    RetrieveFinished,
    StudyFinished,
    StudyPutBack,
    StudyStarted,
)
from dicom_retrieve_tui.model.hours import parse_hours
from dicom_retrieve_tui.model.inventory import Inventory
from dicom_retrieve_tui.model.progress import Progress
from dicom_retrieve_tui.model.retry import Backoff
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.verdict import Verdict
from tests.runs import of_kind
from tests.sessions import selections
from tests.unit.engine.fakes import (
    STUDY,
    Answer,
    FakePart,
    FakePeer,
    FakeStore,
    inventory_of,
    options,
)

_STUDIES = (STUDY, "1.2.4", "1.2.5")
_SUCCESS = FinalResponse(status=0)
_SOON = Backoff(first_s=0.001, longest_s=0.002)
_REFUSED = "Cannot reach host:104: connection refused."


def _unreachable() -> PeerUnreachable:
    error = PeerUnreachable(_REFUSED)
    error.unassociated = True
    return error


def _rejected(*, transient: bool) -> AssociationRejected:
    error = AssociationRejected("Rejected.", result=2 if transient else 1, source=1, reason=1)
    error.unassociated = True
    return error


class _Part(FakePart):
    """Of the study that its UID begins with."""

    def check(self, wanted: frozenset[int]) -> WalkResult:
        study = self._request.sop_instance_uid.rpartition(".")[0].encode()
        walked = super().check(wanted)
        return walked._replace(values=walked.values | {0x0020000D: study})


class _Store(FakeStore):
    def begin(self, request: StoreRequest) -> FakePart:
        super().begin(request)
        return _Part(request)


class _Pacs:
    """Fails studies and probes as a test says; the first study of a run is always retrieved."""

    def __init__(self, *failures: RetrieveError, probes: int = 0, gone: bool = False) -> None:
        self.failures = list(failures)
        """How the requests that follow the first study fail, in order."""
        self.dead_probes = probes
        """How many probes fail."""
        self.probes = 0
        self.gone = gone
        """True if no association was ever accepted."""
        self.error: Callable[[], PeerError] = _unreachable
        """How it is not accepted."""
        self.connections = 0
        self.store: FakeStore = _Store()

    def probe(self, cancel: CancelToken) -> None:
        assert not cancel.requested
        self.probes += 1
        if self.probes <= self.dead_probes:
            raise _unreachable()
        self.gone = False

    def answer(self, operation: RetrieveOperation) -> tuple[Sequence[str], Answer]:
        if self.failures and self.served:
            return (), self.failures.pop(0)
        self.served = True
        uid = operation.request.study_instance_uid
        return operation.request.sop_instance_uids or (f"{uid}.1", f"{uid}.2"), _SUCCESS

    served = False
    fails_to_list = ""
    """The study of which the first C-FIND fails."""
    aborts = 0
    """How many C-FINDs fail."""
    empty = 0
    """How many C-FINDs find nothing after an outage."""

    def open_peer(self, worker: int) -> Peer:
        del worker
        return _Peer(self)


class _Peer(FakePeer):
    def __init__(self, pacs: _Pacs) -> None:
        super().__init__(inventory_of(), pacs.answer)
        self._pacs = pacs

    def take_inventory(
        self, selection: Selection, cancel: CancelToken, *, count_study: bool = False
    ) -> Inventory:
        self._pacs.connections += 1
        if self._pacs.gone:
            raise self._pacs.error()
        uid = selection.study_instance_uid
        if self._pacs.aborts:
            self._pacs.aborts -= 1
            raise AssociationAborted("Aborted.")
        if self._pacs.fails_to_list == uid:
            self._pacs.fails_to_list = ""
            raise AssociationAborted("Lost.")
        if self._pacs.probes and self._pacs.empty:
            self._pacs.empty -= 1
            return replace(inventory_of(), study_instance_uid=uid)
        return replace(inventory_of(f"{uid}.1", f"{uid}.2"), study_instance_uid=uid)


def _run(pacs: _Pacs, *, dry: bool = False, parallel: int = 1, **given: Any) -> list[Event]:
    return list(_events(pacs, dry=dry, parallel=parallel, **given)[1])


def _events(
    pacs: _Pacs,
    *,
    dry: bool = False,
    parallel: int = 1,
    closed: bool = True,
    backoff: Backoff = _SOON,
    studies: Sequence[str] = _STUDIES,
    **given: Any,
) -> tuple[Run, Generator[Event, None, None]]:
    outbox: deque[Event] = deque()
    chosen = options(parallel=parallel, **({"outage_s": 60.0, "retries": 2} | given))
    run = Run(
        selections=selections(*studies),
        options=chosen,
        open_peer=pacs.open_peer,
        probe=pacs.probe,
        probes=_SOON,
        outbox=outbox,
        cancel=CancelToken(),
    )
    if closed:
        run.queue.close()
    context = RunContext(
        options=chosen,
        receiver=InstanceReceiver(pacs.store, outbox.append),
        queue=run.queue,
        drain_s=0.0,
        late_s=0.0,
        no_progress_s=60.0,
    )
    retriever: Retriever = (
        DryRun(outbox.append, run.queue, run.watch, run.archive)
        if dry
        else StudyRetriever(run=context, watch=run.watch, archive=run.archive, backoff=backoff)
    )
    return run, run.events(retriever, resources=nullcontext())


_GONE: list[Callable[[], PeerError]] = [
    _unreachable,
    lambda: AssociationAborted("Lost the connection."),
    lambda: PeerTimeout("Waited 60 s.", waiting_for="an answer", waited_s=60.0),
    lambda: _rejected(transient=True),
    lambda: _rejected(transient=False),
]


@pytest.mark.parametrize("failure", _GONE)
def test_whatever_a_study_fails_with_a_dead_probe_makes_it_an_outage(
    failure: Callable[[], PeerError],
) -> None:
    pacs = _Pacs(failure(), probes=3)

    events = _run(pacs, retries=0)

    assert [e.verdict for e in of_kind(StudyFinished, events)] == [Verdict.COMPLETE] * 3
    assert [e.studies for e in of_kind(PeerLost, events)] == [2]
    assert len(of_kind(ProbeFailed, events)) == 2
    assert len(of_kind(PeerBack, events)) == 1
    assert len(of_kind(StudyPutBack, events)) == 1
    assert not of_kind(AttemptFailed, events)


def test_a_study_that_fails_alone_loses_its_attempts_as_ever() -> None:
    pacs = _Pacs(*(AssociationAborted("Aborted.") for _ in range(40)))

    events = _run(pacs, retries=1)

    assert not of_kind(PeerLost, events)
    assert of_kind(AttemptFailed, events)
    assert pacs.probes
    assert Verdict.FAILED in {e.verdict for e in of_kind(StudyFinished, events)}


def test_an_answer_of_the_pacs_is_no_reason_to_probe_it() -> None:
    refusal = OperationFailed("Refused.", operation="C-GET", status=0xA900)
    pacs = _Pacs(*(refusal for _ in range(3)))

    _run(pacs)

    assert not pacs.probes


def test_a_run_that_gives_up_ends_the_rest_with_one_event_and_one_reason() -> None:
    pacs = _Pacs(_unreachable(), probes=1_000_000)

    events = _run(pacs, outage_s=0.0)

    (given_up,) = of_kind(QueueGivenUp, events)
    assert (given_up.studies, given_up.study_instance_uids) == (1, ("1.2.5",))
    first, second = of_kind(StudyFinished, events)
    assert (first.verdict, second.verdict) == (Verdict.COMPLETE, Verdict.NOT_TRIED)
    assert _REFUSED in second.reason
    assert second.reason == given_up.reason
    assert events[-1] == RetrieveFinished(verdict=Verdict.PARTIAL)


def test_a_study_that_has_come_in_part_is_partial_when_the_run_gives_up() -> None:
    class _HalfWay(_Pacs):
        def answer(self, operation: RetrieveOperation) -> tuple[Sequence[str], Answer]:
            sops, answer = super().answer(operation)
            return (sops or (f"{operation.request.study_instance_uid}.1",)), answer

    pacs = _HalfWay(AssociationAborted("Lost."), probes=1_000_000)

    events = _run(pacs, outage_s=0.0)

    _, second = of_kind(StudyFinished, events)
    assert (second.verdict, second.stored, second.missing) == (Verdict.PARTIAL, 1, ("1.2.4.2",))


def test_a_pacs_that_never_answered_costs_the_attempts_of_one_study() -> None:
    pacs = _Pacs(gone=True)

    events = _run(pacs)

    assert pacs.connections == 3
    assert not pacs.probes
    assert len(of_kind(StudyStarted, events)) == 1
    (finished,) = of_kind(StudyFinished, events)
    assert finished.verdict is Verdict.FAILED
    (given_up,) = of_kind(QueueGivenUp, events)
    assert (given_up.studies, given_up.waited_s) == (2, 0.0)
    assert _REFUSED in given_up.reason
    assert events[-1] == RetrieveFinished(verdict=Verdict.FAILED)


def test_a_transient_rejection_at_the_start_is_an_answer_and_waited_for() -> None:
    pacs = _Pacs(gone=True, probes=3)
    pacs.error = partial(_rejected, transient=True)

    story = _run(pacs)

    assert not of_kind(QueueGivenUp, story)
    assert [e.studies for e in of_kind(PeerLost, story)] == [3]
    assert [e.verdict for e in of_kind(StudyFinished, story)] == [Verdict.COMPLETE] * 3
    assert not of_kind(AttemptFailed, story)


def test_a_permanent_rejection_at_the_start_is_a_mistake_in_the_settings() -> None:
    pacs = _Pacs(gone=True)
    pacs.error = partial(_rejected, transient=False)

    events = _run(pacs)

    assert not of_kind(PeerLost, events)
    assert [e.studies for e in of_kind(QueueGivenUp, events)] == [2]


def test_a_pacs_that_is_gone_when_the_hours_begin_is_waited_for() -> None:
    pacs = _Pacs(gone=True, probes=3)
    other_day = (datetime.now(UTC) + timedelta(days=3)).strftime("%a").lower()
    run, events = _events(pacs, between=parse_hours("--between", other_day))
    story: list[Event] = []
    for event in events:
        story.append(event)
        if isinstance(event, HoursClosed):
            run.hours.change(None)

    assert not of_kind(QueueGivenUp, story)
    assert [e.studies for e in of_kind(PeerLost, story)] == [3]
    assert [e.verdict for e in of_kind(StudyFinished, story)] == [Verdict.COMPLETE] * 3


_MANY = tuple(f"1.2.{number}" for number in range(10, 30))


@pytest.mark.parametrize("empty", [1, 2, 3, 8])
def test_studies_that_are_not_found_after_an_outage_are_asked_for_again(empty: int) -> None:
    pacs = _Pacs(probes=3)
    pacs.fails_to_list, pacs.empty = _MANY[4], empty

    events = _run(pacs, studies=_MANY)

    assert [e.verdict for e in of_kind(StudyFinished, events)] == [Verdict.COMPLETE] * len(_MANY)
    causes = [HoldCause.PEER] + [HoldCause.ARCHIVE] * (empty >= 3)
    assert [e.cause for e in of_kind(PeerLost, events)] == causes
    assert [e.cause for e in of_kind(PeerBack, events)] == causes
    assert not of_kind(AttemptFailed, events)


def test_a_study_that_is_found_and_here_already_ends_the_wait_for_an_index() -> None:
    pacs = _Pacs(probes=3)
    pacs.fails_to_list, pacs.empty = _MANY[4], 4
    pacs.store.here = {f"{uid}.{number}" for uid in _MANY[4:] for number in (1, 2)}

    events = _run(pacs, studies=_MANY)

    assert [e.cause for e in of_kind(PeerBack, events)] == [HoldCause.PEER, HoldCause.ARCHIVE]


@pytest.mark.parametrize(("count", "outage_s"), [(20, 60.0), (600, 0.5)])
def test_what_stays_away_after_an_outage_is_not_found(count: int, outage_s: float) -> None:
    studies = tuple(f"1.2.{number}" for number in range(10, 10 + count))
    pacs = _Pacs(probes=3)
    pacs.fails_to_list, pacs.empty = _MANY[4], 1_000_000

    events = _run(pacs, studies=studies, outage_s=outage_s)

    verdicts = [e.verdict for e in of_kind(StudyFinished, events)]
    assert verdicts == [Verdict.COMPLETE] * 4 + [Verdict.NOT_FOUND] * (count - 4)
    assert len(of_kind(PeerLost, events)) == len(of_kind(PeerBack, events)) == 2


def test_studies_that_are_not_found_without_an_outage_are_not_asked_for_again() -> None:
    pacs = _Pacs()
    pacs.empty, pacs.probes = 5, 1

    events = _run(pacs, studies=_MANY)

    verdicts = [e.verdict for e in of_kind(StudyFinished, events)]
    assert verdicts == [Verdict.NOT_FOUND] * 5 + [Verdict.COMPLETE] * (len(_MANY) - 5)
    assert not of_kind(PeerLost, events)


def test_a_session_whose_pacs_never_answered_tries_what_is_added_later() -> None:
    pacs = _Pacs(gone=True)
    run, events = _events(pacs, closed=False, retries=0)
    story: list[Event] = []
    for event in events:
        story.append(event)
        if isinstance(event, QueueGivenUp):
            pacs.gone = False
            assert run.queue.add(selections("1.2.5", "1.2.6"))
        if isinstance(event, StudyFinished) and event.study_instance_uid == "1.2.6":
            run.queue.close()

    finished = [(e.study_instance_uid, e.verdict) for e in of_kind(StudyFinished, story)]
    assert finished == [
        (STUDY, Verdict.FAILED),
        ("1.2.5", Verdict.COMPLETE),
        ("1.2.6", Verdict.COMPLETE),
    ]


def test_a_study_that_is_stopped_between_its_first_attempts_lets_the_next_one_begin() -> None:
    pacs = _Pacs(gone=True)
    run, events = _events(pacs, backoff=Backoff(first_s=3600.0), retries=1)
    story: list[Event] = []
    for event in events:
        story.append(event)
        if isinstance(event, AttemptFailed):
            pacs.gone = False
            task = run.queue.stop(event.study_instance_uid)
            assert task is not None
            run.queue.finish(task)

    finished = of_kind(StudyFinished, story)
    assert [e.verdict for e in finished] == [Verdict.COMPLETE, Verdict.COMPLETE]


def test_a_dry_run_waits_likewise() -> None:
    pacs = _Pacs(probes=2)
    pacs.fails_to_list = "1.2.4"

    events = _run(pacs, dry=True)

    assert [e.verdict for e in of_kind(StudyFinished, events)] == [Verdict.COMPLETE] * 3
    assert len(of_kind(StudyStarted, events)) == 3
    assert len(of_kind(PeerLost, events)) == len(of_kind(PeerBack, events)) == 1


def test_a_dry_run_waits_for_a_pacs_that_answers_no_request() -> None:
    studies = tuple(f"1.2.{number}" for number in range(10, 20))
    pacs = _Pacs()
    pacs.aborts = 5

    events = _run(pacs, dry=True, studies=studies)

    verdicts = [e.verdict for e in of_kind(StudyFinished, events)]
    assert verdicts.count(Verdict.FAILED) == 2
    assert verdicts.count(Verdict.COMPLETE) == len(studies) - 2
    (lost,) = of_kind(PeerLost, events)
    assert lost.cause is HoldCause.ARCHIVE
    assert len(of_kind(PeerBack, events)) == 1


def test_a_dry_run_asks_a_pacs_that_never_answered_once() -> None:
    pacs = _Pacs(gone=True)

    events = _run(pacs, dry=True)

    assert pacs.connections == 1
    assert [e.verdict for e in of_kind(StudyFinished, events)] == [Verdict.FAILED]
    assert [e.studies for e in of_kind(QueueGivenUp, events)] == [2]


def test_a_disk_without_room_holds_the_queue_until_it_has_some() -> None:
    class _Full(_Store):
        asked = 0

        def has_room(self) -> bool:
            self.asked += 1
            if self.asked == 2:
                self.broken = None
            return self.broken is None

    pacs = _Pacs()
    pacs.store = _Full(broken=DiskFailed("The disk is full.", path="/out", no_room=True))

    events = _run(pacs, retries=0)

    (lost,) = of_kind(PeerLost, events)
    assert (lost.cause, lost.reason) == (HoldCause.DISK, "The disk is full.")
    assert [e.verdict for e in of_kind(StudyFinished, events)] == [Verdict.COMPLETE] * 3
    assert not pacs.probes


def test_a_disk_that_is_broken_holds_nothing() -> None:
    pacs = _Pacs()
    pacs.store = _Store(broken=DiskFailed("Read-only file system.", path="/out"))

    events = _run(pacs)

    assert not of_kind(PeerLost, events)
    assert [e.verdict for e in of_kind(StudyFinished, events)] == [Verdict.FAILED] * 3


def test_an_outage_forgets_at_which_instance_it_broke_off() -> None:
    """Two outages while the same instance is due do not make it the cause of a third break."""

    class _Flaps(_Pacs):
        def probe(self, cancel: CancelToken) -> None:
            self.probes += 1
            if self.probes in {1, 3}:
                raise _unreachable()

    pacs = _Flaps(*(AssociationAborted("Lost.") for _ in range(3)))

    events = _run(pacs, retries=1)

    assert [e.verdict for e in of_kind(StudyFinished, events)] == [Verdict.COMPLETE] * 3
    assert len(of_kind(PeerLost, events)) == len(of_kind(PeerBack, events)) == 2
    assert len(of_kind(AttemptFailed, events)) == 1


def test_a_study_at_which_the_pacs_always_goes_away_fails_in_the_end() -> None:
    class _Crashes(_Pacs):
        """Serves nothing for a moment whenever it is asked for one study."""

        def probe(self, cancel: CancelToken) -> None:
            self.probes += 1
            if self.probes % 2:
                raise _unreachable()

        def answer(self, operation: RetrieveOperation) -> tuple[Sequence[str], Answer]:
            if operation.request.study_instance_uid == "1.2.4":
                return (), AssociationAborted("Crashed.")
            return super().answer(operation)

    events = _run(_Crashes(), retries=2)

    verdicts = {e.study_instance_uid: e.verdict for e in of_kind(StudyFinished, events)}
    assert verdicts == {
        STUDY: Verdict.COMPLETE,
        "1.2.4": Verdict.FAILED,
        "1.2.5": Verdict.COMPLETE,
    }
    assert len(of_kind(StudyPutBack, events)) == 2
    assert len(of_kind(AttemptFailed, events)) == 2


def _watch(heard_s: Callable[[], float | None], dead_probes: int) -> tuple[PeerWatch, Holds]:
    cancel = CancelToken()
    queue = TaskQueue(selections(*_STUDIES), cancel, workers=3, emit=lambda _event: None)
    for _ in range(3):
        assert queue.take()

    def give_up(cause: HoldCause, reason: str, waited_s: float) -> None:
        raise AssertionError(cause, reason, waited_s)

    holds = Holds(queue, lambda _event: None, cancel, give_up)
    watch = PeerWatch(
        queue=queue,
        holds=holds,
        probe=_Pacs(probes=dead_probes).probe,
        limit_s=60.0,
        give_up=give_up,
        intervals=Backoff(first_s=0.001, longest_s=60.0),
        others_heard_s=lambda _worker: heard_s(),
    )
    watch.note_answer()
    return watch, holds


def test_a_pacs_that_serves_others_is_busy_and_not_gone() -> None:
    watch, holds = _watch(monotonic, dead_probes=1_000_000)

    blamed = [watch.blame(_unreachable(), 1, CancelToken()) for _ in range(3)]

    assert blamed == [Blame.BUSY, Blame.BUSY, Blame.STUDY]  # one association is left
    assert not holds.holds(HoldCause.PEER)


@pytest.mark.parametrize("heard_s", [lambda: None, lambda: 0.0], ids=["no other", "silent"])
def test_a_pacs_that_nobody_hears_is_gone(heard_s: Callable[[], float | None]) -> None:
    watch, holds = _watch(heard_s, dead_probes=1_000_000)
    try:
        assert watch.blame(_unreachable(), 1, CancelToken()) is Blame.PEER
        assert watch.blame(_unreachable(), 2, CancelToken()) is Blame.PEER
        assert holds.holds(HoldCause.PEER)
    finally:
        holds.close()


def test_a_failure_outside_the_hours_is_not_probed_and_costs_no_attempt() -> None:
    watch, holds = _watch(lambda: None, dead_probes=1_000_000)
    other_day = (datetime.now(UTC) + timedelta(days=3)).strftime("%a").lower()
    HoursWatch(parse_hours("--between", other_day), holds).look()
    try:
        assert watch.blame(_unreachable(), 1, CancelToken()) is Blame.PEER
        assert not holds.holds(HoldCause.PEER)
    finally:
        holds.close()


def test_the_state_of_a_run_counts_its_outages() -> None:
    progress = Progress()
    for event in _run(_Pacs(_unreachable(), probes=3)):
        progress.apply(event)

    (outage,) = progress.outages
    assert (outage.cause, outage.over, outage.given_up) == (HoldCause.PEER, True, False)
    assert progress.held is None


def test_the_state_of_a_run_names_what_was_not_tried() -> None:
    progress = Progress()
    for event in _run(_Pacs(_unreachable(), probes=1_000_000), outage_s=0.0):
        progress.apply(event)

    assert list(progress.not_tried) == ["1.2.5"]
    assert progress.finished == progress.studies_total == 3
    assert _REFUSED in progress.given_up


def test_a_long_outage_costs_about_one_probe_a_minute() -> None:
    waits_s = [PROBES.wait_s(probe) for probe in range(1, 100)]

    assert waits_s[0] <= 1.0
    assert all(54.0 <= wait_s <= 60.0 for wait_s in waits_s[6:])
