"""The result of `verify`: what is wrong in an output folder, study by study."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dicom_retrieve_tui.model.verdict import GOOD, Verdict


class Flaw(StrEnum):
    """A fault of an instance on disk."""

    MISSING = "missing"
    DAMAGED = "damaged"
    UNREADABLE = "unreadable"
    """It may be whole: permission is denied, or the share is gone."""


WORST_FIRST = (Flaw.DAMAGED, Flaw.MISSING, Flaw.UNREADABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flawed:
    """A file that is missing or damaged, or cannot be read."""

    sop_instance_uid: str
    flaw: Flaw
    path: str | None
    """Path of the file, relative to the output folder; None if the instance never came."""
    reason: str = ""
    """The cause, if it is known."""
    whole_elsewhere: bool = False
    """True if the instance is there and whole under another layout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedStudy:
    """The result for one study."""

    study_instance_uid: str
    verdict: Verdict | None
    """How its last retrieval ended; None if that was killed, or still runs."""
    whole: int
    """Instances that are there and whole, under any layout."""
    whole_files: int
    """Whole files; more than the instances if the study was kept under several layouts."""
    flawed: tuple[Flawed, ...] = ()
    checksums: Mapping[str, str] = field(default_factory=dict)
    """Checksums of the whole files by path, if the files were read and compared."""
    irregular: Mapping[str, str] = field(default_factory=dict)
    """How the data sets of whole instances depart from the standard, by SOP Instance UID."""
    left_out: tuple[tuple[str, str], ...] = ()
    """Series Instance UID and modality of each series that a filter left out on purpose."""

    @property
    def proven(self) -> bool:
        """True if the study was complete when it was retrieved, and still is."""
        return not self.flawed and self.verdict in GOOD

    @property
    def instances(self) -> int:
        """Number of instances that should be there, by the journal."""
        return self.whole + len(self.lost)

    @property
    def files(self) -> int:
        """Number of files that should be there, under all layouts."""
        return self.whole_files + len({each.path for each in self.flawed if each.path is not None})

    @property
    def doubled(self) -> bool:
        """True if an instance has, or should have, several files."""
        never_came = sum(each.path is None for each in self.flawed)
        return self.files != self.instances - never_came

    @property
    def lost(self) -> Mapping[str, Flaw]:
        """Instances that are whole under no layout, by UID; missing only without any file."""
        flaws: dict[str, Flaw] = {}
        for each in self.flawed:
            uid = each.sop_instance_uid
            if not each.whole_elsewhere and flaws.get(uid, Flaw.MISSING) is Flaw.MISSING:
                flaws[uid] = each.flaw
        return flaws

    @property
    def retrievable(self) -> bool:
        """True if a retrieval may mend the study: more is wrong than files that cannot be read."""
        wrong = any(each.flaw is not Flaw.UNREADABLE for each in self.flawed)
        return wrong or self.verdict not in GOOD

    @property
    def worst(self) -> Flaw | None:
        """The flaw by which the study is counted; None if no file has one."""
        return next((flaw for flaw in WORST_FIRST if self.with_flaw(flaw)), None)

    def with_flaw(self, flaw: Flaw) -> list[Flawed]:
        """Return the files that have one flaw."""
        return [each for each in self.flawed if each.flaw is flaw]
