"""What a look at an output folder found, long after the retrieval and without the PACS."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dicom_retrieve_tui.model.verdict import GOOD, Verdict


class Flaw(StrEnum):
    """Why an instance is not there and whole."""

    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flawed:
    """A file of an instance that should be there and whole, and is not."""

    sop_instance_uid: str
    flaw: Flaw
    path: str | None
    """Where its file should be, relative to the output folder; None if it never came."""
    reason: str = ""
    """Why, if that is known: what the operating system says, or what became of the instance."""
    whole_elsewhere: bool = False
    """True of a copy: the instance itself is there and whole, under another layout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedStudy:
    """What was found of one study."""

    study_instance_uid: str
    verdict: Verdict | None
    """How its last retrieval ended; None if it was killed, or still runs."""
    whole: int
    """Instances that are there and whole, under whichever layout."""
    whole_files: int
    """Files that are; more than the instances, if the study was kept under several layouts."""
    flawed: tuple[Flawed, ...] = ()
    checksums: Mapping[str, str] = field(default_factory=dict)
    """Checksums of the whole files by their paths, where the files were read and compared."""
    irregular: Mapping[str, str] = field(default_factory=dict)
    """In what the data sets of whole instances depart from the standard, by SOP Instance UID."""
    left_out: tuple[tuple[str, str], ...] = ()
    """Series Instance UID and modality of each series that a filter left out on purpose."""

    @property
    def proven(self) -> bool:
        """True if it was complete once, and still is."""
        return not self.flawed and self.verdict in GOOD

    @property
    def instances(self) -> int:
        """How many there should be, as far as the journal knows."""
        return self.whole + len(self.lost)

    @property
    def files(self) -> int:
        """How many there should be, under all layouts; of what never came there is none."""
        return self.whole_files + len({each.path for each in self.flawed if each.path is not None})

    @property
    def doubled(self) -> bool:
        """True if some instance has several files, or should have."""
        never_came = sum(each.path is None for each in self.flawed)
        return self.files != self.instances - never_came

    @property
    def lost(self) -> Mapping[str, Flaw]:
        """Instances that are nowhere whole, by UID: damaged if there is anything of them."""
        flaws: dict[str, Flaw] = {}
        for each in self.flawed:
            uid = each.sop_instance_uid
            if not each.whole_elsewhere and flaws.get(uid) is not Flaw.DAMAGED:
                flaws[uid] = each.flaw
        return flaws

    def with_flaw(self, flaw: Flaw) -> list[Flawed]:
        """The files that are missing, or those that are damaged."""
        return [each for each in self.flawed if each.flaw is flaw]
