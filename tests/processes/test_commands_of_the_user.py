"""`--on-study` and `--on-finish` with real commands, beside a real retrieval."""

import io
import json
import os
import select
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

import pytest

from dicom_retrieve_tui.cli.main import main
from dicom_retrieve_tui.demo.pacs import DemoPacs
from dicom_retrieve_tui.demo.studies import demo_studies
from tests.faults.processes import PATIENCE_S, Command

FILMS, ULTRASOUND = 1, 3
STUDIES = tuple(demo_studies()[number] for number in (FILMS, ULTRASOUND))
UIDS = tuple(study.study_instance_uid for study in STUDIES)
WAITS = "import threading; threading.Event().wait(60)"


@pytest.fixture(autouse=True)
def _without_our_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands inherit the environment, and these tests compare their variables."""
    monkeypatch.delenv("DICOM_RETRIEVE_REQUIRE_PEERS", raising=False)


@pytest.fixture(scope="module")
def pacs() -> Iterator[DemoPacs]:
    with DemoPacs(studies=STUDIES) as pacs:
        yield pacs


@dataclass(frozen=True, slots=True)
class Done:
    code: int
    out: str
    err: str


def _arguments(pacs: DemoPacs, output: Path, *more: str) -> list[str]:
    return [
        f"pacs://127.0.0.1:{pacs.port}",
        *("--called-aet", pacs.ae_title, "--method", "c-get", "--hierarchical"),
        *("--output", str(output), *UIDS, *more),
    ]


def _retrieve(pacs: DemoPacs, output: Path, *more: str) -> Done:
    out, err = io.StringIO(), io.StringIO()
    code = main(_arguments(pacs, output, *more), stdin=io.StringIO(), stdout=out, stderr=err)
    return Done(code, out.getvalue(), err.getvalue())


def _script(path: Path, text: str) -> str:
    """Write a program in Python; return it as words of a command."""
    path.write_text(text)
    return f"{quote(sys.executable)} {quote(str(path))}"


def _counting(folder: Path, *, code: int = 0) -> str:
    """Return a command that appends its study, and what it sees, to a file in `folder`."""
    return _script(
        folder / "count.py",
        f"""
import os, sys, json, pathlib
study = os.environ["DICOM_RETRIEVE_STUDY"]
files = sorted(str(each) for each in pathlib.Path(sys.argv[1]).rglob("*.dcm"))
seen = {{"study": study, "argv": sys.argv[1:], "files": len(files),
        "environ": {{k: v for k, v in os.environ.items() if k.startswith("DICOM_RETRIEVE_")}}}}
