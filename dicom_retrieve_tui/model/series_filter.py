"""Filters on the series of every study: by modality and by description.

A filter has three results: if the PACS does not return what it needs of a series, it cannot decide,
and its caller reports that.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.humanize import count

MODALITY_SEPARATOR = ","
DESCRIPTION_SEPARATOR = "|"
"""Descriptions may contain commas."""

_MODALITY = re.compile(r"[A-Z0-9_]{1,16}")
"""A code string (VR CS, PS3.5 section 6.2) without blanks, which no modality has: `CT PT` lacks its
comma."""
_PATTERN_LENGTH_MAX = 256
"""Far more than the 64 characters of a Series Description (VR LO)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesFilter:
    """A filter on series; an empty filter accepts all."""

    modalities: tuple[str, ...] = ()
    """Accepted modalities (0008,0060), upper case; empty: all."""
    excluded_modalities: tuple[str, ...] = ()
    """Excluded modalities."""
    descriptions: tuple[str, ...] = ()
    """Patterns for the whole Series Description (0008,103E), of which one must match; empty: any.
    `*` matches any text, `?` one character; case is ignored."""

    def __bool__(self) -> bool:
        """Return True if the filter is not empty."""
        return bool(self.modalities or self.excluded_modalities or self.descriptions)

    def wants(self, modality: str | None, description: str | None) -> bool | None:
        """Return True to accept a series, False to leave it out, None if it cannot decide.

        Args:
            modality: None or empty if the PACS does not return it; every series has one.
            description: None if the PACS does not return the key; a series may have none.
        """
        answers = (self._modality_fits(modality), self._description_fits(description))
        if False in answers:
            return False
        return None if None in answers else True

    def unknown(self, modality: str | None, description: str | None) -> str:
        """Return the missing attribute that the filter needs, in words; empty if it can decide."""
        if self.wants(modality, description) is not None:
            return ""
        missing = []
        if self._modality_fits(modality) is None:
            missing.append("modality")
        if self._description_fits(description) is None:
            missing.append("description")
        return " and ".join(missing)

    def flags(self) -> tuple[tuple[str, str], ...]:
        """Return the flags of the command line, each with its value, in order."""
        texts = (
            ("--modality", MODALITY_SEPARATOR.join(self.modalities)),
            ("--exclude-modality", MODALITY_SEPARATOR.join(self.excluded_modalities)),
            ("--series-description", DESCRIPTION_SEPARATOR.join(self.descriptions)),
        )
        return tuple((flag, text) for flag, text in texts if text)

    def __str__(self) -> str:
        """Return the filter in words: `modality CT, PT; not SR; description T1*`."""
        parts = (
            ("modality", self.modalities),
            ("not", self.excluded_modalities),
            ("description", self.descriptions),
        )
        return "; ".join(f"{word} {', '.join(values)}" for word, values in parts if values)

    def _modality_fits(self, modality: str | None) -> bool | None:
        if not (self.modalities or self.excluded_modalities):
            return True
        if not modality:
            return None
        code = modality.upper()
        return code not in self.excluded_modalities and (
            not self.modalities or code in self.modalities
        )

    def _description_fits(self, description: str | None) -> bool | None:
        if not self.descriptions:
            return True
        if description is None:
            return None
        text = description.strip().casefold()
        return any(_pattern(each).match(text) for each in self.descriptions)


NO_FILTER = SeriesFilter()


def modality_conflict(wanted: str, excluded: str) -> str | None:
    """Return the fault of two lists with a common modality, as a clause; None without."""
    named = set(_modalities(wanted))
    both = next((each for each in _modalities(excluded) if each in named), None)
    return None if both is None else f"{both} is both wanted and left out"


def parse_modalities(where: str, text: str) -> tuple[str, ...]:
    """Parse modalities, separated by commas.

    Args:
        where: Names the place in messages.
        text: Such as `CT,PT`, in any case.

    Raises:
        ConfigError: It has no modality, or an invalid one.
    """
    if (fault := modalities_fault(text)) is not None:
        raise ConfigError.of_value(where, text, fault)
    return tuple(dict.fromkeys(_modalities(text)))


def modalities_fault(text: str) -> str | None:
    """Return the fault of a list of modalities, as the end of a sentence, or None."""
    codes = _modalities(text)
    if not codes:
        return "it names no modality; leave it out for all of them"
    odd = next((code for code in codes if not _MODALITY.fullmatch(code)), None)
    if odd is None:
        return None
    return f"{odd!r} is not a modality; give codes such as CT or MR, separated by commas"


def parse_descriptions(where: str, text: str) -> tuple[str, ...]:
    """Parse patterns for a Series Description, separated by `|`.

    Raises:
        ConfigError: It has no pattern, or one that no description can match.
    """
    if (fault := descriptions_fault(text)) is not None:
        raise ConfigError.of_value(where, text, fault)
    return tuple(dict.fromkeys(_descriptions(text)))


def descriptions_fault(text: str) -> str | None:
    """Return the fault of patterns, as the end of a sentence, or None."""
    patterns = _descriptions(text)
    if not patterns:
        return "it holds no pattern; leave it out for every description"
    if any("\\" in pattern or not pattern.isprintable() for pattern in patterns):
        return "a description holds no backslash and no control character, so nothing matches"
    if any(len(pattern) > _PATTERN_LENGTH_MAX for pattern in patterns):
        return f"a pattern has at most {_PATTERN_LENGTH_MAX} characters"
    return None


def _modalities(text: str) -> list[str]:
    parts = (each.strip().upper() for each in text.split(MODALITY_SEPARATOR))
    return [each for each in parts if each]


def _descriptions(text: str) -> list[str]:
    parts = (each.strip() for each in text.split(DESCRIPTION_SEPARATOR))
    return [each for each in parts if each]


@lru_cache(maxsize=64)
def _pattern(text: str) -> re.Pattern[str]:
    # A bracket does not begin a set.
    return re.compile(translate(text.casefold().replace("[", "[[]")))


def count_modalities(left_out: Iterable[tuple[str, str]]) -> Counter[str]:
    """Return the number of series of each modality; `unknown` where the PACS does not send it.

    Args:
        left_out: Series Instance UID and modality of each series.
    """
    return Counter(modality or "unknown" for _, modality in left_out)


def left_out_text(left_out: Iterable[tuple[str, str]]) -> str:
    """Format series with their modalities: `3 series (SR 2, KO 1)`."""
    return modalities_text(count_modalities(left_out))


def modalities_text(counts: Counter[str]) -> str:
    """Format counts of series by modality: `3 series (SR 2, KO 1)`."""
    by_modality = ", ".join(f"{word} {n:,}" for word, n in counts.most_common())
    return f"{count(counts.total(), 'series')} ({by_modality})"
