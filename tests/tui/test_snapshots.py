"""How the screens look, with a clock that stands still.

Most are kept as text: the characters of the screen, a letter for the style of each, and what the
letters stand for. A few are kept as pictures, too.
"""

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import ascii_letters, digits

import pytest
from rich.cells import cell_len
from textual.widgets import Input

from dicom_retrieve_tui.model.events import Event
from dicom_retrieve_tui.model.study_identity import SeriesIdentity, StudyIdentity
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.history import History
from dicom_retrieve_tui.tui.history import JobHistory
from dicom_retrieve_tui.tui.progress_store import ProgressStore
from dicom_retrieve_tui.tui.screens import details, main
from screenshots.svg import slim
from tests.tui.application import SIZES, Bench, opened, preset
from tests.tui.scripted_session import begins, comes, ends, whole

HERE = Path(__file__).parent / "snapshots"
UPDATE = "UPDATE_SNAPSHOTS"
ROOT = "1.2.840.113619.2.55.3.604688119.971.17842"
RUNNING, WAITING, FAILED, DONE, QUEUED = (f"{ROOT}0{n}.1{n}" for n in range(1, 6))
STUDIES = (RUNNING, WAITING, FAILED, DONE, QUEUED)
REASON = "The PACS ended the retrieval with status 0xA702: out of resources. Try again later."


@dataclass
class Clock:
    """Goes on when it is told to."""

    now_s: float = 1000.0

    def monotonic_s(self) -> float:
        return self.now_s

    def now(self) -> datetime:
        return datetime(2026, 11, 24, 17, 2, tzinfo=UTC) + timedelta(seconds=self.now_s - 1000)


@dataclass
class Scene:
    """The application, at which nobody looks but the test."""

    bench: Bench
    clock: Clock

    async def play(self, *story: list[Event], after_s: float = 0.0) -> None:
        """Let this happen, some time after what was before."""
        self.clock.now_s += after_s
        await self.bench.tell(*story)
        await self.bench.until(self.bench.session.told)
        self.bench.main._look()
        await self.bench.pilot.pause()

    async def run(self) -> None:
        """Some seconds into a retrieval: one of each kind."""
        await self.bench.start(*STUDIES)
        await self.play()
        await self.play(begins(RUNNING, 480), begins(WAITING, 1210, 2))
        await self.play(comes(RUNNING, *range(200), size_bytes=526_000), after_s=4)
        await self.play(
            comes(WAITING, *range(96), size_bytes=526_000),
            comes(RUNNING, *range(200, 230), size_bytes=526_000),
            begins(FAILED, 3, 3),
            comes(FAILED, 1),
            ends(
                FAILED,
                Verdict.PARTIAL,
                stored=1,
                missing=(f"{FAILED}.2", f"{FAILED}.3"),
                reason=REASON,
            ),
            whole(DONE, 3, 3),
            after_s=2,
        )
        await self.play(comes(RUNNING, *range(230, 312), size_bytes=526_000), after_s=7)

    async def finish(self) -> None:
        """What is left comes, and the session ends."""
        await self.run()
        await self.play(
            ends(RUNNING, stored=480, expected=480),
            ends(WAITING, stored=1210, expected=1210),
            whole(QUEUED, 12, 2),
            after_s=5,
        )
        await self.bench.until(lambda: not self.bench.app.jobs.busy)
        await self.bench.until(lambda: self.bench.app.screen.query("Toast"))
        self.bench.main._look()


@asynccontextmanager
async def scene(size: tuple[int, int], folder: Path) -> AsyncIterator[Scene]:
    clock = Clock()
    store = ProgressStore(clock.monotonic_s, clock.now)
    with closing(History(Path("data/history.db").absolute())) as history:
        memory = JobHistory(lambda: history, now=clock.now)
        presets = [preset(folder=folder), preset("archive", called_aet="PACS2")]
        async with opened(size, presets=presets, store=store, job_history=memory) as bench:
            yield Scene(bench, clock)


def press(*keys: str) -> Callable[[Scene], Awaitable[None]]:
    async def lead(scene: Scene) -> None:
        await scene.run()
        await scene.bench.pilot.press(*keys)
        await scene.bench.until(scene.bench.session.told)

    return lead


async def earlier(scene: Scene) -> None:
    """A retrieval that has ended and one that runs, in the window of the history."""
    await scene.finish()
    await scene.bench.start(QUEUED)
    await scene.bench.pilot.press("f5", "down")


