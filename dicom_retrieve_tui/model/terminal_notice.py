"""Bell, title and desktop notice of a terminal, for a user who looks elsewhere. Pure.

A terminal that does not know a sequence may print it. So the title is set only where `TERM` names a
terminal that reads OSC sequences, and a notice is sent only where the environment names one that
has notices.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.choices import HoldCause
from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.progress import Progress
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.verdict import Verdict

LONG_RUN_S = 10.0
"""The end of a shorter run is not announced: its user still looks."""

_BELL = "\a"
_NO_BELL = frozenset({"", "dumb"})
_READS_OSC = (
    *("xterm", "rxvt", "screen", "tmux", "alacritty", "foot", "wezterm", "ghostty", "konsole"),
    *("vte", "gnome", "st-", "mintty", "putty", "contour", "mlterm", "iterm"),
)
"""How `TERM` begins for terminals that read every OSC sequence, and show or ignore it."""
_MULTIPLEXERS = ("screen", "tmux")
_OSC_9_PROGRAMS = frozenset({"iTerm.app", "WezTerm", "ghostty", "WarpTerminal"})
_OSC_9_TERMS = ("xterm-kitty", "xterm-ghostty", "wezterm")
_OSC_9_VARIABLES = ("KITTY_WINDOW_ID", "WEZTERM_PANE", "ITERM_SESSION_ID", "GHOSTTY_BIN_DIR")
_OSC_777_TERMS = ("rxvt-unicode", "foot", "contour")
_TITLE_CHARACTERS_MAX = 80
_TEXT_CHARACTERS_MAX = 200


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to be announced."""

    title: str
    text: str


_LOST = {
    HoldCause.PEER: "the PACS is gone",
    HoldCause.ARCHIVE: "the PACS serves no study",
    HoldCause.DISK: "the disk is full",
    HoldCause.WORKERS: "the cluster has no worker",
}


def notice_of(event: events.Event, progress: Progress, elapsed_s: float) -> Notice | None:
    """Return what is announced of an event; None for most.

    Args:
        event: What happened.
        progress: The state of the run after the event.
        elapsed_s: Since the start of the run.
    """
    match event:
        case events.RetrieveFinished() if elapsed_s >= LONG_RUN_S:
            return Notice(f"dicom-retrieve: {event.verdict}", _end(event.verdict, progress))
        case events.PeerLost():
            return Notice(f"dicom-retrieve: {_LOST[event.cause]}", event.reason)
        case _:
            return None


def _end(verdict: Verdict, progress: Progress) -> str:
    word = verdict if verdict is Verdict.DELIVERED else Verdict.COMPLETE
    studies = f"{progress.good:,} of {count(progress.studies_total, 'study')} {word}"
    failed = progress.commands_failed
    return f"{studies}, {count(failed, 'command')} failed" if failed else studies


def notice_sequences(notice: Notice, environ: Mapping[str, str]) -> str:
    """Return what to write to the terminal.

    Args:
        notice: What to announce; its texts may be a peer's.
        environ: Names the terminal.
    """
    term = environ.get("TERM", "")
    if term in _NO_BELL:
        return ""
    if not term.startswith(_READS_OSC) or "INSIDE_EMACS" in environ:
        return _BELL
    title = clean_text(notice.title, _TITLE_CHARACTERS_MAX)
    text = clean_text(notice.text, _TEXT_CHARACTERS_MAX)
    return f"\x1b]0;{title}: {text}\a{_desktop_notice(title, text, term, environ)}{_BELL}"


def _desktop_notice(title: str, text: str, term: str, environ: Mapping[str, str]) -> str:
    """Return the sequence of a desktop notice; empty where the terminal has none, or may not."""
    if (
        environ.get("TERM_PROGRAM") in _OSC_9_PROGRAMS
        or environ.get("LC_TERMINAL") == "iTerm2"
        or term.startswith(_OSC_9_TERMS)
        or any(name in environ for name in _OSC_9_VARIABLES)
    ):
        sequence = f"\x1b]9;{title}: {text}\a"
    elif "VTE_VERSION" in environ or term.startswith(_OSC_777_TERMS):
        # A semicolon separates title and text.
        sequence = f"\x1b]777;notify;{title.replace(';', ',')};{text}\a"
    else:
        return ""
    if not term.startswith(_MULTIPLEXERS):
        return sequence
    if "TMUX" not in environ:
        return ""  # GNU screen shows what it does not know
    # tmux passes it on with `allow-passthrough on`, and drops it otherwise.
    return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
