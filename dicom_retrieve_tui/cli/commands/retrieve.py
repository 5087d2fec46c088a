"""`dicom-retrieve TARGET`: one retrieval, from the command line to the exit code."""

import argparse
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import chain

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.cli.ask_secrets import unlocked
from dicom_retrieve_tui.cli.cluster_engine import retrieve
from dicom_retrieve_tui.cli.console import Console
from dicom_retrieve_tui.cli.logs import log_event, logging_to
from dicom_retrieve_tui.cli.output.account import Account
from dicom_retrieve_tui.cli.output.census import Census
from dicom_retrieve_tui.cli.output.earlier_runs import NOTHING_EARLIER, earlier_failures
from dicom_retrieve_tui.cli.output.json_lines import JsonLines
from dicom_retrieve_tui.cli.output.renderer import PlainRenderer, Renderer, Scene
from dicom_retrieve_tui.cli.output.report import Ending, finish_hook, reason_record, write_report
from dicom_retrieve_tui.cli.output.summary import summarise
from dicom_retrieve_tui.cli.parser_base import PROGRAM
from dicom_retrieve_tui.cli.read_options import RetrieveCommand, read_command
from dicom_retrieve_tui.cli.signals import Interruption
from dicom_retrieve_tui.errors import Cancelled, FolderInUse, RetrieveError
from dicom_retrieve_tui.exit_codes import INTERRUPTED, NOT_OK, OK
from dicom_retrieve_tui.model.bug_report import bug_note
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import Event, Noted, RetrieveFinished, RetrieveStarted
from dicom_retrieve_tui.model.humanize import bad_lines_text, count
from dicom_retrieve_tui.model.limited_read import LIST_MAX_BYTES, read_at_most
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.terminal_notice import notice_of, notice_sequences
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.platform_files import WINDOWS

_GRACE_S = 1.0
"""From a second Ctrl-C until the process ends, even if summary and report are not written yet."""

Engine = Callable[[Sequence[Selection], RetrieveOptions, CancelToken], Iterator[Event]]
"""`wiring.retrieve`, `wiring.dry_run`, or a script in a test."""


def run_retrieve(args: argparse.Namespace, console: Console, engine: Engine | None = None) -> int:
    """Retrieve what the flags name; return the exit code.

    Raises:
        RetrieveError: The flags are invalid, or the output folder or the port cannot be used.
    """
    options = read_command(args, console.environ, lambda: _read_stdin(console))
    if not options.dry_run:
        wiring.check_commands(options.retrieval)
    options = replace(options, retrieval=unlocked(options.retrieval, console))
    # Opened once for look-ups and retrieval: the reader of a pipe sees one end of file.
    with logging_to(options.log_file, console.stderr.write_line, options.retrieval.umask):
        if options.lookups:
            return _look_up_and_retrieve(options, console, engine)
        return run_retrieval(options.of_shard(), console, engine, learn=True)


def run_retrieval(
    options: RetrieveCommand,
    console: Console,
    engine: Engine | None = None,
    *,
    learn: bool = False,
) -> int:
    """Run one retrieval and report it; return the exit code. The caller keeps the log open.

    Args:
        options: The command's options.
        console: The streams and the clock.
        engine: Replaces the engine in tests.
        learn: Forecast by the sizes in the user's history, and add those of this run.

    Raises:
        RetrieveError: Before anything was sent: the output folder or the port cannot be used.
    """
    wired = partial(wiring.dry_run if options.dry_run else retrieve, learn=learn)
    return _Retrieval(options, console).run(engine or wired)


def _look_up_and_retrieve(options: RetrieveCommand, console: Console, engine: Engine | None) -> int:
    from dicom_retrieve_tui.cli.commands.lookup import (  # noqa: PLC0415 - few runs have look-ups
        LookupsFailed,
        LookupsStopped,
        resolve,
    )

    started = console.utc_now(), console.monotonic_s()
    try:
        options = resolve(options, console)
    except LookupsStopped as stop:
        console.stderr.write_line(str(stop))
        story = _stopped_story(stop.options)
        return _Retrieval(stop.options, console, started).not_started(story, INTERRUPTED)
    except LookupsFailed as failure:
        for line in f"{PROGRAM}: {failure}".split("\n"):
            console.stderr.write_line(line)
        story = _failed_story(failure.options, failure.brief)
        return _Retrieval(failure.options, console, started).not_started(story, NOT_OK)
    return run_retrieval(options.of_shard(), console, engine, learn=True)


def _read_stdin(console: Console) -> str:
    if console.stdin.isatty():
        ends = "Ctrl-Z and Enter end it" if WINDOWS else "Ctrl-D ends it"
        console.stderr.write_line(f"reading the list from the terminal; {ends}")
    buffer = getattr(console.stdin, "buffer", None)
    if buffer is None:
        return read_at_most(console.stdin, LIST_MAX_BYTES)
    from dicom_retrieve_tui.model.list_text import list_text  # noqa: PLC0415 - most name UIDs

    return list_text(read_at_most(buffer, LIST_MAX_BYTES))


