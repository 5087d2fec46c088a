"""Hours of the week, over midnight and over both clock changes."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.hours import Hours, ToLocal, day_and_time, parse_hours

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = "2026-11-30"


def hours(text: str) -> Hours:
    found = parse_hours("--between", text)
    assert found is not None
    return found


def in_zone(zone: ZoneInfo) -> ToLocal:
    return lambda at: at.astimezone(zone)


def berlin(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold)


def changes(given: Hours, first: datetime, count: int) -> list[str]:
    """The next times, in Berlin, at which the hours change."""
    found, at = [], first
    for _ in range(count):
        change = given.next_change(at, in_zone(BERLIN))
        assert change is not None
        found.append(change.strftime("%a %H:%M %z"))
        at = change
    return found


@pytest.mark.parametrize(
    ("text", "at", "is_open"),
    [
        ("19:00-06:30", f"{MONDAY} 18:59:59", False),
        ("19:00-06:30", f"{MONDAY} 19:00", True),
        ("19:00-06:30", "2026-12-01 06:29:59", True),
        ("19:00-06:30", "2026-12-01 06:30", False),
        ("12:00-13:00, 19:00-06:30", f"{MONDAY} 12:30", True),
        ("mon-fri 19:00-06:30, sat-sun", "2026-12-04 19:00", True),  # Friday
        ("mon-fri 19:00-06:30, sat-sun", "2026-12-05 12:00", True),  # Saturday
        ("mon-fri 19:00-06:30, sat-sun", f"{MONDAY} 00:00", False),
        ("mon-fri 19:00-06:30", "2026-12-05 06:00", True),  # began on Friday
        ("mon-fri 19:00-06:30", f"{MONDAY} 06:00", False),  # Sunday has no hours
        ("fri-mon", f"{MONDAY} 23:59", True),
        ("fri-mon", "2026-12-01 00:00", False),
        ("Monday", f"{MONDAY} 08:00", True),
        ("00:00-24:00", f"{MONDAY} 08:00", True),
    ],
)
def test_the_hours_are_open_or_not(text: str, at: str, is_open: bool) -> None:  # noqa: FBT001
    assert hours(text).is_open(datetime.fromisoformat(at)) is is_open


def test_hours_change_over_midnight_and_over_a_weekend() -> None:
    given = hours("mon-fri 19:00-06:30, sat-sun")
    assert changes(given, berlin("2026-12-03 12:00"), 5) == [
        "Thu 19:00 +0100", "Fri 06:30 +0100", "Fri 19:00 +0100", "Mon 00:00 +0100",
        "Mon 19:00 +0100",
    ]  # fmt: skip


def test_a_night_is_an_hour_shorter_when_clocks_are_put_forward() -> None:
    given, evening = hours("19:00-06:30"), berlin("2026-03-28 19:00")
    assert changes(given, evening, 1) == ["Sun 06:30 +0200"]
    morning = given.next_change(evening, in_zone(BERLIN))
    assert morning is not None
    assert (morning.astimezone(UTC) - evening.astimezone(UTC)).total_seconds() == 10.5 * 3600


def test_a_night_is_an_hour_longer_when_clocks_are_put_back() -> None:
    given, evening = hours("19:00-06:30"), berlin("2026-10-24 19:00")
    morning = given.next_change(evening, in_zone(BERLIN))
    assert morning is not None
    assert (morning.astimezone(UTC) - evening.astimezone(UTC)).total_seconds() == 12.5 * 3600


def test_hours_that_a_clock_change_skips_do_not_open() -> None:
    # 02:00 to 03:00 does not exist on 29 March 2026.
    assert changes(hours("02:15-02:45"), berlin("2026-03-28 12:00"), 2) == [
        "Mon 02:15 +0200", "Mon 02:45 +0200",
    ]  # fmt: skip


def test_hours_that_a_clock_change_repeats_open_twice() -> None:
    assert changes(hours("02:15-02:45"), berlin("2026-10-24 12:00"), 4) == [
        "Sun 02:15 +0200", "Sun 02:45 +0200", "Sun 02:15 +0100", "Sun 02:45 +0100",
    ]  # fmt: skip


def test_hours_without_an_end_never_change() -> None:
    for text in ("mon-sun", "00:00-12:00, 12:00-24:00"):
        assert hours(text).next_change(berlin("2026-03-28 19:00"), in_zone(BERLIN)) is None


def test_always_is_no_limit() -> None:
    assert parse_hours("--between", " Always ") is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "nothing between two commas"),
        ("19:00-06:30,", "nothing between two commas"),
        ("7pm-6am", "'7pm-6am' is not understood; expected hours such as 19:00-06:30"),
        ("19:00", "'19:00' is not understood"),
        ("19:00-25:00", "25:00 is not a time of day"),
        ("19:60-20:00", "19:60 is not a time of day"),
        ("24:00-06:00", "24:00 is not a time of day"),
        ("19:00-19:00", "19:00-19:00 has no length"),
        ("mon-fry 19:00-06:30", "'fry' is not a day; use mon, tue"),
        ("weekend", "'weekend' is not a day"),
        ("mon-fri 19:00-06:30 sat", "is not understood"),
    ],
)
def test_what_is_wrong_with_hours_is_one_sentence(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_hours("--between", text)
    assert problem in str(caught.value)
    assert str(caught.value).startswith(f"--between {text!r}: ")
    assert caught.value.option == "--between"


def test_the_text_is_kept_in_one_form() -> None:
    assert str(hours(" MON-FRI  19:00-06:30,sat-sun ")) == "mon-fri 19:00-06:30, sat-sun"


def test_a_change_is_written_with_its_day() -> None:
    assert day_and_time(berlin(f"{MONDAY} 19:00")) == "Mon 19:00"
