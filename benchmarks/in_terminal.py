"""The application in a pseudo-terminal of 160x45, seen from outside.

    python -m benchmarks.in_terminal retrieve FOLDER PORT CALLED_AE_TITLE PARALLEL ROWS UID ...
    python -m benchmarks.in_terminal start FOLDER
    python -m benchmarks.in_terminal idle FOLDER

Prints as JSON: what `benchmarks.screen` wrote; `paint_s`, from the start of the process to the
first frame; `idle_percent`, the share of a core that it takes when nothing happens.
"""

import json
import os
import sys
import threading
from pathlib import Path
from time import monotonic

from benchmarks.places import DICOM_RETRIEVE, PYTHON
from tests.tui.terminal import Terminal

_SIZE = (160, 45)
_IDLE_S = 10.0
_SETTLE_S = 2.0


def retrieve(folder: Path, *args: str) -> dict[str, float]:
    """A retrieval that a person starts by enter."""
    figures = folder / "figures.json"
    port, called, parallel, rows, *uids = args
    argv = [PYTHON, "-m", "benchmarks.screen", str(figures), port, called, str(folder)]
    with Terminal([*argv, parallel, rows, *uids], _SIZE, os.environ) as terminal:
        told = f"{len(uids)} UID" if len(uids) > 1 else "1 UID"
        terminal.shows(told)  # the start is over
        if rows != "0":
            terminal.shows(f"0/{int(rows):,} studies")
        terminal.type("\r")
        terminal.until_unseen(lambda: terminal.process.poll() is not None)
        code = terminal.ends()
    if code:
        raise SystemExit(terminal.said.decode(errors="replace"))
    found: dict[str, float] = json.loads(figures.read_text())
    figures.unlink()
    return found


def start(folder: Path) -> dict[str, float]:
    """To the first frame."""
    began_s = monotonic()
    with _fresh(folder) as terminal:
        terminal.until_unseen(lambda: b"Retrieve" in terminal.said)
        return {"paint_s": monotonic() - began_s}


def idle(folder: Path) -> dict[str, float]:
    """Nothing happens for some seconds."""
    with _fresh(folder) as terminal:
        terminal.shows("The queue is empty.")
        _let_pass(terminal, _SETTLE_S)
        before = _cpu_s(terminal.process.pid)
        _let_pass(terminal, _IDLE_S)
        return {"idle_percent": 100 * (_cpu_s(terminal.process.pid) - before) / _IDLE_S}


def _fresh(folder: Path) -> Terminal:
    """The command of a user who has one profile."""
    profiles = folder / "profiles.toml"
    profiles.write_text('[profiles.bench]\nhost = "127.0.0.1"\n', encoding="utf-8")
    places = {name: str(folder) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    environ = {**os.environ, **places, "DICOM_RETRIEVE_CONFIG": str(profiles)}
    return Terminal([DICOM_RETRIEVE], _SIZE, environ)


def _let_pass(terminal: Terminal, seconds: float) -> None:
    over = threading.Event()
    timer = threading.Timer(seconds, over.set)
    timer.start()
    terminal.until(over.is_set)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    kind, place, *rest = sys.argv[1:]
    measured = {
        "retrieve": retrieve,
        "start": start,
        "idle": idle,
    }[kind](Path(place), *rest)
    sys.stdout.write(json.dumps(measured) + "\n")
