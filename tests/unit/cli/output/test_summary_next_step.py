"""How a summary says to go on: what is promised, and what is not."""

from dataclasses import replace

import pytest

from dicom_retrieve_tui.cli.read_options import RetrieveCommand
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.events import (
    AttemptFailed,
    AttemptStarted,
    Event,
    InstanceSetAside,
    StudyFinished,
    StudyStarted,
)
from dicom_retrieve_tui.model.verdict import Verdict
from tests.unit.cli.output.test_summary import SETTINGS, THIRD, order, summary
from tests.unit.cli.scripted import OTHER, STUDY, study_of

REST = "run the same command again to ask for the rest only"


def told(options: RetrieveCommand, *events: Event) -> list[str]:
    return [line for line in summary(options, *events) if "again" in line]


def healable(study: list[Event]) -> list[Event]:
    attempt = AttemptFailed(
        study_instance_uid=STUDY, failed_attempts=1, retries=1, wait_s=1, reason="It stopped."
    )
    return [study[0], attempt, AttemptStarted(study_instance_uid=STUDY, worker=1), *study[1:]]


def unlisted(verdict: Verdict, came: int) -> list[Event]:
    return study_of(verdict, expected=None, came=came)


def test_a_cancelled_study_says_how_much_is_left_and_names_nothing() -> None:
    lines = summary(order(), *study_of(Verdict.CANCELLED, expected=1098, came=2))

    assert lines == [
        f"cancelled: 2 of 1,098 instances of study {STUDY} are in study_dir/",
        "2 instances, 1.0 MB, in 2.0 s (1.0 instances/s, 0.5 MB/s)",
        "run the same command again: 1,096 of 1,098 instances left",
    ]


def test_of_several_studies_those_that_were_not_started_are_counted() -> None:
    options = order(STUDY, OTHER, THIRD, "1.2.3")
    started = StudyStarted(study_instance_uid=THIRD, worker=2)

    lines = summary(
        options,
        *study_of(Verdict.COMPLETE, came=3),
        *study_of(Verdict.CANCELLED, uid=OTHER, expected=5, came=1),
        started,
    )

    assert lines[-1] == (
        "run the same command again: 4 of 8 instances left, and 2 studies not started"
    )
    assert not any("missing" in line for line in lines)


@pytest.mark.parametrize(
    ("events", "line"),
    [
        ([], "1 study not started"),
        (study_of(Verdict.CANCELLED, expected=None), "1 study not started"),
        (unlisted(Verdict.CANCELLED, 2), "completeness unknown"),
    ],
)
def test_what_nobody_knows_is_not_counted(events: list[Event], line: str) -> None:
    assert told(order(), *events) == [f"run the same command again: {line}"]


def test_after_a_partial_run_only_the_rest_is_asked_for() -> None:
    assert told(order(), *study_of(Verdict.PARTIAL, came=2)) == [REST]


def test_a_failure_that_may_heal_is_worth_another_try() -> None:
    down = healable(study_of(Verdict.FAILED, expected=None))

    assert told(order(), *down) == ["run the same command again to try once more"]
    assert told(order(STUDY, OTHER), *down, *study_of(Verdict.COMPLETE, uid=OTHER, came=3)) == [
        REST
    ]


def conflicting() -> list[Event]:
    study = study_of(Verdict.PARTIAL, came=2)
    aside = InstanceSetAside(study_instance_uid=STUDY, sop_instance_uid="1.7", path="x/1.7")
    return [*study[:-1], aside, study[-1]]


@pytest.mark.parametrize(
    "events",
    [
        study_of(Verdict.COMPLETE, came=3),
        study_of(Verdict.NOT_FOUND, expected=0),
        study_of(Verdict.FAILED, reason="Move destination unknown."),
        unlisted(Verdict.UNVERIFIED, 2),
        unlisted(Verdict.PARTIAL, 2),  # what is not listed cannot be told from what is here
        conflicting(),
    ],
)
def test_where_another_run_would_change_nothing_none_is_advised(events: list[Event]) -> None:
    assert told(order(), *events) == []


def auto(*, listening: bool) -> RetrieveCommand:
    retrieval = replace(
        SETTINGS,
        method=Method.AUTO,
        move_destination="MY_SCP",
        listen=(None, 11112) if listening else None,
    )
    return replace(order(), retrieval=retrieval)


@pytest.mark.parametrize(
    ("options", "resumes"),
    [
        (order(delivering=True), False),
        (auto(listening=False), False),
        (auto(listening=True), True),
        (order(dry_run=True), False),
        (replace(order(), lasting=False), False),
    ],
)
def test_only_what_comes_to_a_folder_of_ours_can_be_resumed(
    options: RetrieveCommand, *, resumes: bool
) -> None:
    cancelled = StudyFinished(
        study_instance_uid=STUDY, verdict=Verdict.CANCELLED, expected=3, stored=1
    )

    assert bool(told(options, *study_of(Verdict.CANCELLED)[:-1], cancelled)) is resumes
