"""A PACS that answers and serves no study holds the queue; studies that cannot be served do not."""

from collections import deque
from collections.abc import Generator, Sequence
from contextlib import nullcontext
from dataclasses import replace

import pytest

from dicom_retrieve_tui.engine.ports import Peer
from dicom_retrieve_tui.engine.receiver import InstanceReceiver
from dicom_retrieve_tui.engine.requests import RunContext
from dicom_retrieve_tui.engine.run import Run
from dicom_retrieve_tui.engine.study import StudyRetriever
from dicom_retrieve_tui.errors import AssociationAborted, PeerTimeout
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import HoldCause
from dicom_retrieve_tui.model.dimse import FinalResponse, RetrieveOperation
from dicom_retrieve_tui.model.events import (
    AttemptFailed,
    Event,
    PeerBack,
    PeerLost,
    ProbeFailed,
    QueueGivenUp,
    StudyFinished,
    StudyPutBack,
)
from dicom_retrieve_tui.model.inventory import Inventory
from dicom_retrieve_tui.model.retry import Backoff
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.verdict import Verdict
from tests.runs import of_kind
from tests.sessions import selections
from tests.unit.engine.fakes import Answer, FakePeer, FakeStore, answers, inventory_of, options
from tests.unit.engine.test_outage import _Store

_SOON = Backoff(first_s=0.001, longest_s=0.002)
_STUDIES = tuple(f"1.2.{number}" for number in range(10, 30))


def _failure(status: int) -> FinalResponse:
    return FinalResponse(status=status)


class _Archive:
    """Serves its first study; then it fails the studies that are asked for next."""

    def __init__(self, failure: Answer, *, down_for: int = 0, dead: Sequence[str] = ()) -> None:
        self.failure = failure
        self.down_for = down_for
        """How many studies are failed, in the order in which they are asked for."""
        self.dead = dead
        """Studies that are failed whenever they are asked for."""
        self.asked: list[str] = []
        self.store: FakeStore = _Store()

    def answer(self, operation: RetrieveOperation) -> tuple[Sequence[str], Answer]:
        uid = operation.request.study_instance_uid
        if uid in self.dead or 1 < len(self.asked) <= 1 + self.down_for:
            return (), self.failure
        sops = operation.request.sop_instance_uids or (f"{uid}.1", f"{uid}.2")
        return sops, FinalResponse(status=0)


class _Peer(FakePeer):
    def __init__(self, archive: _Archive) -> None:
        super().__init__(inventory_of(), archive.answer)
        self._archive = archive

    def take_inventory(
        self, selection: Selection, cancel: CancelToken, *, count_study: bool = False
    ) -> Inventory:
        uid = selection.study_instance_uid
        self._archive.asked.append(uid)
        return replace(inventory_of(f"{uid}.1", f"{uid}.2"), study_instance_uid=uid)


def _run(
    archive: _Archive, studies: Sequence[str] = _STUDIES, outage_s: float = 60.0, retries: int = 1
) -> list[Event]:
    run, events = _events(archive, studies, outage_s=outage_s, retries=retries)
    run.queue.close()
    return list(events)


def _events(
    archive: _Archive,
    studies: Sequence[str] = _STUDIES,
    *,
    outage_s: float = 60.0,
    retries: int = 1,
    intervals: Backoff = _SOON,
) -> tuple[Run, Generator[Event, None, None]]:
    outbox: deque[Event] = deque()
    chosen = options(outage_s=outage_s, retries=retries)

    def open_peer(worker: int) -> Peer:
        del worker
        return _Peer(archive)

    run = Run(
        selections=selections(*studies),
        options=chosen,
        open_peer=open_peer,
        probe=answers,
        probes=intervals,
        outbox=outbox,
        cancel=CancelToken(),
    )
    context = RunContext(
        options=chosen,
        receiver=InstanceReceiver(archive.store, outbox.append),
        queue=run.queue,
        drain_s=0.0,
        late_s=0.0,
        no_progress_s=60.0,
    )
    retriever = StudyRetriever(run=context, watch=run.watch, archive=run.archive, backoff=_SOON)
    return run, run.events(retriever, resources=nullcontext())


def _text(failure: Answer) -> str:
    return f"0x{failure.status:04X}" if isinstance(failure, FinalResponse) else str(failure)


_FAILURES: list[Answer] = [
    _failure(0xA700),
    _failure(0xA702),
    _failure(0xC000),
    _failure(0x0110),
    AssociationAborted("The PACS aborted."),
    PeerTimeout("Waited 300 s.", waiting_for="the first answer", waited_s=300.0),
]


