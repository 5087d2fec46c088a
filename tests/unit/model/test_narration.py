"""Events in the words that both faces show."""

import pytest

from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.choices import HoldCause
from dicom_retrieve_tui.model.narration import Line, narrate, verdict_word
from dicom_retrieve_tui.model.progress import Progress
from dicom_retrieve_tui.model.verdict import Verdict

STUDY = "1.2.840.113619.2.55.3.604688119.971.1784201.12"


def narrated(*story: events.Event, uid_width: int | None = None) -> list[Line | None]:
    progress, lines = Progress(), []
    for event in story:
        progress.apply(event)
        lines.append(narrate(event, progress, uid_width=uid_width))
    return lines


def failed(attempts: int, reason: str = "The connection was lost. Try later.") -> events.Event:
    return events.AttemptFailed(
        study_instance_uid=STUDY, failed_attempts=attempts, retries=3, wait_s=1.5, reason=reason
    )


def started() -> events.Event:
    return events.StudyStarted(study_instance_uid=STUDY, worker=1)


def test_a_failed_attempt_has_the_first_sentence_of_its_reason_and_the_retry() -> None:
    _, line = narrated(started(), failed(1))

    text = f"study {STUDY}: The connection was lost; retry 1 of 3 in 2 s"
    assert line == Line(text, grave=True)


def test_an_attempt_that_did_not_count_failed_for_want_of_an_association() -> None:
    *_, line = narrated(started(), failed(1), failed(1))

    assert line is not None
    assert line.text.endswith("the PACS accepts no further association; using fewer")


def test_uids_are_shortened_to_the_given_width() -> None:
    _, line = narrated(started(), failed(1), uid_width=12)

    assert line is not None
    assert line.text.startswith("study ….1784201.12: ")


@pytest.mark.parametrize(("minor", "detail"), [(True, True), (False, False)])
def test_a_minor_note_is_a_detail(minor: bool, detail: bool) -> None:  # noqa: FBT001
    note = events.Noted(study_instance_uid=None, text="the list has\x1b[2J zeros", minor=minor)

    assert narrated(note) == [Line("note: the list has[2J zeros", detail=detail)]


def test_an_instance_that_is_stored_gets_no_line() -> None:
    stored = events.InstanceStored(
        study_instance_uid=STUDY,
        series_instance_uid="1.3",
        sop_instance_uid="1.4",
        sop_class_uid="1.5",
        transfer_syntax_uid="1.6",
        path="1.4.dcm",
        size_bytes=3,
    )

    assert narrated(started(), stored) == [None, None]


def test_a_dry_run_calls_complete_planned() -> None:
    assert verdict_word(Verdict.COMPLETE, dry_run=True) == "planned"
    assert verdict_word(Verdict.COMPLETE, dry_run=False) == "complete"
    assert verdict_word(Verdict.PARTIAL, dry_run=True) == "partial"


def _lost(studies: int, cause: HoldCause = HoldCause.PEER) -> events.Event:
    return events.PeerLost(
        cause=cause,
        reason="Cannot reach pacs.test:104: connection refused. Is the PACS running?",
        studies=studies,
        next_try_s=7.2,
        limit_s=1800.0,
    )


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (
            _lost(16204),
            (
                "The PACS does not answer (Cannot reach pacs.test:104: connection refused); "
                "16,204 studies wait; next try in 8 s"
            ),
        ),
        (
            _lost(1, HoldCause.DISK),
            (
                "The disk has no room (Cannot reach pacs.test:104: connection refused); "
                "1 study waits; next try in 8 s"
            ),
        ),
        (
            events.PeerBack(cause=HoldCause.PEER, waited_s=252.1),
            "The PACS is back after 4 min 12 s",
        ),
        (
            events.QueueGivenUp(
                cause=HoldCause.PEER,
                reason="The PACS went away.",
                waited_s=20.02,
                studies=2,
                study_instance_uids=("1.2", "1.3"),
            ),
            "gave up after 20 s; 2 studies not tried: The PACS went away.",
        ),
    ],
)
def test_an_outage_has_one_line_at_its_begin_and_one_at_its_end(
    event: events.Event, text: str
) -> None:
    (line,) = narrated(event)

    assert line is not None
    assert (line.text, line.timed, line.detail) == (text, True, False)


def test_a_probe_that_fails_is_a_detail() -> None:
    failed_probe = events.ProbeFailed(
        cause=HoldCause.PEER, reason="Gone.", waited_s=8.0, next_try_s=16.0
    )
    _, line = narrated(_lost(2), failed_probe)

    assert line is not None
    assert line.detail
