"""Which figures a forecast uses, and what it counts."""

from typing import Any

import pytest

from dicom_retrieve_tui.model.forecast import (
    WHOLE_STUDY,
    Demand,
    Fit,
    Forecast,
    Kind,
    PlannedStudy,
    Sizes,
    SizeTable,
    counts_to_come,
    forecast_text,
    outlook_of,
    short_forecast_text,
)
from dicom_retrieve_tui.model.humanize import rounded_size_text
from dicom_retrieve_tui.model.inventory import Inventory, ListedInstance

_CT, _ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1"


def _likely(table: SizeTable, kind: Kind) -> int:
    return Demand([{kind: 1}]).forecast(table).likely_bytes


@pytest.mark.parametrize(
    ("kind", "likely_bytes"),
    [
        (Kind(_CT, "CT"), 530_000),
        (Kind("", "CT"), 530_000),
        (Kind(_CT, ""), 530_000),
        (Kind(_ENHANCED_CT, "CT"), 100_000_000),
        (Kind("", ""), 1_000_000),
        (Kind("1.2.3", "SR"), 30_000),
    ],
)
def test_built_in_figures_go_by_class_and_then_by_modality(kind: Kind, likely_bytes: int) -> None:
    forecast = Demand([{kind: 1}]).forecast(SizeTable())

    assert forecast.likely_bytes == likely_bytes
    assert forecast.built_in


def test_a_kind_that_never_came_is_like_its_class_or_else_its_modality() -> None:
    table = SizeTable(
        {
            Kind(_CT, "CT"): Sizes.of_study(10, 10_000),
            Kind(_CT, "PT"): Sizes.of_study(10, 30_000),
            Kind("1.9", "US"): Sizes.of_study(1, 77),
        }
    )

    assert _likely(table, Kind(_CT, "CT")) == 1_000
    assert _likely(table, Kind(_CT, "MR")) == 2_000
    assert _likely(table, Kind(_CT, "")) == 2_000
    assert _likely(table, Kind("", "CT")) == 1_000
    assert _likely(table, Kind("1.8", "US")) == 77
    # A class of large objects is not like the other objects of its modality.
    assert _likely(table, Kind(_ENHANCED_CT, "CT")) == 100_000_000


def _inventory(listed: int, announced: int | None = None, **more: object) -> Inventory:
    return Inventory(
        study_instance_uid="1.2",
        listed=more.pop("is_listed", True),  # type: ignore[arg-type]
        instances=tuple(
            ListedInstance(series_instance_uid="1.2.1", sop_instance_uid=f"1.2.1.{number}")
            for number in range(listed)
        ),
        modality_by_series={"1.2.1": "CT", "1.2.2": "SR"},
        count_by_series={"1.2.1": announced, "1.2.2": 1},
        announced_count=announced,
        **more,  # type: ignore[arg-type]
    )


def test_instances_on_disk_are_not_to_come() -> None:
    counts = counts_to_come(_inventory(5), frozenset({"1.2.1.0", "1.2.1.4", "1.2.1.99"}))

    assert counts == {Kind("", "CT"): 3}


def test_the_one_class_of_a_study_is_that_of_each_instance() -> None:
    assert counts_to_come(_inventory(2, study_classes=frozenset({_CT})), frozenset()) == {
        Kind(_CT, "CT"): 2
    }
    two = frozenset({_CT, _ENHANCED_CT})
    assert counts_to_come(_inventory(2, study_classes=two), frozenset()) == {Kind("", "CT"): 2}


def test_instances_that_are_counted_and_not_listed_come_too() -> None:
    assert counts_to_come(_inventory(2, announced=7), frozenset()) == {Kind("", "CT"): 7}
    only_counted = _inventory(0, announced=7, is_listed=False)
    assert counts_to_come(only_counted, frozenset()) == {Kind("", "CT"): 7}
    assert counts_to_come(only_counted, frozenset({"1.2.1.0"})) == {Kind("", "CT"): 6}


def test_without_list_and_counts_nothing_is_known() -> None:
    assert counts_to_come(_inventory(0, is_listed=False), frozenset()) is None


def _planned(uid: str, **known: Any) -> PlannedStudy:
    return PlannedStudy(study_instance_uid=uid, **known)


def test_an_outlook_counts_what_is_known_and_names_what_is_not() -> None:
    table = SizeTable(
        {Kind("1.9", "CT"): Sizes.of_study(1, 1000), WHOLE_STUDY: Sizes.of_study(1, 50_000)}
    )
    outlook = outlook_of(
        [
            _planned("1.1", instances=7, modalities=("CT",)),
            _planned("1.2"),
            _planned("1.3", whole=False),
            _planned("1.4"),
        ],
        table,
        here=frozenset({"1.4"}),
        room_bytes=10**6,
    )

    assert outlook.forecast.likely_bytes == 57_000
    assert (outlook.averaged, outlook.uncounted, outlook.here) == (1, 1, 1)
    assert outlook.fits is Fit.YES
    assert str(outlook) == (
        f"at most about {rounded_size_text(outlook.forecast.high_bytes)} by the average study, "
        "1 study not counted, 1 study on disk already, room for 1.0 MB"
    )


@pytest.mark.parametrize(
    ("instances", "modalities", "likely_bytes"),
    [
        (10, ("CT",), 10 * 530_000),
        (11, ("CT", "SR"), 10 * 530_000 + 30_000),
        (11, ("CT", "PT"), 6 * 530_000 + 5 * 50_000),
        (3, ("SR",), 3 * 30_000),
        (3, ("",), 3_000_000),
        (3, (), 3_000_000),
    ],
)
def test_the_instances_of_a_study_are_divided_among_its_modalities(
    instances: int, modalities: tuple[str, ...], likely_bytes: int
) -> None:
    study = _planned("1.1", instances=instances, modalities=modalities)

    assert outlook_of([study], SizeTable()).forecast.likely_bytes == likely_bytes


def test_an_outlook_on_nothing_says_nothing() -> None:
    assert str(outlook_of([], SizeTable(), room_bytes=5)) == ""
    outlook = outlook_of([_planned("1.1")], SizeTable(), frozenset({"1.1"}), 5)
    assert str(outlook) == "1 study on disk already, room for 5 B"
    assert outlook.fits is Fit.YES


def test_an_outlook_says_what_does_not_fit() -> None:
    text = str(outlook_of([_planned("1.1", instances=1000)], SizeTable(), room_bytes=10))

    assert text.endswith(", room for 10 B: does not fit")


@pytest.mark.parametrize(
    ("low", "likely", "high", "text", "short"),
    [
        (20, 29, 41, "about 29 MB (20 MB to 41 MB)", "~29 MB"),
        (10, 40, 100, "about 40 MB (10 MB to 100 MB)", "~40 MB"),
        (1, 5, 18, "at most about 18 MB", "≤18 MB"),
        (0, 0, 18, "at most about 18 MB", "≤18 MB"),
        (5, 5, 5, "about 5.0 MB", "~5.0 MB"),
    ],
)
def test_a_range_too_wide_for_a_middle_names_its_upper_end(
    low: int, likely: int, high: int, text: str, short: str
) -> None:
    forecast = Forecast(low_bytes=low * 10**6, likely_bytes=likely * 10**6, high_bytes=high * 10**6)

    assert forecast_text(forecast) == text
    assert short_forecast_text(forecast) == short
