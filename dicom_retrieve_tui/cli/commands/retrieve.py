"""One retrieval from order to exit code: events are folded, and handed to whoever shows them."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.cli.commands.not_started import failed_story, stopped_story
from dicom_retrieve_tui.cli.console import Surroundings
from dicom_retrieve_tui.cli.logs import log_event
from dicom_retrieve_tui.cli.output.account import Account
from dicom_retrieve_tui.cli.output.json_lines import JsonLines
from dicom_retrieve_tui.cli.output.plain import PlainRenderer
from dicom_retrieve_tui.cli.output.renderer import Renderer, Scene
from dicom_retrieve_tui.cli.output.report import Ending, write_report
from dicom_retrieve_tui.cli.output.summary import summarise
from dicom_retrieve_tui.cli.read_options import Options
from dicom_retrieve_tui.cli.signals import Interruption
from dicom_retrieve_tui.errors import Cancelled, RetrieveError
from dicom_retrieve_tui.exit_codes import INTERRUPTED, NOT_OK, OK
from dicom_retrieve_tui.model.bug_report import bug_note
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import Event, Noted, RetrieveFinished, RetrieveStarted
from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.selection import Plan
from dicom_retrieve_tui.model.settings import Settings
from dicom_retrieve_tui.model.uid_list import describe
from dicom_retrieve_tui.model.verdict import Verdict

_GRACE_S = 1.0
"""From a second Ctrl-C until the process ends without its accounts, if they take longer."""

Engine = Callable[[Plan, Settings, CancelToken], Iterator[Event]]
"""`wiring.retrieve`, `wiring.dry_run`, or a script in a test."""


def run_order(options: Options, around: Surroundings, engine: Engine | None = None) -> int:
    """Carry out one order and tell of it; returns the exit code. Whoever calls keeps the log open.

    Raises:
        RetrieveError: Before anything was sent: the output folder or the port cannot be used.
    """
    return _Order(options, around).run(engine or _wired(options))


def _wired(options: Options) -> Engine:
    return wiring.dry_run if options.dry_run else wiring.retrieve


def _stream(engine: Engine, options: Options, cancel: CancelToken) -> Generator[Event, None, None]:
    """The engine's events; closing this closes the engine's iterator."""
    yield from engine(options.plan, options.settings, cancel)


class _Order:
    """What belongs to one order while it is carried out."""

    def __init__(self, options: Options, around: Surroundings) -> None:
        self._options = options
        self._around = around
        self._account = Account(options.plan)
        self._cancel = CancelToken()
        self._started, self._started_s = around.utc_now(), around.monotonic_s()
        self._working = True
        """False once only the accounts are left to write."""
        self._bug: Exception | None = None
        """The first one in taking in an event."""
        self._renderer = self._choose_renderer()
        self._json = (
            JsonLines(around.stdout, around.utc_now, dry_run=options.dry_run)
            if options.json
            else None
        )

    def run(self, engine: Engine) -> int:
        """Carry it out, and write every account that was asked for, however it ends.

        Raises:
            RetrieveError, Cancelled: Before anything was sent; the accounts say so.
            Exception: A bug ended it; the accounts hold what was done until then.
        """
        interruption = Interruption(on_first=self._stop, on_second=self._insist, grace_s=_GRACE_S)
        with interruption:  # to the last account: a signal that comes late costs none
            self._tell_left_out()
            failure = self._follow(engine)
            self._working = False
            code = self._close(failure, interrupted=interruption.requested)
        if (failure := failure or self._bug) is not None:
            raise failure
        return code

    def _follow(self, engine: Engine) -> Exception | Cancelled | None:
        """Take in every event; returns what ended the run before its time."""
        try:
            with ExitStack() as stack:
                stack.callback(self._renderer.close)
                events = stack.enter_context(closing(_stream(engine, self._options, self._cancel)))
                for event in events:
                    self._take_safely(event)
                    if isinstance(event, RetrieveStarted):
                        self._take_notes()
        except (Exception, Cancelled) as error:  # noqa: BLE001 - raised again behind the accounts
            return error
        return self._bug

    def _take_safely(self, event: Event) -> None:
        """Take in an event; a bug in that ends the run in good order."""
        try:
            self._take(event)
        except Exception as bug:  # noqa: BLE001 - raised again behind the accounts
            self._bug = self._bug or bug
            self._cancel.request()

    def _close(self, failure: Exception | Cancelled | None, *, interrupted: bool) -> int:
        """Write the accounts; returns the exit code."""
        progress = self._account.progress
        if not progress.peer and isinstance(failure, RetrieveError | Cancelled):
            if isinstance(failure, Cancelled):
                self._around.stderr.say("stopped; nothing was retrieved")
                self._record(stopped_story(self._options))
                return self._hand_in(INTERRUPTED)
            self._record(failed_story(self._options, str(failure)))
            return self._hand_in(NOT_OK)
        if isinstance(failure, Exception):
            if progress.verdict is None:
                self._record([bug_note(failure), RetrieveFinished(verdict=Verdict.FAILED)])
            elif failure is self._bug:
                self._account.apply(bug_note(failure))
            return self._hand_in(self._tell_safely(NOT_OK))
        return self._hand_in(self._tell_safely(self._exit_code(interrupted=interrupted)))

    def _tell_safely(self, code: int) -> int:
        """Print the summary; a bug in that costs no report."""
        try:
            return self._tell(code)
        except Exception as bug:  # noqa: BLE001 - raised again behind the report
            self._bug = self._bug or bug
            self._account.apply(bug_note(bug))
            return NOT_OK

    def _record(self, story: Iterable[Event]) -> None:
        """Take in events that the engine did not emit; there is nothing left to show."""
        for event in story:
            self._account.apply(event)
            log_event(event)
            if self._json is not None:
                self._json.write(event)

    def _hand_in(self, code: int) -> int:
        ending = Ending(
            started=self._started,
            finished=self._around.utc_now(),
            elapsed_s=self._elapsed_s(),
            exit_code=code,
        )
        return write_report(self._account, self._options, ending, self._around)

    def _elapsed_s(self) -> float:
        return self._around.monotonic_s() - self._started_s

    def _tell_left_out(self) -> None:
        """Name the lines of the list that cannot be asked for, before the rest is."""
        if left_out := self._options.left_out:
            for line in f"{self._options.list_flag}: {describe(left_out)}".split("\n"):
                self._around.stderr.say(line)

    def _take_notes(self) -> None:
        """Report what is to be known of the list, in every account."""
        for note in self._options.notes:
            self._take_safely(Noted(study_instance_uid=None, text=note))

    def _choose_renderer(self) -> Renderer:
        around, options = self._around, self._options
        # JSON lines on the same terminal would run through the rows.
        shared = options.json and around.stdout.is_terminal
        dumb = around.environ.get("TERM", "") in {"", "dumb"}
        scene = Scene(around.stderr, self._account, options, around.monotonic_s)
        if not around.stderr.is_terminal or shared or dumb:
            return PlainRenderer(scene)
        from dicom_retrieve_tui.cli.output.live import LiveRenderer  # noqa: PLC0415 - scripts have none

        return LiveRenderer(scene)

    def _take(self, event: Event) -> None:
        self._account.apply(event)
        log_event(event, with_paths=self._options.log_patient_data)
        self._renderer.show(event)
        if self._json is not None:
            self._json.write(event)
            if self._around.stdout.lost:
                # Nobody reads what was asked for. What is on disk stays.
                self._cancel.request()

    def _stop(self) -> None:
        self._cancel.request()
        if self._working:
            self._renderer.stopping()

    def _insist(self) -> None:
        self._cancel.insist()
        if self._working:
            self._renderer.abandon()

    def _exit_code(self, *, interrupted: bool) -> int:
        if self._account.progress.complete:
            return NOT_OK if self._options.left_out else OK
        return INTERRUPTED if interrupted else NOT_OK

    def _tell(self, code: int) -> int:
        """Print the summary; data that was asked for and could not be printed is a failure."""
        around, options = self._around, self._options
        lines = list(summarise(self._account, options, self._elapsed_s()))
        if options.left_out:
            left_out = f"{count(len(options.left_out), 'row')} of {options.list_flag}"
            lines.append(f"{left_out} left out: exit code 1, whatever else came")
        if options.json:
            for line in lines:
                around.stderr.say(line)
        else:
            around.stdout.write_lines(lines)
        if around.stdout.lost:
            around.stderr.say(f"stdout could not be written: {around.stdout.lost}")
            if options.json or options.dry_run:
                return code or NOT_OK
        return code
