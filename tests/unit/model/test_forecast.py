"""Which figures a forecast uses, and what it counts."""

import pytest

from dicom_retrieve_tui.model.forecast import (
    Demand,
    Kind,
    Sizes,
    SizeTable,
    counts_to_come,
)
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
