"""Live progress at a terminal: a row for each association, and one for the whole run.

Events only update numbers. A thread of rich draws them a few times a second: 2,000 instances a
second cost nothing, and the clock runs while nothing arrives. The rows fit 80 columns: UIDs are
shortened first, and a narrow terminal gets no bars.
"""

import contextlib
import math
import os
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO, cast

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dicom_retrieve_tui.cli.output.renderer import STOPPING, Scene
from dicom_retrieve_tui.cli.output.run_log import log_line
from dicom_retrieve_tui.model.eta import Throughput, done, remaining
from dicom_retrieve_tui.model.events import (
    AttemptFailed,
    AttemptStarted,
    Event,
    PeerLost,
    ProbeFailed,
    SpaceForecast,
    StudyFinished,
)
from dicom_retrieve_tui.model.humanize import (
    byte_rate_text,
    clock_text,
    count,
    rate_text,
    shortened,
    size_text,
)
from dicom_retrieve_tui.model.narration import held_text, space_text
from dicom_retrieve_tui.model.progress import Progress, StudyProgress, WorkerProgress, WorkerState
from dicom_retrieve_tui.model.sanitize import clean_text

_LABEL, _COUNTS, _RATE, _BYTES = 5, 13, 8, 10
"""Widths of columns, in cells."""
_FIXED = _LABEL + _COUNTS + _RATE + _BYTES + 5
_BAR_MIN, _BAR_MAX = 8, 32
_UID_MIN, _UID_MAX = 14, 64
_REFRESH_PER_S = 5
_SHOW_CURSOR = b"\x1b[?25h\r\n"
_RUNNING = frozenset({WorkerState.FINDING, WorkerState.RECEIVING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of numbers; None where a number is unknown."""

    label: str
    study_instance_uid: str = ""
    done: int = 0
    expected: int | None = None
    instances_per_s: float | None = None
    bytes_per_s: float | None = None
    retry_in_s: float | None = None
    """Seconds until the next attempt, for a study between two attempts."""
    helping: bool = False
    """True if the study is counted in the row of another worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The numbers of the live display at one moment."""

    rows: tuple[Row, ...]
    hidden: int
    """Workers without a row, because the terminal is too small."""
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
    space: SpaceForecast | None = None
    """The forecast of what is to come; None while it is unknown."""


@dataclass(slots=True)
class _Speed:
    """The rates of one worker."""

    instances: Throughput = field(default_factory=Throughput)
    bytes: Throughput = field(default_factory=Throughput)

    def sample(self, worker: WorkerProgress, now_s: float) -> None:
        """Add the worker's totals at this time."""
        self.instances.add(now_s, worker.instances)
        self.bytes.add(now_s, worker.received_bytes)


@dataclass(frozen=True, slots=True)
class _Waiting:
    study: StudyProgress
    due_s: float


class LiveNumbers:
    """Computes the rate of each worker, and how long studies wait.

    `follow` runs on the thread that handles events, `picture` on the one that draws. They share
    plain attributes only; a number that is one event old does no harm.
    """

    def __init__(self, progress: Progress, monotonic_s: Callable[[], float]) -> None:
        self._progress = progress
        self._monotonic_s = monotonic_s
        self._started_s = monotonic_s()
        self._speeds: defaultdict[int, _Speed] = defaultdict(_Speed)
        self._waiting: dict[str, _Waiting] = {}
        self._next_try_s = 0.0
        self._instances = Throughput()
        self._bytes = Throughput()

    def follow(self, event: Event) -> None:
        """Note until when a study or the queue waits; everything else is in the progress."""
        if isinstance(event, AttemptFailed):
            study = self._progress.studies[event.study_instance_uid]
            due_s = self._monotonic_s() + event.wait_s
            self._waiting[event.study_instance_uid] = _Waiting(study, due_s)
        elif isinstance(event, AttemptStarted | StudyFinished):
            self._waiting.pop(event.study_instance_uid, None)
        elif isinstance(event, PeerLost | ProbeFailed):
            self._next_try_s = self._monotonic_s() + event.next_try_s

    @property
    def held(self) -> str:
        """Why the queue is held, and until when; empty if it is not."""
        if (outage := self._progress.held) is None:
            return ""
        return held_text(outage.cause, self._next_try_s - self._monotonic_s())

    def picture(self, rows_max: int) -> Picture:
        """Return the current numbers.

        Args:
            rows_max: Rows of workers that fit.
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
        running = [study for worker, study in at_work if worker.state in _RUNNING]
        future = remaining(progress, [*running, *(each.study for each in waiting.values())])
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
            eta_s=None if future is None or progress.held else future.eta_s(rate),
            space=progress.space,
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


class _Unfailing:
    """A terminal stream for rich whose writes do not raise: a closed terminal ends no retrieval."""

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
    """Draws rows in place, below the lines that stay."""

    def __init__(self, scene: Scene) -> None:
        self._stderr = scene.stderr
        self._account = scene.account
        self._options = scene.options
        self._time_text = scene.time_text
        self._numbers = LiveNumbers(scene.account.progress, scene.monotonic_s)
        self._stopping = False
        self._live: Live | None = None

    def show(self, event: Event) -> None:
        """Print the event's line, if it has one, above the rows."""
        self._numbers.follow(event)
        live = self._live or self._start()
        width = live.console.width
        line = log_line(event, self._account, self._options, width, self._time_text)
        if line is not None:
            live.console.print(
                clean_text(line), markup=False, emoji=False, highlight=False, overflow="fold"
            )

    def stopping(self) -> None:
        """Show with the next drawing that the run stops.

        A signal handler must not print: its thread may hold the lock of rich's console.
        """
        self._stopping = True

    def close(self) -> None:
        """Remove the rows; the lines stay."""
        if self._live is not None:
            self._live.stop()

    def abandon(self) -> None:
        """Show the cursor without rich, whose lock may be held."""
        with contextlib.suppress(OSError, ValueError):
            os.write(self._stderr.stream.fileno(), _SHOW_CURSOR)

    def _start(self) -> Live:
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

    def _draw(self) -> RenderableType:
        if self._live is None:
            return ""
        console = self._live.console
        picture = self._numbers.picture(rows_max=max(console.height - 4, 1))
        return draw(
            picture, width=console.width, footer=STOPPING if self._stopping else self._numbers.held
        )


def draw(picture: Picture, *, width: int, footer: str) -> RenderableType:
    """Return the rows of the workers, the total and the status line."""
    uid_width, bar_width = _split(width - _FIXED)
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=_LABEL, justify="right")
    table.add_column(width=uid_width, no_wrap=True)
    table.add_column(width=_COUNTS, justify="right", no_wrap=True)
    if bar_width:
        table.add_column(width=bar_width)
    table.add_column(width=_RATE, justify="right", no_wrap=True)
    table.add_column(width=_BYTES, justify="right", no_wrap=True)
    for row in picture.rows:
        uid = shortened(row.study_instance_uid, uid_width)
        table.add_row(*_cells(row, uid, bar_width, approximate=False))
    if picture.hidden:
        table.add_row("", f"and {picture.hidden} more")
    if picture.studies_total > 1:
        studies = f"{picture.finished:,}/{picture.studies_total:,} studies"
        table.add_row(*_cells(picture.total, studies, bar_width, approximate=not picture.exact))
    lines = [Text(_status(picture), no_wrap=True, overflow="ellipsis")]
    if footer:
        lines.append(Text(footer, style="yellow"))
    return Group(table, *lines)


def _split(room: int) -> tuple[int, int]:
    """Divide the remaining cells between UID and bar; omit the bar if they are too few."""
    if room < _UID_MIN + _BAR_MIN:
        return max(room, 1), 0
    bar = min(max(room * 2 // 5, _BAR_MIN), _BAR_MAX)
    return min(room - bar, _UID_MAX), bar


def _cells(row: Row, name: str, bar_width: int, *, approximate: bool) -> list[RenderableType]:
    if row.retry_in_s is not None:
        counts = f"retry in {math.ceil(row.retry_in_s)} s" if row.retry_in_s else "retry due"
    elif row.helping:
        counts = "helping"
    elif row.expected is None:
        counts = f"{row.done:,}/?" if row.done else "asking"
    else:
        counts = f"{row.done:,}/{'~' if approximate else ''}{row.expected:,}"
    cells: list[RenderableType] = [row.label, Text(name), counts]
    if bar_width:
        bar = ProgressBar(total=row.expected or 1, completed=row.done, width=bar_width)
        cells.append("" if row.helping else bar)
    return [*cells, rate_text(row.instances_per_s), byte_rate_text(row.bytes_per_s)]


def _status(picture: Picture) -> str:
    parts = [
        size_text(picture.received_bytes),
        f"elapsed {clock_text(picture.elapsed_s)}",
        f"ETA {'' if picture.exact or picture.eta_s is None else '~'}{clock_text(picture.eta_s)}",
    ]
    if picture.space is not None and picture.space.fits is not True:
        parts.append(space_text(picture.space))
    if picture.bad:
        parts.append(f"{count(picture.bad, 'study')} not complete")
    if picture.waiting and picture.studies_total > 1:
        parts.append(f"{picture.waiting:,} waiting")
    return " " * (_LABEL + 1) + "   ".join(parts)
