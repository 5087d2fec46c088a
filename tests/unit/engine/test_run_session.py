"""A session that many threads steer at once, with a PACS of functions and no socket."""

import random
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing

import pytest

from dicom_retrieve_tui.dataset.walk_result import WalkResult
from dicom_retrieve_tui.engine.queue import StudyTask
from dicom_retrieve_tui.engine.receiver import InstanceReceiver
from dicom_retrieve_tui.engine.requests import RunContext
from dicom_retrieve_tui.engine.run import Retriever, Run, Session
from dicom_retrieve_tui.engine.study import StudyRetriever
from dicom_retrieve_tui.errors import AssociationAborted, Cancelled, ConfigError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.dimse import FinalResponse, RetrieveOperation, StoreRequest
from dicom_retrieve_tui.model.events import (
    Event,
    HelpFinished,
    HelpStarted,
    RetrieveFinished,
    RetrieveStarted,
    StudyFinished,
    StudyQueued,
    StudyRemoved,
    StudyStarted,
)
from dicom_retrieve_tui.model.inventory import Inventory, ListedInstance
from dicom_retrieve_tui.model.progress import Progress, WorkerState
from dicom_retrieve_tui.model.retry import Backoff
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.verdict import Verdict
from tests.sessions import PATIENCE_S, Watched, selections
from tests.unit.engine.fakes import (
    CT_IMAGE,
    Answer,
    FakePart,
    FakePeer,
    FakeStore,
    answers,
    options,
)

_THREADS = 8
_STEPS = 150
_STUDIES = [f"1.{number}" for number in range(1, 13)]


class _Part(FakePart):
    """Of the study that the instance's UID begins with."""

    def check(self, wanted: frozenset[int]) -> WalkResult:
        study = ".".join(self._request.sop_instance_uid.split(".")[:2]).encode()
        walked = super().check(wanted)
        values = walked.values | {0x0020000D: study, 0x0020000E: study + b".1"}
        return walked._replace(values=values)


class _Store(FakeStore):
    def begin(self, request: StoreRequest) -> FakePart:
        return _Part(request)


class _Peer(FakePeer):
    """Has what is asked for: 3 instances of a study, or 45, so that it is worth sharing."""

    def __init__(self, rig: "_Rig") -> None:
        super().__init__(Inventory(study_instance_uid="", listed=True), rig.answer)
        self._rig = rig

    def take_inventory(
        self, selection: Selection, cancel: CancelToken, *, count_study: bool = False
    ) -> Inventory:
        self._rig.finder = threading.current_thread()
        if cancel.requested:
            raise Cancelled
        uid = selection.study_instance_uid
        count = 45 if int(uid.split(".")[1]) % 4 == 0 else 3
        return Inventory(
            study_instance_uid=uid,
            listed=True,
            instances=tuple(
                ListedInstance(
                    series_instance_uid=f"{uid}.1",
                    sop_instance_uid=f"{uid}.1.{number}",
                    sop_class_uid=CT_IMAGE,
                )
                for number in range(count)
            ),
            series_instance_uids=(f"{uid}.1",),
            counted=True,
        )


class _Rig:
    """A session of the real engine, whose PACS loses an association now and then."""

    def __init__(self, *studies: str, parallel: int = 3, seed: int = 1) -> None:
        outbox: deque[Event] = deque()
        cancel = CancelToken()
        given = options(parallel=parallel, retries=2)
        self._chance = random.Random(seed)
        self.finder: threading.Thread | None = None
        """Who took up a study last."""
        self.given_back = 0
        self.store = _Store()
        self.run = Run(
            selections=selections(*studies),
            options=given,
            open_peer=lambda _worker: _Peer(self),
            probe=answers,
            outbox=outbox,
            cancel=cancel,
        )
        self._retriever = StudyRetriever(
            run=RunContext(
                options=given,
                receiver=InstanceReceiver(self.store, outbox.append),
                queue=self.run.queue,
                drain_s=0.0,
                late_s=0.0,
                no_progress_s=60.0,
            ),
            watch=self.run.watch,
            archive=self.run.archive,
            backoff=Backoff(first_s=0.001),
        )
        self.on_start: Callable[[], object] = lambda: None
        """What happens while the folder and the port are taken."""
        self.session = Session(self.run, self._start, cancel)

    def _start(self, stack: ExitStack) -> Retriever:
        stack.callback(self._give_back)
        self.on_start()
        return self._retriever

    def _give_back(self) -> None:
        self.given_back += 1

    def answer(self, operation: RetrieveOperation) -> tuple[Sequence[str], Answer]:
        if operation.cancel.requested:
            raise Cancelled
        uid = operation.request.study_instance_uid
        asked = operation.request.sop_instance_uids or [f"{uid}.1.{number}" for number in range(3)]
        if self._chance.random() < 0.2:
            return asked[:1], AssociationAborted("Lost.")
        return asked, FinalResponse(status=0)


