"""Events in words: the lines of the command on stderr and of the application's events pane. Pure.

An instance that is stored as usual gets no line.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.humanize import count, shortened
from dicom_retrieve_tui.model.progress import Progress, StudyProgress
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.verdict import GOOD, Verdict

PLANNED = "planned"
"""Replaces `complete` in a dry run, which retrieves nothing."""
_SENTENCE_END = re.compile(r"\.(\s+(?=[A-Z])|$)")

METHODS = {
    Method.C_GET: "by C-GET",
    Method.C_MOVE: "by C-MOVE",
    Method.AUTO: "by C-GET, else C-MOVE",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One event in words."""

    text: str
    grave: bool = False
    """True if something failed."""
    detail: bool = False
    """True if the command prints it with `--verbose` only."""


def narrate(
    event: events.Event,
    progress: Progress,
    *,
    uid_width: int | None = None,
    name: str = "",
    word: Callable[[Verdict], str] = str,
) -> Line | None:
    """Return the line for an event, or None for an event that gets none.

    Args:
        event: What happened.
        progress: The state of the run after the event.
        uid_width: Characters for a UID; None for whole UIDs.
        name: The study that the event is about, for the screen; if empty, its UID names it.
        word: Returns the word for a verdict.
    """

    def short(uid: str) -> str:
        return uid if uid_width is None else shortened(uid, uid_width)

    def study(uid: str) -> str:
        return name or f"study {short(uid)}"

    line = (
        _about_run(event, study, word)
        or _about_association(event, study)
        or _about_study(event, progress, study, word)
        or _about_instance(event, short)
    )
    return None if line is None else Line(clean_text(line.text), line.grave, line.detail)


def verdict_word(verdict: Verdict, *, dry_run: bool) -> str:
    """Return the verdict as users see it."""
    return PLANNED if dry_run and verdict is Verdict.COMPLETE else str(verdict)


def irregular_text(study: StudyProgress | events.StudyFinished) -> str:
    """Return the number of irregular instances of a study, and the first as an example."""
    eg = "for example " if study.irregular > 1 else ""
    return f"{count(study.irregular, 'instance')}, {eg}{clean_text(study.irregular_example)}"


def associations_text(event: events.RetrieveStarted) -> str:
    """Return how many associations the run uses, or nothing for one."""
    return f", {event.parallel} associations at once" if event.parallel > 1 else ""


_Short = Callable[[str], str]
_Named = Callable[[str], str]
_Word = Callable[[Verdict], str]


def _about_run(event: events.Event, study: _Named, word: _Word) -> Line | None:
    match event:
        case events.RetrieveStarted():
            method = METHODS[Method(event.method)]
            studies = count(event.studies, "study")
            return Line(
                f"retrieving {studies} from {event.peer} {method}{associations_text(event)}"
            )
        case events.RetrieveFinished():
            return Line(f"run finished: {word(event.verdict)}", grave=event.verdict not in GOOD)
        case events.Noted(study_instance_uid=uid):
            subject = f"{study(uid)}: " if uid else ""
            return Line(f"note: {subject}{event.text}", detail=event.minor)
        case _:
            return None


def _about_association(event: events.Event, study: _Named) -> Line | None:
    match event:
        case events.AssociationOpened():
            pdus = event.peer_max_pdu_bytes
            limit = f"PDUs of up to {pdus:,} bytes" if pdus else "PDUs of any length"
            text = (
                f"association {event.worker} opened: {event.accepted_contexts} of "
                f"{event.proposed_contexts} presentation contexts accepted, {limit}"
            )
        case events.AssociationClosed():
            text = f"association {event.worker} closed"
        case events.HelpStarted(study_instance_uid=uid):
            text = f"association {event.worker} helps with {study(uid)}"
        case _:
            return None
    return Line(text, detail=True)


def _about_study(
    event: events.Event, progress: Progress, study: _Named, word: _Word
) -> Line | None:
    match event:
        case events.AttemptStarted(study_instance_uid=uid):
            return Line(f"{study(uid)}: trying again", detail=True)
        case events.StudyInventoried(study_instance_uid=uid):
            return Line(f"{study(uid)}: {_inventory(event)}", detail=True)
        case events.AttemptFailed(study_instance_uid=uid):
            crowded = progress.studies[uid].crowded
            return Line(f"{study(uid)}: {_failed_attempt(event, crowded)}", grave=True)
        case events.StudyFinished(study_instance_uid=uid):
            return Line(f"{study(uid)}: {_end(event, word)}", grave=event.verdict not in GOOD)
        case _:
            return None


def _inventory(event: events.StudyInventoried) -> str:
    if event.expected is None:
        return "the PACS does not list its instances"
    instances = count(event.expected, "instance")
    if not event.listed:
        return f"the PACS counts {instances}, but does not list them"
    present = f", {event.present:,} already here" if event.present else ""
    left_out = f", {event.left_out_series:,} more left out" if event.left_out_series else ""
    return f"{instances} in {count(event.series, 'series')}{left_out}{present}"


def _failed_attempt(event: events.AttemptFailed, crowded: bool) -> str:  # noqa: FBT001
    if crowded:
        return "the PACS accepts no further association; using fewer"
    # The first sentence says what failed. The rest, what to try, is for the end of the study.
    what = _SENTENCE_END.split(event.reason, maxsplit=1)[0]
    retry = f"retry {event.failed_attempts:,} of {event.retries:,} in {math.ceil(event.wait_s)} s"
    return f"{what}; {retry}"


def _end(event: events.StudyFinished, word: _Word) -> str:
    counts = f" {event.stored:,}/{event.expected:,}" if event.expected is not None else ""
    irregular = f"irregular: {irregular_text(event)}" if event.irregular else ""
    return "; ".join(filter(None, (f"{word(event.verdict)}{counts}", event.reason, irregular)))


def _about_instance(event: events.Event, short: _Short) -> Line | None:
    match event:
        case events.InstanceSetAside(sop_instance_uid=uid):
            what = "came with other content than its file has; kept as"
            return Line(f"instance {short(uid)} {what} {event.path}", grave=True, detail=True)
        case events.InstanceRefused(sop_instance_uid=uid):
            status = f"refused with status 0x{event.status:04X}"
            return Line(f"instance {short(uid)} {status}: {event.reason}", grave=True, detail=True)
        case _:
            return None
