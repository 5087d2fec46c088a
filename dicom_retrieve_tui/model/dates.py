"""Dates and ranges of dates: parse what users write, format C-FIND keys, split ranges.

Today is an argument, so that it is the same day for a whole command.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta

from dicom_retrieve_tui.errors import ConfigError

_AGO = re.compile(r"(\d{1,4}) ?([dwmy])", re.IGNORECASE)
_ISO = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_BASIC = re.compile(r"(\d{4})(\d\d)(\d\d)")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_FORMS = (
    "expected 2024-03-31, 31.3.2024, 2024-03, 2024, 2024-01-01..2024-03-31 with either end left "
    "open, today, yesterday, this week, last week, or last 7d (d, w, m or y)"
)


@dataclass(frozen=True, slots=True)
class DateRange:
    """From a first to a last day, both included; None leaves an end open."""

    first: date | None = None
    last: date | None = None

    @property
    def key(self) -> str:
        """The range as a matching key of VR DA. Source: PS3.4 section C.2.2.2.5."""
        first, last = (str(day or "").replace("-", "") for day in (self.first, self.last))
        return first if first == last else f"{first}-{last}"

    def holds(self, day: date) -> bool:
        """Return True if `day` is in the range."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)

    def halves(self, until: date) -> tuple["DateRange", "DateRange"] | None:
        """Return the two halves, or None for a single day or an open beginning.

        Args:
            until: The assumed end of a range with an open end.
        """
        if self.first is None:
            return None
        days = ((self.last or until) - self.first).days
        if days < (1 if self.last else 0):
            return None
        middle = self.first + timedelta(days=max(days - 1, 0) // 2)
        return DateRange(self.first, middle), DateRange(middle + timedelta(days=1), self.last)

    def __str__(self) -> str:
        if self.first == self.last:
            return str(self.first or "any date")
        return f"{self.first or ''}..{self.last or ''}"


def parse_dates(where: str, text: str, today: date) -> DateRange:
    """Parse a day, a month, a year or a range of them.

    Args:
        where: Names the place in messages: a flag, or a form's field.
        text: As a user wrote it, or as DICOM writes it, 20240101-20240331.
        today: The day that `today` and relative dates refer to.

    Raises:
        ConfigError: The text is invalid.
    """
    words = text.strip().lower()
    if words.startswith("last ") and words != "last week":
        return parse_last(where, words.removeprefix("last "), today)
    if re.fullmatch(r"\d{8}-\d{8}|\d{8}-|-\d{8}", words):
        words = words.replace("-", "..")
    first, dots, last = (part.strip() for part in words.partition(".."))
    if not first and not last:
        raise ConfigError(f"{where} {text!r}: {_FORMS}.")
    try:
        start = _span(first, today) if first else DateRange()
        end = _span(last, today) if last else DateRange()
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"{where} {text!r}: {error}.") from error
    if not dots:
        return start
    if start.first and end.last and start.first > end.last:
        raise ConfigError(f"{where} {text!r}: it ends before it begins.")
    return DateRange(start.first, end.last)


def parse_last(where: str, text: str, today: date) -> DateRange:
    """Parse `7d`, `2w`, `6m` or `1y`: today and that long before it.

    Raises:
        ConfigError: The text is invalid.
    """
    ago = _AGO.fullmatch(text.strip())
    if ago is None:
        raise ConfigError(f"{where} {text!r}: expected a number with d, w, m or y, such as 7d.")
    number, unit = int(ago[1]), ago[2].lower()
    try:
        return DateRange(_before(today, number, unit), today)
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"{where} {text!r}: that is before any calendar.") from error


def _before(today: date, number: int, unit: str) -> date:
    if unit in "dw":
        return today - timedelta(days=number * (7 if unit == "w" else 1))
    months = today.year * 12 + today.month - 1 - number * (12 if unit == "y" else 1)
    year, month = months // 12, months % 12 + 1
    return date(year, month, min(today.day, calendar.monthrange(year, month)[1]))


def _span(words: str, today: date) -> DateRange:
    """Return the days of a word, a day, a week from Monday on, a month or a year."""
    if words == "today":
        return DateRange(today, today)
    if words == "yesterday":
        day = today - timedelta(days=1)
        return DateRange(day, day)
    if words in {"this week", "last week"}:
        monday = today - timedelta(days=today.weekday() + (7 if words == "last week" else 0))
        return DateRange(monday, monday + timedelta(days=6))
    if dotted := _DOTTED.fullmatch(words):
        day = date(int(dotted[3]), int(dotted[2]), int(dotted[1]))
        return DateRange(day, day)
    match = _ISO.fullmatch(words) or _BASIC.fullmatch(words)
    if match is None:
        raise ValueError(_FORMS)
    year, month, day_of_month = int(match[1]), match[2], match[3]
    if day_of_month:
        day = date(year, int(month), int(day_of_month))
        return DateRange(day, day)
    first_month, last_month = (int(month), int(month)) if month else (1, 12)
    last_day = calendar.monthrange(year, last_month)[1]
    return DateRange(date(year, first_month, 1), date(year, last_month, last_day))


def dicom_date(text: str) -> date | None:
    """Return the day of a value of VR DA, `20240131` or the retired `2024.01.31`; or None."""
    match = _BASIC.fullmatch(text.replace(".", ""))
    try:
        return date(int(match[1]), int(match[2]), int(match[3])) if match else None
    except ValueError:
        return None
