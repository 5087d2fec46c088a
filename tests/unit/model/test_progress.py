from collections.abc import Iterable

from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.progress import Progress
from dicom_retrieve_tui.model.verdict import GOOD, Verdict
from tests.unit.model.told import stored

UID = "1.2.3"


def folded(story: Iterable[events.Event]) -> Progress:
    progress = Progress()
    for event in story:
        progress.apply(event)
    return progress


def started(uid: str = UID, worker: int = 1) -> events.StudyStarted:
    return events.StudyStarted(study_instance_uid=uid, worker=worker)


def inventoried(expected: int | None, present: int = 0) -> events.StudyInventoried:
    return events.StudyInventoried(
        study_instance_uid=UID,
        listed=expected is not None,
        series=2,
        expected=expected,
        present=present,
    )


def test_a_run_begins_with_nothing() -> None:
    progress = Progress()

    assert progress.verdict is None
    assert not progress.complete


def test_a_started_run_says_what_is_to_come() -> None:
    start = events.RetrieveStarted(peer="PACS@pacs:104", method="c-get", studies=7, parallel=3)

    progress = folded([start])

    assert (progress.peer, progress.method) == ("PACS@pacs:104", "c-get")
    assert (progress.studies_total, progress.parallel) == (7, 3)


def test_what_is_stored_of_a_study_of_unknown_size_is_expected_in_all() -> None:
    progress = folded([started(), inventoried(None, present=2), started("1.2.4")])

    assert (progress.stored, progress.expected, progress.expected_in_all) == (2, 0, 2)


def test_a_study_is_followed_from_its_start_to_its_verdict() -> None:
    counted = events.PeerCounted(
        study_instance_uid=UID, remaining=2, completed=1, failed=1, warning=0
    )
    story: list[events.Event] = [
        started(worker=2),
        inventoried(4, present=1),
        stored(UID, 1, 500),
        counted,
    ]
    finished = events.StudyFinished(
        study_instance_uid=UID,
        verdict=Verdict.PARTIAL,
        expected=4,
        stored=2,
        missing=("1.9", "1.8"),
        reason="It went away.",
    )

    running = folded(story)
    over = folded([*story, finished])

    study = running.studies[UID]
    assert (study.worker, study.listed, study.expected, study.verdict) == (2, True, 4, None)
    assert (study.stored, study.present) == (2, 1)
    assert (study.peer_remaining, study.peer_failed) == (2, 1)
    assert (running.expected, running.stored, running.stored_bytes) == (4, 2, 500)
    study = over.studies[UID]
    assert (study.verdict, study.missing) == (Verdict.PARTIAL, ("1.9", "1.8"))
    assert study.reason == "It went away."
    assert (over.finished, over.good) == (1, 0)


def test_a_study_that_the_pacs_would_not_list_adds_nothing_to_what_is_expected() -> None:
    progress = folded([started(), inventoried(None)])

    assert progress.expected == 0
    assert progress.studies[UID].expected is None


def test_studies_stand_in_the_order_in_which_they_were_taken_up() -> None:
    assert list(folded([started("1.9"), started("1.1")]).studies) == ["1.9", "1.1"]


def test_a_further_attempt_goes_on_with_the_same_account() -> None:
    failed = events.AttemptFailed(
        study_instance_uid=UID, failed_attempts=1, retries=3, wait_s=2.0, reason="It went away."
    )
    again = events.AttemptStarted(study_instance_uid=UID, worker=5)
    story: list[events.Event] = [started(), inventoried(3), stored(UID, 1), failed]

    waiting = folded(story).studies[UID]
    running = folded([*story, again, stored(UID, 2)]).studies[UID]

    assert (waiting.waiting, waiting.failed_attempts) == (True, 1)
    assert (running.waiting, running.worker, running.stored) == (False, 5, 2)


def test_notes_are_kept_in_order() -> None:
    notes = [events.Noted(study_instance_uid=None, text=text) for text in ("one", "two")]

    assert folded(notes).notes == ["one", "two"]


def test_only_good_verdicts_make_a_run_complete() -> None:
    for verdict in Verdict:
        assert folded([events.RetrieveFinished(verdict=verdict)]).complete == (verdict in GOOD)


def _queued(*uids: str) -> list[events.Event]:
    return [events.StudyQueued(study_instance_uid=uid) for uid in uids]


def test_what_is_added_to_a_run_is_counted_and_stands_in_its_order() -> None:
    story: list[events.Event] = [
        events.RetrieveStarted(peer="PACS@pacs:104", method="c-get", studies=1, parallel=1),
        started("1.1"),
        *_queued("1.2", "1.3", "1.4"),
        events.StudyPromoted(study_instance_uid="1.4"),
        events.StudyPromoted(study_instance_uid="1.1"),
        events.StudyRemoved(study_instance_uid="1.2"),
    ]

    progress = folded(story)

    assert progress.studies_total == 3
    assert list(progress.queued) == ["1.4", "1.3"]
    assert list(folded([*story, started("1.4")]).queued) == ["1.3"]


def test_a_study_that_is_tried_again_begins_anew_when_it_is_taken_up() -> None:
    finished = events.StudyFinished(
        study_instance_uid=UID, verdict=Verdict.PARTIAL, expected=4, stored=2, missing=("1.9",)
    )
    story: list[events.Event] = [
        *(events.RetrieveStarted(peer="", method="c-get", studies=1, parallel=1), started()),
        *(inventoried(4), stored(UID, 1), stored(UID, 2), finished, *_queued(UID)),
    ]
    whole = events.StudyFinished(
        study_instance_uid=UID, verdict=Verdict.COMPLETE, expected=4, stored=4
    )
    again: list[events.Event] = [
        started(worker=2),
        inventoried(4, present=2),
        stored(UID, 3),
        stored(UID, 4),
        whole,
    ]

    waits = folded(story)
    done = folded([*story, *again])

    assert waits.studies[UID].verdict is Verdict.PARTIAL
    assert list(waits.queued) == [UID]
    assert (done.studies_total, done.finished, done.good) == (1, 1, 1)
    assert (done.expected, done.stored, done.present, done.came) == (4, 4, 2, 4)
    assert done.stored == sum(study.stored for study in done.studies.values())


def test_a_retry_that_is_taken_back_leaves_the_last_verdict() -> None:
    finished = events.StudyFinished(
        study_instance_uid=UID, verdict=Verdict.FAILED, expected=None, stored=0
    )
    removed = events.StudyRemoved(study_instance_uid=UID)
    start = events.RetrieveStarted(peer="", method="c-get", studies=1, parallel=1)

    progress = folded([start, started(), finished, *_queued(UID), removed])

    assert progress.studies[UID].verdict is Verdict.FAILED
    assert (progress.studies_total, progress.finished) == (1, 1)
    assert not progress.queued


def test_a_pause_shows_until_the_run_goes_on() -> None:
    assert folded([events.RunPaused()]).paused
    assert not folded([events.RunPaused(), events.RunResumed()]).paused


def test_a_study_that_another_machine_lists_again_is_counted_once() -> None:
    put_back = events.StudyPutBack(study_instance_uid=UID)
    again = events.AttemptStarted(study_instance_uid=UID, worker=2)

    progress = folded(
        [started(), inventoried(3), stored(UID, 1), put_back, again, inventoried(3, present=1)]
    )

    assert (progress.expected, progress.present, progress.stored) == (3, 1, 1)
