"""Hours in zones with clock changes of an hour and of half an hour, and with odd offsets."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.hours import Hours, parse_hours

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MINUTE = timedelta(minutes=1)

_times = st.integers(0, 24 * 60 - 1).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")
_days = st.one_of(
    st.just(""),
    st.sampled_from(_DAYS),
    st.tuples(st.sampled_from(_DAYS), st.sampled_from(_DAYS)).map("-".join),
)
_spans = st.tuples(_times, _times).filter(lambda pair: pair[0] != pair[1]).map("-".join)
_parts = st.tuples(_days, _spans).map(lambda pair: " ".join(pair).strip())
_texts = st.lists(_parts, min_size=1, max_size=3).map(", ".join)
_CLOCK_CHANGES = (
    ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ("America/St_Johns", datetime(2026, 3, 8, 5, 30, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2026, 1, 1, tzinfo=UTC)),  # none, and 5 h 45 min from UTC
)
_moments = st.builds(
    lambda change, minutes, seconds: (
        ZoneInfo(change[0]),
        change[1] + timedelta(minutes=minutes, seconds=seconds),
    ),
    st.sampled_from(_CLOCK_CHANGES),
    st.integers(-12 * 60, 3 * 60),
    st.integers(0, 59),
)


def _hours(text: str) -> Hours:
    found = parse_hours("between", text)
    assert found is not None
    return found


@settings(deadline=None, derandomize=True)
@given(_texts, _moments)
def test_hours_hold_until_their_next_change_and_no_longer(
    text: str, moment: tuple[ZoneInfo, datetime]
) -> None:
    hours, (zone, at) = _hours(text), moment
    now_open = hours.is_open(at.astimezone(zone))
    change = hours.next_change(at, lambda instant: instant.astimezone(zone))
    until = at + timedelta(days=8) if change is None else change.astimezone(UTC)
    assert until > at
    assert change is None or hours.is_open(change) is not now_open
    # Every ten minutes, and the last second before the change.
    step = at
    while step < until:
        assert hours.is_open(step.astimezone(zone)) is now_open
        step += 10 * _MINUTE
    assert hours.is_open((until - timedelta(seconds=1)).astimezone(zone)) is now_open


@settings(deadline=None, derandomize=True)
@given(_texts)
def test_written_hours_are_the_hours_that_were_parsed(text: str) -> None:
    hours = _hours(text)
    assert _hours(str(hours)) == hours


@settings(deadline=None, derandomize=True)
@given(st.text(alphabet="monfrisat0123456789:-, ", max_size=30))
def test_any_text_is_hours_or_one_sentence(text: str) -> None:
    said = ""
    try:
        parse_hours("between", text)
    except ConfigError as error:
        said = str(error)
    assert "\n" not in said
