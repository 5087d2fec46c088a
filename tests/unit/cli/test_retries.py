"""What a person reads while studies wait for another attempt, and afterwards."""

import json
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.events import (
    AttemptFailed,
    AttemptStarted,
    Event,
    StudyFinished,
)
from dicom_retrieve_tui.model.verdict import Verdict
from tests.unit.cli.output.test_live import LONG, begun, drawn, picture_of
from tests.unit.cli.scripted import (
    C_GET,
    OTHER,
    STUDY,
    Engine,
    Stream,
    run,
    started,
    stored,
    study_of,
    whole_run,
)

LOST = "The connection was lost. Is the PACS still up?"


def failed(
    attempts: int, *, uid: str = STUDY, wait_s: float = 1.4, reason: str = LOST
) -> AttemptFailed:
    return AttemptFailed(
        study_instance_uid=uid,
        failed_attempts=attempts,
        retries=3,
        wait_s=wait_s,
        reason=reason,
    )


def again(uid: str = STUDY, worker: int = 1) -> AttemptStarted:
    return AttemptStarted(study_instance_uid=uid, worker=worker)


def tried_again(*attempts: Event, came: int = 3) -> Engine:
    """A study that waits in between, and is complete in the end."""
    study = study_of(Verdict.COMPLETE, came=came)
    study[1:1] = attempts
    return whole_run(study)


def test_a_failed_attempt_is_one_line_that_says_what_comes_next() -> None:
    result = run(*C_GET, engine=tried_again(failed(1), again(), failed(2, wait_s=2), again()))

    assert result.err.splitlines()[1:] == [
        f"study {STUDY}: The connection was lost; retry 1 of 3 in 2 s",
        f"study {STUDY}: The connection was lost; retry 2 of 3 in 2 s",
    ]


def test_verbose_tells_that_it_is_tried_again() -> None:
    result = run(*C_GET, "-v", engine=tried_again(failed(1), again()))

    assert f"study {STUDY}: trying again" in result.err.splitlines()


@pytest.mark.parametrize(
    ("reason", "happened"),
    [
        ("It stopped", "It stopped"),
        ("Host 1.2.3.4 is gone. Try v. 2.", "Host 1.2.3.4 is gone"),
        ('Status 0xA701: no room ("see app. log").', 'Status 0xA701: no room ("see app. log")'),
    ],
)
def test_the_reason_is_told_up_to_the_end_of_its_first_sentence(reason: str, happened: str) -> None:
    result = run(*C_GET, engine=tried_again(failed(1, reason=reason), again()))

    assert f"{STUDY}: {happened}; retry 1 of 3" in result.err


def test_a_pacs_that_is_full_costs_no_attempt() -> None:
    crowd: list[Event] = [failed(0), again(), failed(1), again(), failed(1), again()]

    result = run(*C_GET, engine=tried_again(*crowd))

    fewer = f"study {STUDY}: the PACS accepts no further association; using fewer"
    lost = f"study {STUDY}: The connection was lost; retry 1 of 3 in 2 s"
    assert result.err.splitlines()[1:] == [fewer, lost, fewer]


def test_at_a_terminal_the_line_is_kept_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    study = study_of(Verdict.COMPLETE, uid=LONG, came=3)
    study[1:1] = [failed(1, uid=LONG), again(LONG)]

    result = run(*(*C_GET[:-1], LONG), engine=whole_run(study), stderr=Stream(terminal=True))

    assert "connection was lost; retry 1 of 3 in 2" in result.err
    assert LONG not in result.err


def test_json_tells_of_attempts_by_their_own_names() -> None:
    result = run(*C_GET, "--json", engine=tried_again(failed(1), again()))

    told = [json.loads(line) for line in result.out.splitlines()]
    (attempt,) = [each for each in told if each["event"] == "attempt_failed"]
    assert (attempt["failed_attempts"], attempt["retries"], attempt["wait_s"]) == (1, 3, 1.4)
    assert "attempt_started" in {each["event"] for each in told}


@pytest.mark.parametrize(("attempts", "expected"), [([], None), ([failed(2), again()], 2)])
def test_the_report_counts_failed_attempts_where_there_were_any(
    attempts: list[Event], expected: int | None, tmp_path: Path
) -> None:
    path = tmp_path / "r.json"

    run(*C_GET, "--report", str(path), engine=tried_again(*attempts))

    assert json.loads(path.read_text())["studies"][0].get("failed_attempts") == expected


WAITING = (
    started(3, parallel=2),
    *begun(LONG, 1, 100),
    *(stored(number, LONG) for number in range(10)),
    failed(1, uid=LONG, wait_s=30),
)


def test_a_waiting_study_keeps_its_row_until_its_worker_has_another() -> None:
    waiting, busy = picture_of(*WAITING), picture_of(*WAITING, *begun(OTHER, 1, 50))

    (row,) = waiting.rows
    assert (row.study_instance_uid, row.done) == (LONG, 10)
    assert row.retry_in_s == pytest.approx(25.0)
    assert [each.study_instance_uid for each in busy.rows] == [OTHER]
    assert (waiting.waiting, busy.waiting) == (1, 1)


def test_a_waiting_study_counts_in_what_is_still_to_come() -> None:
    picture = picture_of(started(2), *begun(OTHER, 2, 50), *WAITING[1:])

    assert picture.exact
    assert picture.total.expected == 150


def test_another_worker_takes_it_over_with_what_it_has() -> None:
    picture = picture_of(
        *WAITING, again(LONG, worker=2), *(stored(number, LONG) for number in range(10, 14))
    )

    (row,) = picture.rows
    assert (row.label, row.done, row.retry_in_s) == ("2", 14, None)
    assert picture.waiting == 0
    assert picture.total.done == 14


def test_a_worker_that_takes_it_up_again_is_credited_once() -> None:
    ending = StudyFinished(
        study_instance_uid=LONG, verdict=Verdict.COMPLETE, expected=10, stored=10
    )

    picture = picture_of(*WAITING, again(LONG), ending, *begun(OTHER, 1, 50))

    assert picture.rows[0].instances_per_s == pytest.approx(10 / 15)


@pytest.mark.parametrize(
    ("wait_s", "words"), [(30, "retry in 25 s"), (5.1, "retry in 1 s"), (1, "retry due")]
)
def test_the_row_of_a_waiting_study_counts_down(wait_s: float, words: str) -> None:
    row, *_, status = drawn(picture_of(*WAITING[:-1], failed(1, uid=LONG, wait_s=wait_s)))

    assert words in row
    assert status.endswith("1 waiting")


def test_a_lone_study_that_waits_needs_no_count() -> None:
    lines = drawn(picture_of(started(), *begun(STUDY, 1, None), failed(1)))

    assert "retry" in lines[0]
    assert "waiting" not in lines[1]
