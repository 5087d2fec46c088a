"""One process of a command: its words, its end, its limit, its output."""

import os
import sys
import threading
from pathlib import Path

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.hooks.process import (
    OUTPUT_BYTES_MAX,
    Outcome,
    find_program,
    run_process,
)
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.hook_command import parse_study_command

LONG_S = 60.0
IGNORES_TERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
WAITS = "import threading; threading.Event().wait(60)\n"


def _python(
    program: str,
    *arguments: str,
    limit_s: float = LONG_S,
    cancel: CancelToken | None = None,
    stdin: str = "",
) -> Outcome:
    return run_process(
        [sys.executable, "-c", program, *arguments],
        {"DICOM_RETRIEVE_STUDY": "1.2.3"},
        limit_s=limit_s,
        cancel=cancel or CancelToken(),
        stdin=stdin,
    )


def test_words_arrive_unchanged_and_no_shell_reads_them(tmp_path: Path) -> None:
    hostile = f"$(touch {tmp_path}/p); `touch {tmp_path}/p` & | > {tmp_path}/p '\" \\ %PATH%\n*"

    outcome = _python("import sys; sys.stdout.write(sys.argv[1])", hostile)

    assert outcome.reason == ""
    assert outcome.output.decode() == hostile
    assert not [*tmp_path.iterdir()]


def test_the_environment_is_ours_with_the_values_and_without_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DICOM_RETRIEVE_PASSCODE", "a secret")
    monkeypatch.setenv("OURS", "kept")

    outcome = _python(
        "import os; print(os.environ['OURS'], os.environ['DICOM_RETRIEVE_STUDY'],"
        " os.environ.get('DICOM_RETRIEVE_PASSCODE'))"
    )

    assert outcome.output.split() == [b"kept", b"1.2.3", b"None"]


def test_a_failure_has_its_exit_code() -> None:
    outcome = _python("import sys; sys.stderr.write('why'); sys.exit(3)")

    assert (outcome.exit_code, outcome.reason, outcome.output) == (3, "exit code 3", b"why")


def test_a_program_that_a_signal_ended_says_which() -> None:
    outcome = _python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")

    assert (outcome.exit_code, outcome.reason) == (None, "ended by SIGKILL")


def test_a_program_that_cannot_be_started_is_a_failure() -> None:
    outcome = run_process(["/no/such"], {}, limit_s=LONG_S, cancel=CancelToken())

    assert outcome.reason == "cannot be started: no such file or directory"


def test_standard_input_is_a_text_or_empty() -> None:
    assert _python("print(input())", stdin="summary\nmore").output == b"summary\n"
    assert _python("import sys; print(sys.stdin.read())").output == b"\n"


def test_a_program_that_ignores_sigterm_is_killed_at_its_limit() -> None:
    outcome = _python(IGNORES_TERM + WAITS, limit_s=0.5)

    assert (outcome.exit_code, outcome.reason) == (None, "not finished within 0.5 s")
    assert outcome.seconds < 10


def test_a_stop_ends_the_program_and_its_children(tmp_path: Path) -> None:
    cancel = CancelToken()
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    child = f"open({str(begun)!r}, 'w').write('x'); {WAITS}"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"

    def stop() -> None:
        begun.read_text()
        cancel.request()

    stopper = threading.Thread(target=stop)
    stopper.start()
    outcome = _python(parent, cancel=cancel)
    stopper.join()

    # The end of the output is the end of every process that could write it.
    assert outcome.reason == "stopped"
    assert outcome.seconds < 10


def test_only_the_end_of_much_output_is_kept() -> None:
    outcome = _python("print('x' * 1_000_000); print('the end')")

    assert len(outcome.output) == OUTPUT_BYTES_MAX
    assert outcome.output.endswith(b"the end\n")
    assert outcome.dropped_bytes == 1_000_009 - OUTPUT_BYTES_MAX


def test_a_child_that_is_left_behind_does_not_hold_the_command_up() -> None:
    outcome = _python(
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {WAITS!r}]); print('a')"
    )

    assert (outcome.reason, outcome.output) == ("", b"a\n")
    assert outcome.seconds < 10


@pytest.mark.parametrize("name", ["no-such-program", "./no-such-program", "/etc/passwd"])
def test_a_missing_program_is_found_before_anything_is_run(name: str) -> None:
    with pytest.raises(ConfigError, match=f"--on-study '{name}': program not found"):
        find_program("--on-study", parse_study_command("--on-study", f"{name} x"))


def test_a_relative_program_stays_the_same_wherever_it_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "convert").write_text("#!/bin/sh\n")
    (tmp_path / "convert").chmod(0o700)
    monkeypatch.chdir(tmp_path)

    found = find_program("--on-study", parse_study_command("--on-study", "./convert"))

    assert Path(found) == tmp_path / "convert"
