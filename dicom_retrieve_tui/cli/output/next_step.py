"""How to go on after a run that did not get everything. Pure; it promises nothing."""

from collections.abc import Iterator

from dicom_retrieve_tui.cli.output.account import Account
from dicom_retrieve_tui.cli.read_options import Options
from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.progress import StudyProgress
from dicom_retrieve_tui.model.verdict import Verdict

_AGAIN = "run the same command again"


def again(account: Account, options: Options) -> Iterator[str]:
    """At most one line; none where a further run would not ask for the rest only."""
    if not options.resumable:
        return
    studies = [study for _, study in account.studies()]
    if any(study.verdict in {None, Verdict.CANCELLED} for study in studies):
        yield f"{_AGAIN}: {_left(account)}"
    elif any(map(_may_heal, studies)):
        rest = any(study.stored for study in studies)
        yield f"{_AGAIN} to {'ask for the rest only' if rest else 'try once more'}"


def _left(account: Account) -> str:
    """`412 of 1,098 instances left, and 3 studies not begun`."""
    left = account.left()
    parts = []
    if left.instances:
        parts.append(f"{left.instances:,} of {count(left.expected, 'instance')} left")
    if left.not_begun:
        parts.append(f"{count(left.not_begun, 'study')} not begun")
    return ", and ".join(parts) or "how much is left, is unknown"


def _may_heal(study: StudyProgress) -> bool:
    """True if a further attempt may bring more.

    Of what came with other content than the file that is there, it would bring the same again; an
    attempt that was worth repeating once is so later, too.
    """
    if study.verdict is Verdict.PARTIAL and study.listed:
        return len(study.missing) > study.set_aside
    return study.verdict is Verdict.FAILED and study.failed_attempts > 0