(pathlib.Path({str(folder)!r}) / f"{{study}}.seen").open("a").write(json.dumps(seen) + "\\n")
print("what", study, "printed")
sys.exit({code})
""",
    )


def _seen(folder: Path) -> dict[str, list[dict[str, Any]]]:
    return {
        path.stem: [json.loads(line) for line in path.read_text().splitlines()]
        for path in folder.glob("*.seen")
    }


def test_each_complete_study_is_handed_over_once_and_whole(pacs: DemoPacs, tmp_path: Path) -> None:
    output = tmp_path / "dicom"
    command = f"{_counting(tmp_path)} {{folder}} {{study}}"

    first = _retrieve(pacs, output, "--on-study", command, "--on-study-parallel", "2")
    again = _retrieve(pacs, output, "--on-study", command)

    assert (first.code, again.code) == (0, 0), first.err + again.err
    assert "--on-study: done for 2 studies" in first.out
    assert "--on-study" not in again.out
    seen = _seen(tmp_path)
    assert set(seen) == set(UIDS)
    for study in STUDIES:
        uid = study.study_instance_uid
        (once,) = seen[uid]
        assert once["argv"] == [str(output / uid), uid]
        assert once["files"] == study.number_of_instances
        assert once["environ"] == {
            "DICOM_RETRIEVE_STUDY": uid,
            "DICOM_RETRIEVE_FOLDER": str(output / uid),
            "DICOM_RETRIEVE_OUTPUT": str(output),
            "DICOM_RETRIEVE_INSTANCES": str(study.number_of_instances),
            "DICOM_RETRIEVE_VERDICT": "complete",
        }


def test_a_failure_is_in_every_account_and_is_tried_again(pacs: DemoPacs, tmp_path: Path) -> None:
    output, report = tmp_path / "dicom", tmp_path / "report.json"
    failing = f"{_counting(tmp_path, code=7)} {{folder}}"

    failed = _retrieve(pacs, output, "--on-study", failing, "--json", "--report", str(report))
    _counting(tmp_path)  # the same command, and now it succeeds
    healed = _retrieve(pacs, output, "--on-study", failing)

    assert (failed.code, healed.code) == (1, 0)
    assert "all 2 studies complete" in failed.err
    assert "--on-study: failed for 2 studies" in failed.err
    account = json.loads(report.read_text())
    assert (account["verdict"], account["exit_code"]) == ("complete", 1)
    assert (account["on_study"]["succeeded"], account["on_study"]["failed"]) == (0, 2)
    events = [json.loads(line) for line in failed.out.splitlines()]
    ended = [each for each in events if each["event"] == "study_command_finished"]
    assert {each["study_instance_uid"] for each in ended} == set(UIDS)
    assert {each["exit_code"] for each in ended} == {7}
    assert events[-1]["event"] == "retrieve_finished"
    assert "--on-study: done for 2 studies" in healed.out
    assert not [*(output / ".dicom-retrieve" / "commands").iterdir()]


def test_the_output_of_a_failure_is_kept_in_the_folder(pacs: DemoPacs, tmp_path: Path) -> None:
    output = tmp_path / "dicom"

    done = _retrieve(pacs, output, "--on-study", f"{_counting(tmp_path, code=1)} {{folder}}")

    kept = output / f".dicom-retrieve/commands/{UIDS[0]}.txt"
    assert kept.read_text() == f"what {UIDS[0]} printed\n"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert f"exit code 1 (output: .dicom-retrieve/commands/{UIDS[0]}.txt)" in done.err


def test_commands_that_hang_are_ended_and_the_end_comes(pacs: DemoPacs, tmp_path: Path) -> None:
    command = _script(tmp_path / "hang.py", WAITS)

    done = _retrieve(pacs, tmp_path / "d", "--on-study", command, "--command-timeout", "0.5")

    assert done.code == 1
    assert "all 2 studies complete" in done.out
    assert "not finished within 0.5 s" in done.out


def test_a_missing_command_is_found_before_anything_is_sent(tmp_path: Path) -> None:
    with DemoPacs(studies=()) as pacs:
        port = pacs.port
    for flag in ("--on-study", "--on-finish"):
        done = main(
            [
                *(f"pacs://127.0.0.1:{port}", "--method", "c-get", "--hierarchical", *UIDS),
                *("--output", str(tmp_path / "d"), flag, "no-such-program x"),
            ],
            stdin=io.StringIO(),
            stdout=io.StringIO(),
            stderr=(err := io.StringIO()),
        )

        assert done == 1
        assert err.getvalue().count("\n") == 1
        assert f"{flag} 'no-such-program': program not found" in err.getvalue()
        assert not (tmp_path / "d").exists()


def test_a_dry_run_runs_no_command(pacs: DemoPacs, tmp_path: Path) -> None:
    command = f"{_counting(tmp_path)} x"

    done = _retrieve(pacs, tmp_path / "d", "--dry-run", "--on-study", command)

    assert done.code == 0
    assert not _seen(tmp_path)


def test_a_folder_named_after_a_patient_is_handed_over(pacs: DemoPacs, tmp_path: Path) -> None:
    output = tmp_path / "d"
    layout = "{PatientID}/{StudyInstanceUID}/{SOPInstanceUID}.dcm"
    more = ("--layout", layout, "--on-study", f"{_counting(tmp_path)} {{folder}}")
    arguments = [each for each in _arguments(pacs, output, *more) if each != "--hierarchical"]

    def run() -> int:
        return main(arguments, stdin=io.StringIO(), stdout=io.StringIO(), stderr=io.StringIO())

    assert run() == 0
    with closing(sqlite3.connect(output / ".dicom-retrieve/commands.db")) as database, database:
        database.execute("DELETE FROM studies")
    assert run() == 0  # the folder is read from the journal: nothing comes

    for uid, (first, second) in _seen(tmp_path).items():
        (folder,) = output.glob(f"*/{uid}")
        assert first["argv"] == second["argv"] == [str(folder)]


def test_the_end_is_told_what_happened(pacs: DemoPacs, tmp_path: Path) -> None:
    output, report = tmp_path / "dicom", tmp_path / "report.json"
    told = _script(
        tmp_path / "end.py",
        f"""
