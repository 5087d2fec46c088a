"""`dicom-retrieve doctor TARGET [STUDY_UID]`: would a retrieval work, and what to do if not."""

import argparse
import json
import textwrap
from collections.abc import Iterator
from contextlib import closing
from shutil import get_terminal_size
from typing import Protocol

from dicom_retrieve_tui import __version__, wiring
from dicom_retrieve_tui.cli.console import Surroundings, utc_text
from dicom_retrieve_tui.cli.parser_base import UsageError, names_profile
from dicom_retrieve_tui.cli.read_options import read_settings, read_way
from dicom_retrieve_tui.cli.security_args import unlocked
from dicom_retrieve_tui.cli.signals import Interruption
from dicom_retrieve_tui.doctor.result import (
    Check,
    Conclusion,
    Finding,
    Looking,
    Outcome,
    Step,
)
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.exit_codes import INTERRUPTED, NOT_OK, OK
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import SCHEMA_VERSION
from dicom_retrieve_tui.model.sanitize import clean_values
from dicom_retrieve_tui.model.selection import Plan, Selection
from dicom_retrieve_tui.model.uids import uid_fault


def run_doctor(args: argparse.Namespace, around: Surroundings) -> int:
    """Look, and tell of each step as it holds; returns the exit code.

    Raises:
        ConfigError: What was asked for cannot be meant.
    """
    if args.target is None:
        raise UsageError("doctor needs the PACS to look at: pacs://HOST[:PORT] or @PROFILE.")
    if names_profile(args.target):
        from dicom_retrieve_tui.cli.profile_args import fill_in, open_book  # noqa: PLC0415

        fill_in(args, open_book(args, around.environ))
    settings = unlocked(read_settings(args), around)
    for words in settings.dangers:
        around.stderr.say(words)
    method, move_destination = read_way(args)
    plan = Plan(
        selections=_study(args.uids),
        method=method,
        move_destination=move_destination,
        listening=settings.listen is not None,
    )
    telling: Telling = TellingJson(around) if args.json else TellingPeople(around)
    telling.begin(peer=str(settings.peer), method=str(method))
    cancel = CancelToken()
    conclusion: Conclusion | None = None
    with (
        Interruption(on_first=cancel.request, on_second=telling.abandon),
        closing(wiring.diagnose(plan, settings, cancel)) as findings,
    ):
        for finding in findings:
            telling.tell(finding)
            if isinstance(finding, Conclusion):
                conclusion = finding
    if conclusion is None:
        telling.abandon()
        around.stderr.say("stopped")
        return INTERRUPTED
    if around.stdout.lost:
        around.stderr.say(f"stdout could not be written: {around.stdout.lost}")
        return NOT_OK
    return OK if conclusion.works else NOT_OK


def _study(uids: list[str]) -> tuple[Selection, ...]:
    if len(uids) > 1:
        raise UsageError("doctor tries one study at most.")
    for uid in uids:
        if (fault := uid_fault(uid)) is not None:
            raise ConfigError(f"Study Instance UID {uid!r} {fault}.")
    return tuple(Selection(study_instance_uid=uid) for uid in uids)


_WORDS = {
    Outcome.OK: "ok",
    Outcome.FAILED: "FAILED",
    Outcome.WARNING: "warning",
    Outcome.SKIPPED: "skipped",
}
_MARKS = {outcome: outcome.mark for outcome in Outcome}
_COLOURS = {
    Outcome.OK: "green",
    Outcome.FAILED: "red",
    Outcome.WARNING: "yellow",
    Outcome.SKIPPED: "",
}
_LABEL_WIDTH = max(len(check.label) for check in Check) + 2
_WIDTH_MIN, _WIDTH_MAX = 60, 110


class Telling(Protocol):
    """Tells of a diagnosis on stdout."""

    def begin(self, *, peer: str, method: str) -> None:
        """Say what is about to be looked at."""

    def tell(self, finding: Finding) -> None:
        """Say what was found."""

    def abandon(self) -> None:
        """Take away what does not stay; safe in a signal handler."""


class TellingPeople:
    """Marks and colours at a terminal, words without."""

    def __init__(self, around: Surroundings) -> None:
        self._out = around.stdout
        self._drawn = around.stdout.is_terminal and around.environ.get("TERM", "dumb") != "dumb"
        self._coloured = self._drawn and not around.environ.get("NO_COLOR")
        marked = self._drawn and around.stdout.takes("".join(_MARKS.values()))
        self._marks = _MARKS if marked else _WORDS
        self._mark_width = max(map(len, self._marks.values())) + 1

    def begin(self, *, peer: str, method: str) -> None:
        """See `Telling`."""
        self._out.write_lines([f"{peer}, --method {method}"])

    def tell(self, finding: Finding) -> None:
        """See `Telling`."""
        match finding:
            case Looking():
                if self._drawn:
                    indent = " " * self._mark_width
                    self._out.write_passing(f"{indent}{finding.check.label} ...")
            case Step():
                first, *others = self._step_lines(finding)
                colour = _COLOURS[finding.outcome] if self._coloured else ""
                self._out.write_marked(self._marks[finding.outcome], colour, first)
                self._out.write_lines(others)
            case Conclusion():
                self._out.write_lines(self._conclusion_lines(finding))

    def abandon(self) -> None:
        """See `Telling`."""
        self._out.write_passing("")

    def _step_lines(self, step: Step) -> Iterator[str]:
        """What stands behind the mark, and the lines below it."""
        gap = " " * (self._mark_width - len(self._marks[step.outcome]))
        indent = " " * (self._mark_width + _LABEL_WIDTH)
        found, *more = self._wrapped(step.found, indent)
        yield f"{gap}{step.check.label:<{_LABEL_WIDTH}}{found}"
        for line in (*more, *(self._wrapped(step.next_step, indent) if step.next_step else ())):
            yield f"{indent}{line}"

    def _conclusion_lines(self, conclusion: Conclusion) -> Iterator[str]:
        yield ""
        yield from self._wrapped(f"{conclusion.words} {conclusion.next_step}".rstrip(), "")
        yield ""
        yield "For the administrator of the PACS:"
        for line in conclusion.for_administrator:
            yield f"  {line}"  # never cut: it is there to be copied

    def _wrapped(self, text: str, indent: str) -> list[str]:
        """Cut to the terminal; whole where there is none."""
        if not self._drawn:
            return [text]
        width = min(max(get_terminal_size().columns, _WIDTH_MIN), _WIDTH_MAX) - len(indent) - 1
        return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


class TellingJson:
    """The names are public."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def begin(self, *, peer: str, method: str) -> None:
        """See `Telling`."""
        self._write("diagnosis_started", schema=SCHEMA_VERSION, version=__version__, peer=peer,
                    method=method)  # fmt: skip

    def tell(self, finding: Finding) -> None:
        """See `Telling`."""
        match finding:
            case Looking():
                return
            case Step():
                self._write(
                    "step",
                    check=finding.check,
                    outcome=finding.outcome,
                    found=finding.found,
                    next_step=finding.next_step,
                    keys=finding.keys,
                )
            case Conclusion():
                self._write(
                    "diagnosis_finished",
                    works=finding.works,
                    proven=finding.proven,
                    words=finding.words,
                    next_step=finding.next_step,
                    for_administrator=finding.for_administrator,
                )

    def abandon(self) -> None:
        """See `Telling`."""

    def _write(self, event: str, **fields: object) -> None:
        time = utc_text(self._around.utc_now())
        record = clean_values({"event": event, "time": time, **fields})
        self._around.stdout.write_lines([json.dumps(record)])
