"""A session whose queue is changed, and which is paused, while a PACS answers."""

from pathlib import Path

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.events import (
    RetrieveFinished,
    RetrieveStarted,
    StudyQueued,
    StudyRemoved,
    StudyStarted,
)
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.journal_database import JournalReader
from tests.peers.held_pacs import A, B, C, HeldPacs, holdings, session_of
from tests.peers.raw_pacs import Conversation, RawPacs, Request
from tests.runs import files_in, of_kind
from tests.sessions import PATIENCE_S, Watched, selections
from tests.unit.storage.kept import journal_of


def test_studies_are_added_to_a_session_that_is_idle_and_to_one_that_works(tmp_path: Path) -> None:
    with HeldPacs(A) as pacs, Watched(session_of(pacs, tmp_path)) as watched:
        watched.until(lambda progress: progress.method)
        assert len(watched.session.add(selections(A))) == 1
        assert pacs.begun[A].wait(PATIENCE_S)
        added = watched.session.add(selections(A, B, C, C))
        pacs.go_on[A].set()
        events = watched.finish()

    assert added == selections(B, C)
    assert events[0] == RetrieveStarted(
        peer=f"RAW@127.0.0.1:{pacs.port}", method="c-get", studies=0, parallel=1
    )
    assert events[-1] == RetrieveFinished(verdict=Verdict.COMPLETE)
    assert len(of_kind(StudyQueued, events)) == watched.progress.studies_total == 3
    assert pacs.asked == [A, B, C]
    assert len(files_in(tmp_path)) == 9


def test_nothing_is_added_after_the_end(tmp_path: Path) -> None:
    with RawPacs(holdings()) as pacs, Watched(session_of(pacs, tmp_path)) as watched:
        watched.finish()

        assert watched.session.add(selections(A)) == ()
        watched.session.stop(A)
        watched.session.promote(A)
        watched.session.remove(A)


def test_a_session_that_has_nothing_to_do_keeps_no_association(tmp_path: Path) -> None:
    with RawPacs(holdings()) as pacs, Watched(session_of(pacs, tmp_path, parallel=2)) as watched:
        watched.session.add(selections(A, B))
        watched.until_finished(A)
        watched.until_finished(B)
        watched.until(lambda progress: progress.associations == 0)
        watched.session.add(selections(C))
        assert watched.until_finished(C).verdict is Verdict.COMPLETE


class _SendsOneAtATime(HeldPacs):
    """Sends one instance of what is asked for, so that more requests must follow."""

    def hold(self, conversation: Conversation, request: Request, study: str) -> None:
        assert self.go_on[study].wait(PATIENCE_S)
        self.finish(conversation, request, completed=1)


def test_a_pause_holds_a_study_between_two_requests(tmp_path: Path) -> None:
    with _SendsOneAtATime(A) as pacs, Watched(session_of(pacs, tmp_path)) as watched:
        watched.session.add(selections(A))
        assert pacs.begun[A].wait(PATIENCE_S)
        watched.session.pause()
        pacs.go_on[A].set()
        watched.until(lambda progress: progress.stored and progress.associations == 0)
        assert len(pacs.asked) == 1
        watched.session.resume()
        assert watched.until_finished(A).verdict is Verdict.COMPLETE


def test_a_study_that_a_pause_holds_can_be_stopped(tmp_path: Path) -> None:
    with _SendsOneAtATime(A) as pacs, Watched(session_of(pacs, tmp_path)) as watched:
        watched.session.add(selections(A))
        assert pacs.begun[A].wait(PATIENCE_S)
        watched.session.pause()
        pacs.go_on[A].set()
        watched.until(lambda progress: progress.stored and progress.associations == 0)
        watched.session.stop(A)
        finished = watched.until_finished(A)

    assert (finished.verdict, finished.stored) == (Verdict.CANCELLED, 1)


def test_what_nobody_has_taken_up_can_be_promoted_stopped_and_removed(tmp_path: Path) -> None:
    with HeldPacs(A) as pacs, Watched(session_of(pacs, tmp_path)) as watched:
        more = [f"1.3.{number}" for number in range(4)]
        watched.session.add(selections(A, *more, B, C))
        assert pacs.begun[A].wait(PATIENCE_S)
        for uid in more[:2]:
            watched.session.remove(uid)
        for uid in more[2:]:
            watched.session.stop(uid)
        watched.session.remove(A)
        watched.session.promote(C)
        watched.until(lambda progress: list(progress.queued) == [C, B])
        pacs.go_on[A].set()
        events = watched.finish()

    assert pacs.asked == [A, C, B]
    assert [e.study_instance_uid for e in of_kind(StudyRemoved, events)] == more
    assert len(of_kind(StudyStarted, events)) == watched.progress.studies_total == 3
    recorded = {r.study_instance_uid for r in JournalReader(journal_of(tmp_path)).studies()}
    assert recorded == {A, B, C}


def test_what_was_added_and_never_begun_is_on_record_as_unfinished(tmp_path: Path) -> None:
    with HeldPacs(B) as pacs, Watched(session_of(pacs, tmp_path)) as watched:
        watched.session.add(selections(A, B))
        assert pacs.begun[B].wait(PATIENCE_S)
        watched.session.add(selections(C))
        watched.session.cancel()
        watched.join()

    studies = JournalReader(journal_of(tmp_path)).studies()
    assert {r.study_instance_uid: r.verdict for r in studies} == {
        A: "complete",
        B: "cancelled",
        C: "unfinished",
    }


def test_a_session_takes_its_folder_when_its_events_are_read(tmp_path: Path) -> None:
    with RawPacs() as pacs:
        first, second = session_of(pacs, tmp_path), session_of(pacs, tmp_path)
        assert not list(tmp_path.iterdir())
        with Watched(first) as watched:
            watched.until(lambda progress: progress.method)
            with pytest.raises(ConfigError, match="is retrieving into this folder"):
                next(second.events())

        third = session_of(pacs, tmp_path)
        third.finish()
        assert isinstance(next(third.events()), RetrieveStarted)
