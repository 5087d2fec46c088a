"""Look up the studies of accession numbers and patients by C-FIND, before a retrieval.

`model.study_lookup` judges the answers. No patient ID is printed or logged.
"""

import logging
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import replace

from dicom_retrieve_tui.cli.console import Console
from dicom_retrieve_tui.cli.output.find_output import with_flag
from dicom_retrieve_tui.cli.read_options import RetrieveCommand
from dicom_retrieve_tui.cli.signals import Interruption
from dicom_retrieve_tui.errors import (
    AssociationRejected,
    Cancelled,
    OperationFailed,
    PeerError,
    RetrieveError,
)
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.humanize import bad_lines_text, count, duration_text
from dicom_retrieve_tui.model.narration import first_sentence
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.retry import Backoff
from dicom_retrieve_tui.model.search import Match, Remark, Search
from dicom_retrieve_tui.model.selection import Selection, join
from dicom_retrieve_tui.model.study_lookup import Answer, LookupResult, some_of
from dicom_retrieve_tui.model.uid_list import notes_on
from dicom_retrieve_tui.wiring import find_each

Ask = Callable[[Iterable[Search], RetrieveOptions, CancelToken], Generator[Answer, None, None]]
"""`wiring.find_each`, or a script in a test."""
_PAUSES = Backoff(jitter=0.1)
"""The time before each attempt at the lines that are left."""

_LOG = logging.getLogger(__name__)


class LookupLog:
    """Logs one look-up: line numbers, counts, statuses and UIDs.

    Accession numbers, patient IDs and texts of the PACS are not logged, nor are invalid UIDs.
    """

    def __init__(self, lines: int, peer: str) -> None:
        """Log the start."""
        self._lines = count(lines, "line")
        _LOG.info("looking up %s at %s", self._lines, peer)

    def answer(self, line: int, answer: Answer, taken: Sequence[Selection]) -> None:
        """Log the answer for a line, and the studies to retrieve for it."""
        _LOG.debug("line %d: %s", line, _words(answer, taken))

    def ended(self, lines: int, how: str) -> None:
        """Log how many lines were looked up, and the result."""
        _LOG.info("looked up %d of %s: %s", lines, self._lines, how)

    def failed(self, lines: int, reason: str) -> None:
        """Log how many lines were looked up before the failure."""
        _LOG.error("looked up %d of %s: %s", lines, self._lines, reason)


def _words(answer: Answer, taken: Sequence[Selection]) -> str:
    if isinstance(answer, OperationFailed):
        return f"{answer.operation} refused with status 0x{answer.status:04X}"
    listed = count(sum(isinstance(each, Match) for each in answer), "study")
    uids = some_of([each.study_instance_uid for each in taken])
    which = f" ({uids})" if uids else ""
    cut_short = any(isinstance(each, Remark) and each.incomplete for each in answer)
    more = "; there may be more" if cut_short else ""
    return f"{listed} listed, {len(taken):,} taken{which}{more}"


class LookupsStopped(Cancelled):
    """The user stopped before every line was looked up; nothing is retrieved."""

    def __init__(self, options: RetrieveCommand) -> None:
        """Store the options so far; the lines that were not looked up are left out."""
        super().__init__("stopped; nothing was retrieved")
        self.options = options


class LookupsFailed(RetrieveError):
    """The PACS could not be asked, or has none of the studies; nothing is retrieved."""

    def __init__(
        self, options: RetrieveCommand, found: str, *, next_step: str = "", brief: str
    ) -> None:
        """Store the options so far.

        Args:
            options: With the lines that are left out.
            found: What failed, for stderr.
            next_step: What to try.
            brief: What failed, for JSON and the report, which name the lines separately.
        """
        super().__init__(found, next_step=next_step)
        self.options = options
        self.brief = brief


