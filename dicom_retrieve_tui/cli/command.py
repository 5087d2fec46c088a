"""One retrieval from order to exit code: events are folded, and handed to whoever shows them."""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing

from dicom_retrieve_tui.cli.account import Account
from dicom_retrieve_tui.cli.json_lines import JsonLines
from dicom_retrieve_tui.cli.logs import log_event
from dicom_retrieve_tui.cli.options import Options
from dicom_retrieve_tui.cli.plain import PlainRenderer
from dicom_retrieve_tui.cli.renderer import Renderer, Scene
from dicom_retrieve_tui.cli.report import Ending
from dicom_retrieve_tui.cli.report_file import hand_in
from dicom_retrieve_tui.cli.signals import INTERRUPTED, Interruption
from dicom_retrieve_tui.cli.summary import summarise
from dicom_retrieve_tui.cli.surroundings import Surroundings
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import Event
from dicom_retrieve_tui.model.selection import Plan
from dicom_retrieve_tui.model.settings import Settings
from dicom_retrieve_tui.model.uid_list import describe
from dicom_retrieve_tui.model.wording import count

OK, NOT_OK = 0, 1

Engine = Callable[[Plan, Settings, CancelToken], Iterator[Event]]
"""`wiring.retrieval.retrieve`, `wiring.retrieval.survey`, or a script in a test."""


def run_order(options: Options, around: Surroundings, engine: Engine | None = None) -> int:
    """Carry out one order and tell of it; returns the exit code. Whoever calls keeps the log open.

    Raises:
        RetrieveError: Before anything was sent: the output folder or the port cannot be used.
    """
    return _Order(options, around).run(engine or _wired(options))


def _wired(options: Options) -> Engine:
    from dicom_retrieve_tui.wiring import retrieval  # noqa: PLC0415 - it loads the engine

    return retrieval.survey if options.dry_run else retrieval.retrieve


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
        self._renderer = self._choose_renderer()
        self._json = (
            JsonLines(around.stdout, around.utc_now, dry_run=options.dry_run)
            if options.json
            else None
        )

    def run(self, engine: Engine) -> int:
        started, started_s = self._around.utc_now(), self._around.monotonic_s()
        self._tell_left_out()
        interruption = Interruption(on_first=self._stop, on_second=self._renderer.abandon)
        with ExitStack() as stack:
            stack.enter_context(interruption)
            stack.callback(self._renderer.close)
            events = stack.enter_context(closing(_stream(engine, self._options, self._cancel)))
            for event in events:
                self._take(event)
        elapsed_s = self._around.monotonic_s() - started_s
        code = self._tell(elapsed_s, self._exit_code(interrupted=interruption.requested))
        ending = Ending(
            started=started,
            finished=self._around.utc_now(),
            elapsed_s=elapsed_s,
            exit_code=code,
        )
        return hand_in(self._account, self._options, ending, self._around)

    def _tell_left_out(self) -> None:
        """Name the lines of the list that cannot be asked for, before the rest is."""
        if left_out := self._options.left_out:
            for line in f"{self._options.list_flag}: {describe(left_out)}".split("\n"):
                self._around.stderr.say(line)

    def _choose_renderer(self) -> Renderer:
        around, options = self._around, self._options
        # JSON lines on the same terminal would run through the rows.
        shared = options.json and around.stdout.is_terminal
        dumb = around.environ.get("TERM", "") in {"", "dumb"}
        scene = Scene(around.stderr, self._account, options, around.monotonic_s)
        if not around.stderr.is_terminal or shared or dumb:
            return PlainRenderer(scene)
        from dicom_retrieve_tui.cli.live import LiveRenderer  # noqa: PLC0415 - scripts have none

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
        self._renderer.stopping()

    def _exit_code(self, *, interrupted: bool) -> int:
        if self._account.progress.complete:
            return NOT_OK if self._options.left_out else OK
        return INTERRUPTED if interrupted else NOT_OK

    def _tell(self, elapsed_s: float, code: int) -> int:
        """Print the summary; data that was asked for and could not be printed is a failure."""
        around, options = self._around, self._options
        lines = list(summarise(self._account, options, elapsed_s))
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
