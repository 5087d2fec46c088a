"""Events in words: the lines on stderr, the same at a terminal and piped.

This module is pure: an event and the state after it go in, a line or nothing comes out.
"""

import math
import re

from dicom_retrieve_tui.cli.output.account import Account
from dicom_retrieve_tui.cli.read_options import Options
from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.humanize import count, folder_text, shortened, size_text
from dicom_retrieve_tui.model.progress import StudyProgress
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.throughput import done
from dicom_retrieve_tui.model.verdict import Verdict

PLANNED = "planned"
"""What stands for `complete` in a dry run, which retrieves nothing."""
_UID_MIN = 16
_UID_SHORT = 30
_SENTENCE_END = re.compile(r"\.(\s+(?=[A-Z])|$)")
_VERDICT_WIDTH = max(map(len, Verdict))

_METHODS = {
    Method.C_GET: "by C-GET",
    Method.C_MOVE: "by C-MOVE",
    Method.AUTO: "by C-GET, else C-MOVE",
}


def narrate(
    event: events.Event, account: Account, options: Options, width: int | None = None
) -> str | None:
    """The line for an event, or None if it deserves none.

    Args:
        event: What happened.
        account: The state, with the event taken in.
        options: The order; `verbose` lets more lines through.
        width: Of a terminal. A study's line is made to fit: its UID is shortened, its reason left
            to the summary, which follows on the same screen. Without, lines are for `grep`.
    """
    match event:
        case events.RetrieveStarted():
            return _started(event, options)
        case events.Noted():
            return None if event.minor and not options.verbose else f"note: {event.text}"
        case events.AttemptFailed():
            return _failed_attempt(event, account, width)
        case events.StudyFinished():
            # The summary of a lone study follows at once and says the same, and more.
            several = account.progress.studies_total > 1
            return finished_line(event, account, options, width) if several else None
        case _:
            return _verbosely(event) if options.verbose else None


def verdict_word(verdict: Verdict, *, dry_run: bool) -> str:
    """The verdict as it is shown."""
    return PLANNED if dry_run and verdict is Verdict.COMPLETE else str(verdict)


def _started(event: events.RetrieveStarted, options: Options) -> str:
    studies = count(event.studies, "study")
    merged = f" ({count(options.duplicates, 'duplicate')} merged)" if options.duplicates else ""
    if options.dry_run:
        return f"asking {event.peer} what it has of {studies}{merged}"
    associations = f", {event.parallel} associations at once" if event.parallel > 1 else ""
    method = _METHODS[Method(event.method)]
    if options.delivering:
        to = options.plan.move_destination
        return f"asking {event.peer} to send {studies}{merged} to {to} {method}{associations}"
    folder = folder_text(options.settings.output)
    return f"retrieving {studies}{merged} from {event.peer} {method} into {folder}{associations}"


def _failed_attempt(event: events.AttemptFailed, account: Account, width: int | None) -> str:
    """What happened, in the reason's first sentence; what to try stands in the summary."""
    uid = event.study_instance_uid
    if width is not None:
        uid = shortened(uid, _UID_SHORT)
    if account.crowded:
        return f"{uid}: the PACS has no association left for us; using fewer"
    happened = _SENTENCE_END.split(event.reason, maxsplit=1)[0]
    return (
        f"{uid}: {happened}; retry {event.failed_attempts:,} of {event.retries:,} "
        f"in {math.ceil(event.wait_s)} s"
    )


def finished_line(
    event: events.StudyFinished, account: Account, options: Options, width: int | None
) -> str:
    """One study's verdict, its columns aligned with the lines above and below."""
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


def irregular_text(study: StudyProgress | events.StudyFinished) -> str:
    """How many instances of a study are irregular, and the first of them."""
    eg = "for example " if study.irregular > 1 else ""
    return f"{count(study.irregular, 'instance')}, {eg}{clean_text(study.irregular_example)}"


def _counts(study: StudyProgress, event: events.StudyFinished, options: Options) -> str:
    if options.dry_run:
        return "-" if event.expected is None else f"{event.expected:,}"
    if event.verdict is Verdict.DELIVERED:
        return f"{event.expected:,} sent"
    if not event.expected:
        return f"{event.stored:,}" if event.stored else "-"
    return f"{done(study) if options.delivering else event.stored:,}/{event.expected:,}"


def _verbosely(event: events.Event) -> str | None:
    match event:
        case events.AssociationOpened():
            return (
                f"association {event.worker} opened: {event.accepted_contexts} of "
                f"{event.proposed_contexts} presentation contexts accepted, "
                f"{_pdu_limit(event.peer_max_pdu_bytes)}"
            )
        case events.AssociationClosed():
            return f"association {event.worker} closed"
        case events.AttemptStarted():
            return f"study {event.study_instance_uid}: trying again"
        case events.HelpStarted():
            return f"association {event.worker} helps with study {event.study_instance_uid}"
        case events.StudyInventoried():
            return f"study {event.study_instance_uid}: {_inventory(event)}"
        case _:
            return _about_instance(event)


def _about_instance(event: events.Event) -> str | None:
    match event:
        case events.InstanceSetAside():
            return (
                f"instance {event.sop_instance_uid} came with other content than its file has; "
                f"kept as {event.path}"
            )
        case events.InstanceRefused():
            return (
                f"instance {event.sop_instance_uid} refused with status 0x{event.status:04X}: "
                f"{event.reason}"
            )
        case _:
            return None


def _pdu_limit(max_pdu_bytes: int) -> str:
    return f"PDUs of up to {max_pdu_bytes:,} bytes" if max_pdu_bytes else "PDUs of any length"


def _inventory(event: events.StudyInventoried) -> str:
    if event.expected is None:
        return "the PACS does not list its instances"
    said = count(event.expected, "instance")
    if not event.listed:
        return f"the PACS counts {said}, but does not list them"
    present = f", {event.present:,} here already" if event.present else ""
    left_out = f", {event.left_out_series:,} more left out" if event.left_out_series else ""
    return f"{said} in {count(event.series, 'series')}{left_out}{present}"
