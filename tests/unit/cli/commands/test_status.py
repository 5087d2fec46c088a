"""`status FOLDER` in text and JSON, beside a run and after it."""

import json
import os
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dicom_retrieve_tui.cli.console import Console
from dicom_retrieve_tui.cli.output.status_lines import status_lines
from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.choices import HoldCause
from dicom_retrieve_tui.model.folder_account import UNFINISHED, StudyAccount, total_of
from dicom_retrieve_tui.model.folder_status import FolderStatus
from dicom_retrieve_tui.storage.lock import FolderLock
from dicom_retrieve_tui.storage.run_recorder import RunRecorder
from tests.unit.cli.scripted import ClosedPipe, Stream, run
from tests.unit.storage.kept import OTHER, keep

_HEIGHT = 12


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunRecorder]:
    """A run of 3 studies that has the folder, in which one study is complete."""
    keep(tmp_path, 3)
    lock = FolderLock.acquire(tmp_path / ".dicom-retrieve" / "lock")
    recorder = RunRecorder(tmp_path, peer="PACS@host:104", method="c-get", every_s=3600)
    recorder.see(
        events.RetrieveStarted(peer="PACS@host:104", method="c-get", studies=3, parallel=1)
    )
    recorder.see(events.StudyStarted(study_instance_uid=OTHER, worker=1))
    recorder.see(
        events.StudyInventoried(study_instance_uid=OTHER, listed=True, series=1, expected=40)
    )
    recorder.begin()
    yield recorder
    recorder.settle()
    lock.release()


def test_a_complete_folder_exits_with_0(tmp_path: Path) -> None:
    keep(tmp_path, 3)

    result = run("status", str(tmp_path))

    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        f"{tmp_path}/: no run",
        "studies     1 of 1 complete",
        "instances   3 of 3 here (100 %)",
    ]


def test_few_listed_studies_forecast_nothing_of_many_others(tmp_path: Path) -> None:
    known = StudyAccount(study_instance_uid="1.1", verdict="complete", expected=3, stored=3)
    others = [
        StudyAccount(study_instance_uid=f"1.9.{number}", verdict=UNFINISHED, stored=1)
        for number in range(9)
    ]
    totals = total_of([known, *others], examples_max=1)

    status = FolderStatus(folder=tmp_path, at=datetime.now(UTC), runs=(), totals=totals)
    lines = list(status_lines(status))

    assert lines[2] == "instances   12 here, 9 studies not listed yet"


def test_failures_are_named_by_reason(tmp_path: Path) -> None:
    keep(tmp_path, 3)
    keep(tmp_path, 2, uid=OTHER, verdict="partial", missing=["1.5.6", "1.5.7"])
    for number in range(12):
        keep(tmp_path, 0, uid=f"1.9.{number}", verdict="not found")

    result = run("status", str(tmp_path))

    assert result.code == 1
    lines = result.out.splitlines()
    assert lines[1:6] == [
        "studies     1 of 14 complete, 13 failed",
        "instances   5 of 7 here (71 %), 2 missing",
        "partial:",
        f"  {OTHER}  2 of 4 instances",
        "not found:",
    ]
    assert lines[-1] == "  ... and 2 studies more (--json names them all)"


def test_a_study_that_no_run_has_ended_is_named(tmp_path: Path) -> None:
    keep(tmp_path, 3, verdict=None)
    keep(tmp_path, 0, uid=OTHER, verdict="unfinished")

    result = run("status", str(tmp_path))

    assert result.code == 1
    assert result.out.splitlines()[-2:] == [
        "unfinished: a run ended before this study had ended",
        f"  {OTHER}",
    ]


def test_json_has_the_totals_and_then_each_study_that_is_not_complete(tmp_path: Path) -> None:
    keep(tmp_path, 3)
    keep(tmp_path, 0, uid=OTHER, verdict="not found")

    first, second = map(json.loads, run("status", str(tmp_path), "--json").out.splitlines())

    assert (first["event"], first["state"], first["complete"]) == ("folder_status", "idle", False)
    assert first["totals"]["verdicts"] == {"complete": 1, "not found": 1}
    assert (second["event"], second["verdict"]) == ("study_not_complete", "not found")
    assert second["study_instance_uid"] == OTHER


