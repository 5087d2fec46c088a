from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui.cli.output.account import Account
from dicom_retrieve_tui.cli.output.census import Census
from dicom_retrieve_tui.cli.output.summary import summarise
from dicom_retrieve_tui.cli.read_options import RetrieveCommand
from dicom_retrieve_tui.model.address import Endpoint, PeerAE
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.events import (
    Event,
    HoursClosed,
    HoursOpened,
    InstanceRefused,
    InstanceSetAside,
    RetrieveFinished,
    StudyFinished,
    StudyInventoried,
)
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.verdict import Verdict
from tests.unit.cli.scripted import OTHER, STUDY, space, started, stored, study_of

SETTINGS = RetrieveOptions(
    peer=PeerAE(ae_title="ANY-SCP", endpoint=Endpoint(host="pacs.test", port=104)),
    output=Path("study_dir"),
)
THIRD = "1.2.840.99.3"
DELIVERED = (
    "120 instances delivered to MY_SCP according to the PACS; nothing was written to study_dir/"
)


def order(
    *uids: str, delivering: bool = False, dry_run: bool = False, report: Path | None = None
) -> RetrieveCommand:
    retrieval = replace(
        SETTINGS,
        method=Method.C_MOVE if delivering else Method.C_GET,
        move_destination="MY_SCP" if delivering else None,
    )
    selections = tuple(Selection(study_instance_uid=uid) for uid in uids or (STUDY,))
    return RetrieveCommand(
        selections=selections, retrieval=retrieval, dry_run=dry_run, report=report
    )


def summary(options: RetrieveCommand, *events: Event, elapsed_s: float = 2.0) -> list[str]:
    account = Account(options.selections)
    for event in (started(len(options.selections)), *events):
        account.apply(event)
    account.apply(RetrieveFinished(verdict=Verdict.PARTIAL))
    return list(summarise(account, Census.of(account.studies()), options, elapsed_s))


def test_one_complete_study_takes_two_lines() -> None:
    lines = summary(order(), *study_of(Verdict.COMPLETE, came=3))

    assert lines == [
        f"complete: all 3 instances of study {STUDY} are in study_dir/",
        "3 instances, 1.5 MB, in 2.0 s (1.5 instances/s, 0.8 MB/s)",
    ]


@pytest.mark.parametrize(
    ("verdict", "expected", "came", "sentence"),
    [
        (Verdict.COMPLETE, 1, 1, "complete: the one instance of study {} is in study_dir/"),
        (
            Verdict.PARTIAL,
            3,
            2,
            "partial: 2 of 3 instances of study {} are in study_dir/; 1 missing",
        ),
        (
            Verdict.PARTIAL,
            None,
            2,
            "partial: 2 instances of study {} are in study_dir/; completeness unknown",
        ),
        (Verdict.NOT_FOUND, 0, 0, "not found: study {}"),
        (
            Verdict.UNVERIFIED,
            None,
            1,
            "unverified: 1 instance of study {} is in study_dir/; completeness unknown",
        ),
        (Verdict.FAILED, 3, 0, "failed: nothing of study {} was retrieved"),
        (Verdict.CANCELLED, 3, 1, "cancelled: 1 of 3 instances of study {} is in study_dir/"),
        (Verdict.CANCELLED, None, 0, "cancelled: 0 instances of study {} are in study_dir/"),
    ],
)
def test_each_verdict_has_a_sentence_that_claims_no_more_than_it_proves(
    verdict: Verdict, expected: int | None, came: int, sentence: str
) -> None:
    lines = summary(order(), *study_of(verdict, expected=expected, came=came))

    assert lines[0] == sentence.format(STUDY)


def test_a_delivery_is_the_claim_of_the_pacs() -> None:
    events = study_of(Verdict.DELIVERED, expected=120, named_missing=False)

    assert summary(order(delivering=True), *events) == [f"delivered: {DELIVERED}"]


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (Verdict.PARTIAL, "not all of study"),
        (Verdict.UNVERIFIED, "an unknown part"),
        (Verdict.CANCELLED, "an unknown part"),
        (Verdict.FAILED, "could not be sent to MY_SCP"),
        (Verdict.NOT_FOUND, "not found: study"),
    ],
)
def test_a_delivery_that_went_wrong_names_no_missing_instance(verdict: Verdict, words: str) -> None:
    lines = summary(order(delivering=True), *study_of(verdict, reason="The PACS said so."))

    assert words in lines[0]
    assert lines[1:] == ["  The PACS said so."]


def test_the_missing_instances_are_named_up_to_ten() -> None:
    events = study_of(Verdict.PARTIAL, expected=15, came=2, reason="It stopped.")

    lines = summary(order(), *events)

    assert lines[1:3] == ["  It stopped.", f"  missing {STUDY}.1.3"]
    assert lines[11:13] == [
        f"  missing {STUDY}.1.12",
        "  ... and 3 more missing (--report FILE names them all)",
    ]


