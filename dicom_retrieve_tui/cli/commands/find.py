"""`dicom-retrieve find TARGET`: what a PACS has, as a table, as UIDs or as JSON."""

import argparse
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from dicom_retrieve_tui import __version__, wiring
from dicom_retrieve_tui.cli.ask_secrets import unlocked
from dicom_retrieve_tui.cli.console import Console
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
from dicom_retrieve_tui.cli.parser_base import PROGRAM, UsageError
from dicom_retrieve_tui.cli.paths import file_to_write
from dicom_retrieve_tui.cli.read_options import read_retrieval
from dicom_retrieve_tui.cli.signals import Interruption
from dicom_retrieve_tui.errors import Cancelled, ConfigError, PeerError
from dicom_retrieve_tui.exit_codes import INTERRUPTED, NOT_OK, OK
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.dates import DateRange, parse_dates, parse_last
from dicom_retrieve_tui.model.events import SCHEMA_VERSION
from dicom_retrieve_tui.model.hours import system_local
from dicom_retrieve_tui.model.humanize import count, plural
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.person_name import name_key
from dicom_retrieve_tui.model.search import Found, Remark, Search

Finder = Callable[[Search, RetrieveOptions, CancelToken, date | None], Generator[Found, None, None]]
"""`wiring.find`, or a script in a test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindOptions:
    """One search as the user requested it."""

    search: Search
    pacs: RetrieveOptions
    split_until: date | None = None
    json: bool = False
    uids: bool = False
    log_file: Path | None = None


def read_find_options(
    args: argparse.Namespace, environ: Mapping[str, str], today: date
) -> FindOptions:
    """Turn the flags, and the profile if one is named, into a search.

    Raises:
        ConfigError: The flags are invalid, or contradict each other.
    """
    if args.target is None:
        raise UsageError("No PACS was named; give it as pacs://HOST[:PORT] or @PROFILE.")
    if args.json and args.uids:
        raise ConfigError("--json and --uids cannot be combined.")
    search = _search(args, today)
    split_until = _split_until(args, search, today)
    return FindOptions(
        search=search,
        pacs=read_retrieval(args, environ),
        split_until=split_until,
        json=args.json,
        uids=args.uids,
        log_file=file_to_write("--log-file", args.log_file),
    )


def _search(args: argparse.Namespace, today: date) -> Search:
    if args.series_uid and not args.study_uid:
        raise ConfigError("--series-uid requires --study-uid.")
    search = Search(
        level=_level(args),
        patient_id=args.patient_id or "",
        patient_name=name_key(args.patient_name or ""),
        accession_number=args.accession or "",
        study_date=_dates(args, today),
        modality=(args.modality or "").upper(),
        study_description=args.description or "",
        study_instance_uid=args.study_uid or "",
        series_instance_uid=args.series_uid or "",
    )
    if not search.selective and not args.all:
        raise UsageError(
            "No search key was given. Give one, such as --patient-id or --date, or --all for "
            "everything that the PACS has."
        )
    return search


def _level(args: argparse.Namespace) -> Level:
    if args.level is None:
        return Level.SERIES if args.series_uid else Level.STUDY
    if args.level.upper() not in set(Level):
        raise ConfigError(f"--level {args.level!r}: choose study, series or image.")
    level = Level(args.level.upper())
    if level is Level.STUDY and args.series_uid:
        raise ConfigError("--series-uid cannot be combined with --level study.")
    return level


def _dates(args: argparse.Namespace, today: date) -> DateRange | None:
    if args.last is not None:
        if args.date is not None:
            raise ConfigError("--date and --last cannot be combined.")
        return parse_last("--last", args.last, today)
    return None if args.date is None else parse_dates("--date", args.date, today)


def _split_until(args: argparse.Namespace, search: Search, today: date) -> date | None:
    if not args.split:
        return None
    if search.study_date is None or search.study_date.first is None:
        raise ConfigError("--split requires a range of dates: give --last, or --date with a start.")
    return today


def run_find(args: argparse.Namespace, console: Console, finder: Finder | None = None) -> int:
    """List what matches; return the exit code.

    It is 0 only if something matches and nothing indicates that the list is incomplete.

    Raises:
        ConfigError: The flags or the profile are invalid.
    """
    today = system_local(console.utc_now()).date()
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
            return console.exit_code(code)
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
