"""The completion scripts in the shells themselves: keys go in at a terminal, the line comes out."""

import contextlib
import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.programs import peers_required

_DEADLINE_S = 60.0

LINES = {
    "dicom-retrieve prof": "dicom-retrieve profiles ",
    "dicom-retrieve verify fol": "dicom-retrieve verify folder/",
    "dicom-retrieve @hosp": "dicom-retrieve @hospi",
    "dicom-retrieve @hospit": "dicom-retrieve @hospital ",
    "dicom-retrieve @hospital --meth": "dicom-retrieve @hospital --method ",
    "dicom-retrieve pacs://h:104 --method c-g": "dicom-retrieve pacs://h:104 --method c-get ",
    "dicom-retrieve @hospital --uid-list my": r"dicom-retrieve @hospital --uid-list my\ list.txt ",
    "dicom-retrieve profiles test hospit": "dicom-retrieve profiles test hospital ",
}
"""What is typed, and what stands there after the tab."""

_START = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
}
_PREPARE = {  # Ctrl-T writes the line to a file; it is ready when it reads keys
    "bash": """bind -x '"\\C-t": printf %s "$READLINE_LINE" >line.new; mv line.new line'
PROMPT_COMMAND='>ready'""",
    "zsh": """autoload -Uz compinit; compinit -u -D
put() { print -rn -- "$BUFFER" >line.new; mv line.new line }; zle -N put; bindkey '^T' put
zle-line-init() { >ready }; zle -N zle-line-init""",
}


class Terminal:
    """A shell at a terminal, in a folder with things to complete."""

    def __init__(self, shell: str, folder: Path) -> None:
        self._folder = folder
        self._pid, self._master = pty.fork()
        if self._pid == 0:
            os.chdir(folder)
            os.execvpe(shell, _START[shell], _environment(folder))  # noqa: S606
        script = f'{_PREPARE[shell]}\neval "$(dicom-retrieve completion {shell})"\n'
        (folder / "prepare").write_text(script)
        self._type(". ./prepare\n")
        self._wait_for("ready")

    def complete(self, line: str) -> str:
        """The line after the key."""
        self._type(f"\x15{line}\t\x14")  # an empty line first
        return self._wait_for("line")

    def close(self) -> None:
        os.close(self._master)
        os.waitpid(self._pid, 0)

    def _type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def _wait_for(self, name: str) -> str:
        """The content of a file that the shell makes."""
        path, shown, until_s = self._folder / name, b"", time.monotonic() + _DEADLINE_S
        while not path.exists():
            assert time.monotonic() < until_s, f"no {name!r}; the terminal shows {shown!r}"
            if select.select([self._master], [], [], 0.01)[0]:
                shown += os.read(self._master, 65536)
        text = path.read_text()
        path.unlink()
        return text


def _environment(folder: Path) -> dict[str, str]:
    return {
        "HOME": str(folder),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "DICOM_RETRIEVE_CONFIG": str(folder / "profiles.toml"),
        "TERM": "dumb",
        "LC_ALL": "C.UTF-8",
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    text = '[profiles.hospital]\nhost = "a.test"\n[profiles.hospice]\nhost = "b.test"\n'
    (tmp_path / "profiles.toml").write_text(text)
    (tmp_path / "my list.txt").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "foliage.txt").touch()
    return tmp_path


@pytest.fixture(params=_START)
def terminal(request: pytest.FixtureRequest, folder: Path) -> Iterator[Terminal]:
    _require(request.param)
    with contextlib.closing(Terminal(request.param, folder)) as terminal:
        yield terminal


def _require(shell: str) -> None:
    if shutil.which(shell) is not None:
        return
    reason = f"{shell} is not installed: its completion was not tried"
    if peers_required():
        pytest.fail(f"DICOM_RETRIEVE_REQUIRE_PEERS=1, and {reason}", pytrace=False)
    pytest.skip(reason)


def test_a_shell_completes(terminal: Terminal) -> None:
    completed = {line: terminal.complete(line) for line in LINES}

    assert completed == LINES


def test_fish_completes(folder: Path) -> None:
    _require("fish")
    asks = "; ".join(f"complete -C '{line}' | string split -f 1 \\t; echo =" for line in LINES)

    shown = subprocess.run(
        ["fish", "--no-config", "-c", f"dicom-retrieve completion fish | source; {asks}"],
        cwd=folder,
        env=_environment(folder),
        capture_output=True,
        text=True,
        check=True,
        timeout=_DEADLINE_S,
    )

    offered = [words.split() for words in shown.stdout.split("=\n")[:-1]]
    assert offered == [
        ["profiles"],
        ["folder/"],
        ["@hospital", "@hospice"],
        ["@hospital"],
        ["--method"],
        ["c-get"],
        ["my", "list.txt"],
        ["hospital"],
    ]
