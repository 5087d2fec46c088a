"""Studies that a list names by accession number or patient ID instead of UID.

`Lookup` is one line of such a list, `LookupResult` the studies that the PACS returns for the lines.
An accession number means one study: if several have it, they are reported for the user to choose. A
patient ID means all studies of the patient. Only exact matches count: an archive that finds `p1`
for `P1` has found another patient. No patient ID is shown.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from dicom_retrieve_tui.errors import ConfigError, OperationFailed
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.dates import DateRange
from dicom_retrieve_tui.model.sanitize import parts_of
from dicom_retrieve_tui.model.search import Found, Match, Remark, Search, any_fits
from dicom_retrieve_tui.model.selection import Owner, Selection
from dicom_retrieve_tui.model.spreadsheet_cells import cell_dates, spoilt
from dicom_retrieve_tui.model.study_identity import StudyIdentity
from dicom_retrieve_tui.model.uids import uid_fault

_WILDCARDS = "*?"
_SEVERAL = re.compile(r"[\\\\/,;+ ]+")
_MODALITY = re.compile(r"[A-Z0-9_]{1,16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """One line of a list that has other keys than a Study Instance UID.

    A study must match all keys. Messages name the line and never the patient ID.
    """

    line: int
    study_instance_uid: str = ""
    """Study Instance UID (0020,000D), if only the series have to be looked up."""
    accession_number: str = ""
    """Accession Number (0008,0050)."""
    patient_id: str = ""
    """Patient ID (0010,0020); beside an accession number, of its patient."""
    study_date: DateRange | None = None
    """Study Date (0008,0020)."""
    modalities: tuple[str, ...] = ()
    """Modalities in Study (0008,0061), all of them."""
    study_description: str = ""
    """Study Description (0008,1030), with wildcards."""
    series_description: str = ""
    """Series Description (0008,103E), with wildcards: retrieve only these series."""
    series_instance_uid: str | None = None
    sop_instance_uid: str | None = None
    """The part of the study to retrieve."""

    @classmethod
    def of(
        cls,
        *,
        line: int,
        study_date: str,
        modality: str,
        modalities_in_study: str,
        study_description: str,
        series_description: str,
        study_instance_uid: str = "",
        accession_number: str = "",
        patient_id: str = "",
        series_instance_uid: str | None = None,
        sop_instance_uid: str | None = None,
    ) -> "Lookup":
        """Return a lookup from the cells of a row.

        Raises:
            ConfigError: A criterion is invalid or ambiguous.
        """
        return cls(
            line=line,
            study_instance_uid=study_instance_uid,
            accession_number=accession_number,
            patient_id=patient_id,
            study_date=_dates(study_date),
            modalities=_modalities(modality, modalities_in_study),
            study_description=_description("study description", study_description),
            series_description=_description("series description", series_description),
            series_instance_uid=series_instance_uid,
            sop_instance_uid=sop_instance_uid,
        )

    @property
    def search(self) -> Search:
        """The search that the PACS is asked."""
        return Search(
            level=Level.SERIES if self.series_description else Level.STUDY,
            study_instance_uid=self.study_instance_uid,
            accession_number=self.accession_number,
            patient_id=self.patient_id,
            study_date=self.study_date,
            modality=self.modalities[0] if self.modalities else "",
            study_description=self.study_description,
        )

    @property
    def subject(self) -> str:
        """The keys in words, for a sentence with "with"."""
        if self.accession_number:
            subject = f"accession number {self.accession_number!r}"
        else:
            subject = "this patient ID" if self.patient_id else "this UID"
        return " and ".join([subject, *self._criteria()])

    @property
    def place(self) -> str:
        """The key and its line in the list, without the patient ID: `accession A1, line 12`."""
        what = "patient ID" if self.patient_id else "study"
        if self.accession_number:
            what = f"accession {self.accession_number}"
        return f"{what}, line {self.line}"

    def _criteria(self) -> list[str]:
        """Return the further criteria in words."""
        criteria = [f"study date {self.study_date}"] if self.study_date else []
        criteria += [f"modality {each}" for each in self.modalities]
        if self.study_description:
            criteria.append(f"study description {self.study_description!r}")
        if self.series_description:
            criteria.append(f"series description {self.series_description!r}")
        return criteria


def _dates(text: str) -> DateRange | None:
    if not text:
        return None

    try:
        return cell_dates(text)
    except ConfigError as error:
        raise ConfigError(f"its StudyDate: {error}") from error


def _modalities(modality: str, in_study: str) -> tuple[str, ...]:
    """Return the modalities that a study must have.

    Raises:
        ConfigError: The column for one modality has several, which could mean all or any.
    """
    if len([each for each in _SEVERAL.split(modality) if each]) > 1:
        raise ConfigError(f"its Modality {modality!r} names several: write one row for each")
    named = [each for text in (modality, in_study) for each in _SEVERAL.split(text.upper()) if each]
    for each in named:
        if not _MODALITY.fullmatch(each):
            raise ConfigError(f"its Modality {each!r} is not a modality such as CT")
    return tuple(dict.fromkeys(named))


def _description(name: str, text: str) -> str:
    if "\\" in text or not text.isprintable():
        raise ConfigError(f"its {name} has a backslash or a control character")

    if fault := spoilt(text):
        raise ConfigError(f"its {name} {fault}")
    return text


def key_fault(text: str) -> str | None:
    """Return why `text` is not a single accession number or patient ID; None if it is."""
    if any(wildcard in text for wildcard in _WILDCARDS):
        return "has a wildcard, but a line names only one"
    if len(text) > 64:
        return f"has {len(text)} characters; at most 64 are allowed"
    if "\\" in text or not text.isprintable():
        return "has a backslash or a control character"
    return None


_STUDIES_SHOWN_MAX = 5

Answer = list[Found] | OperationFailed
"""The matches of one lookup, or the refusal of the PACS."""


@dataclass(frozen=True, slots=True)
class Missed:
    """A line for which no study is retrieved, and why."""

    lookup: Lookup
    reason: str


@dataclass(slots=True)
class LookupResult:
    """The studies found for the lines of a list, and the faults."""

    lines: int = 0
    selections: list[Selection] = field(default_factory=list)
    identities: dict[str, StudyIdentity] = field(default_factory=dict)
    """Whose the found studies are, by Study Instance UID."""
    instances: dict[str, int] = field(default_factory=dict)
    """The number of instances of found studies, where the PACS counts them."""
    missed: list[Missed] = field(default_factory=list)
    """The lines without a study; each is among the faults, too."""
    faults: list[str] = field(default_factory=list)

    def take(self, lookup: Lookup, answer: Answer) -> None:
        """Add the answer to one line."""
        self.lines += 1
        if isinstance(answer, OperationFailed):
            self._miss(lookup, str(answer))
            return
        matches = [each for each in answer if isinstance(each, Match)]
        matched = [each for each in matches if _is_exact(lookup, each)]
        uids = list(dict.fromkeys(each.study_instance_uid for each in matched))
        doubts = [each.text for each in answer if isinstance(each, Remark) and each.incomplete]
        named = [
            *uids,
            *(each.series_instance_uid for each in matched if lookup.series_description),
        ]
        if broken := [uid for uid in named if uid_fault(uid)]:
            # If a PACS answered *, a request for that UID would match everything.
            self._miss(lookup, f"the PACS answered {some_of(broken)!r} instead of a UID")
        elif not uids and doubts:
            none = f"no study with {lookup.subject} was found, but there may be one"
            self._miss(lookup, f"{none}: {' '.join(doubts)}")
        elif not uids:
            # Answers that contradict a key were dropped before, with a remark.
            others = "; it answered with others" if answer else ""
            self._miss(lookup, f"the PACS has no study with {lookup.subject}{others}")
        elif len(uids) > 1 and lookup.accession_number:
            self._miss(
                lookup,
                f"{len(uids)} studies have {lookup.subject} ({some_of(uids)}): "
                "name the right ones by their UIDs",
            )
        elif len(uids) > 1 and lookup.series_instance_uid:
            self._miss(lookup, f"the line names a series, but the patient has {len(uids)} studies")
        else:
            self.selections += _selected(lookup, matched)
            self.identities |= {
                each.study_instance_uid: StudyIdentity.of_match(each) for each in matched
            }
            self.instances |= {
                each.study_instance_uid: each.number_of_instances
                for each in matched
                if each.level is Level.STUDY and each.number_of_instances is not None
            }
            if doubts:
                self._fault(lookup, f"there may be more studies with {lookup.subject}")

    def _miss(self, lookup: Lookup, text: str) -> None:
        self.missed.append(Missed(lookup, text))
        self._fault(lookup, text)

    def _fault(self, lookup: Lookup, text: str) -> None:
        self.faults.append(f"line {lookup.line}: {text}")


def _selected(lookup: Lookup, matched: Sequence[Match]) -> Iterator[Selection]:
    """Yield what to retrieve: the studies, or their series that match."""
    owner = _owner(lookup, matched)
    if lookup.series_description:
        for each in matched:
            part = Selection.of(each.study_instance_uid, each.series_instance_uid)
            yield replace(part, owner=owner)
        return
    for uid in dict.fromkeys(each.study_instance_uid for each in matched):
        part = Selection.of(uid, lookup.series_instance_uid, lookup.sop_instance_uid)
        yield replace(part, owner=owner)


def _is_exact(lookup: Lookup, found: Match) -> bool:
    """Return True if a match has exactly the keys of the line, and fits the other criteria."""
    description = lookup.series_description
    if description and not any_fits(description, (found.series_description.strip(),)):
        return False
    if found.level is Level.STUDY and not set(lookup.modalities) <= set(found.modalities):
        return False
    return all(
        not asked or asked in {told.strip(), *parts_of(told)}
        for asked, told in (
            (lookup.accession_number, found.accession_number),
            (lookup.patient_id, found.patient_id),
        )
    )


def _owner(lookup: Lookup, matched: Sequence[Match]) -> Owner:
    """Return the patient ID and accession numbers that the received data sets must have."""
    numbers = {part for each in matched for part in parts_of(each.accession_number)}
    return Owner(
        patient_ids=frozenset({lookup.patient_id} - {""}),
        accession_numbers=frozenset(numbers) if lookup.accession_number else frozenset(),
    )


def some_of(uids: Sequence[str]) -> str:
    """Return the first of many UIDs, and the number of the others."""
    more = len(uids) - _STUDIES_SHOWN_MAX
    return ", ".join([*uids[:_STUDIES_SHOWN_MAX], *([f"{more} more"] if more > 0 else [])])
