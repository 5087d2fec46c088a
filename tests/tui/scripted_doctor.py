"""A PACS that answers questions as a test tells it to."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

from dicom_retrieve_tui.doctor.result import Check, Conclusion, Finding, Looking, Outcome, Step
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.selection import Plan
from dicom_retrieve_tui.model.settings import Settings
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
    asked: list[Settings] = field(default_factory=list)

    @property
    def doctor(self) -> Doctor:
        return Doctor(self._diagnose, self._tell_administrator)

    def _diagnose(
        self, plan: Plan, settings: Settings, cancel: CancelToken
    ) -> Generator[Finding, None, None]:
        script = self.scripts[min(len(self.asked), len(self.scripts) - 1)]
        self.asked.append(settings)
        for finding in script:
            if isinstance(finding, Step):
                yield Looking(finding.check)
            yield finding

    def _tell_administrator(self, plan: Plan, settings: Settings) -> list[str]:
        assert settings.listen is not None
        return [f"Please add {plan.move_destination} at 10.0.0.7, port {settings.listen[1]}."]


def answers(*scripts: Sequence[Finding]) -> Answers:
    return Answers(scripts or [[ASSOCIATED, ECHOED]])
