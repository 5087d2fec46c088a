"""Cells of a table that a spreadsheet would calculate: `=HYPERLINK(...)` as a patient's name. Pure.

Whatever begins like a formula gets an apostrophe, by which every spreadsheet takes it for text; a
table that is read here loses it again, so that an ID comes back as it was.
"""

import re

_LIKE_A_FORMULA = re.compile(r"[\s']*[=+\-@\uff1d\uff0b\uff0d\uff20]")
"""The wide ones count in East Asian spreadsheets. Source: OWASP, CSV Injection."""
_SIGN = "'"


def as_text(cell: str) -> str:
    """The same cell, which no spreadsheet takes for a formula."""
    return _SIGN + cell if _LIKE_A_FORMULA.match(cell) else cell


def as_said(cell: str) -> str:
    """What `as_text` was given."""
    return cell[1:] if cell[:1] == _SIGN and _LIKE_A_FORMULA.match(cell) else cell
