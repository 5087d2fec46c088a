"""A PACS that answers questions as a test tells it to."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

from dicom_retrieve_tui.doctor.result import Check, Conclusion, Finding, Looking, Outcome, Step
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.tui.doctor_job import Doctor

ASSOCIATED = Step(check=Check.ASSOCIATION, outcome=Outcome.OK, found="It accepts us.")
ECHOED = Step(
    check=Check.ECHO, outcome=Outcome.OK, found="Answered within 0.5 ms.", round_trip_s=0.0005
)
WORKS = Conclusion(works=True, proven=False, words="A retrieval by C-GET should work.")


def fails(check: Check, found: str, *keys: str, next_step: str = "") -> Step:
    return Step(check=check, outcome=Outcome.FAILED, found=found, keys=keys, next_step=next_step)


@dataclass
class Answers:
    """What it answers, each time the next, and the last for ever."""

    scripts: Sequence[Sequence[Finding]]
    asked: list[RetrieveOptions] = field(default_factory=list)
    studies: list[Selection | None] = field(default_factory=list)

    @property
    def doctor(self) -> Doctor:
        return Doctor(self._diagnose, self._tell_administrator)

    def _diagnose(
        self, study: Selection | None, options: RetrieveOptions, cancel: CancelToken
    ) -> Generator[Finding, None, None]:
        script = self.scripts[min(len(self.asked), len(self.scripts) - 1)]
        self.asked.append(options)
        self.studies.append(study)
        for finding in script:
            if isinstance(finding, Step):
                yield Looking(finding.check)
            yield finding

    def _tell_administrator(self, options: RetrieveOptions) -> list[str]:
        assert options.listen is not None
        return [f"Please add {options.move_destination} at 10.0.0.7, port {options.listen[1]}."]


def answers(*scripts: Sequence[Finding]) -> Answers:
    return Answers(scripts or [[ASSOCIATED, ECHOED]])
