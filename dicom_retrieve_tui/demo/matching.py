"""Matching of records and the keys of a C-FIND. Source: PS3.4 section C.2.2.2.

This module does no I/O: data elements in, a verdict out.
"""

import re
from functools import lru_cache

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

_RANGE_VRS = frozenset({"DA", "TM"})
_NO_WILDCARD_VRS = frozenset({"DA", "TM", "DT", "UI", "IS", "DS", "US", "UL", "SS", "SL", "AS"})


def matches(keys: Dataset, record: Dataset) -> bool:
    """Return True if every key that has a value, and that the record has, matches.

    A key that the record does not know is optional and not supported: as if it had no value
    (PS3.4 section C.2.2.1.3).
    """
    return all(
        _matches_one(key, record[key.tag])
        for key in keys
        if key.VR != "SQ" and key.tag in record and not key.is_empty
    )


def values(element: DataElement) -> list[str]:
    """Return the values of an element as text."""
    value = element.value
    if value is None:
        return []
    return [str(v) for v in value] if isinstance(value, MultiValue | list) else [str(value)]


def _matches_one(key: DataElement, held: DataElement) -> bool:
    """Match any value of the key with any value of the record.

    Lists are the standard's for UIDs only (C.2.2.2.2); ModalitiesInStudy is asked with lists, too.
    """
    return any(
        _matches_value(wanted.strip(), present, key.VR)
        for wanted in values(key)
        for present in values(held) or [""]
    )


def _matches_value(wanted: str, present: str, vr: str) -> bool:
    if vr in _RANGE_VRS and "-" in wanted:
        return _in_range(wanted, present)
    if vr in _NO_WILDCARD_VRS:
        return wanted == present
    if vr == "PN":  # C.2.2.2.1: names may ignore case; empty components at the end mean nothing
        return bool(_pattern(wanted.rstrip("^").lower()).fullmatch(present.rstrip("^").lower()))
    return bool(_pattern(wanted).fullmatch(present))


def _in_range(wanted: str, present: str) -> bool:
    """Match a range, section C.2.2.2.5: either end may be open, both are inclusive.

    What is held is cut to the precision of each end: 10:00:59 lies within "-1000".
    """
    first, _, last = (part.strip() for part in wanted.partition("-"))
    after_first = present[: len(first)] >= first
    return bool(present) and after_first and (not last or present[: len(last)] <= last)


@lru_cache(maxsize=256)
def _pattern(wanted: str) -> re.Pattern[str]:
    """Match wildcards, section C.2.2.2.4: `*` any run of characters, `?` any one."""
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in wanted)
    return re.compile("".join(parts), re.DOTALL)