def resolve(
    options: RetrieveCommand,
    console: Console,
    ask: Ask | None = None,
    pauses: Backoff = _PAUSES,
) -> RetrieveCommand:
    """Return the options with UIDs in place of look-ups; lines without a study are left out.

    Args:
        options: Of the command, with the lines to look up.
        console: For messages.
        ask: Replaces `wiring.find_each` in tests.
        pauses: The time before each attempt at the lines that are left.

    Raises:
        LookupsFailed: The PACS could not be asked, or nothing is left to retrieve.
        LookupsStopped: The user stopped.
    """
    lines = count(len(options.lookups), "line")
    console.stderr.write_line(
        f"looking up {lines} of {options.list_flag} at {options.retrieval.peer}"
    )
    log = LookupLog(len(options.lookups), str(options.retrieval.peer))
    found, patience = LookupResult(), _Patience(options, console, pauses)
    try:
        stopped = not _look_up(options, found, ask or _wired(), log, patience)
    except PeerError as error:
        log.failed(found.lines, error.found)
        so_far = _by_uids(options, found)
        raise LookupsFailed(
            so_far, error.found, next_step=error.next_step, brief=str(error)
        ) from error
    resolved = _by_uids(options, found)
    studies = f"{count(len(join(found.selections)), 'study')} found"
    log.ended(found.lines, "stopped" if stopped else studies)
    if stopped:
        raise LookupsStopped(resolved)
    if not resolved.selections:
        raise LookupsFailed(
            resolved,
            f"{options.list_flag}: {bad_lines_text(resolved.left_out)}",
            brief=f"Nothing was retrieved: no line of {options.list_flag} has a study.",
        )
    console.stderr.write_line(f"{lines}: {studies}")
    return resolved


class _Patience:
    """Decides when lines are looked up again after the PACS failed, by --outage and --retries."""

    def __init__(self, options: RetrieveCommand, console: Console, pauses: Backoff) -> None:
        self._retries, self._outage_s = options.retrieval.retries, options.retrieval.outage_s
        self._total = len(options.lookups)
        self._console, self._pauses = console, pauses
        self._lines = 0
        """Lines that were looked up before the failure."""
        self._since_s: float | None = None
        """When it failed first at this line; None while it answers."""
        self._failures = 0
        self._broken_off = 0
        """Associations that ended at this line."""

    def answered(self, lines: int) -> None:
        """Record that the PACS answered."""
        self._lines = lines
        if self._since_s is not None:
            away = duration_text(self._console.monotonic_s() - self._since_s)
            self._write(f"The PACS is back after {away}")
            self._since_s, self._failures, self._broken_off = None, 0, 0

    def wait_s(self, error: PeerError) -> float | None:
        """Return the seconds to wait before the lines that are left; None to give up."""
        now_s = self._console.monotonic_s()
        begins = self._since_s is None
        self._since_s = now_s if self._since_s is None else self._since_s
        self._failures += 1
        wait_s = self._pauses.wait_s(self._failures)
        busy = isinstance(error, AssociationRejected)
        if not error.retryable:
            return None
        if (self._lines or busy) and error.unassociated:
            left_s = self._since_s + self._outage_s - now_s
            if left_s <= 0:
                return None
            wait_s = min(wait_s, left_s)
        else:
            self._broken_off += 1
            if self._broken_off > self._retries:
                return None
        if begins:
            left = count(self._total - self._lines, "line")
            self._write(
                f"The PACS does not answer ({first_sentence(error.found)}); {left} to look up; "
                f"next try in {duration_text(wait_s)}"
            )
        return wait_s

    def _write(self, text: str) -> None:
        self._console.stderr.write_line(f"{self._console.local_time_text()} {text}")


def _look_up(
    options: RetrieveCommand, found: LookupResult, ask: Ask, log: LookupLog, patience: _Patience
) -> bool:
    """Look up each line; return False if the user stopped.

    Raises:
        PeerError: The PACS cannot be asked, or has not come back.
    """
    cancel = CancelToken()
    with Interruption(on_first=cancel.request, on_second=lambda: None) as interruption:
        while found.lines < len(options.lookups):
            left = options.lookups[found.lines :]
            searches = [lookup.search for lookup in left]
            try:
                with closing(ask(searches, options.retrieval, cancel)) as answers:
                    for lookup, answer in zip(left, answers, strict=True):
                        before = len(found.selections)
                        found.take(lookup, answer)
                        patience.answered(found.lines)
                        log.answer(lookup.line, answer, found.selections[before:])
            except Cancelled:
                return False
            except PeerError as error:
                # Some archives answer a C-CANCEL by closing the connection.
                if interruption.requested:
                    return False
                wait_s = patience.wait_s(error)
                if wait_s is None:
                    raise
                if cancel.wait(wait_s):
                    return False
    return not interruption.requested


def _by_uids(options: RetrieveCommand, found: LookupResult) -> RetrieveCommand:
    """Return the options as far as they were looked up; the other lines are left out."""
    selections = join([*options.selections, *found.selections])
    rest = options.lookups[found.lines :]
    faults = [
        *map(with_flag, found.faults),
        *(f"line {each.line}: not looked up before the end" for each in rest),
    ]
    return replace(
        options,
        selections=selections,
        lookups=(),
        left_out=(*options.left_out, *faults),
        notes=(*options.notes, *notes_on(found.selections)),
    )


def _wired() -> Ask:
    return find_each
