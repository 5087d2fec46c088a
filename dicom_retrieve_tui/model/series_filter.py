"""Which series of every study to retrieve: by modality and by description. Pure.

The rule has three answers. A PACS that does not say what a series is proves nothing about it: the
filter then cannot be decided for that series, and the caller has to say so.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.humanize import count

MODALITY_SEPARATOR = ","
DESCRIPTION_SEPARATOR = "|"
"""A description may hold commas."""

_MODALITY = re.compile(r"[A-Z0-9_]{1,16}")
"""A code string (VR CS, PS3.5 section 6.2), without the blank, which no modality has: `CT PT` lacks
its comma."""
_PATTERN_LENGTH_MAX = 256
"""Far above the 64 characters of a Series Description (VR LO)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesFilter:
    """The series that are wanted; an empty filter wants them all."""

    modalities: tuple[str, ...] = ()
    """Modality (0008,0060), upper case: only these, unless there are none."""
    excluded_modalities: tuple[str, ...] = ()
    """None of these."""
    descriptions: tuple[str, ...] = ()
    """Patterns for the whole Series Description (0008,103E); one must match, unless there are none.
    `*` stands for any text, `?` for one character; upper and lower case are alike."""

    def __bool__(self) -> bool:
        """True if it leaves anything out."""
        return bool(self.modalities or self.excluded_modalities or self.descriptions)

    def wants(self, modality: str | None, description: str | None) -> bool | None:
        """True if a series is wanted, False if not; None if what is known does not decide it.

        Args:
            modality: None or empty where the PACS does not say; every series has one.
            description: None where the PACS does not return the key; a series may have none.
        """
        answers = (self._modality_fits(modality), self._description_fits(description))
        if False in answers:
            return False
        return None if None in answers else True

    def unknown(self, modality: str | None, description: str | None) -> str:
        """What the PACS does not say and the filter needs, in words; empty if it is decided."""
        if self.wants(modality, description) is not None:
            return ""
        missing = []
        if self._modality_fits(modality) is None:
            missing.append("modality")
        if self._description_fits(description) is None:
            missing.append("description")
        return " and ".join(missing)

    def flags(self) -> tuple[tuple[str, str], ...]:
        """The command line's flags, each with its value, in their order."""
        texts = (
            ("--modality", MODALITY_SEPARATOR.join(self.modalities)),
            ("--exclude-modality", MODALITY_SEPARATOR.join(self.excluded_modalities)),
            ("--series-description", DESCRIPTION_SEPARATOR.join(self.descriptions)),
        )
        return tuple((flag, text) for flag, text in texts if text)

    def __str__(self) -> str:
        """The filter in words that fit every face: `modality CT, PT; not SR; description T1*`."""
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


def parse_series_filter(
    modality: str | None = None,
    exclude_modality: str | None = None,
    series_description: str | None = None,
) -> SeriesFilter:
    """The filter that three texts make, as flags, a profile or a form have them; None for no text.

    Raises:
        ConfigError: One of them is invalid, or two contradict each other.
    """
    found = SeriesFilter(
        modalities=_optional(parse_modalities, "--modality", modality),
        excluded_modalities=_optional(parse_modalities, "--exclude-modality", exclude_modality),
        descriptions=_optional(parse_descriptions, "--series-description", series_description),
    )
    if fault := modality_conflict(modality or "", exclude_modality or ""):
        raise ConfigError(
            f"--modality and --exclude-modality contradict each other: {fault}.",
            option="--exclude-modality",
            problem=fault,
        )
    return found


def modality_conflict(wanted: str, excluded: str) -> str | None:
    """The fault of two lists that name the same modality, as a clause; None if they do not."""
    named = set(_modalities(wanted))
    both = next((each for each in _modalities(excluded) if each in named), None)
    return None if both is None else f"{both} is both wanted and left out"


def parse_modalities(where: str, text: str) -> tuple[str, ...]:
    """Modalities, separated by commas.

    Args:
        where: Names the place in messages.
        text: Such as `CT,PT`; lower case is welcome.

    Raises:
        ConfigError: It names none, or something that is not a modality.
    """
    if (fault := modalities_fault(text)) is not None:
        raise ConfigError.of_value(where, text, fault)
    return tuple(dict.fromkeys(_modalities(text)))


def modalities_fault(text: str) -> str | None:
    """What is wrong with a list of modalities, as the end of a sentence; None if nothing is."""
    codes = _modalities(text)
    if not codes:
        return "it names no modality; leave it out for all of them"
    odd = next((code for code in codes if not _MODALITY.fullmatch(code)), None)
    if odd is None:
        return None
    return f"{odd!r} is not a modality; give codes such as CT or MR, separated by commas"


def parse_descriptions(where: str, text: str) -> tuple[str, ...]:
    """Patterns for a Series Description, separated by `|`.

    Raises:
        ConfigError: It holds no pattern, or one that no description can match.
    """
    if (fault := descriptions_fault(text)) is not None:
        raise ConfigError.of_value(where, text, fault)
    return tuple(dict.fromkeys(_descriptions(text)))


def descriptions_fault(text: str) -> str | None:
    """What is wrong with patterns, as the end of a sentence; None if nothing is."""
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


def _optional(
    parse: Callable[[str, str], tuple[str, ...]], where: str, text: str | None
) -> tuple[str, ...]:
    return () if text is None else parse(where, text)


@lru_cache(maxsize=64)
def _pattern(text: str) -> re.Pattern[str]:
    # A bracket is a character like any other, and not the beginning of a set.
    return re.compile(translate(text.casefold().replace("[", "[[]")))


def count_modalities(left_out: Iterable[tuple[str, str]]) -> Counter[str]:
    """Return the number of series of each modality; `unknown` where the PACS does not send it.

    Args:
        left_out: Series Instance UID and modality of each series.
    """
    return Counter(modality or "unknown" for _, modality in left_out)


def left_out_text(left_out: Iterable[tuple[str, str]]) -> str:
    """`3 series (SR 2, KO 1)`."""
    counts = count_modalities(left_out)
    by_modality = ", ".join(f"{word} {n:,}" for word, n in counts.most_common())
    return f"{count(counts.total(), 'series')} ({by_modality})"