def test_the_report_has_every_study(tmp_path: Path) -> None:
    keep(tmp_path, 3)
    keep(tmp_path, 0, uid=OTHER, verdict="not found")
    path = tmp_path / "report.json"

    result = run("status", str(tmp_path), "--report", str(path))

    report = json.loads(path.read_text())
    assert [each["verdict"] for each in report["studies"]] == ["complete", "not found"]
    assert report["exit_code"] == result.code == 1
    assert str(path) in result.err


def test_a_report_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    keep(tmp_path, 3)

    result = run("status", str(tmp_path), "--report", str(tmp_path / "no" / "report.json"))

    assert result.code == 1
    assert "cannot be written: no such file or directory" in result.err.lower()


def test_it_tells_who_retrieves_and_from_where(tmp_path: Path, running: RunRecorder) -> None:
    result = run("status", str(tmp_path))

    head, *lines = result.out.splitlines()
    assert result.code == 1
    assert f"process {os.getpid()} on " in head
    assert " retrieves from PACS@host:104 since " in head
    assert "this run    0 of 3 studies ended" in lines
    assert f"running     {OTHER}  0 of 40" in lines


def test_what_a_run_waits_for_stands_first(tmp_path: Path, running: RunRecorder) -> None:
    running.see(events.RunPaused())
    reason = "Cannot reach pacs.test:104: connection refused."
    running.see(
        events.PeerLost(cause=HoldCause.PEER, reason=reason, studies=3, next_try_s=1.0, limit_s=9.0)
    )
    running._write()

    lines = run("status", str(tmp_path)).out.splitlines()

    assert lines[1] == "waits       the PACS (Cannot reach pacs.test:104: connection refused)"
    assert lines[2].startswith("paused ")


def test_a_run_that_waits_has_no_time_left_and_no_running_study(
    tmp_path: Path, running: RunRecorder
) -> None:
    running.see(
        events.InstanceStored(
            study_instance_uid=OTHER,
            series_instance_uid="1.5",
            sop_instance_uid="1.6",
            sop_class_uid="1.7",
            transfer_syntax_uid="1.8",
            path="1.6.dcm",
            size_bytes=1000,
        )
    )
    running._write()
    flowing = run("status", str(tmp_path)).out
    running.see(events.HoursClosed(until="2026-11-30T19:00:00+00:00", studies=3))
    running._write()

    waiting = run("status", str(tmp_path)).out

    assert "done in" in flowing
    assert "\nrunning " in flowing
    assert "waits       the hours of --between until " in waiting
    assert "done in" not in waiting
    assert "\nrunning " not in waiting


class _Watching:
    """Ends the run after some looks."""

    def __init__(self, recorder: RunRecorder, looks: int) -> None:
        self._recorder, self._left, self.waited = recorder, looks, list[float]()

    def __call__(self, seconds: float) -> None:
        self.waited.append(seconds)
        self._left -= 1
        if not self._left:
            self._recorder.settle()


