"""`dicom-retrieve doctor TARGET [STUDY_UID]`: check whether a retrieval works, and what to fix."""

import argparse
import textwrap
from collections.abc import Iterator
from contextlib import closing
from shutil import get_terminal_size
from typing import Protocol

from dicom_retrieve_tui import __version__, wiring
from dicom_retrieve_tui.cli.ask_secrets import unlocked
from dicom_retrieve_tui.cli.console import Console
from dicom_retrieve_tui.cli.output.json_lines import Output
from dicom_retrieve_tui.cli.parser_base import UsageError
from dicom_retrieve_tui.cli.read_options import read_retrieval
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
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.uids import uid_fault


def run_doctor(args: argparse.Namespace, console: Console) -> int:
    """Run the checks and print each result at once; return the exit code.

    Raises:
        ConfigError: The flags, the profile or the UID are invalid.
    """
    if args.target is None:
        raise UsageError("doctor needs the PACS to check: pacs://HOST[:PORT] or @PROFILE.")
    options = unlocked(read_retrieval(args, console.environ), console)
    for words in options.dangers:
        console.stderr.write_line(words)
    study = _study(args.uids)
    printer: Printer = JsonPrinter(console) if args.json else TextPrinter(console)
    printer.begin(peer=str(options.peer), method=str(options.method))
    cancel = CancelToken()
    conclusion: Conclusion | None = None
    with (
        Interruption(on_first=cancel.request, on_second=printer.abandon),
        closing(wiring.diagnose(study, options, cancel)) as findings,
    ):
        for finding in findings:
            printer.show(finding)
            if isinstance(finding, Conclusion):
                conclusion = finding
    if conclusion is None:
        printer.abandon()
        console.stderr.write_line("stopped")
        return INTERRUPTED
    return console.exit_code(OK if conclusion.works else NOT_OK)


def _study(uids: list[str]) -> Selection | None:
    if len(uids) > 1:
        raise UsageError("doctor takes one study at most.")
    for uid in uids:
        if (fault := uid_fault(uid)) is not None:
            raise ConfigError(f"Study Instance UID {uid!r} {fault}.")
    return Selection(study_instance_uid=uids[0]) if uids else None


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


class Printer(Protocol):
    """Prints the results on stdout."""

    def begin(self, *, peer: str, method: str) -> None:
        """Print what is checked."""

    def show(self, finding: Finding) -> None:
        """Print a result."""

    def abandon(self) -> None:
        """Remove the line in progress; safe in a signal handler."""


class TextPrinter:
    """Prints marks and colours at a terminal, words elsewhere."""

    def __init__(self, console: Console) -> None:
        self._out = console.stdout
        self._drawn = console.stdout.is_terminal and console.environ.get("TERM", "dumb") != "dumb"
        self._coloured = self._drawn and not console.environ.get("NO_COLOR")
        marked = self._drawn and console.stdout.takes("".join(_MARKS.values()))
        self._marks = _MARKS if marked else _WORDS
        self._mark_width = max(map(len, self._marks.values())) + 1

    def begin(self, *, peer: str, method: str) -> None:
        """See `Printer`."""
        self._out.write_lines([f"{peer}, --method {method}"])

    def show(self, finding: Finding) -> None:
        """See `Printer`."""
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
        """See `Printer`."""
        self._out.write_passing("")

    def _step_lines(self, step: Step) -> Iterator[str]:
        """Yield the text after the mark, and the lines below it."""
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
            yield f"  {line}"  # never wrapped, so that it can be copied

    def _wrapped(self, text: str, indent: str) -> list[str]:
        """Wrap to the terminal's width; without a terminal, return one line."""
        if not self._drawn:
            return [text]
        width = min(max(get_terminal_size().columns, _WIDTH_MIN), _WIDTH_MAX) - len(indent) - 1
        return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


class JsonPrinter:
    """Prints one JSON object a line; the names are public."""

    def __init__(self, console: Console) -> None:
        self._out = Output(console, as_json=True)

    def begin(self, *, peer: str, method: str) -> None:
        """See `Printer`."""
        start = {"schema": SCHEMA_VERSION, "version": __version__}
        self._out.record("diagnosis_started", {**start, "peer": peer, "method": method})

    def show(self, finding: Finding) -> None:
        """See `Printer`."""
        match finding:
            case Looking():
                return
            case Step():
                self._out.record(
                    "step",
                    {
                        "check": finding.check,
                        "outcome": finding.outcome,
                        "found": finding.found,
                        "next_step": finding.next_step,
                        "keys": finding.keys,
                    },
                )
            case Conclusion():
                self._out.record(
                    "diagnosis_finished",
                    {
                        "works": finding.works,
                        "proven": finding.proven,
                        "words": finding.words,
                        "next_step": finding.next_step,
                        "for_administrator": finding.for_administrator,
                    },
                )

    def abandon(self) -> None:
        """See `Printer`."""
