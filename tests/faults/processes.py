"""The command in a process of its own, for what can only be done to a process: signals, limits."""

import io
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

from dicom_retrieve_tui.cli.main import main
from tests.interop.command import PYTHON, CommandResult
from tests.peers.raw_pacs import Instance, RawPacs
from tests.runs import STUDY, files_in

PATIENCE_S = 60.0
"""A test that hangs fails by this."""
_POLL_S = 0.005
_PREAMBLE = bytes(128) + b"DICM"


class Command:
    """One run of `dicom-retrieve` that a test can interrupt; it never outlives the `with`."""

    def __init__(self, *args: object, wrapper: Sequence[str] = ()) -> None:
        """Start it.

        Args:
            args: A path or a number is passed as its text.
            wrapper: A program with its arguments that runs the command that follows them.
        """
        self._process = subprocess.Popen(
            [*wrapper, *PYTHON, "-m", "dicom_retrieve_tui", *(str(arg) for arg in args)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def finish(self, timeout_s: float = PATIENCE_S) -> CommandResult:
        """Wait for its end, and hold it to saying nothing that only developers read."""
        result = self.end(timeout_s)
        assert "Traceback" not in result.stderr, result.stderr
        assert "Exception" not in result.stderr, result.stderr
        return result

    def end(self, timeout_s: float = PATIENCE_S) -> CommandResult:
        """Wait for its end, whatever it says."""
        out, err = self._process.communicate(timeout=timeout_s)
        return CommandResult(self._process.returncode, out, err)


def retrieve(
    *args: object, wrapper: Sequence[str] = (), timeout_s: float = PATIENCE_S
) -> CommandResult:
    """Run the command to its end."""
    with Command(*args, wrapper=wrapper) as command:
        return command.finish(timeout_s)


def retrieve_here(*args: object) -> CommandResult:
    """Run the command to its end in this process, which is quicker where no process is needed."""
    out, err = io.StringIO(), io.StringIO()
    code = main([str(arg) for arg in args], stdout=out, stderr=err)
    return CommandResult(code, out.getvalue(), err.getvalue())


def c_get(pacs: RawPacs, output: Path, study: str = STUDY) -> list[object]:
    """The arguments of a C-GET of one study."""
    url = f"pacs://127.0.0.1:{pacs.port}"
    return [
        url, "--called-aet", pacs.ae_title, "--method", "c-get", "--study-uid", study,
        "--output", output,
    ]  # fmt: skip


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another process does to a file, which nothing announces."""
    pause, deadline_s = threading.Event(), monotonic() + PATIENCE_S
    while not condition():
        assert monotonic() < deadline_s
        pause.wait(_POLL_S)


def receiving(folder: Path) -> bool:
    """True while a part file has bytes in it."""
    parts = folder / ".dicom-retrieve" / "parts"
    return any(part.stat().st_size for part in parts.glob("*.part"))


def parts_in(folder: Path) -> list[str]:
    return [name for name in files_in(folder) if name.endswith(".part")]


def assert_whole(folder: Path, holdings: Sequence[Instance]) -> list[str]:
    """Hold every file that has its final name to what was sent; returns the UIDs of those."""
    data = {f"{instance.sop}.dcm": instance.data for instance in holdings}
    found = [path for path in folder.glob("*.dcm") if path.is_file()]
    for path in found:
        content = path.read_bytes()
        assert content.startswith(_PREAMBLE)
        assert content.endswith(data[path.name])
        assert len(content) < len(data[path.name]) + 1000
    return sorted(path.stem for path in found)


def without_override() -> list[str]:
    """Take away what makes root ignore the permissions of files; for others there is no need."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
