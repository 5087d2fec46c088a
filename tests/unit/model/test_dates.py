"""Dates as people write them."""

from datetime import date

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.dates import DateRange, dicom_date, parse_dates, parse_last

_TODAY = date(2024, 3, 31)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("2024-01-31", "20240131"),
        ("20240131", "20240131"),
        ("2024-02", "20240201-20240229"),
        ("2023", "20230101-20231231"),
        ("2024-01-01..2024-03-31", "20240101-20240331"),
        ("2024-01 .. 2024-02", "20240101-20240229"),
        ("2024-01-05..", "20240105-"),
        ("..2024-01-05", "-20240105"),
        ("20240101-20240331", "20240101-20240331"),
        ("20240101-", "20240101-"),
        ("today", "20240331"),
        ("Yesterday", "20240330"),
        ("yesterday..today", "20240330-20240331"),
        ("31.3.2024", "20240331"),
        ("01.02.2024..31.3.2024", "20240201-20240331"),
        ("this week", "20240325-20240331"),
        ("Last week", "20240318-20240324"),
        ("last 7d", "20240324-20240331"),
        ("last 2w", "20240317-20240331"),
        ("last 1m", "20240229-20240331"),
        ("last 1y", "20230331-20240331"),
    ],
)
def test_a_date_is_a_range_that_a_pacs_understands(text: str, key: str) -> None:
    assert parse_dates("--date", text, _TODAY).key == key


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected 2024-03-31"),
        ("..", "expected 2024-03-31"),
        ("3/31/2024", "expected 2024-03-31"),
        ("31.13.2024", "month must be in 1..12"),
        ("2024-02-30", "day is out of range for month"),
        ("2024-13", "bad month number 13"),
        ("2024-02-01..2024-01-01", "it ends before it begins"),
        ("last weeks", "expected a number with d, w, m or y"),
        ("last 9999y", "before any calendar"),
        ("0000-01-01", "year 0 is out of range"),
    ],
)
def test_a_date_that_is_none_is_told_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match="--date") as told:
        parse_dates("--date", text, _TODAY)

    assert said in str(told.value)


def test_so_many_days_back_include_today() -> None:
    span = parse_last("--last", "1d", _TODAY)

    assert span == DateRange(date(2024, 3, 30), _TODAY)


def test_a_range_holds_its_ends() -> None:
    span = DateRange(date(2024, 1, 1), None)

    assert span.holds(date(2024, 1, 1))
    assert span.holds(date(9999, 1, 1))
    assert not span.holds(date(2023, 12, 31))


@pytest.mark.parametrize(
    ("text", "day"),
    [("20240131", date(2024, 1, 31)), ("2024.01.31", date(2024, 1, 31)), ("20241399", None),
     ("", None), ("n/a", None)],
)  # fmt: skip
def test_a_value_of_vr_da_is_a_day_or_none(text: str, day: date | None) -> None:
    assert dicom_date(text) == day


@pytest.mark.parametrize(
    ("span", "halves"),
    [
        ("2024-01-01..2024-01-04", ["2024-01-01..2024-01-02", "2024-01-03..2024-01-04"]),
        ("2024-01-01..2024-01-02", ["2024-01-01", "2024-01-02"]),
        ("2024-03-28..", ["2024-03-28..2024-03-29", "2024-03-30.."]),
        ("2024-03-31..", ["2024-03-31", "2024-04-01.."]),
        ("2024-01-01", None),
        ("2024-04-01..", None),
        ("..2024-01-01", None),
    ],
)
def test_a_range_is_cut_in_two_without_a_gap(span: str, halves: list[str] | None) -> None:
    cut = parse_dates("--date", span, _TODAY).halves(_TODAY)

    assert (cut and [str(half) for half in cut]) == halves
