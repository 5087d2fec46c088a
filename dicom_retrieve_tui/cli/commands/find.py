"""`dicom-retrieve find TARGET`: what a PACS has, as a table, as UIDs or as JSON."""

import argparse
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from datetime import date

from dicom_retrieve_tui import __version__, wiring
from dicom_retrieve_tui.cli.ask_secrets import unlocked
from dicom_retrieve_tui.cli.console import Console
from dicom_retrieve_tui.cli.find_args import FindOptions, read_find_options
from dicom_retrieve_tui.cli.logs import logging_to
from dicom_retrieve_tui.cli.output.find_output import (
    JsonWriter,
    TableWriter,
    Writer,
    keys_text,
    rows_writer,
    uids_writer,
    with_flag,
)
from dicom_retrieve_tui.cli.output.json_lines import Output
from dicom_retrieve_tui.cli.parser_base import PROGRAM
from dicom_retrieve_tui.cli.signals import Interruption
from dicom_retrieve_tui.errors import Cancelled, PeerError
from dicom_retrieve_tui.exit_codes import INTERRUPTED, NOT_OK, OK
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import SCHEMA_VERSION
from dicom_retrieve_tui.model.humanize import count, plural
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.search import Found, Remark, Search

Finder = Callable[[Search, RetrieveOptions, CancelToken, date | None], Generator[Found, None, None]]
"""`wiring.find`, or a script in a test."""


def run_find(args: argparse.Namespace, console: Console, finder: Finder | None = None) -> int:
    """List what matches; return the exit code.

    It is 0 only if something matches and nothing indicates that the list is incomplete.

    Raises:
        ConfigError: The flags or the profile are invalid.
    """
    today = console.utc_now().astimezone().date()
    options = read_find_options(args, console.environ, today)
    options = replace(options, pacs=unlocked(options.pacs, console))
    for words in options.pacs.dangers:
        console.stderr.write_line(words)
    if finder is None:
        finder = wiring.find
    with logging_to(options.log_file, console.stderr.write_line):
        return _Listing(options, console).run(finder)


class _Listing:
    """One search: its matches go to a writer, its remarks to stderr."""

    def __init__(self, options: FindOptions, console: Console) -> None:
        self._options = options
        self._console = console
        self._noun = options.search.level.noun
        self._cancel = CancelToken()
        self._out = Output(console, as_json=options.json)
        self._writer = self._choose_writer()
        self._found = 0
        self._fault = ""
        """Why the search ended early; empty if it did not."""
        self._complete = True

    def run(self, finder: Finder) -> int:
        self._print_start()
        code = NOT_OK
        with Interruption(on_first=self._cancel.request, on_second=lambda: None):
            try:
                self._write_all(finder)
                code = OK if self._found and self._complete else NOT_OK
            except PeerError as error:
                self._fault = str(error)
            except Cancelled:
                self._fault, code = "interrupted", INTERRUPTED
        self._writer.finish()
        return self._print_end(code)

    def _choose_writer(self) -> Writer:
        options, stdout, level = self._options, self._console.stdout, self._options.search.level
        if options.json:
            return JsonWriter(self._out, self._noun)
        if options.uids:
            return uids_writer(stdout, level)
        return TableWriter(stdout, level) if stdout.is_terminal else rows_writer(stdout, level)

    def _write_all(self, finder: Finder) -> None:
        options = self._options
        with closing(
            finder(options.search, options.pacs, self._cancel, options.split_until)
        ) as results:
            for found in results:
                if isinstance(found, Remark):
                    self._print_remark(found)
                else:
                    self._found += 1
                    self._writer.write(found)
                if self._console.stdout.lost:
                    return

    def _print_remark(self, remark: Remark) -> None:
        self._out.record("remark", {"text": remark.text, "incomplete": remark.incomplete})
        self._console.stderr.write_line(with_flag(remark.text))
        self._complete = self._complete and not remark.incomplete

    def _print_start(self) -> None:
        search, peer = self._options.search, self._options.pacs.peer
        level = search.level.lower()
        start = {"schema": SCHEMA_VERSION, "version": __version__, "peer": str(peer)}
        self._out.record("find_started", {**start, "level": level})
        things = plural(self._noun)
        self._console.stderr.write_line(f"searching {things} in {peer}: {keys_text(search)}")

    def _print_end(self, code: int) -> int:
        console = self._console
        if self._fault:
            self._complete = False
            console.stderr.write_line(f"{PROGRAM}: {self._fault}")
        if not console.stdout.lost:
            ending = {"found": self._found, "complete": self._complete, "exit_code": code}
            self._out.record("find_finished", {**ending, "reason": self._fault})
        if console.stdout.lost:
            console.stderr.write_line(f"stdout could not be written: {console.stdout.lost}")
            return code or NOT_OK
        if self._found or not self._fault:
            console.stderr.write_line(self._total())
        return code

    def _total(self) -> str:
        if not self._found:
            return f"no {self._noun} matches" if self._complete else "nothing was listed"
        listed = count(self._found, self._noun)
        if self._complete:
            return listed
        split = not self._fault and self._options.split_until is None
        hint = " (--split searches by parts of the date range)" if split else ""
        return f"{listed}; there may be more{hint}"
