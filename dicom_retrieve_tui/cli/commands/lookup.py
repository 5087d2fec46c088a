"""Accession numbers and patients into studies: one C-FIND for each line, before any retrieval.

What the answers mean is judged in `model.looked_up`; no patient ID is shown or written.
"""

import logging
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import replace

from dicom_retrieve_tui.cli.console import Surroundings
from dicom_retrieve_tui.cli.output.find_output import with_flag
from dicom_retrieve_tui.cli.read_options import Options
from dicom_retrieve_tui.cli.signals import Interruption
from dicom_retrieve_tui.errors import Cancelled, OperationFailed, PeerError, RetrieveError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.search import Match, Remark, Search
from dicom_retrieve_tui.model.selection import Selection, join
from dicom_retrieve_tui.model.settings import Settings
from dicom_retrieve_tui.model.study_lookup import Answer, LookupResult, some_of
from dicom_retrieve_tui.model.uid_list import describe, notes_on
from dicom_retrieve_tui.wiring import find_each

Ask = Callable[[Iterable[Search], Settings, CancelToken], Generator[Answer, None, None]]
"""`wiring.find_each`, or a script in a test."""


_LOG = logging.getLogger(__name__)


class LookupLog:
    """Tells of one look-up from its begin to its end."""

    def __init__(self, lines: int, peer: str) -> None:
        """Log its begin."""
        self._lines = count(lines, "line")
        _LOG.info("looking up %s at %s", self._lines, peer)

    def answer(self, line: int, answer: Answer, taken: Sequence[Selection]) -> None:
        """Log what came for a line, and which studies are to be retrieved because of it."""
        _LOG.debug("line %d: %s", line, _words(answer, taken))

    def ended(self, lines: int, how: str) -> None:
        """Log that so many lines were looked up, and what came of it."""
        _LOG.info("looked up %d of %s: %s", lines, self._lines, how)

    def failed(self, lines: int, reason: str) -> None:
        """Log that it came no further."""
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
    """The user stopped before every line was looked up, and nothing is to be retrieved."""

    def __init__(self, options: Options) -> None:
        """Keep the order as far as it is known; the lines that are left are among its faults."""
        super().__init__("stopped; nothing was retrieved")
        self.options = options


class LookupsFailed(RetrieveError):
    """The PACS cannot be asked, or has nothing of what it was asked for: nothing to retrieve."""

    def __init__(self, options: Options, found: str, *, next_step: str = "", brief: str) -> None:
        """Keep the order as far as it is known.

        Args:
            brief: What stands in the accounts, which name the lines beside it.
        """
        super().__init__(found, next_step=next_step)
        self.options = options
        self.brief = brief


def resolve(options: Options, around: Surroundings, ask: Ask | None = None) -> Options:
    """The same order by UIDs; lines of which nothing can be asked for are left out, and named.

    Raises:
        LookupsFailed: The PACS cannot be asked, or nothing is left to retrieve.
        LookupsStopped: The user stopped.
    """
    lines = count(len(options.lookups), "line")
    around.stderr.say(f"looking up {lines} of {options.list_flag} at {options.settings.peer}")
    log = LookupLog(len(options.lookups), str(options.settings.peer))
    found = LookupResult()
    try:
        stopped = not _look_up(options, found, ask or _wired(), log)
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
    if not resolved.plan.selections:
        raise LookupsFailed(
            resolved,
            f"{options.list_flag}: {describe(resolved.left_out)}",
            brief=f"Nothing was retrieved: no line of {options.list_flag} stands for a study.",
        )
    around.stderr.say(f"{lines}: {studies}")
    return resolved


def _look_up(options: Options, found: LookupResult, ask: Ask, log: LookupLog) -> bool:
    """Note what each line stands for; False if the user stopped."""
    cancel = CancelToken()
    searches = [lookup.search for lookup in options.lookups]
    with Interruption(on_first=cancel.request, on_second=lambda: None) as interruption:
        try:
            with closing(ask(searches, options.settings, cancel)) as answers:
                for lookup, answer in zip(options.lookups, answers, strict=True):
                    before = len(found.selections)
                    found.take(lookup, answer)
                    log.answer(lookup.line, answer, found.selections[before:])
        except Cancelled:
            return False
        except PeerError:  # some archives answer a C-CANCEL by hanging up
            if not interruption.requested:
                raise
    return not interruption.requested


def _by_uids(options: Options, found: LookupResult) -> Options:
    """The order as far as it was looked up; the lines that are left are among its faults."""
    selections = join([*options.plan.selections, *found.selections])
    rest = options.lookups[found.lines :]
    faults = [
        *map(with_flag, found.faults),
        *(f"line {each.line}: not looked up before the end" for each in rest),
    ]
    return replace(
        options,
        plan=replace(options.plan, selections=selections),
        lookups=(),
        left_out=(*options.left_out, *faults),
        notes=(*options.notes, *notes_on(found.selections)),
    )


def _wired() -> Ask:
    return find_each
