"""What a PACS answers to lookups, judged: which studies are meant, and which lines stand for none.

An accession number stands for one study: where it has several, nobody but the user can say which
is meant, and they are named. A patient stands for all studies. Only what is equal to the letter
counts: an archive that finds `p1` for `P1` has found somebody else. No patient ID is shown. Pure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from dicom_retrieve_tui.errors import OperationFailed
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.sanitize import parts_of
from dicom_retrieve_tui.model.search import Found, Match, Remark
from dicom_retrieve_tui.model.search_rules import any_fits
from dicom_retrieve_tui.model.selection import Owner, Selection
from dicom_retrieve_tui.model.study_lookup import Lookup
from dicom_retrieve_tui.model.uids import uid_fault

_STUDIES_SHOWN_MAX = 5

Answer = list[Found] | OperationFailed
"""What the PACS has of one lookup, or how it refused."""


@dataclass(slots=True)
class LookedUp:
    """What came of the lines so far."""

    lines: int = 0
    selections: list[Selection] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def take(self, lookup: Lookup, answer: Answer) -> None:
        """Note what one line stands for."""
        self.lines += 1
        if isinstance(answer, OperationFailed):
            self._fault(lookup, str(answer))
            return
        matches = [each for each in answer if isinstance(each, Match)]
        meant = [each for each in matches if _is_meant(lookup, each)]
        uids = list(dict.fromkeys(each.study_instance_uid for each in meant))
        doubts = [each.text for each in answer if isinstance(each, Remark) and each.incomplete]
        named = [*uids, *(each.series_instance_uid for each in meant if lookup.series_description)]
        if broken := [uid for uid in named if uid_fault(uid)]:
            # A PACS that answers * would otherwise be asked for all that it has.
            self._fault(lookup, f"the PACS answers {some_of(broken)!r} where a UID was due")
        elif not uids and doubts:
            none = f"no study with {lookup.subject} came, but there may be one"
            self._fault(lookup, f"{none}: {' '.join(doubts)}")
        elif not uids:
            # What contradicts a key was left out before, with a remark.
            others = "; it answered with others" if answer else ""
            self._fault(lookup, f"the PACS has no study with {lookup.subject}{others}")
        elif len(uids) > 1 and lookup.accession_number:
            self._fault(
                lookup,
                f"{lookup.subject} is that of {len(uids)} studies ({some_of(uids)}): "
                "ask for those that are meant by their UIDs",
            )
        elif len(uids) > 1 and lookup.series_instance_uid:
            self._fault(lookup, f"a series is named, and the patient has {len(uids)} studies")
        else:
            self.selections += _selected(lookup, meant)
            if doubts:
                self._fault(lookup, f"there may be more studies with {lookup.subject}")

    def _fault(self, lookup: Lookup, text: str) -> None:
        self.faults.append(f"line {lookup.line}: {text}")


def _selected(lookup: Lookup, meant: Sequence[Match]) -> Iterator[Selection]:
    """Yield what is to be retrieved: studies, or those of their series that fit."""
    owner = _owner(lookup, meant)
    if lookup.series_description:
        for each in meant:
            part = Selection.of(each.study_instance_uid, each.series_instance_uid)
            yield replace(part, owner=owner)
        return
    for uid in dict.fromkeys(each.study_instance_uid for each in meant):
        part = Selection.of(uid, lookup.series_instance_uid, lookup.sop_instance_uid)
        yield replace(part, owner=owner)


def _is_meant(lookup: Lookup, found: Match) -> bool:
    """Return True for what returns the keys of the line, to the letter, and fits the others."""
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


def _owner(lookup: Lookup, meant: Sequence[Match]) -> Owner:
    """Return what the data sets must say: what was asked for, or what the answer has beside it."""
    numbers = {part for each in meant for part in parts_of(each.accession_number)}
    return Owner(
        patient_ids=frozenset({lookup.patient_id} - {""}),
        accession_numbers=frozenset(numbers) if lookup.accession_number else frozenset(),
    )


def some_of(uids: Sequence[str]) -> str:
    """The first of many UIDs, and how many more there are."""
    more = len(uids) - _STUDIES_SHOWN_MAX
    return ", ".join([*uids[:_STUDIES_SHOWN_MAX], *([f"{more} more"] if more > 0 else [])])