import json, os, sys
found = {{k: v for k, v in os.environ.items() if k.startswith("DICOM_RETRIEVE_")}}
report = json.load(open(sys.argv[1]))
json.dump([found, sys.stdin.read(), report["verdict"]], open({str(tmp_path / "told")!r}, "w"))
""",
    )

    done = _retrieve(
        pacs, output, "--report", str(report), "--on-finish", f"{told} {{report}} {{output}}"
    )

    environ, summary, verdict = json.loads((tmp_path / "told").read_text())
    assert done.code == 0, done.err
    assert verdict == "complete"
    assert summary.startswith("all 2 studies complete, in ")
    assert environ.pop("DICOM_RETRIEVE_SECONDS").isdigit()
    assert environ == {
        "DICOM_RETRIEVE_VERDICT": "complete",
        "DICOM_RETRIEVE_EXIT_CODE": "0",
        "DICOM_RETRIEVE_REPORT": str(report),
        "DICOM_RETRIEVE_FOLDER": str(output),
        "DICOM_RETRIEVE_OUTPUT": str(output),
        "DICOM_RETRIEVE_PEER": f"DEMO@127.0.0.1:{pacs.port}",
        "DICOM_RETRIEVE_STUDIES": "2",
        "DICOM_RETRIEVE_STUDIES_GOOD": "2",
        "DICOM_RETRIEVE_INSTANCES": str(sum(each.number_of_instances for each in STUDIES)),
        "DICOM_RETRIEVE_COMMANDS_FAILED": "0",
    }


def test_the_end_is_told_of_a_run_that_could_not_begin(pacs: DemoPacs, tmp_path: Path) -> None:
    told = tmp_path / "told"
    command = _script(
        tmp_path / "end.py",
        "import os, sys; open(sys.argv[1], 'w').write("
        "os.environ['DICOM_RETRIEVE_VERDICT'] + ': ' + sys.stdin.read())",
    )
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / ".dicom-retrieve").write_text("in the way")

    done = _retrieve(pacs, tmp_path / "d", "--on-finish", f"{command} {quote(str(told))}")

    assert done.code == 1
    assert told.read_text().startswith("failed: --output ")


def test_a_failure_at_the_end_makes_the_exit_code_1(pacs: DemoPacs, tmp_path: Path) -> None:
    command = _script(tmp_path / "end.py", "import sys; sys.exit(5)")

    done = _retrieve(pacs, tmp_path / "d", "--on-finish", command)

    assert done.code == 1
    assert done.err.endswith("The --on-finish command failed: exit code 5\n")
    assert done.out.startswith("all 2 studies complete")


def _begun(tmp_path: Path, name: str) -> tuple[str, Path]:
    """Return a command that opens a pipe, ignores SIGTERM and waits; and the pipe."""
    pipe = tmp_path / f"{name}.pipe"
    os.mkfifo(pipe)
    ignoring = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    text = f"{ignoring}\nheld = open({str(pipe)!r}, 'w')\nheld.write('b')\nheld.flush()\n{WAITS}\n"
    return _script(tmp_path / f"{name}.py", text), pipe


@contextmanager
def _reading(pipe: Path) -> Iterator[int]:
    descriptor = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _next(descriptor: int) -> bytes:
    """Return the next byte of a pipe; nothing once its last writer has ended."""
    readable, _, _ = select.select([descriptor], [], [], PATIENCE_S)
    assert readable
    return os.read(descriptor, 1)


def test_an_interruption_ends_commands_and_the_end_is_told(pacs: DemoPacs, tmp_path: Path) -> None:
    hanging, pipe = _begun(tmp_path, "hang")
    end = _script(
        tmp_path / "end.py",
        f"import os; open({str(tmp_path / 'told')!r}, 'w').write("
        "os.environ['DICOM_RETRIEVE_EXIT_CODE'])",
    )

    arguments = _arguments(pacs, tmp_path / "d", "--on-study", hanging, "--on-finish", end)
    with Command(*arguments) as command, _reading(pipe) as held:
        assert _next(held) == b"b"
        command.send(signal.SIGINT)
        assert _next(held) == b""  # every process that could write has ended
        result = command.end()

    assert result.exit_code == 130, result.stderr
    # The second study may be complete by then.
    assert (
        "--on-study: failed for 1 study" in result.stdout
        or "the --on-study command failed" in result.stderr
    )
    assert (tmp_path / "told").read_text() == "130"


def test_an_interruption_ends_the_command_at_the_end(pacs: DemoPacs, tmp_path: Path) -> None:
    hanging, pipe = _begun(tmp_path, "hang")

    arguments = _arguments(pacs, tmp_path / "d", "--on-finish", hanging)
    with Command(*arguments) as command, _reading(pipe) as held:
        assert _next(held) == b"b"
        command.send(signal.SIGINT)
        assert _next(held) == b""
        result = command.end()

    assert result.exit_code == 1
    assert "The --on-finish command failed: stopped" in result.stderr
