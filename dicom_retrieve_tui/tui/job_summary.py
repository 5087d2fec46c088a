"""The summary of a session of the application that has ended: counts, verdict, one sentence."""

from collections import Counter
from dataclasses import dataclass

from dicom_retrieve_tui.exit_codes import NOT_OK, OK
from dicom_retrieve_tui.model.events import StudyFinished
from dicom_retrieve_tui.model.hook_command import FinishHook
from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.verdict import GOOD, Verdict, total_verdict
from dicom_retrieve_tui.tui.study_names import screen_verdict

_NOTHING_CAME = frozenset({Verdict.FAILED, Verdict.NOT_TRIED})


def unlisted_text(lines: int) -> str:
    """Return that lines of a list are in no list of failed studies; empty for none."""
    if not lines:
        return ""
    subject, verb = ("it", "is") if lines == 1 else ("they", "are")
    were = "was" if lines == 1 else "were"
    found = f"{count(lines, 'line')} of the list {were} not found"
    return f"{found}; {subject} {verb} not in failed-studies.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnded:
    """The account of a session that has ended."""

    options: RetrieveOptions
    endings: tuple[StudyFinished, ...]
    """The last one of each study of the session."""
    missed: int = 0
    """Lines of lists for which the PACS had no study, and which no earlier account has counted."""
    reason: str = ""
    """Why the session failed as a whole; empty if it ran to its end."""
    traceback: str = ""
    """Of a bug; empty if there was none."""
    commands_failed: int = 0
    """Complete studies whose command of `--on-study` failed or was not run."""
    seconds: float = 0.0
    """From the start of the session to its end."""

    @property
    def verdicts(self) -> Counter[Verdict]:
        """The number of studies by verdict; lines without a study count as not found."""
        verdicts = Counter(ending.verdict for ending in self.endings)
        return verdicts + Counter({Verdict.NOT_FOUND: self.missed})

    @property
    def failed(self) -> int:
        """Studies that are not complete, without those that the user stopped."""
        good = {*GOOD, Verdict.CANCELLED}
        return sum(ending.verdict not in good for ending in self.endings)

    @property
    def all_failed(self) -> bool:
        """True if the session failed as a whole, or each of its studies."""
        verdicts = set(self.verdicts)
        return bool(self.reason) or bool(verdicts and verdicts <= _NOTHING_CAME)

    @property
    def missing(self) -> int:
        """Missing instances of all studies."""
        return sum(len(ending.missing) for ending in self.endings)

    @property
    def summary(self) -> str:
        """One line: the number of studies, their verdicts, and missing instances."""
        if not self.endings:
            return "No study was started."
        verdicts = ", ".join(
            f"{number:,} {screen_verdict(each)}" for each, number in self.verdicts.items()
        )
        missing = f" ({count(self.missing, 'instance')} missing)" if self.missing else ""
        failed = self.commands_failed
        commands = f"; {count(failed, 'command')} of --on-study failed" if failed else ""
        studies = count(len(self.endings) + self.missed, "study")
        return f"{studies}: {verdicts}{missing}{commands}"

    @property
    def good(self) -> int:
        """Studies that are complete or delivered."""
        return sum(self.verdicts[verdict] for verdict in GOOD)

    @property
    def verdict(self) -> Verdict:
        """The verdict on the whole session."""
        return Verdict.FAILED if self.reason else total_verdict(self.verdicts)

    @property
    def finish_hook(self) -> FinishHook:
        """What the command of `--on-finish` is told; there is no report."""
        over = self.verdict in GOOD and not self.commands_failed
        return FinishHook(
            verdict=str(self.verdict),
            exit_code=OK if over else NOT_OK,
            output=str(self.options.output.absolute()),
            report="",
            peer=str(self.options.peer),
            studies=len(self.endings),
            studies_good=self.good,
            instances=sum(ending.stored for ending in self.endings),
            commands_failed=self.commands_failed,
            seconds=self.seconds,
            summary=f"{clean_text(self.reason or self.summary)}\n",
        )
