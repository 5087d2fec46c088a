"""Query answers of the demonstration PACS: matching, records at each level, instances by key.

This module does no I/O. Source: PS3.4 section C.2.2.2, and annex C.6 for the attributes.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from dicom_retrieve_tui.demo.instances import CHARACTER_SET, Attributes, DemoInstance, assign

LEVELS = ("PATIENT", "STUDY", "SERIES", "IMAGE")

UNIQUE_KEYS = {
    "PATIENT": "PatientID",
    "STUDY": "StudyInstanceUID",
    "SERIES": "SeriesInstanceUID",
    "IMAGE": "SOPInstanceUID",
}

_ATTRIBUTES = {
    "PATIENT": ("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    "STUDY": (
        "StudyInstanceUID",
        "StudyDate",
        "StudyTime",
        "StudyID",
        "AccessionNumber",
        "StudyDescription",
        "ReferringPhysicianName",
    ),
    "SERIES": (
        "SeriesInstanceUID",
        "SeriesNumber",
        "SeriesDate",
        "SeriesTime",
        "SeriesDescription",
        "Modality",
        "BodyPartExamined",
        "InstitutionName",
        "Manufacturer",
    ),
    "IMAGE": (
        "SOPInstanceUID",
        "SOPClassUID",
        "InstanceNumber",
        "ContentDate",
        "ContentTime",
        "ImageType",
        "Rows",
        "Columns",
        "NumberOfFrames",
    ),
}


class InvalidIdentifier(ValueError):
    """The identifier fits no level of the query model: status 0xA900."""


class Catalogue:
    """The instances of a PACS and the records about them."""

    def __init__(self, instances: Iterable[DemoInstance], *, ae_title: str) -> None:
        self._instances = tuple(instances)
        self._ae_title = ae_title
        self._records = {level: list(self._build_records(level)) for level in LEVELS}

    def find(self, keys: Dataset, *, root: str) -> Iterator[Dataset]:
        """Answer a C-FIND: one identifier for each match, with the return keys asked for.

        Unique keys above the level may be absent, as many archives allow.
        Source: PS3.4 section C.4.1.1.3.2 for what an answer carries.

        Args:
            root: The highest level of the query model.

        Raises:
            InvalidIdentifier: It has no level of this model.
        """
        level = _level(keys, root)
        return (self._answer(keys, r) for r in self._records[level] if matches(keys, r))

    def select(self, keys: Dataset, *, root: str) -> list[DemoInstance]:
        """Return the instances that a C-GET or C-MOVE requests. Source: PS3.4 section C.4.2.2.1.

        Raises:
            InvalidIdentifier: No level of this model, or no unique key at its level, without
                which everything would match.
        """
        level = _level(keys, root)
        wanted = {
            keyword: frozenset(values(keys[keyword]))
            for keyword in _unique_keys_to(level)
            if keyword in keys and not keys[keyword].is_empty
        }
        if UNIQUE_KEYS[level] not in wanted:
            raise InvalidIdentifier(f"no {UNIQUE_KEYS[level]} at the {level} level")
        return [
            instance
            for instance in self._instances
            if all(str(instance.dataset[k].value) in held for k, held in wanted.items())
        ]

    def _answer(self, keys: Dataset, record: Dataset) -> Dataset:
        answer = Dataset()
        answer.SpecificCharacterSet = CHARACTER_SET
        answer.QueryRetrieveLevel = keys.QueryRetrieveLevel
        answer.RetrieveAETitle = self._ae_title
        for key in keys:
            if key.tag in record:
                answer[key.tag] = record[key.tag]
        return answer

    def _build_records(self, level: str) -> Iterator[Dataset]:
        groups: dict[str, list[DemoInstance]] = {}
        for instance in self._instances:
            key = str(instance.dataset[UNIQUE_KEYS[level]].value)
            groups.setdefault(key, []).append(instance)
        for group in groups.values():
            record = Dataset()
            for name in LEVELS[: LEVELS.index(level) + 1]:
                _copy(_ATTRIBUTES[name], group[0].dataset, record)
            assign(record, {**_computed(level, group), "InstanceAvailability": "ONLINE"})
            yield record


def _level(keys: Dataset, root: str) -> str:
    level = str(keys.get("QueryRetrieveLevel", ""))
    if level not in LEVELS[LEVELS.index(root) :]:
        raise InvalidIdentifier("no Query/Retrieve Level of this model")
    return level


def _unique_keys_to(level: str) -> Iterator[str]:
    return (UNIQUE_KEYS[name] for name in LEVELS[: LEVELS.index(level) + 1])


def _copy(keywords: Iterable[str], source: Dataset, target: Dataset) -> None:
    """Copy the attributes that exist; the others are present without a value."""
    for keyword in keywords:
        tag = tag_for_keyword(keyword)
        if tag is not None and tag in source:
            target[tag] = source[tag]
        else:
            setattr(target, keyword, None)


def _computed(level: str, group: Sequence[DemoInstance]) -> Attributes:
    """Return counts and lists. Source: PS3.4 sections C.3.4 and C.6.1.1, "additional" keys."""
    series = len({instance.series_instance_uid for instance in group})
    if level == "PATIENT":
        return {
            "NumberOfPatientRelatedStudies": len({i.dataset.StudyInstanceUID for i in group}),
            "NumberOfPatientRelatedSeries": series,
            "NumberOfPatientRelatedInstances": len(group),
        }
    if level == "STUDY":
        return {
            "ModalitiesInStudy": sorted({str(i.dataset.Modality) for i in group}),
            "SOPClassesInStudy": sorted({i.sop_class_uid for i in group}),
            "NumberOfStudyRelatedSeries": series,
            "NumberOfStudyRelatedInstances": len(group),
        }
    if level == "SERIES":
        return {"NumberOfSeriesRelatedInstances": len(group)}
    return {"AvailableTransferSyntaxUID": group[0].transfer_syntax_uid}


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
