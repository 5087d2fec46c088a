"""One process: started without a shell, ended within its time, with the end of its output kept.

The output of one that fails goes to a file beside the journal.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import IO

from dicom_retrieve_tui.errors import ConfigError, reason_of
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.hook_command import SECRETS, HookCommand
from dicom_retrieve_tui.model.humanize import duration_text
from dicom_retrieve_tui.model.option_values import PRIVATE_UMASK

OUTPUT_FOLDER = Path(".dicom-retrieve") / "commands"
"""Within the output folder: output may have names of patients, which the log must not have."""
OUTPUT_BYTES_MAX = 1 << 16
"""What is kept of a command's output: its end."""
_TICK_S = 0.05
_GRACE_S = 1.0
"""From SIGTERM to SIGKILL."""
_LEFT_OPEN_S = 0.5
"""From the end of a process until children that hold its output are ended, too."""
_PIECE_BYTES = 1 << 16
_STOPPED, _LATE = "stopped", "late"
_BATCH_FILES = (".bat", ".cmd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of a process."""

    exit_code: int | None
    """None if it did not start, or was ended by a signal."""
    reason: str
    """Why it failed; empty if it succeeded."""
    seconds: float
    output: bytes = b""
    """The end of what it wrote to stdout and stderr."""
    dropped_bytes: int = 0
    """What it wrote before that."""


def find_program(where: str, command: HookCommand) -> str:
    """Return the path of a command's program.

    Args:
        where: Names the option in messages.
        command: Its first word is the program.

    Raises:
        ConfigError: The program is not found, or cannot be run without a shell.
    """
    path = shutil.which(command.program)
    if path is None:
        problem = "program not found; check its name, PATH and that it is executable"
        raise ConfigError.of_value(where, command.program, problem)
    # Windows runs a batch file by cmd.exe, which interprets its arguments.
    if sys.platform == "win32" and path.lower().endswith(_BATCH_FILES):
        problem = "a batch file is run by a shell; name a program instead"
        raise ConfigError.of_value(where, command.program, problem)
    return str(Path(path).absolute())


def run_process(
    argv: Sequence[str],
    environment: Mapping[str, str],
    *,
    limit_s: float,
    cancel: CancelToken,
    stdin: str = "",
) -> Outcome:
    """Run a program to its end.

    It gets a process group of its own, so that Ctrl-C at the terminal reaches only us, and the
    group is ended by SIGTERM, and a second later by SIGKILL.

    Args:
        argv: The path of the program, and its arguments.
        environment: Added to our own, without our secrets.
        limit_s: The process is ended after this time.
        cancel: Ends the process; without the second, if the user asked again.
        stdin: Text for its standard input.
    """
    started_s = monotonic()
    try:
        with _file_with(stdin) as file:
            process = _start(argv, environment, file)
    except (OSError, ValueError) as error:
        reason = f"cannot be started: {reason_of(error) if isinstance(error, OSError) else error}"
        return Outcome(exit_code=None, reason=reason, seconds=monotonic() - started_s)
    output = _Output(process)
    ended = _wait(process, started_s + limit_s, cancel)
    if ended or not output.join(_LEFT_OPEN_S):
        _signal(process, force=True)
        output.join(_LEFT_OPEN_S)
    kept, dropped_bytes = output.take()
    code = process.returncode
    late = f"not finished within {duration_text(limit_s)}"
    reason = {_STOPPED: "stopped", _LATE: late}.get(ended) or _failure(code)
    return Outcome(
        exit_code=code if code >= 0 and not ended else None,
        reason=reason,
        seconds=monotonic() - started_s,
        output=kept,
        dropped_bytes=dropped_bytes,
    )


@contextlib.contextmanager
def _file_with(text: str) -> Iterator[IO[bytes] | int]:
    """Yield a file with a text for standard input."""
    if not text:
        yield subprocess.DEVNULL
        return
    # A file and no pipe: a process that does not read it blocks nothing.
    with tempfile.TemporaryFile() as file:
        file.write(text.encode("utf-8", "replace"))
        file.seek(0)
        yield file


def _start(
    argv: Sequence[str], environment: Mapping[str, str], stdin: IO[bytes] | int
) -> "_Process":
    ours = {name: value for name, value in os.environ.items() if name not in SECRETS}
    return subprocess.Popen(  # noqa: S603 - no shell, and the program is the user's
        argv,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**ours, **environment},
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


_Process = subprocess.Popen[bytes]


def _wait(process: _Process, until_s: float, cancel: CancelToken) -> str:
    """Wait for the end; return why the process was ended, or an empty text."""
    while not cancel.requested and monotonic() < until_s:
        if _ends(process):
            return ""
    if process.poll() is not None:
        return ""
    why = _STOPPED if cancel.requested else _LATE
    _signal(process, force=False)
    grace_s = monotonic() + _GRACE_S
    while not cancel.insisted and monotonic() < grace_s:
        if _ends(process):
            break
    _signal(process, force=True)
    process.wait()
    return why


def _ends(process: _Process) -> bool:
    """Wait a moment; return True if the process has ended."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_TICK_S)
        return True
    return False


def _signal(process: _Process, *, force: bool) -> None:
    """End a process and its children."""
    with contextlib.suppress(OSError):
        if sys.platform != "win32":
            os.killpg(process.pid, signal.SIGKILL if force else signal.SIGTERM)
        elif process.poll() is None:
            process.terminate()


def _failure(code: int) -> str:
    if code >= 0:
        return f"exit code {code}" if code else ""
    try:
        return f"ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"


class _Output:
    """A thread that reads the output of a process, and keeps its end."""

    def __init__(self, process: _Process) -> None:
        self._kept = bytearray()
        self._dropped_bytes = 0
        self._lock = threading.Lock()
        # A daemon: a process that left our group may hold the pipe for ever.
        self._thread = threading.Thread(
            target=self._read, args=(process,), name="command-output", daemon=True
        )
        self._thread.start()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end of the output; True if it came."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def take(self) -> tuple[bytes, int]:
        """Return what was kept, and how many bytes were not."""
        with self._lock:
            return bytes(self._kept), self._dropped_bytes

    def _read(self, process: _Process) -> None:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        with process.stdout as pipe:
            while piece := os.read(pipe.fileno(), _PIECE_BYTES):
                with self._lock:
                    self._kept += piece
                    if (surplus := len(self._kept) - OUTPUT_BYTES_MAX) > 0:
                        del self._kept[:surplus]
                        self._dropped_bytes += surplus


def keep_output(root: Path, name: str, outcome: Outcome, umask: int = PRIVATE_UMASK) -> str:
    """Keep the output of a failed command, in place of that of its last failure.

    Args:
        root: The output folder.
        name: Of the file, without its extension; safe as a name.
        outcome: What the command wrote, and whether it failed.
        umask: Permissions to hold back from the file.

    Returns:
        The path of the file, relative to the output folder; empty if there is none.
    """
    relative = OUTPUT_FOLDER / f"{name}.txt"
    path = root / relative
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
        if not (outcome.reason and outcome.output):
            return ""
        path.parent.mkdir(mode=0o777 & ~umask, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        with os.fdopen(os.open(path, flags, 0o666 & ~umask), "wb") as file:
            if outcome.dropped_bytes:
                file.write(b"[%d bytes before this are not kept]\n" % outcome.dropped_bytes)
            file.write(outcome.output)
        return relative.as_posix()
    return ""


def with_output(outcome: Outcome, path: str) -> str:
    """Return why a command failed and where its output is; empty if it succeeded."""
    return f"{outcome.reason} (output: {path})" if outcome.reason and path else outcome.reason