def _steer_at_random(session: Session, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(_STEPS):
        uid = chance.choice(_STUDIES)
        match chance.randrange(9):
            case 0 | 1 | 2:
                session.add(selections(uid, chance.choice(_STUDIES)))
            case 3:
                session.stop(uid)
            case 4:
                session.remove(uid)
            case 5:
                session.promote(uid)
            case 6:
                session.pause()
            case _:
                session.resume()
    session.resume()  # whoever comes last may have paused it for good


def _assert_well_told(events: list[Event], *planned: str) -> Progress:
    """Every promise of the events, whatever was done to the session."""
    progress = Progress()
    running: set[str] = set()
    queued = set(planned)
    helping: Counter[str] = Counter()
    assert isinstance(events[0], RetrieveStarted)
    assert isinstance(events[-1], RetrieveFinished)
    assert sum(isinstance(e, RetrieveStarted | RetrieveFinished) for e in events) == 2
    for event in events:
        progress.apply(event)
        match event:
            case StudyQueued(study_instance_uid=uid):
                assert uid not in running | queued
                queued.add(uid)
            case StudyRemoved(study_instance_uid=uid):
                queued.remove(uid)
            case StudyStarted(study_instance_uid=uid):
                queued.discard(uid)
                assert uid not in running
                running.add(uid)
            case HelpStarted(study_instance_uid=uid):
                assert uid in running
                helping[uid] += 1
            case HelpFinished(study_instance_uid=uid):
                helping[uid] -= 1
            case StudyFinished(study_instance_uid=uid):
                running.remove(uid)
                assert not helping[uid]
            case _:
                pass
    assert not running
    assert set(progress.queued) <= queued
    assert {worker.state for worker in progress.workers.values()} <= {WorkerState.IDLE}
    studies = progress.studies.values()
    assert progress.finished == len(studies)
    assert progress.stored == sum(study.stored for study in studies)
    assert progress.expected == sum(study.expected or 0 for study in studies)
    assert progress.good == sum(s.verdict is Verdict.COMPLETE for s in studies)
    return progress


@pytest.mark.parametrize("cancelled", [False, True], ids=["to its end", "cancelled"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_promise_is_broken_whatever_is_done_from_eight_threads(
    *, seed: int, cancelled: bool
) -> None:
    rig = _Rig(*_STUDIES[:4], seed=seed)
    threads = [
        threading.Thread(target=_steer_at_random, args=(rig.session, seed * 100 + number))
        for number in range(_THREADS)
    ]

    with Watched(rig.session) as watched:
        for thread in threads:
            thread.start()
        if cancelled:
            watched.until(lambda progress: progress.finished >= 3)
            rig.session.cancel()
        for thread in threads:
            thread.join()
        rig.session.resume()
        events = watched.finish()

    progress = _assert_well_told(events, *_STUDIES[:4])
    if not cancelled:
        assert not progress.queued
        assert progress.studies_total == len(progress.studies)
    assert rig.given_back == 1
    assert not [t for t in threading.enumerate() if t.name.startswith("retrieve")]


def test_many_studies_are_added_by_many_at_once_and_each_is_done_once() -> None:
    rig = _Rig(parallel=4)
    uids = [f"1.{number}" for number in range(1, 200)]

    with Watched(rig.session) as watched:
        threads = [
            threading.Thread(target=rig.session.add, args=(selections(*uids),))
            for _ in range(_THREADS)
        ]
        rig.session.pause()  # so that none is done before all were added
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert rig.store.planned == set(uids)
        rig.session.resume()
        events = watched.finish()

    progress = _assert_well_told(events)
    assert len(progress.studies) == progress.studies_total == len(uids)
    assert sum(isinstance(event, StudyQueued) for event in events) == len(uids)


def test_a_promoted_study_is_next_and_a_removed_one_is_never_begun() -> None:
    rig = _Rig(parallel=1)
    rig.session.pause()
    rig.session.add(selections("1.1", "1.2", "1.3", "1.5"))
    rig.session.promote("1.3")
    rig.session.promote("1.5")
    rig.session.remove("1.1")
    rig.session.resume()
    rig.session.finish()

    with closing(rig.session.events()) as told:
        events = list(told)

    started = [e.study_instance_uid for e in events if isinstance(e, StudyStarted)]
    assert started == ["1.5", "1.3", "1.2"]
    assert rig.store.planned == {"1.2", "1.3", "1.5"}
    assert rig.given_back == 1
    assert _assert_well_told(events).studies_total == 3


def test_closing_the_events_ends_a_session_that_is_open() -> None:
    rig = _Rig("1.1")

    with closing(rig.session.events()) as events:
        assert isinstance(next(events), RetrieveStarted)
        next(events)

    assert rig.given_back == 1
    assert rig.session.add(selections("1.2")) == ()
    assert not [t for t in threading.enumerate() if t.name.startswith("retrieve")]


def test_a_session_is_steered_while_it_takes_its_folder() -> None:
    rig = _Rig("1.1", "1.2", parallel=1)
    session = rig.session

    def steer() -> None:
        session.add(selections("1.3", "1.5"))
        session.promote("1.5")
        assert session.remove("1.1")
        session.stop("1.2")
        assert not session.remove("1.1")
        session.finish()

    rig.on_start = steer
    events = list(session.events())

    started = [e.study_instance_uid for e in events if isinstance(e, StudyStarted)]
    assert started == ["1.5", "1.3"]
    assert rig.store.planned == {"1.3", "1.5"}
    _assert_well_told(events, "1.1", "1.2")


def test_a_session_knows_if_studies_are_left_before_and_while_it_starts() -> None:
    rig = _Rig("1.1", "1.2")
    session = rig.session
    seen: list[bool] = []

    def steer() -> None:
        session.remove("1.2")
        seen.append(session.has_studies)

    session.remove("1.1")
    seen.append(session.has_studies)
    rig.on_start = steer
    session.finish()

    assert isinstance(list(session.events())[-1], RetrieveFinished)
    assert seen == [True, False]


@pytest.mark.parametrize("error", [ConfigError("The port is taken."), Cancelled()], ids=str)
def test_a_session_that_cannot_start_has_no_events_and_gives_all_back(error: Exception) -> None:
    rig = _Rig("1.1")

    def fail() -> None:
        raise error

    rig.on_start = fail
    with pytest.raises(type(error)):
        next(rig.session.events())

    assert rig.given_back == 1


def test_a_study_that_is_stopped_has_its_verdict_after_its_helpers_have_left() -> None:
    helping, leave = threading.Event(), threading.Event()

    class Stubborn(_Rig):
        def answer(self, operation: RetrieveOperation) -> tuple[Sequence[str], Answer]:
            if threading.current_thread() is self.finder:
                assert helping.wait(PATIENCE_S)
                assert operation.cancel.wait(PATIENCE_S)
                raise Cancelled
            helping.set()
            assert leave.wait(PATIENCE_S)
            raise Cancelled

    rig = Stubborn("1.4", parallel=2)
    with Watched(rig.session) as watched:
        assert helping.wait(PATIENCE_S)
        rig.session.stop("1.4")
        early = watched.comes(lambda progress: progress.finished, within_s=0.3)
        leave.set()
        events = watched.finish()

    assert not early
    _assert_well_told(events, "1.4")


def test_a_study_that_is_stopped_while_it_fails_is_not_put_back() -> None:
    rig = _Rig("1.1", parallel=1)
    task = rig.run.queue.take()
    assert isinstance(task, StudyTask)

    in_our_hand = rig.run.queue.stop("1.1")

    assert in_our_hand is None
    assert not rig.run.queue.put_back(task, 3600.0)
