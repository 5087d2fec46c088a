"""Cells of tables: read them as spreadsheets, databases and programs write them, and escape them.

A cell with one meaning is read; a cell that a program has corrupted is reported, because its digits
are lost. A cell that a spreadsheet would calculate, such as `=HYPERLINK(...)` as a patient's name,
is written with an apostrophe, which makes it text; reading removes the apostrophe.
"""

import re
from datetime import date

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.dates import DateRange, parse_dates

_FORMULA = re.compile(r"[\s']*[=+\-@\uff1d\uff0b\uff0d\uff20]")
"""The wide characters count in East Asian spreadsheets. Source: OWASP, CSV Injection."""
_APOSTROPHE = "'"

_QUOTES = "\"'`\u00b4\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u00ab\u00bb"
_BRACKETS = "<>[](){}"
_PLAIN = re.compile(r"[\w.^]*", re.ASCII)
_DIGITS_AND_PERIODS = re.compile("[0-9.]+")
_EXCEL_TEXT = re.compile('=["\u201c\u201d](.*)["\u201c\u201d]')
_BYTES_AS_BLANKS = " \udca0\udcca"
"""A non-breaking blank in Windows-1252, and in Mac Roman."""
_BYTES_AS_QUOTES = "\udc91\udc92\udc93\udc94\udcd2\udcd3\udcd4\udcd5"
"""Typographic quotes, likewise."""
_URN = re.compile(r"^(?:urn:)?oid:", re.IGNORECASE)
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
"""Full-width forms of ASCII."""

_SCIENTIFIC = re.compile(r"[+-]?[0-9]+[.,][0-9]+E[+-]?[0-9]+|[+-]?[0-9]+E\+[0-9]+", re.IGNORECASE)
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:[,'\u2019][0-9]{3})+")
_FLOAT = re.compile(r"[0-9]+[.,]0+")
_SHEET_ERROR = re.compile(r"#(?:N/A|REF!|NAME\?|VALUE!|NUM!|NULL!|DIV/0!|NV|BEZUG!|WERT!|#+)")
_NOTHING = re.compile(r"<?\(?null\)?>?|nan|none|n/a|\\n|nat|undefined", re.IGNORECASE)
_ROUNDED = (
    "is a number that a spreadsheet rounded, and its last digits are lost: "
    "format the column as text, and export it again"
)
_AS_NUMBER = (
    "ends in .0: a program took it for a number, and zeros at its start may be lost; "
    "export the column as text"
)


def escaped(cell: str) -> str:
    """Return a cell in a form that no spreadsheet takes for a formula."""
    return _APOSTROPHE + cell if _FORMULA.match(cell) else cell


def unescaped(cell: str) -> str:
    """Return the cell that `escaped` was given."""
    return cell[1:] if cell[:1] == _APOSTROPHE and _FORMULA.match(cell) else cell


def cell_text(cell: str) -> str:
    """Return a cell without the quotes and blanks that programs put around a text."""
    text = cell.strip()
    if _PLAIN.fullmatch(text):
        return text
    plain = unescaped(text)
    if plain != text:
        return plain
    if excel := _EXCEL_TEXT.fullmatch(text):
        text = excel[1].strip()
    stripped = text.strip(_BYTES_AS_BLANKS + _BYTES_AS_QUOTES)
    if stripped.isascii() and stripped:
        text = stripped
    inner = text.strip(_QUOTES + " ")
    # Excel has an apostrophe only in front; a name may end with one.
    return inner if text[:1] and text[0] in _QUOTES else text


def uid_text(cell: str) -> str:
    """Return a cell with a UID, without brackets, quotes and separators around it."""
    if _DIGITS_AND_PERIODS.fullmatch(cell):
        return cell
    text = cell_text(cell_text(cell.translate(_WIDE)).strip(f"{_BRACKETS}{_QUOTES},; "))
    return _URN.sub("", text, count=1)


def spoilt(text: str) -> str | None:
    """Return how a program corrupted a UID or a number, or None if it seems whole."""
    if _SHEET_ERROR.fullmatch(text):
        return "is an error of a spreadsheet, not a value"
    if _SCIENTIFIC.fullmatch(text):
        return _ROUNDED
    if any("\udc80" <= character <= "\udcff" for character in text):
        return "has characters in an unknown encoding: save the list as UTF-8"
    if "\ufffd" in text:
        return "has characters that were lost when the list was written: export it again as UTF-8"
    return None


def spoilt_uid(text: str) -> str | None:
    """Return how a program corrupted a UID, or None."""
    if _DIGITS_AND_PERIODS.fullmatch(text):
        return None
    if _NOTHING.fullmatch(text):
        return "means a missing value"
    return spoilt(text)


def spoilt_number(text: str) -> str | None:
    """Return how a program corrupted an accession number or a patient ID, or None."""
    if _THOUSANDS.fullmatch(text):
        return "is a number with separators of thousands: export the column as text"
    return _AS_NUMBER if _FLOAT.fullmatch(text) else spoilt(text)


def is_sheet_error(text: str) -> bool:
    """Return True for an error of a spreadsheet, which looks like a comment."""
    return _SHEET_ERROR.fullmatch(text) is not None


_TIME_OF_DAY = re.compile(
    r"[T ]\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?[AP]M)?(?:Z|[+-]\d\d:?\d\d)?$"
)
_YEAR_FIRST = re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})")
_TWO_DIGIT_YEAR = re.compile(r"\d{1,2}[-/.]\d{1,2}[-/.]\d\d")
_WITH_NAME = re.compile(r"(\d{1,2})[-. ]+([A-Za-z]{3})[a-z]*[-. ,]+(\d{4})")
_NAME_FIRST = re.compile(r"([A-Za-z]{3})[a-z]*[. ]+(\d{1,2})[ ,]+(\d{4})")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY_NUMBER = re.compile(r"\d{5}")
_RANGE = re.compile(r"\s*(?:\.\.|\s-\s|\s\u2013\s|\sto\s)\s*")
_DICOM_RANGE = re.compile(r"(\d{8})?-(\d{8})?")


