"""What only a console of Windows has; run by `tests/windows/run`."""

import io
import os
import signal
import subprocess
import sys
import threading

import pytest

from dicom_retrieve_tui.cli.signals import Interruption
from dicom_retrieve_tui.windows_console import ConsoleEnd, prepare_outputs

_CTRL_C, _CTRL_BREAK, _CLOSE, _LOGOFF, _SHUTDOWN = 0, 1, 2, 5, 6


@pytest.mark.parametrize("event", [_CLOSE, _LOGOFF, _SHUTDOWN])
def test_the_end_of_a_console_stops_the_work(event: int) -> None:
    stopped: list[str] = []
    console = ConsoleEnd(lambda: stopped.append("stopped"))
    console.install()
    try:
        assert console.handle(event)
    finally:
        console.remove()

    assert stopped == ["stopped"]


@pytest.mark.parametrize("event", [_CTRL_C, _CTRL_BREAK])
def test_keys_are_left_to_the_handlers_of_signals(event: int) -> None:
    console = ConsoleEnd(lambda: pytest.fail("a key is no end of the console"))

    assert not console.handle(event)


def test_a_run_is_held_until_it_has_stopped_when_its_console_is_closed() -> None:
    asked, ended = threading.Event(), threading.Event()

    def close() -> None:
        interruption._console.handle(_CLOSE)
        ended.set()

    with Interruption(on_first=asked.set, on_second=lambda: None) as interruption:
        # Windows calls the handler on a thread of its own.
        closing = threading.Thread(target=close)
        closing.start()
        assert asked.wait(10)
        assert not ended.is_set()
        assert interruption.requested
    closing.join(10)

    assert ended.is_set()


def test_ctrl_break_is_a_signal_that_ends_a_run() -> None:
    asked: list[str] = []
    with Interruption(on_first=lambda: asked.append("stop"), on_second=lambda: None):
        signal.raise_signal(getattr(signal, "SIGBREAK"))  # noqa: B009 - mypy knows POSIX alone

    assert asked == ["stop"]


def test_pipes_and_files_get_utf_8_and_the_line_ends_of_unix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PYTHONIOENCODING", raising=False)
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="cp1252", errors="backslashreplace", newline=None)

    prepare_outputs((stream, None, io.StringIO()))
    stream.write("山田\n")
    stream.flush()

    assert raw.getvalue() == "山田\n".encode()


def test_an_encoding_that_was_asked_for_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="cp1252", errors="backslashreplace")

    prepare_outputs((stream,))
    stream.write("é 山\n")
    stream.flush()

    assert raw.getvalue() == b"\xe9 \\u5c71\n"


@pytest.mark.parametrize("code_page", ["cp1252", "cp437", "ascii"])
def test_no_code_page_of_a_pipe_ends_the_command_with_a_traceback(code_page: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dicom_retrieve_tui", "verify", "no such folder 山"],
        env={**os.environ, "PYTHONIOENCODING": code_page},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )

    assert done.returncode == 1
    assert b"there is no such folder" in done.stderr
    assert b"Traceback" not in done.stderr
