"""The lines of a run on stderr, the same at a terminal and piped. Pure.

Most words are `model.narration`'s; here are the lines that depend on the command's options.
"""

from collections.abc import Callable

from dicom_retrieve_tui.cli.output.account import Account
from dicom_retrieve_tui.cli.read_options import RetrieveCommand
from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.eta import done
from dicom_retrieve_tui.model.humanize import count, folder_text, shortened, size_text
from dicom_retrieve_tui.model.narration import (
    METHODS,
    associations_text,
    irregular_text,
    narrate,
    verdict_word,
)
from dicom_retrieve_tui.model.progress import StudyProgress
from dicom_retrieve_tui.model.verdict import Verdict

_UID_MIN = 16
_UID_SHORT = 24
_LINES_ALIKE_MAX = 10
"""Lines with the same verdict and reason, so that a PACS without most of a list fills no screen."""
_VERDICT_WIDTH = max(map(len, Verdict))


def log_line(
    event: events.Event,
    account: Account,
    options: RetrieveCommand,
    width: int | None = None,
    time_text: Callable[[], str] = str,
) -> str | None:
    """Return the line for an event, or None for an event that gets none.

    Args:
        event: What happened.
        account: The state after the event.
        options: The command's options; `verbose` adds lines.
        width: Of the terminal. A study's line is cut to it: the UID is shortened, and the reason
            is left to the summary on the same screen. Lines without a width are for `grep`.
        time_text: Returns the time of day; called for the lines that begin with it.
    """
    match event:
        case events.RetrieveStarted():
            return _started(event, options)
        case events.StudyFinished():
            # The summary of a lone study follows at once and repeats this.
            several = account.progress.studies_total > 1
            return _ended(event, account, options, width) if several else None
        case events.RetrieveFinished():
            return None
        case _:
            pass
    line = narrate(event, account.progress, uid_width=None if width is None else _UID_SHORT)
    if line is None or (line.detail and not options.verbose):
        return None
    return f"{time_text()} {line.text}".lstrip() if line.timed else line.text


def _started(event: events.RetrieveStarted, options: RetrieveCommand) -> str:
    studies = count(event.studies, "study")
    merged = f" ({count(options.duplicates, 'duplicate')} merged)" if options.duplicates else ""
    if options.dry_run:
        return f"asking {event.peer} what it has of {studies}{merged}"
    method = METHODS[Method(event.method)]
    at_once = associations_text(event)
    if options.delivering:
        to = options.retrieval.move_destination
        return f"asking {event.peer} to send {studies}{merged} to {to} {method}{at_once}"
    folder = folder_text(options.retrieval.output)
    return f"retrieving {studies}{merged} from {event.peer} {method} into {folder}{at_once}"


def _ended(
    event: events.StudyFinished, account: Account, options: RetrieveCommand, width: int | None
) -> str | None:
    """Return the line of a study; after many with the same verdict and reason, none."""
    alike = account.ended_like(event)
    if options.verbose or alike <= _LINES_ALIKE_MAX:
        return _finished_study(event, account, options, width)
    if alike > _LINES_ALIKE_MAX + 1:
        return None
    text = f"further studies that end {event.verdict} for one reason are counted only (see -v)"
    return f"{text}: {event.reason}" if width is None and event.reason else text


def _finished_study(
    event: events.StudyFinished, account: Account, options: RetrieveCommand, width: int | None
) -> str:
    """Return a study's verdict, in columns that align with the other lines."""
    progress = account.progress
    study = progress.studies[event.study_instance_uid]
    total = f"{progress.studies_total:,}"
    verdict = verdict_word(event.verdict, dry_run=options.dry_run)
    columns = [
        f"{progress.finished:>{len(total)},}/{total}",
        f"{verdict:<{_VERDICT_WIDTH}}",
        f"{_counts(study, event, options):>11}",
    ]
    if not (options.dry_run or options.delivering):
        columns.append(f"{size_text(study.received_bytes):>8}")
    uid = event.study_instance_uid
    if width is not None:
        uid = shortened(uid, max(width - len("  ".join([*columns, ""])), _UID_MIN))
    else:
        irregular = f"irregular: {irregular_text(event)}" if event.irregular else ""
        uid = ": ".join(filter(None, (uid, event.reason, irregular)))
    return "  ".join([*columns, uid])


def _counts(study: StudyProgress, event: events.StudyFinished, options: RetrieveCommand) -> str:
    if options.dry_run:
        return "-" if event.expected is None else f"{event.expected:,}"
    if event.verdict is Verdict.DELIVERED:
        return f"{event.expected:,} sent"
    if not event.expected:
        return f"{event.stored:,}" if event.stored else "-"
    return f"{done(study) if options.delivering else event.stored:,}/{event.expected:,}"