def _stopped_story(options: RetrieveCommand) -> Iterator[Event]:
    """Yield the events of a run that the user stopped before it started."""
    yield _started(options)
    yield RetrieveFinished(verdict=Verdict.CANCELLED)


def _failed_story(options: RetrieveCommand, reason: str) -> Iterator[Event]:
    """Yield the events of a run that failed before it started."""
    yield _started(options)
    yield Noted(study_instance_uid=None, text=reason)
    yield RetrieveFinished(verdict=Verdict.FAILED)


def _started(options: RetrieveCommand) -> RetrieveStarted:
    return RetrieveStarted(
        peer=str(options.retrieval.peer),
        method=str(options.retrieval.method),
        studies=len(options.selections),
        parallel=options.retrieval.parallel,
    )


def _stream(
    engine: Engine, options: RetrieveCommand, cancel: CancelToken
) -> Generator[Event, None, None]:
    """Yield the engine's events; closing this closes the engine's iterator."""
    yield from engine(options.selections, options.retrieval, cancel)


class _Retrieval:
    """One retrieval: its events go to the renderer, to JSON lines, to the log and into the account.

    Whatever ends it, the summary and the report are written.
    """

    def __init__(
        self,
        options: RetrieveCommand,
        console: Console,
        started: tuple[datetime, float] | None = None,
    ) -> None:
        self._options = options
        self._console = console
        self._account = Account(options.selections, options.retrieval.series_filter)
        self._cancel = CancelToken()
        self._finish_cancel = CancelToken()
        """Ends the command of `--on-finish`."""
        self._summary: list[str] = []
        self._started, self._started_s = started or (console.utc_now(), console.monotonic_s())
        self._working = True
        """False once only summary and report are left to write."""
        self._earlier = NOTHING_EARLIER
        """What earlier runs left in the folder; known once this one has ended."""
        self._counted: Census | None = None
        self._bug: Exception | None = None
        """The first exception while an event was handled."""
        self._renderer = self._choose_renderer()
        self._json = (
            JsonLines(
                console.stdout, console.utc_now, dry_run=options.dry_run, reasons=self._reasons
            )
            if options.json
            else None
        )

    def run(self, engine: Engine) -> int:
        """Retrieve, and write summary and report however it ends; return the exit code.

        Raises:
            RetrieveError, Cancelled: Before anything was sent.
            Exception: A bug ended it; summary and report hold what was done until then.
        """
        interruption = Interruption(on_first=self._stop, on_second=self._insist, grace_s=_GRACE_S)
        with interruption:  # to the end of the report, so that a late signal does not cost it
            self._print_left_out()
            failure = self._follow(engine)
            self._working = False
            code = self._close(failure, interrupted=interruption.requested)
        if (failure := failure or self._bug) is not None:
            raise failure
        return code

    def not_started(self, story: Iterable[Event], code: int) -> int:
        """Write events and report of a run that ended before it started; return the exit code."""
        self._record(story)
        return self._write_report(code)

    def _record(self, story: Iterable[Event]) -> None:
        """Handle events that the engine did not emit; the renderer is closed already."""
        for event in story:
            self._account.apply(event)
            log_event(event)
            if self._json is not None:
                self._json.write(event)

    def _follow(self, engine: Engine) -> Exception | Cancelled | None:
        """Handle every event; return what ended the run early."""
        try:
            with ExitStack() as stack:
                stack.callback(self._renderer.close)
                events = stack.enter_context(closing(_stream(engine, self._options, self._cancel)))
                for event in events:
                    self._handle_safely(event)
                    if isinstance(event, RetrieveStarted):
                        self._handle_notes()
        except (Exception, Cancelled) as error:  # noqa: BLE001 - raised again after the report
            return error
        return self._bug

    def _handle_safely(self, event: Event) -> None:
        """Handle an event; a bug in that cancels the run."""
        try:
            self._handle(event)
        except Exception as bug:  # noqa: BLE001 - raised again after the report
            self._bug = self._bug or bug
            self._cancel.request()

    def _handle(self, event: Event) -> None:
        self._account.apply(event)
        log_event(event, with_paths=self._options.log_patient_data)
        self._renderer.show(event)
        self._announce(event)
        if self._json is not None:
            self._json.write(event)
            if self._console.stdout.lost:
                # The reader of the JSON lines has gone. What is on disk stays.
                self._cancel.request()

    def _announce(self, event: Event) -> None:
        """Announce an event by the terminal's bell, title and notices, if it is worth that."""
        if not self._options.retrieval.notify:
            return
        notice = notice_of(event, self._account.progress, self._elapsed_s())
        if notice is not None:
            console = self._console
            console.stderr.write_control(notice_sequences(notice, console.environ))

    def _handle_notes(self) -> None:
        """Turn the notes on the list of UIDs into events."""
        for note in self._options.notes:
            self._handle_safely(Noted(study_instance_uid=None, text=note))

    def _close(self, failure: Exception | Cancelled | None, *, interrupted: bool) -> int:
        """Write summary and report; return the exit code."""
        progress = self._account.progress
        if isinstance(failure, FolderInUse):
            # Report and command at the end are those of the run that has the folder.
            self._record(_failed_story(self._options, str(failure)))
            return NOT_OK
        if not progress.peer and isinstance(failure, RetrieveError | Cancelled):
            if isinstance(failure, Cancelled):
                self._console.stderr.write_line("stopped; nothing was retrieved")
                return self.not_started(_stopped_story(self._options), INTERRUPTED)
            return self.not_started(_failed_story(self._options, str(failure)), NOT_OK)
        if isinstance(failure, Exception):
            if progress.verdict is None:
                self._record([bug_note(failure), RetrieveFinished(verdict=Verdict.FAILED)])
            elif failure is self._bug:
                self._account.apply(bug_note(failure))
            return self._write_report(self._print_summary_safely(NOT_OK))
        code = self._exit_code(interrupted=interrupted)
        return self._write_report(self._print_summary_safely(code))

    def _write_report(self, code: int) -> int:
        ending = Ending(
            started=self._started,
            finished=self._console.utc_now(),
            elapsed_s=self._elapsed_s(),
            exit_code=code,
            earlier=self._earlier,
        )
        code = write_report(self._account, self._census(), self._options, ending, self._console)
        return self._run_finish_command(replace(ending, exit_code=code))

    def _run_finish_command(self, ending: Ending) -> int:
        """Run the command of `--on-finish`; return the exit code, which is not 0 if it failed."""
        options = self._options
        if options.retrieval.on_finish is None or options.dry_run:
            return ending.exit_code
        hook = finish_hook(self._account, options, ending, self._summary)
        reason = wiring.run_finish_command(options.retrieval, hook, self._finish_cancel)
        if not reason:
            return ending.exit_code
        self._console.stderr.write_line(f"The --on-finish command failed: {reason}")
        return ending.exit_code or NOT_OK

    def _census(self) -> Census:
        """Return the counts over all studies; they are counted once the last event is there."""
        if self._counted is None:
            self._counted = Census.of(self._account.studies())
        return self._counted

    def _reasons(self) -> list[dict[str, object]]:
        """Return the reasons for which studies are not complete, for JSON."""
        groups = self._census().in_order()
        return [reason_record(each, dry_run=self._options.dry_run) for each in groups]

    def _elapsed_s(self) -> float:
        return self._console.monotonic_s() - self._started_s

    def _exit_code(self, *, interrupted: bool) -> int:
        progress = self._account.progress
        if progress.complete and not progress.commands_failed:
            return NOT_OK if self._options.left_out else OK
        return INTERRUPTED if interrupted else NOT_OK

    def _print_left_out(self) -> None:
        """Print which lines of the list are left out, before anything is sent."""
        if left_out := self._options.left_out:
            for line in f"{self._options.list_flag}: {bad_lines_text(left_out)}".split("\n"):
                self._console.stderr.write_line(line)

    def _print_summary_safely(self, code: int) -> int:
        """Print the summary; after a bug in that, the report is still written."""
        try:
            return self._print_summary(code)
        except Exception as bug:  # noqa: BLE001 - raised again after the report
            self._bug = self._bug or bug
            self._account.apply(bug_note(bug))
            return NOT_OK

    def _print_summary(self, code: int) -> int:
        """Print the summary; return the exit code, which is not 0 if requested data was lost."""
        console, options = self._console, self._options
        lines: Iterable[str] = summarise(self._account, self._census(), options, self._elapsed_s())
        if options.shard is not None and not options.selections:
            of = count(len(options.retrieval.listed), "study")
            lines = [f"nothing to do: none of the {of} of the list belongs to {options.shard}"]
        if options.left_out:
            left_out = f"{count(len(options.left_out), 'row')} of {options.list_flag}"
            lines = chain(lines, [f"{left_out} left out: exit code 1"])
        self._earlier = earlier_failures(self._account, options)
        lines = chain(lines, self._earlier.lines())
        if not options.dry_run:  # its listing may have a million lines
            lines = self._summary = list(lines)
        if options.json:
            for line in lines:
                console.stderr.write_line(line)
        else:
            console.stdout.write_lines(lines)
        if console.stdout.lost:
            lost = console.exit_code(code)
            if options.json or options.dry_run:
                return lost
        return code

    def _choose_renderer(self) -> Renderer:
        console, options = self._console, self._options
        # JSON lines on the same terminal would run through the rows.
        shared = options.json and console.stdout.is_terminal
        # Windows sets no TERM; the live rows were never tried on a real console of it.
        dumb = console.is_dumb or not console.environ.get("TERM")
        scene = Scene(
            console.stderr, self._account, options, console.monotonic_s, console.local_time_text
        )
        if not console.stderr.is_terminal or shared or dumb:
            return PlainRenderer(scene)
        from dicom_retrieve_tui.cli.output.live import LiveRenderer  # noqa: PLC0415 - loads rich

        return LiveRenderer(scene)

    def _stop(self) -> None:
        self._cancel.request()
        if self._working:
            self._renderer.stopping()
        else:
            self._finish_cancel.request()

    def _insist(self) -> None:
        self._cancel.insist()
        self._finish_cancel.insist()
        if self._working:
            self._renderer.abandon()