async def choose_pacs(scene: Scene) -> None:
    await scene.bench.pilot.press("f3", "f2", "a")


async def series(scene: Scene) -> None:
    """Two of three series of a study that has ended are marked in its details."""
    await scene.run()
    listed = (
        SeriesIdentity(series_instance_uid=f"{DONE}.{n}", number=str(n), modality="CT",
                       description=f"Series {n}", expected=n)
        for n in range(1, 4)
    )  # fmt: skip
    assert scene.bench.sessions.identified is not None
    scene.bench.sessions.identified(DONE, StudyIdentity(series=tuple(listed)))
    await scene.bench.pilot.press("4", "enter", "space", "space", "down", "down", "space")


async def empty(_: Scene) -> None:
    pass


async def bad_line(scene: Scene) -> None:
    await scene.bench.paste(f"{RUNNING}\n1.2.840.*\n{RUNNING}\n{DONE}")


SNAPSHOTS: dict[str, tuple[str, Callable[[Scene], Awaitable[None]]]] = {
    "empty": ("usual", empty),
    "empty-large": ("large", empty),
    "bad-line": ("usual", bad_line),
    "running-small": ("small", Scene.run),
    "running": ("usual", Scene.run),
    "running-large": ("large", Scene.run),
    "paused": ("usual", press("p")),
    "finished": ("usual", Scene.finish),
    "finished-large": ("large", Scene.finish),
    "failed-only": ("usual", press("3")),
    "marked-and-filtered": ("usual", press("a", "slash", "0", "4", "enter")),
    "details": ("usual", press("3", "enter")),
    "help": ("usual", press("question_mark")),
    "load-list": ("usual", press("ctrl+o")),
    "options": ("usual", press("f4")),
    "confirm": ("usual", press("X")),
    "events": ("usual", press("f6")),
    "series": ("usual", series),
    "series-large": ("large", series),
    "choose-pacs": ("usual", choose_pacs),
    "choose-pacs-large": ("large", choose_pacs),
    "history": ("usual", earlier),
    "history-large": ("large", earlier),
}


PICTURES = {"running", "running-large", "details", "options"}
"""Also compared as SVG, byte by byte."""


def text_of(bench: Bench) -> str:
    """The screen, the style of each of its cells, and a legend."""
    texts, cells, letters = [], [], dict[str, str]()
    for strip in bench.app.screen._compositor.render_strips():
        texts.append(strip.text.rstrip())
        row = ""
        for text, style, _ in strip:
            letter = letters.setdefault(str(style), (ascii_letters + digits)[len(letters)])
            row += letter * cell_len(text)
        cells.append(row)
    legend = [f"{letter}: {style}" for style, letter in letters.items()]
    return "\n".join([*texts, "", *cells, "", *legend, ""])


@pytest.mark.parametrize("name", SNAPSHOTS)
async def test_the_screen_looks_as_it_did(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    size, lead = SNAPSHOTS[name]
    for module, period in ((main, "PERIOD_S"), (details, "_PERIOD_S")):
        monkeypatch.setattr(module, period, 3600.0)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    # The history has absolute paths.
    folder = Path("/dicom/2026" if lead is earlier else "dicom")
    async with scene(SIZES[size], folder) as stage:
        await lead(stage)
        for screen in stage.bench.app.screen_stack:
            for field in screen.query(Input):
                field.cursor_blink = False
        stage.bench.main._look()
        await stage.bench.pilot.pause()
        seen = {f"{name}.txt": text_of(stage.bench)}
        if name in PICTURES:
            picture = stage.bench.app.export_screenshot(title=name, simplify=True)
            seen[f"{name}.svg"] = slim(picture)

    for file, content in seen.items():
        kept = HERE / file
        if os.environ.get(UPDATE):
            kept.write_text(content, encoding="utf-8")
        if not kept.exists() or kept.read_text(encoding="utf-8") != content:
            (tmp_path / file).write_text(content, encoding="utf-8")
            pytest.fail(
                f"{name} looks different: compare {tmp_path / file} with {kept}. To accept it: "
                f"{UPDATE}=1 tests/run tests/tui/test_snapshots.py, and look at each change."
            )


def test_every_file_is_of_a_screen() -> None:
    expected = {f"{name}.txt" for name in SNAPSHOTS} | {f"{name}.svg" for name in PICTURES}
    assert {path.name for path in HERE.iterdir()} == expected