def test_watch_ends_with_the_run_and_prints_a_line_each_time(
    tmp_path: Path, running: RunRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching = _Watching(running, 2)
    monkeypatch.setattr(Console, "wait", watching)

    result = run("status", str(tmp_path), "--watch")

    lines = result.out.splitlines()
    assert [line[9:40] for line in lines] == ["1 of 1 study complete; 0 failed"] * 3
    assert "the last one ended at" in lines[-1]
    assert result.code == 0
    assert min(watching.waited) >= 10


def test_watch_draws_over_a_terminal_and_fits_into_it(
    tmp_path: Path, running: RunRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        keep(tmp_path, 0, uid=f"1.9.{number}", verdict="failed")
    watching = _Watching(running, 1)
    monkeypatch.setattr(Console, "wait", watching)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("LINES", str(_HEIGHT))

    result = run("status", str(tmp_path), "--watch", stdout=Stream(terminal=True))

    frames = result.out.split("\x1b[H\x1b[J")[1:]
    assert len(frames) == 2
    assert max(frame.count("\n") for frame in frames) < _HEIGHT
    assert max(len(line) for frame in frames for line in frame.split("\n")) < 40


def test_watch_with_json_prints_a_status_each_time(
    tmp_path: Path, running: RunRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching = _Watching(running, 1)
    monkeypatch.setattr(Console, "wait", watching)

    result = run("status", str(tmp_path), "--watch", "--json")

    states = [json.loads(line)["state"] for line in result.out.splitlines()]
    assert states == ["running", "ended"]


def test_a_failure_is_removed_from_the_account(tmp_path: Path) -> None:
    keep(tmp_path, 3)
    keep(tmp_path, 0, uid=OTHER, verdict="not found")
    keep(tmp_path, 0, uid="1.9.1", verdict="not found")

    result = run("status", str(tmp_path), "--forget", f"{OTHER},1.9.1")

    assert result.code == 0
    assert result.err.startswith("2 studies removed from the account")
    assert OTHER not in result.out


@pytest.mark.parametrize(
    ("words", "told"),
    [("1.9.9", "--forget 1.9.9: "), ("1.9.*", "wildcard")],
)
def test_what_cannot_be_removed_is_an_error(tmp_path: Path, words: str, told: str) -> None:
    keep(tmp_path, 3)

    result = run("status", str(tmp_path), "--forget", words)

    assert (result.code, result.out) == (1, "")
    assert told in result.err


@pytest.mark.parametrize("made", [False, True])
def test_a_folder_without_an_account_is_an_error(tmp_path: Path, *, made: bool) -> None:
    folder = tmp_path / "out"
    if made:
        folder.mkdir()

    result = run("status", str(folder))

    assert result.code == 1
    assert ("has recorded anything" if made else "there is no such folder") in result.err
    assert folder.exists() == made


def test_it_reads_only(tmp_path: Path, running: RunRecorder) -> None:
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    run("status", str(tmp_path))

    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_findings_that_are_not_read_are_a_failure(tmp_path: Path) -> None:
    keep(tmp_path, 3)

    result = run("status", str(tmp_path), stdout=ClosedPipe())

    assert result.code == 1
    assert "stdout could not be written" in result.err


@pytest.mark.parametrize("years", [25, -25])
def test_a_clock_that_was_corrected_during_a_run_gives_no_absurd_duration(
    tmp_path: Path, years: int
) -> None:
    keep(tmp_path, 3)
    clock = [datetime.now(UTC) + timedelta(days=365.25 * years), datetime.now(UTC)]
    lock = FolderLock.acquire(tmp_path / ".dicom-retrieve" / "lock")
    recorder = RunRecorder(
        tmp_path, peer="PACS@host:104", method="c-get", every_s=3600, now=lambda: clock[0]
    )
    recorder.begin()
    going_on = run("status", str(tmp_path)).out.splitlines()[0]
    clock.pop(0)
    recorder._write()
    corrected = run("status", str(tmp_path)).out
    recorder.settle()
    lock.release()

    ended = run("status", str(tmp_path)).out.splitlines()[0]

    year = datetime.now(UTC).year + years
    assert re.search(rf" since \d\d \w+ ({year - 1}|{year}) \d\d:\d\d:\d\d$", going_on)
    assert "in the last" not in corrected
    assert re.search(r"the last one ended at \d\d:\d\d:\d\d$", ended)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows reads TZ once")
def test_an_invalid_time_zone_is_no_bug(
    tmp_path: Path, running: RunRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "XYZ+24")
    time.tzset()
    try:
        result = run("status", str(tmp_path))
    finally:
        monkeypatch.undo()
        time.tzset()

    assert (result.code, result.err) == (1, "")
    assert " retrieves from PACS@host:104 since " in result.out
