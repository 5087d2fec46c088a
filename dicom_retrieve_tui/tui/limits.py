"""The limits of a session that may be changed while it runs: its hours and its rate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from dicom_retrieve_tui.model.hours import Hours, parse_hours
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.rate_limit import Rate, parse_rate
from dicom_retrieve_tui.tui.retrieve_form import FIELDS as ORDER_FIELDS

HOURS, RATE = "between", "max_rate"
FIELDS = tuple(field for field in ORDER_FIELDS if field.name in {HOURS, RATE})
"""As in the form of an order."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Hours and rate; None for no limit."""

    hours: Hours | None
    rate: Rate | None

    @classmethod
    def of(cls, options: RetrieveOptions) -> Self:
        """Return the limits that a session begins with."""
        return cls(options.between, options.max_rate)

    def __str__(self) -> str:
        hours = f"between {self.hours}" if self.hours else "at any hour"
        return f"{hours}, at most {self.rate}" if self.rate else f"{hours}, at any rate"


def texts_of(limits: Limits) -> dict[str, str]:
    """Return the texts of a form; empty for no limit."""
    return {HOURS: str(limits.hours or ""), RATE: str(limits.rate or "")}


def limits_of(texts: Mapping[str, str]) -> Limits:
    """Return the limits that a form makes. Raises `ConfigError`."""
    hours, rate = texts[HOURS].strip(), texts[RATE].strip()
    return Limits(
        parse_hours(HOURS, hours) if hours else None, parse_rate(RATE, rate) if rate else None
    )