def cell_dates(text: str) -> DateRange:
    """Return the day or the range of days in a cell.

    Raises:
        ConfigError: The cell has no date, or an ambiguous one.
    """
    text = _TIME_OF_DAY.sub("", text.strip())
    if not re.search("[0-9]", text):
        raise ConfigError(f"{text!r} is not a date, such as 2024-03-31")
    if _DICOM_RANGE.fullmatch(text):
        return _days(text)
    ends = [_TIME_OF_DAY.sub("", end.strip()) for end in _RANGE.split(text)]
    if len(ends) > 2 or not any(ends):
        raise ConfigError(f"{text!r} is not a date")
    spans = [_days(_iso(end)) if end else DateRange() for end in ends]
    found = DateRange(spans[0].first, spans[-1].last)
    if found.first and found.last and found.first > found.last:
        raise ConfigError(f"{text!r} ends before it begins")
    return found


def _days(text: str) -> DateRange:
    if not text[:1].isdigit() and not text.startswith("-"):
        raise ConfigError(f"{text!r} is not a date, such as 2024-03-31")
    # No remaining form is relative to today.
    return parse_dates("the date", text, date.min)


def _iso(text: str) -> str:
    """Return a date with the year first.

    Raises:
        ConfigError: The order of day and month is ambiguous, or the year has two digits.
    """
    if match := _YEAR_FIRST.fullmatch(text):
        return f"{match[1]}-{match[2]:0>2}-{match[3]:0>2}"
    if match := _YEAR_LAST.fullmatch(text):
        return _year_last(text, match)
    if match := _WITH_NAME.fullmatch(text):
        return _named(text, match[1], match[2], match[3])
    if match := _NAME_FIRST.fullmatch(text):
        return _named(text, match[2], match[1], match[3])
    if _TWO_DIGIT_YEAR.fullmatch(text):
        raise ConfigError(f"{text!r} has a year of two digits: write it as 2024-03-31")
    if _DAY_NUMBER.fullmatch(text):
        raise ConfigError(f"{text!r} is a day number of a spreadsheet: format it as 2024-03-31")
    return text


def _year_last(text: str, match: re.Match[str]) -> str:
    first, separator, second, year = match.groups()
    # Dates with periods have the day first.
    if separator != "." and first != second and int(first) <= 12 and int(second) <= 12:
        raise ConfigError(f"{text!r} is ambiguous (day or month first): write it as 2024-03-31")
    day_first = separator == "." or int(first) > 12
    day, month = (first, second) if day_first else (second, first)
    return f"{year}-{month:0>2}-{day:0>2}"


def _named(text: str, day: str, month: str, year: str) -> str:
    if month.lower() not in _MONTHS:
        raise ConfigError(f"{text!r} is not a date, such as 2024-03-31")
    return f"{year}-{_MONTHS.index(month.lower()) + 1:02}-{day:0>2}"
