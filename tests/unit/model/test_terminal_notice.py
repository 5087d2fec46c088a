"""Bell, title and desktop notice: only what the terminal reads."""

import pytest

from dicom_retrieve_tui.model.choices import HoldCause
from dicom_retrieve_tui.model.events import (
    PeerLost,
    RetrieveFinished,
    RetrieveStarted,
    StudyCommandsDropped,
)
from dicom_retrieve_tui.model.progress import Progress
from dicom_retrieve_tui.model.terminal_notice import (
    LONG_RUN_S,
    Notice,
    notice_of,
    notice_sequences,
)
from dicom_retrieve_tui.model.verdict import Verdict

NOTICE = Notice("dicom-retrieve: partial", "3 of 4; more")
TITLE = "\x1b]0;dicom-retrieve: partial: 3 of 4; more\a"
OSC_9 = "\x1b]9;dicom-retrieve: partial: 3 of 4; more\a"
OSC_777 = "\x1b]777;notify;dicom-retrieve: partial;3 of 4; more\a"
XTERM = {"TERM": "xterm-256color"}


@pytest.mark.parametrize(
    ("environ", "written"),
    [
        ({}, ""),
        ({"TERM": "dumb"}, ""),
        ({"TERM": "linux"}, "\a"),
        ({"TERM": "vt100"}, "\a"),
        ({"TERM": "eterm-color"}, "\a"),
        ({**XTERM, "INSIDE_EMACS": "29.1,vterm"}, "\a"),
        (XTERM, TITLE + "\a"),
        ({"TERM": "xterm"}, TITLE + "\a"),
        ({**XTERM, "TERM_PROGRAM": "Apple_Terminal"}, TITLE + "\a"),
        ({**XTERM, "TERM_PROGRAM": "vscode"}, TITLE + "\a"),
        ({**XTERM, "TERM_PROGRAM": "iTerm.app"}, TITLE + OSC_9 + "\a"),
        ({**XTERM, "LC_TERMINAL": "iTerm2"}, TITLE + OSC_9 + "\a"),
        ({**XTERM, "TERM_PROGRAM": "WezTerm"}, TITLE + OSC_9 + "\a"),
        ({"TERM": "xterm-kitty"}, TITLE + OSC_9 + "\a"),
        ({"TERM": "xterm-ghostty"}, TITLE + OSC_9 + "\a"),
        ({**XTERM, "VTE_VERSION": "7600"}, TITLE + OSC_777 + "\a"),
        ({"TERM": "rxvt-unicode-256color"}, TITLE + OSC_777 + "\a"),
        ({"TERM": "foot"}, TITLE + OSC_777 + "\a"),
        ({"TERM": "linux", "VTE_VERSION": "7600"}, "\a"),
        ({"TERM": "tmux-256color", "TMUX": "socket,1,0"}, TITLE + "\a"),
        ({"TERM": "screen", "STY": "1.pts", "VTE_VERSION": "7600"}, TITLE + "\a"),
        (
            {"TERM": "tmux-256color", "TMUX": "socket,1,0", "VTE_VERSION": "7600"},
            f"{TITLE}\x1bPtmux;\x1b{OSC_777}\x1b\\\a",
        ),
    ],
)
def test_a_terminal_gets_what_it_reads(environ: dict[str, str], written: str) -> None:
    assert notice_sequences(NOTICE, environ) == written


def test_a_semicolon_in_the_title_does_not_shift_the_text() -> None:
    written = notice_sequences(Notice("a;b", "c"), {"TERM": "foot"})

    assert "\x1b]777;notify;a,b;c\a" in written


def _progress(good: int) -> Progress:
    progress = Progress()
    progress.apply(RetrieveStarted(peer="X@y:1", method="c-get", studies=4, parallel=1))
    progress.good = good
    return progress


def test_the_end_of_a_long_run_is_announced() -> None:
    event = RetrieveFinished(verdict=Verdict.PARTIAL)
    notice = notice_of(event, _progress(3), LONG_RUN_S)

    assert notice == Notice("dicom-retrieve: partial", "3 of 4 studies complete")
    assert notice_of(event, _progress(3), LONG_RUN_S - 0.1) is None


def test_failed_commands_are_announced_with_the_end() -> None:
    progress = _progress(4)
    progress.apply(StudyCommandsDropped(studies=2, reason="x"))
    notice = notice_of(RetrieveFinished(verdict=Verdict.DELIVERED), progress, LONG_RUN_S)

    assert notice is not None
    assert notice.text == "4 of 4 studies delivered, 2 commands failed"


@pytest.mark.parametrize("cause", [HoldCause.PEER, HoldCause.DISK])
def test_an_outage_is_announced_when_it_begins(cause: HoldCause) -> None:
    lost = PeerLost(cause=cause, reason="Gone.", studies=3, next_try_s=1.0, limit_s=9.0)

    notice = notice_of(lost, Progress(), 0.0)

    assert notice is not None
    assert notice.text == "Gone."
