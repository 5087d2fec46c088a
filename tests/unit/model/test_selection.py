"""Which parts of studies are asked for, and by which requests."""

from dataclasses import replace
from typing import Any

import pytest

from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.selection import (
    Owner,
    RetrieveRequest,
    Selection,
    SeriesSelection,
    join,
    requests_for,
)

A, B = "1.2.1", "1.2.2"


def test_a_data_set_of_another_patient_or_accession_number_is_objected_to() -> None:
    owner = Owner(patient_ids=frozenset({"P1"}), accession_numbers=frozenset({"A1", "A2"}))

    assert owner.objection("P1", "A2") is None
    assert owner.objection("", "") is None
    assert owner.objection("P1", "A9\\A1") is None
    assert Owner().objection("P2", "A9") is None
    assert "another patient" in str(owner.objection("P2", "A1"))
    assert "P2" not in str(owner.objection("P2", "A1"))
    assert "accession number, 'A9'" in str(owner.objection("P1", "A9"))


def test_a_study_that_is_asked_for_twice_may_belong_to_either() -> None:
    by_patient = replace(Selection.of(A), owner=Owner(patient_ids=frozenset({"P1"})))
    by_another = replace(Selection.of(A), owner=Owner(patient_ids=frozenset({"P2"})))

    assert join([by_patient]) == (by_patient,)
    assert join([by_patient, by_another])[0].owner.patient_ids == {"P1", "P2"}
    assert join([by_patient, Selection.of(A)]) == (Selection.of(A),)


def test_parts_of_a_study_are_put_together_and_the_wider_wins() -> None:
    joined = join(
        [
            Selection.of(A, "1.1"),
            Selection.of(B),
            Selection.of(A, "1.2", "1.2.7"),
            Selection.of(A, "1.1", "1.1.5"),
            Selection.of(B, "2.1"),
            Selection.of(A, "1.2", "1.2.8"),
        ]
    )

    assert joined == (
        Selection(
            study_instance_uid=A,
            series=(
                SeriesSelection(series_instance_uid="1.1"),
                SeriesSelection(series_instance_uid="1.2", sop_instance_uids=("1.2.7", "1.2.8")),
            ),
        ),
        Selection.of(B),
    )


def test_each_part_is_asked_for_at_the_highest_level_that_is_exact() -> None:
    (selection,) = join(
        [Selection.of(A, "1.1"), *(Selection.of(A, "1.2", f"1.2.{n}") for n in range(5))]
    )

    first, *lists = requests_for(selection, uids_max=2)

    assert first == RetrieveRequest(
        level=Level.SERIES, study_instance_uid=A, series_instance_uid="1.1"
    )
    assert [(r.level, r.series_instance_uid, r.sop_instance_uids) for r in lists] == [
        (Level.IMAGE, "1.2", ("1.2.0", "1.2.1")),
        (Level.IMAGE, "1.2", ("1.2.2", "1.2.3")),
        (Level.IMAGE, "1.2", ("1.2.4",)),
    ]


def test_a_whole_study_is_one_request() -> None:
    (request,) = requests_for(Selection.of(A), uids_max=2)

    assert request == RetrieveRequest(level=Level.STUDY, study_instance_uid=A)


def test_the_level_is_that_of_the_widest_part() -> None:
    assert Selection.of(A).level is Level.STUDY
    assert Selection.of(A, "1.1").level is Level.SERIES
    assert Selection.of(A, "1.1", "1.1.1").level is Level.IMAGE
    assert join([Selection.of(A, "1.1"), Selection.of(A, "1.2", "1.2.1")])[0].level is Level.SERIES


@pytest.mark.parametrize(
    ("level", "keys"),
    [
        (Level.STUDY, {"study_instance_uid": ""}),
        (Level.SERIES, {"study_instance_uid": A}),
        (Level.SERIES, {"study_instance_uid": A, "series_instance_uid": ""}),
        (Level.IMAGE, {"study_instance_uid": A, "series_instance_uid": "1.1"}),
        (Level.IMAGE, {"study_instance_uid": A, "sop_instance_uids": ("1.1.1",)}),
    ],
)
def test_a_request_without_a_unique_key_of_its_level_cannot_be_built(
    level: Level, keys: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="lacks a unique key"):
        RetrieveRequest(level=level, **keys)


def test_a_part_of_a_study_is_in_words() -> None:
    two_series = join([Selection.of(A, "1.2.1"), Selection.of(A, "1.2.2", "1.2.2.1")])
    two_instances = join([Selection.of(A, "1.2.2", "1.2.2.1"), Selection.of(A, "1.2.2", "1.2.2.2")])

    assert [each.part for each in (Selection.of(A), *two_series, *two_instances)] == [
        "",
        "2 series",
        "2 instances",
    ]
    assert Selection.of(A, "1.2.2", "1.2.2.1").part == "1 instance"