@pytest.mark.parametrize("failure", _FAILURES, ids=_text)
def test_an_archive_that_is_down_for_a_while_costs_no_study(failure: Answer) -> None:
    events = _run(_Archive(failure, down_for=8))

    assert [e.verdict for e in of_kind(StudyFinished, events)] == [Verdict.COMPLETE] * len(_STUDIES)
    (lost,) = of_kind(PeerLost, events)
    assert lost.cause is HoldCause.ARCHIVE
    assert _text(failure) in lost.reason
    assert {e.cause for e in of_kind(ProbeFailed, events)} == {HoldCause.ARCHIVE}
    (back,) = of_kind(PeerBack, events)
    assert events.index(lost) < events.index(back)
    assert len(of_kind(AttemptFailed, events)) <= 2
    assert len(of_kind(StudyPutBack, events)) >= 5


def test_a_few_studies_that_cannot_be_served_fail_by_themselves() -> None:
    dead = _STUDIES[3:5]

    events = _run(_Archive(_failure(0xA702), dead=dead))

    assert not of_kind(PeerLost, events)
    verdicts = {e.study_instance_uid: e.verdict for e in of_kind(StudyFinished, events)}
    assert {uid for uid, each in verdicts.items() if each is Verdict.FAILED} == set(dead)


def test_many_studies_that_cannot_be_served_delay_the_others_and_fail_at_the_end() -> None:
    dead = _STUDIES[3:9]

    events = _run(_Archive(_failure(0xA702), dead=dead))

    verdicts = {e.study_instance_uid: e.verdict for e in of_kind(StudyFinished, events)}
    assert {uid for uid, each in verdicts.items() if each is Verdict.FAILED} == set(dead)
    assert list(verdicts.values())[-len(dead) :] == [Verdict.FAILED] * len(dead)
    assert len(of_kind(PeerLost, events)) == len(of_kind(PeerBack, events)) == 1


def test_once_every_study_was_tried_each_fails_by_itself() -> None:
    events = _run(_Archive(_failure(0xA700), dead=_STUDIES[1:]))

    verdicts = [e.verdict for e in of_kind(StudyFinished, events)]
    assert verdicts == [Verdict.COMPLETE] + [Verdict.FAILED] * (len(_STUDIES) - 1)
    assert len(of_kind(PeerLost, events)) == len(of_kind(PeerBack, events)) == 1


def test_a_run_gives_up_once_its_time_for_an_outage_is_over() -> None:
    events = _run(_Archive(_failure(0xA700), dead=_STUDIES[1:]), outage_s=0.0005)

    assert len(of_kind(PeerLost, events)) == 1
    assert not of_kind(PeerBack, events)
    (given_up,) = of_kind(QueueGivenUp, events)
    assert given_up.cause is HoldCause.ARCHIVE
    assert given_up.reason.startswith("The PACS answers, but served none of 3 studies for 0.0 s: ")
    assert "0xA700" in given_up.reason
    finished = of_kind(StudyFinished, events)
    assert {e.verdict for e in finished} == {Verdict.COMPLETE, Verdict.NOT_TRIED}
    assert {e.reason for e in finished[1:]} == {given_up.reason}
    assert len(finished) + given_up.studies == len(_STUDIES)


def test_without_time_for_an_outage_every_study_fails_by_itself() -> None:
    events = _run(_Archive(_failure(0xA700), dead=_STUDIES[1:]), outage_s=0.0)

    assert not of_kind(PeerLost, events)
    assert len(of_kind(StudyFinished, events)) == len(_STUDIES)


def test_a_session_that_gave_up_takes_the_studies_again() -> None:
    archive = _Archive(_failure(0xA700), down_for=len(_STUDIES))
    run, events = _events(archive, outage_s=60.0, intervals=Backoff(first_s=3600.0))
    story: list[Event] = []
    for event in events:
        story.append(event)
        if isinstance(event, PeerLost):
            run.holds.give_up()
        if isinstance(event, QueueGivenUp):
            archive.down_for = 0
            assert run.queue.add(selections(*event.study_instance_uids))
            run.queue.close()

    assert len(of_kind(PeerLost, story)) == 1
    (given_up,) = of_kind(QueueGivenUp, story)
    complete = {
        e.study_instance_uid for e in of_kind(StudyFinished, story) if e.verdict is Verdict.COMPLETE
    }
    assert complete == {_STUDIES[0], *given_up.study_instance_uids}


@pytest.mark.parametrize("status", [0x0122, 0x0124, 0xA801])
def test_what_the_pacs_forbids_is_no_outage(status: int) -> None:
    events = _run(_Archive(_failure(status), dead=_STUDIES[1:]))

    assert not of_kind(PeerLost, events)


def test_an_archive_that_has_served_nothing_yet_is_not_waited_for() -> None:
    events = _run(_Archive(_failure(0xA700), dead=_STUDIES))

    assert not of_kind(PeerLost, events)
    assert {e.verdict for e in of_kind(StudyFinished, events)} == {Verdict.FAILED}