def test_the_report_is_pointed_to_where_there_is_one() -> None:
    options = order(report=Path("r.json"))

    lines = summary(options, *study_of(Verdict.PARTIAL, expected=15, came=2))

    assert "  ... and 3 more missing (see r.json)" in lines


def test_several_studies_are_counted_by_verdict_and_the_bad_ones_explained() -> None:
    lines = summary(
        order(STUDY, OTHER, THIRD),
        *study_of(Verdict.COMPLETE, came=3),
        *study_of(Verdict.PARTIAL, uid=OTHER, came=2, reason="It stopped."),
        *study_of(Verdict.NOT_FOUND, uid=THIRD, expected=0, reason="No such study."),
    )

    assert lines == [
        "1 of 3 studies complete",
        "  complete    1",
        "  partial     1",
        "  not found   1",
        "",
        "partial: It stopped.",
        f"  {OTHER}  2 of 3 instances",
        f"    missing {OTHER}.1.3",
        "not found: No such study.",
        f"  {THIRD}",
        "",
        "5 instances, 2.5 MB, in 2.0 s (2.5 instances/s, 1.2 MB/s)",
        "run the same command again to ask for the rest only",
    ]


def test_several_complete_studies_take_two_lines() -> None:
    lines = summary(
        order(STUDY, OTHER),
        *study_of(Verdict.COMPLETE, came=3),
        *study_of(Verdict.COMPLETE, uid=OTHER, came=3),
    )

    assert lines == [
        "all 2 studies complete, in study_dir/",
        "6 instances, 3.0 MB, in 2.0 s (3.0 instances/s, 1.5 MB/s)",
    ]


def test_several_deliveries_are_added_up() -> None:
    lines = summary(
        order(STUDY, OTHER, delivering=True),
        *study_of(Verdict.DELIVERED, expected=100),
        *study_of(Verdict.DELIVERED, uid=OTHER, expected=20),
    )

    assert lines == [f"2 of 2 studies delivered: {DELIVERED}"]


def test_a_pacs_that_is_down_is_told_once_and_not_for_each_study() -> None:
    uids = [f"1.2.3.{number}" for number in range(1, 31)]
    events = [
        event
        for uid in uids
        for event in study_of(Verdict.FAILED, uid=uid, expected=None, reason="Refused.")
    ]

    lines = summary(order(*uids), *events)

    assert lines[:2] == ["0 of 30 studies complete", ""]
    assert lines[2:4] == ["failed: Refused.", "  1.2.3.1"]
    assert lines[-1] == "  ... and 20 studies more (--report FILE names them all)"
    assert len(lines) == 14


def test_studies_that_were_not_started_are_told_apart() -> None:
    lines = summary(order(STUDY, OTHER), *study_of(Verdict.CANCELLED, came=1))

    assert "cancelled: not started" in lines
    assert f"  {OTHER}" in lines


def test_the_wait_for_the_hours_is_added_up() -> None:
    night: list[Event] = [
        HoursClosed(until="2026-11-23T19:00+01:00", studies=1),
        HoursOpened(waited_s=3600.0),
        HoursClosed(until="2026-11-24T19:00+01:00", studies=1),
        HoursOpened(waited_s=43_200.0),
    ]

    lines = summary(order(), *night, *study_of(Verdict.COMPLETE, came=3))

    assert "waited 13 h 00 min for the hours of --between" in lines


def test_what_was_refused_and_set_aside_is_counted() -> None:
    events = study_of(Verdict.PARTIAL, came=1)
    events[-1:-1] = [
        InstanceRefused(
            study_instance_uid=STUDY, sop_instance_uid="1.5", status=0xC000, reason="cut short"
        ),
        InstanceRefused(
            study_instance_uid=None, sop_instance_uid="1.6", status=0xA700, reason="uninvited"
        ),
        InstanceSetAside(study_instance_uid=STUDY, sop_instance_uid="1.7", path="x/1.7.dcm"),
    ]

    lines = summary(order(), *events)

    refused = "2 instances refused: cut short, and for other reasons (--verbose lists them)"
    assert refused in lines
    assert (
        "1 instance set aside: a file with other content was there, and both are kept in study_dir/"
    ) in lines


def test_an_instance_that_was_refused_again_and_again_is_one() -> None:
    refusal = InstanceRefused(
        study_instance_uid=STUDY, sop_instance_uid="1.5", status=0xC000, reason="It is cut short."
    )
    events = study_of(Verdict.PARTIAL, came=1)
    events[-1:-1] = [refusal] * 3

    lines = summary(order(), *events)

    assert "1 instance refused (3 times): It is cut short (--verbose lists them)" in lines


