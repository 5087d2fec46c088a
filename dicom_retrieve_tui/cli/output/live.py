"""Live progress at a terminal: a row for each association, and one for the whole run.

Events only update numbers. A thread of rich's draws them a few times a second, so that 2,000
instances a second cost nothing, and the clock goes on while nothing comes. rich is imported when
the first event arrives: nothing else in the headless command needs it.
"""

import contextlib
import os
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO, cast

from dicom_retrieve_tui.cli.output.renderer import STOPPING, Scene
from dicom_retrieve_tui.cli.output.run_log import log_line
from dicom_retrieve_tui.model.events import AttemptFailed, AttemptStarted, Event, StudyFinished
from dicom_retrieve_tui.model.progress import Progress, StudyProgress, WorkerProgress, WorkerState
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.throughput import Throughput, done, remaining

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

_IN_HAND = frozenset({WorkerState.FINDING, WorkerState.RECEIVING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of numbers; None where nobody knows yet."""

    label: str
    study_instance_uid: str = ""
    done: int = 0
    expected: int | None = None
    instances_per_s: float | None = None
    bytes_per_s: float | None = None
    retry_in_s: float | None = None
    """Of a study between two attempts, seconds until it may be tried again; else None."""
    helping: bool = False
    """The study is another worker's, and counted in its row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """All that the live display shows at one moment."""

    rows: tuple[Row, ...]
    hidden: int
    """Workers for whose rows the terminal is too small."""
    total: Row
    exact: bool
    """False if the total's `expected` is an estimate."""
    studies_total: int
    finished: int
    bad: int
    waiting: int
    """Studies between two attempts."""
    received_bytes: int
    elapsed_s: float
    eta_s: float | None


@dataclass(slots=True)
class _Speed:
    """How fast one worker is."""

    instances: Throughput = field(default_factory=Throughput)
    bytes: Throughput = field(default_factory=Throughput)

    def sample(self, worker: WorkerProgress, now_s: float) -> None:
        """Note what this worker got until now."""
        self.instances.add(now_s, worker.instances)
        self.bytes.add(now_s, worker.received_bytes)


@dataclass(frozen=True, slots=True)
class _Waiting:
    study: StudyProgress
    due_s: float


class Board:
    """Measures how fast each worker is, and how long studies wait."""

    def __init__(self, progress: Progress, monotonic_s: Callable[[], float]) -> None:
        self._progress = progress
        self._monotonic_s = monotonic_s
        self._started_s = monotonic_s()
        self._speeds: defaultdict[int, _Speed] = defaultdict(_Speed)
        self._waiting: dict[str, _Waiting] = {}
        self._instances = Throughput()
        self._bytes = Throughput()

    def follow(self, event: Event) -> None:
        """Note until when a study waits; all else is in the progress already."""
        if isinstance(event, AttemptFailed):
            study = self._progress.studies[event.study_instance_uid]
            due_s = self._monotonic_s() + event.wait_s
            self._waiting[event.study_instance_uid] = _Waiting(study, due_s)
        elif isinstance(event, AttemptStarted | StudyFinished):
            self._waiting.pop(event.study_instance_uid, None)

    def picture(self, rows_max: int) -> Picture:
        """Take the numbers of this moment.

        Args:
            rows_max: Lines that there is room for, workers' rows only.
        """
        now_s = self._monotonic_s()
        progress = self._progress
        at_work: list[tuple[WorkerProgress, StudyProgress]] = []
        for number, worker in sorted(progress.workers.copy().items()):
            self._speeds[number].sample(worker, now_s)
            if study := progress.studies.get(worker.study_instance_uid or ""):
                at_work.append((worker, study))
        self._instances.add(now_s, progress.came)
        self._bytes.add(now_s, progress.received_bytes)
        waiting = self._waiting.copy()
        in_hand = [study for worker, study in at_work if worker.state in _IN_HAND]
        future = remaining(progress, [*in_hand, *(each.study for each in waiting.values())])
        rows = [self._row(worker, study, waiting, now_s) for worker, study in at_work]
        rate = self._instances.rate
        return Picture(
            rows=tuple(rows[:rows_max]),
            hidden=max(len(rows) - rows_max, 0),
            total=Row(
                label="total",
                done=progress.stored,
                expected=None if future is None else progress.stored + future.instances,
                instances_per_s=rate,
                bytes_per_s=self._bytes.rate,
            ),
            exact=future is not None and future.exact,
            studies_total=progress.studies_total,
            finished=progress.finished,
            bad=progress.finished - progress.good,
            waiting=len(waiting),
            received_bytes=progress.received_bytes,
            elapsed_s=now_s - self._started_s,
            eta_s=None if future is None else future.eta_s(rate),
        )

    def _row(
        self,
        worker: WorkerProgress,
        study: StudyProgress,
        waiting: Mapping[str, _Waiting],
        now_s: float,
    ) -> Row:
        uid, retry_in_s = study.study_instance_uid, None
        if worker.state is WorkerState.WAITING and uid in waiting:
            retry_in_s = max(waiting[uid].due_s - now_s, 0.0)
        speed = self._speeds[worker.number]
        return Row(
            label=str(worker.number),
            study_instance_uid=uid,
            done=done(study),
            expected=study.expected,
            instances_per_s=speed.instances.rate,
            bytes_per_s=speed.bytes.rate,
            retry_in_s=retry_in_s,
            helping=worker.state is WorkerState.HELPING,
        )


_REFRESH_PER_S = 5
_SHOW_CURSOR = b"\x1b[?25h\r\n"


class _Unfailing:
    """A terminal for rich that may go away: the retrieval goes on, and so does its account."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()


class LiveRenderer:
    """Rows that are redrawn in place, below the lines that stay."""

    def __init__(self, scene: Scene) -> None:
        self._stderr = scene.stderr
        self._account = scene.account
        self._options = scene.options
        self._board = Board(scene.account.progress, scene.monotonic_s)
        self._stopping = False
        self._live: Live | None = None

    def show(self, event: Event) -> None:
        """Keep the event's line, if it has one, above the rows."""
        self._board.follow(event)
        live = self._live or self._start()
        line = log_line(event, self._account, self._options, width=live.console.width)
        if line is not None:
            live.console.print(
                clean_text(line), markup=False, emoji=False, highlight=False, overflow="fold"
            )

    def stopping(self) -> None:
        """Let the next drawing say that the user was heard.

        A signal handler must not print here: its thread may hold the console's lock halfway
        through a line.
        """
        self._stopping = True

    def close(self) -> None:
        """Take the rows away; the lines stay."""
        if self._live is not None:
            self._live.stop()

    def abandon(self) -> None:
        """Give the cursor back past rich, whose lock may be held."""
        with contextlib.suppress(OSError, ValueError):
            os.write(self._stderr.stream.fileno(), _SHOW_CURSOR)

    def _start(self) -> "Live":
        from rich.console import Console  # noqa: PLC0415 - a piped run never needs it
        from rich.live import Live  # noqa: PLC0415

        self._live = Live(
            console=Console(file=cast("TextIO", _Unfailing(self._stderr.stream))),
            get_renderable=self._draw,
            refresh_per_second=_REFRESH_PER_S,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._live.start()
        return self._live

    def _draw(self) -> "RenderableType":
        from dicom_retrieve_tui.cli.output.live_table import draw  # noqa: PLC0415 - it imports rich

        if self._live is None:
            return ""
        console = self._live.console
        picture = self._board.picture(rows_max=max(console.height - 4, 1))
        return draw(picture, width=console.width, footer=STOPPING if self._stopping else "")
