"""A session that lends one of its associations, because the PACS accepts no more of them."""

from pathlib import Path

import pytest

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.errors import AssociationRejected
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import AttemptFailed, Event, PeerLost, StudyFinished
from dicom_retrieve_tui.model.search import Match, Search
from dicom_retrieve_tui.model.verdict import Verdict
from tests.peers.crowded_pacs import CrowdedPacs
from tests.peers.held_pacs import A, B, C, session_of
from tests.runs import of_kind, settings
from tests.sessions import PATIENCE_S, Watched, selections


def _found(pacs: CrowdedPacs, output: Path) -> list[str]:
    """The studies that the PACS lists for an accession number."""
    search = Search(accession_number="3")
    found = wiring.find(search, settings(pacs.port, output), CancelToken())
    return [each.study_instance_uid for each in found if isinstance(each, Match)]


def _undisturbed(events: list[Event]) -> bool:
    """True if every study came, and nothing looks like a failure."""
    assert not of_kind(AttemptFailed, events)
    assert not of_kind(PeerLost, events)
    return {e.verdict for e in of_kind(StudyFinished, events)} == {Verdict.COMPLETE}


@pytest.mark.parametrize("most", [1, 2])
def test_an_association_is_lent_between_studies_and_taken_back(most: int, tmp_path: Path) -> None:
    held = (A, B)[:most]
    with (
        CrowdedPacs(*held, most=most) as pacs,
        Watched(session_of(pacs, tmp_path, parallel=most)) as watched,
    ):
        session = watched.session
        session.add(selections(A, B, C))
        assert all(pacs.begun[uid].wait(PATIENCE_S) for uid in held)
        with pytest.raises(AssociationRejected):
            _found(pacs, tmp_path)
        session.lend()
        assert session.busy_workers == most
        pacs.go_on[A].set()
        watched.until_finished(A)
        watched.until(lambda progress: session.lent and progress.associations == most - 1)
        assert _found(pacs, tmp_path) == [C]
        assert C not in pacs.asked
        session.take_back()
        pacs.go_on[B].set()
        watched.until_finished(C)
        events = watched.finish()

    assert _undisturbed(events)


def test_two_look_ups_share_one_loan(tmp_path: Path) -> None:
    with (
        CrowdedPacs(A, B, most=2) as pacs,
        Watched(session_of(pacs, tmp_path, parallel=2)) as watched,
    ):
        session = watched.session
        session.add(selections(A, B, C))
        assert all(pacs.begun[uid].wait(PATIENCE_S) for uid in (A, B))
        session.lend()
        session.lend()
        pacs.go_on[A].set()
        watched.until_finished(A)
        watched.until(lambda progress: progress.associations == 1)
        session.take_back()
        assert not watched.comes(lambda progress: progress.associations == 2, within_s=0.5)
        session.take_back()
        watched.until_finished(C)
        pacs.go_on[B].set()
        assert _undisturbed(watched.finish())


def test_a_look_up_that_takes_the_association_of_a_worker_is_no_outage(tmp_path: Path) -> None:
    """The association is lent, and somebody else has it: the study waits for its return."""
    with (
        CrowdedPacs(A, most=1) as pacs,
        Watched(session_of(pacs, tmp_path)) as watched,
    ):
        session = watched.session
        session.add(selections(A, B))
        assert pacs.begun[A].wait(PATIENCE_S)
        session.begin_look_up()
        session.lend()
        pacs.go_on[A].set()
        watched.until(lambda progress: progress.associations == 0 and session.lent)
        search = Search(accession_number="3")
        found = wiring.find(search, settings(pacs.port, tmp_path), CancelToken())
        next(found)
        pacs.kept_waiting.clear()
        session.take_back()
        assert pacs.kept_waiting.wait(PATIENCE_S)
        found.close()
        session.end_look_up()
        watched.until_finished(B)
        assert _undisturbed(watched.finish())
