"""Hours of the week in which a run may use the PACS: `mon-fri 19:00-06:30, sat-sun`.

The clock on the wall decides. Hours that end before they begin end on the next day, and belong to
the day on which they begin. An hour that is skipped when clocks are put forward has no time in it;
one that is repeated when they are put back counts both times.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dicom_retrieve_tui.errors import ConfigError

ALWAYS = "always"
"""The text for no limit, which a flag needs to override a profile."""

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EVERY_DAY = frozenset(range(7))
_DAY_MIN = 24 * 60
_QUARTER_MIN = 15
_CHANGE_WITHIN = timedelta(days=15)
"""A clock change may skip the only hours of a week."""

_DAY = r"[a-z]{3,9}"
_PART = re.compile(
    rf"(?:(?P<first>{_DAY})(?: ?- ?(?P<last>{_DAY}))?)?"
    r"(?: ?(?P<begin>\d{1,2}:\d\d) ?- ?(?P<end>\d{1,2}:\d\d))?"
)
_TIME = re.compile(r"(\d{1,2}):(\d\d)")
_FULL_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

ToLocal = Callable[[datetime], datetime]
"""Converts an instant to the local time of a place."""


def system_local(at: datetime) -> datetime:
    """Return an instant in the time zone of this computer; in UTC if its `TZ` is invalid."""
    try:
        return at.astimezone()
    except ValueError:  # the system takes `TZ=XYZ+24`; no day is as long as that
        return at.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class _Span:
    """Hours of some days, in minutes after midnight; across midnight if `end` is not later."""

    days: frozenset[int]
    """0 is Monday."""
    begin_min: int
    end_min: int

    def has(self, day: int, minute: int) -> bool:
        """Return True if a minute of a day of the week is within these hours."""
        if self.begin_min < self.end_min:
            return day in self.days and self.begin_min <= minute < self.end_min
        if minute >= self.begin_min:
            return day in self.days
        return minute < self.end_min and (day - 1) % 7 in self.days


@dataclass(frozen=True, slots=True)
class Hours:
    """The times at which requests may be made. `str()` is the text that they were parsed from."""

    text: str
    spans: tuple[_Span, ...]

    def __str__(self) -> str:
        return self.text

    def is_open(self, local: datetime) -> bool:
        """Return True if requests may be made at this local time."""
        day, minute = local.weekday(), local.hour * 60 + local.minute
        return any(span.has(day, minute) for span in self.spans)

    def next_change(self, at: datetime, to_local: ToLocal = system_local) -> datetime | None:
        """Return the first instant after `at` when `is_open` changes; None if it never does.

        Args:
            at: An instant, with a time zone.
            to_local: Gives the local time that counts.
        """
        now_open = self.is_open(to_local(at))
        marks = sorted({mark for span in self.spans for mark in (span.begin_min, span.end_min)})
        # Offsets from UTC are whole minutes, so that every change is at a whole minute of UTC.
        instant = at.astimezone(UTC).replace(second=0, microsecond=0)
        last = instant + _CHANGE_WITHIN
        local = to_local(instant)
        while instant < last:
            minute = local.hour * 60 + local.minute
            next_mark = next((mark for mark in marks if mark > minute), _DAY_MIN)
            # Clocks change at whole quarters of an hour.
            step_min = min(next_mark - minute, _QUARTER_MIN - instant.minute % _QUARTER_MIN)
            instant += timedelta(minutes=step_min)
            local = to_local(instant)
            if self.is_open(local) != now_open:
                return local
        return None


def parse_hours(where: str, text: str) -> Hours | None:
    """Parse `19:00-06:30`, `mon-fri 19:00-06:30, sat-sun` or `always`, which is None.

    Raises:
        ConfigError: The text is something else; the message names `where`.
    """
    given = " ".join(text.lower().split())
    if given == ALWAYS:
        return None
    spans = []
    for part in given.split(","):
        span = _parse_span(part.strip())
        if isinstance(span, str):
            raise ConfigError.of_value(where, text, span)
        spans.append(span)
    return Hours(", ".join(part.strip() for part in given.split(",")), tuple(spans))


def _parse_span(part: str) -> _Span | str:
    """Return the hours that a part of the text describes, or what is wrong with it."""
    match = _PART.fullmatch(part)
    if not part or match is None:
        found = f"{part!r} is not understood" if part else "there is nothing between two commas"
        return f"{found}; expected hours such as 19:00-06:30 or mon-fri 19:00-06:30, sat-sun"
    days = _EVERY_DAY
    if first_name := match["first"]:
        names = (first_name, match["last"] or first_name)
        for name in names:
            if _day_of(name) is None:
                return f"{name!r} is not a day; use {', '.join(_DAYS)}"
        first, last = (_day_of(name) or 0 for name in names)
        days = frozenset((first + n) % 7 for n in range((last - first) % 7 + 1))
    if match["begin"] is None:
        return _Span(days, 0, _DAY_MIN)
    begin, end = _minute_of(match["begin"]), _minute_of(match["end"])
    if begin is None or end is None or begin == _DAY_MIN:
        wrong = match["end"] if end is None else match["begin"]
        return f"{wrong} is not a time of day from 00:00 to 23:59, or 24:00 as an end"
    if begin == end:
        return f"{match['begin']}-{match['end']} has no length; leave the time out for whole days"
    return _Span(days, begin, end)


def _day_of(name: str) -> int | None:
    for number, (short, full) in enumerate(zip(_DAYS, _FULL_DAYS, strict=True)):
        if name in {short, full}:
            return number
    return None


def _minute_of(text: str) -> int | None:
    """Return the minutes after midnight; None if there is no such time."""
    match = _TIME.fullmatch(text)
    hour, minute = (int(match[1]), int(match[2])) if match else (99, 0)
    total = hour * 60 + minute
    return total if minute < 60 and total <= _DAY_MIN else None


def day_and_time(local: datetime) -> str:
    """Return a time of the coming week: `Mon 19:00`."""
    return f"{_DAYS[local.weekday()].capitalize()} {local:%H:%M}"
