"""Events in words: the lines of the command on stderr and of the application's events pane. Pure.

An instance that is stored as usual gets no line.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.choices import HoldCause, Method
from dicom_retrieve_tui.model.forecast import forecast_text
from dicom_retrieve_tui.model.hours import day_and_time
from dicom_retrieve_tui.model.humanize import count, duration_text, rounded_size_text, shortened
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
    timed: bool = False
    """True if the command prints the time before it."""


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
        or _about_hold(event)
        or _about_hours(event)
        or _about_association(event, study)
        or _about_study(event, progress, study, word)
        or _about_instance(event, short)
        or _about_command(event, study)
    )
    return None if line is None else replace(line, text=clean_text(line.text))


def verdict_word(verdict: Verdict, *, dry_run: bool) -> str:
    """Return the verdict as users see it."""
    return PLANNED if dry_run and verdict is Verdict.COMPLETE else str(verdict)


def irregular_text(study: StudyProgress | events.StudyFinished) -> str:
    """Return the number of irregular instances of a study, and the first as an example."""
    eg = "for example " if study.irregular > 1 else ""
    return f"{count(study.irregular, 'instance')}, {eg}{clean_text(study.irregular_example)}"


def space_text(event: events.SpaceForecast) -> str:
    """Return what is needed, the room for it, and whether it fits.

    `needs about 1.2 TB (900 GB to 1.6 TB), room for 800 GB: it does not fit`.
    """
    text = f"needs {forecast_text(event)}" if event.high_bytes else "needs no more space"
    if event.free_bytes is None or event.keep_free_bytes is None:
        return f"{text}; the free space is unknown"
    usable = max(event.free_bytes - event.keep_free_bytes, 0)
    words = {True: "", None: ": it may not fit", False: ": it does not fit"}
    return f"{text}, room for {rounded_size_text(usable)}{words[event.fits]}"


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
        case events.SpaceForecast():
            return Line(space_text(event), grave=event.fits is False, detail=event.fits is True)
        case events.Noted(study_instance_uid=uid):
            subject = f"{study(uid)}: " if uid else ""
            return Line(f"note: {subject}{event.text}", detail=event.minor)
        case _:
            return None


_LOST = {
    HoldCause.PEER: "The PACS does not answer",
    HoldCause.ARCHIVE: "The PACS answers, but serves no study",
    HoldCause.DISK: "The disk has no room",
    HoldCause.WORKERS: "The Dask cluster has no worker",
}
_BACK = {
    HoldCause.PEER: "The PACS is back",
    HoldCause.ARCHIVE: "The queue goes on",
    HoldCause.DISK: "The disk has room again",
    HoldCause.WORKERS: "The Dask cluster has a worker",
}


def held_text(cause: HoldCause, next_try_s: float) -> str:
    """Return what holds the queue, and when it is probed next."""
    return f"{_LOST[cause]}; next try in {_seconds(max(next_try_s, 0.0))}"


def first_sentence(reason: str) -> str:
    """Return what failed; the rest of a reason, what to try, is for the end of a study."""
    return _SENTENCE_END.split(reason, maxsplit=1)[0]


def _about_hold(event: events.Event) -> Line | None:
    match event:
        case events.PeerLost():
            wait = "waits" if event.studies == 1 else "wait"
            text = (
                f"{_LOST[event.cause]} ({first_sentence(event.reason)}); "
                f"{count(event.studies, 'study')} {wait}; next try in {_seconds(event.next_try_s)}"
            )
            return Line(text, grave=True, timed=True)
        case events.ProbeFailed():
            text = (
                f"{_LOST[event.cause]} ({first_sentence(event.reason)}); "
                f"next try in {_seconds(event.next_try_s)}"
            )
            return Line(text, grave=True, detail=True, timed=True)
        case events.PeerBack():
            text = f"{_BACK[event.cause]} after {_seconds(round(event.waited_s))}"
            return Line(text, timed=True)
        case events.QueueGivenUp():
            studies = f"{count(event.studies, 'study')} not tried" if event.studies else ""
            waited = f" after {_seconds(round(event.waited_s))}" if event.waited_s else ""
            text = f"{'; '.join(filter(None, (f'gave up{waited}', studies)))}: {event.reason}"
            return Line(text, grave=True, timed=True)
        case _:
            return None


def _about_hours(event: events.Event) -> Line | None:
    match event:
        case events.HoursClosed():
            studies, wait = count(event.studies, "study"), "waits" if event.studies == 1 else "wait"
            until = day_and_time(datetime.fromisoformat(event.until)) if event.until else "later"
            text = f"Outside the hours of --between: {studies} {wait} until {until}"
            return Line(text, timed=True)
        case events.HoursOpened():
            waited = _seconds(round(event.waited_s))
            return Line(f"The hours of --between began after {waited}", timed=True)
        case _:
            return None


def _seconds(seconds: float) -> str:
    """Format a waiting time in whole seconds."""
    return f"{math.ceil(seconds)} s" if seconds < 60 else duration_text(seconds)


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
    what = first_sentence(event.reason)
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


def _about_command(event: events.Event, study: _Named) -> Line | None:
    match event:
        case events.StudyCommandFinished(study_instance_uid=uid, reason=""):
            return Line(
                f"{study(uid)}: --on-study done in {duration_text(event.seconds)}",
                detail=True,
            )
        case events.StudyCommandFinished(study_instance_uid=uid):
            return Line(f"{study(uid)}: the --on-study command failed: {event.reason}", grave=True)
        case events.StudyCommandsDropped():
            studies = count(event.studies, "study")
            return Line(f"--on-study not run for {studies}: {event.reason}", grave=True)
        case _:
            return None