def test_a_dry_run_lists_what_there_is() -> None:
    lines = summary(
        order(STUDY, OTHER, dry_run=True),
        *study_of(Verdict.COMPLETE, expected=1200),
        *study_of(Verdict.NOT_FOUND, uid=OTHER, expected=0, reason="No such study."),
    )

    assert lines == [
        " series  instances  study",
        f"      1      1,200  {STUDY}",
        "",
        "not found: No such study.",
        f"  {OTHER}",
        "",
        "planned: 1,200 instances in 1 series of 1 of 2 studies; nothing was retrieved (--dry-run)",
    ]


def test_a_dry_run_says_what_is_needed_and_what_is_not_known() -> None:
    listed = StudyInventoried(
        study_instance_uid=STUDY,
        listed=True,
        series=1,
        expected=1200,
        needed=1000,
        needed_bytes=530_000_000,
    )
    lines = summary(
        order(STUDY, OTHER, dry_run=True),
        *(
            listed if isinstance(event, StudyInventoried) else event
            for event in study_of(Verdict.COMPLETE, expected=1200)
        ),
        *study_of(Verdict.UNVERIFIED, uid=OTHER, expected=None),
        space(530_000_000, uncounted=1, built_in=True),
    )

    assert lines[:3] == [
        " series  instances    about  study",
        f"      1      1,200   530 MB  {STUDY}",
        f"      1          -        -  {OTHER}",
    ]
    needed = "needs about 530 MB (260 MB to 1.1 GB), room for 1.0 TB"
    assert lines[-3:] == [
        f"{needed} (by built-in figures: few such instances came before)",
        "200 instances of them in study_dir/ already: not in this forecast",
        "1 study without a count of instances: not in this forecast",
    ]


def test_a_dry_run_says_what_does_not_fit() -> None:
    lines = summary(
        order(dry_run=True),
        *study_of(Verdict.COMPLETE, expected=3),
        space(12 * 10**9, free_bytes=3 * 10**9),
    )

    assert lines[-1] == "needs about 12 GB (6.0 GB to 24 GB), room for 2.0 GB: it does not fit"


def test_a_dry_run_of_one_study_says_planned() -> None:
    lines = summary(order(dry_run=True), *study_of(Verdict.COMPLETE, expected=3))

    assert lines[-1] == f"planned: 3 instances of study {STUDY}; nothing was retrieved (--dry-run)"


@pytest.mark.parametrize(
    ("selection", "sentence"),
    [
        (
            Selection.of(STUDY, "1.3"),
            "complete: all 2 instances of series 1.3 are in study_dir/",
        ),
        (
            Selection.of(STUDY, "1.3", "1.4"),
            "complete: instance 1.4 is in study_dir/",
        ),
    ],
)
def test_what_was_asked_for_is_what_the_summary_names(selection: Selection, sentence: str) -> None:
    options = RetrieveCommand(
        selections=(selection,), retrieval=replace(SETTINGS, method=Method.C_GET)
    )

    lines = summary(options, *study_of(Verdict.COMPLETE, expected=2, came=2))

    assert lines[0] == sentence


def test_what_an_earlier_run_left_is_told_apart_from_what_came() -> None:
    events = study_of(Verdict.COMPLETE, expected=5, came=2)
    events[1] = StudyInventoried(
        study_instance_uid=STUDY, listed=True, series=1, expected=5, present=3
    )
    events[-1] = StudyFinished(
        study_instance_uid=STUDY, verdict=Verdict.COMPLETE, expected=5, stored=5
    )

    assert summary(order(), *events) == [
        f"complete: all 5 instances of study {STUDY} are in study_dir/",
        "3 instances of an earlier run found again, with their sizes, and kept",
        "2 instances, 1.0 MB, in 2.0 s (1.0 instances/s, 0.5 MB/s)",
    ]


def test_a_run_too_short_to_measure_names_no_rate() -> None:
    lines = summary(order(), *study_of(Verdict.COMPLETE, expected=1, came=1), elapsed_s=0.0)

    assert lines[-1] == "1 instance, 500.0 kB, in 0.0 s"
    assert stored(1).size_bytes == 500_000


def test_reasons_that_differ_from_study_to_study_do_not_fill_the_screen() -> None:
    uids = [f"1.2.{number}" for number in range(1000)]
    studies = [study_of(Verdict.FAILED, uid=uid, reason=f"Reason of {uid}.") for uid in uids]

    lines = summary(order(*uids), *(event for study in studies for event in study))

    assert lines[0] == "0 of 1,000 studies complete"
    assert "failed: for other reasons, which differ from study to study" in lines
    assert "  ... and 940 studies more (--report FILE names them all)" in lines
    assert len(lines) < 130
