"""What a look at an output folder found, long after the retrieval and without the PACS."""

from dataclasses import dataclass
from enum import StrEnum

from dicom_retrieve_tui.model.verdict import GOOD, Verdict


class Flaw(StrEnum):
    """Why an instance is not there and whole."""

    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flawed:
    """An instance that should be there and whole, and is not."""

    sop_instance_uid: str
    flaw: Flaw
    path: str | None
    """Where its file should be, relative to the output folder; None if it never came."""
    reason: str = ""
    """What the operating system says, if it does not let us look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFindings:
    """What was found of one study."""

    study_instance_uid: str
    verdict: Verdict | None
    """How its last retrieval ended; None if it was killed, or still runs."""
    whole: int
    """Files that are there and whole."""
    flawed: tuple[Flawed, ...] = ()

    @property
    def proven(self) -> bool:
        """True if it was complete once, and still is."""
        return not self.flawed and self.verdict in GOOD

    @property
    def instances(self) -> int:
        """How many there should be, as far as the journal knows."""
        return self.whole + len(self.flawed)

    def with_flaw(self, flaw: Flaw) -> list[Flawed]:
        """Those that are missing, or those that are damaged."""
        return [each for each in self.flawed if each.flaw is flaw]
