"""Bell, title and notice of the headless command: at a terminal, after a long run."""

from dataclasses import dataclass

import pytest

from dicom_retrieve_tui.cli.console import Console
from dicom_retrieve_tui.model.events import Event, RetrieveFinished
from dicom_retrieve_tui.model.verdict import Verdict
from tests.unit.cli.scripted import C_GET, Engine, Result, Stream, run, study_of, whole_run

TITLE = "\x1b]0;dicom-retrieve: complete: 1 of 1 study complete\a\a"


NAMES_OF_TERMINALS = (
    *("TERM_PROGRAM", "LC_TERMINAL", "VTE_VERSION", "TMUX", "INSIDE_EMACS"),
    *("KITTY_WINDOW_ID", "WEZTERM_PANE", "ITERM_SESSION_ID", "GHOSTTY_BIN_DIR"),
)


@dataclass(slots=True)
class _Clock:
    now_s: float = 0.0

    def forward(self, event: Event) -> None:
        if not isinstance(event, RetrieveFinished):
            self.now_s += 5.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    clock = _Clock()
    monkeypatch.setattr(Console, "monotonic_s", lambda _: clock.now_s)
    for name in NAMES_OF_TERMINALS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return clock


def _run(*argv: str, clock: _Clock | None = None, terminal: bool = True) -> Result:
    engine: Engine = whole_run(study_of(Verdict.COMPLETE, came=3))
    if clock is not None:
        engine.on_event = clock.forward
    return run(*C_GET, *argv, engine=engine, stderr=Stream(terminal=terminal))


def test_the_end_of_a_long_run_rings(clock: _Clock) -> None:
    assert TITLE in _run(clock=clock).err


def test_a_short_run_rings_nothing(clock: _Clock) -> None:
    result = _run()

    assert clock.now_s == 0
    assert "\a" not in result.err


def test_what_is_no_terminal_gets_no_sequence(clock: _Clock) -> None:
    result = _run(clock=clock, terminal=False)

    assert not {"\a", "\x1b"} & set(result.err + result.out)


def test_it_can_be_turned_off(clock: _Clock) -> None:
    assert "\a" not in _run("--no-notify", clock=clock).err
