"""`--shard` on the command line, and shards in the status of a folder."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.shard import Shard
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.model.writer import Writer
from dicom_retrieve_tui.storage.lock import FolderLock
from dicom_retrieve_tui.storage.run_recorder import RunRecorder
from dicom_retrieve_tui.storage.shared_lists import keep_list
from dicom_retrieve_tui.storage.store import InstanceStore
from dicom_retrieve_tui.storage.writers import writer_folder
from tests.unit.cli.scripted import PACS, Engine, run, started, study_of, whole_run
from tests.unit.storage.kept import FLAT

_LIST = [f"1.2.{number}" for number in range(1, 11)]
_FIRST = [uid for uid in _LIST if Shard(1, 2).has(uid)]


@pytest.fixture
def argv(tmp_path: Path) -> tuple[str, ...]:
    path = tmp_path / "list.txt"
    path.write_text("\n".join(_LIST))
    output = str(tmp_path / "out")
    return (PACS, "--method", "c-get", "--uid-list", str(path), "--output", output)


def _complete(uids: list[str]) -> Engine:
    return whole_run(*(study_of(Verdict.COMPLETE, uid=uid, came=3) for uid in uids))


def test_the_engine_gets_the_share_and_the_whole_list(argv: tuple[str, ...]) -> None:
    engine = _complete(_FIRST)

    result = run(*argv, "--shard", "1/2", engine=engine)

    ((selections, options),) = engine.asked
    assert [each.study_instance_uid for each in selections] == _FIRST
    assert options.listed == tuple(_LIST)
    assert options.writer == Writer("shard-1-of-2")
    assert result.code == 0
    assert f"note: shard 1 of 2: {len(_FIRST)} of the 10 studies of the list" in result.err


def test_without_a_shard_the_folder_has_one_writer(argv: tuple[str, ...]) -> None:
    engine = _complete(_LIST)

    run(*argv, engine=engine)

    ((selections, options),) = engine.asked
    assert len(selections) == 10
    assert (options.writer, options.listed) == (None, ())


def test_auto_takes_the_shard_from_the_environment(
    argv: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "0")
    engine = _complete(_FIRST)

    run(*argv, "--shard", "auto", "--shards", "2", engine=engine)

    assert [each.study_instance_uid for each in engine.asked[0][0]] == _FIRST


def test_a_shard_without_studies_says_so(argv: tuple[str, ...]) -> None:
    number = next(n for n in range(1, 100) if not any(Shard(n, 99).has(uid) for uid in _LIST))
    ends = whole_run()
    engine = Engine([started(0), *ends.events[1:]])

    result = run(*argv, "--shard", f"{number}/99", engine=engine)

    nothing = f"nothing to do: none of the 10 studies of the list belongs to shard {number} of 99"
    assert nothing in result.out.splitlines()


def test_the_report_names_the_shard(argv: tuple[str, ...], tmp_path: Path) -> None:
    report = tmp_path / "report.json"

    run(*argv, "--shard", "1/2", "--report", str(report), engine=_complete(_FIRST))

    assert json.loads(report.read_text())["shard"] == {"number": 1, "of": 2, "studies_in_list": 10}


def test_what_other_shards_have_not_begun_is_no_failure_of_an_earlier_run(
    argv: tuple[str, ...], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    keep_list(out, _LIST)
    InstanceStore(out, FLAT, writer=Writer.of_shard(1, 2)).close()
    assert (out / "failed-studies.txt").exists()

    result = run(*argv, "--shard", "1/2", engine=_complete(_FIRST))

    assert "earlier" not in result.out
    assert f"the account of all shards: dicom-retrieve status {out}/" in result.out.splitlines()


def _record(root: Path, number: int, count: int, *, finished: bool = True) -> None:
    """Record a shard that ran and did nothing."""
    writer = Writer.of_shard(number, count)
    fingerprint = keep_list(root, _LIST)
    with closing(InstanceStore(root, FLAT, writer=writer)):
        recorder = RunRecorder(
            root, peer="P@h:1", method="c-get", writer=writer, listed=fingerprint, every_s=3600
        )
        recorder.begin()
        if finished:
            recorder.settle()
        else:
            recorder._settled.set()


def test_status_names_the_shards_that_never_ran(tmp_path: Path) -> None:
    for number in (1, 3, 7):
        _record(tmp_path, number, 8)

    result = run("status", str(tmp_path))

    assert result.code == 1
    lines = result.out.splitlines()
    assert lines[0].startswith(f"{tmp_path}/: no run; 3 of 8 shards ended, the last one at ")
    assert "never ran   shards 2, 4-6, 8 of 8" in lines
    assert "studies     0 of 10 complete, 10 left" in lines


def test_status_names_a_shard_that_is_gone(tmp_path: Path) -> None:
    _record(tmp_path, 1, 2)
    _record(tmp_path, 2, 2, finished=False)

    result = run("status", str(tmp_path))

    assert result.code == 1
    assert "gone        shard 2 of 2: process " in result.out
    assert "ended unexpectedly; run it again" in result.out


def test_status_counts_the_shards_that_run(tmp_path: Path) -> None:
    _record(tmp_path, 1, 2)
    _record(tmp_path, 2, 2, finished=False)
    folder = writer_folder(tmp_path, Writer.of_shard(2, 2))
    lock = FolderLock.acquire(folder / "lock")

    result = run("status", str(tmp_path))
    (first, *_) = map(json.loads, run("status", str(tmp_path), "--json").out.splitlines())
    lock.release()

    assert f"{tmp_path}/: 1 of 2 shards retrieves from P@h:1 since " in result.out
    assert "this run    0 of 0 studies ended" in result.out
    assert [(each["name"], each["state"]) for each in first["writers"]] == [
        ("shard-1-of-2", "ended"),
        ("shard-2-of-2", "running"),
    ]
    assert (first["shards"], first["never_ran"], first["state"]) == (2, [], "running")


def test_the_report_of_the_status_has_the_keys_of_that_of_a_run(tmp_path: Path) -> None:
    _record(tmp_path, 1, 2)
    report = tmp_path / "report.json"

    run("status", str(tmp_path), "--report", str(report))

    found = json.loads(report.read_text())
    assert (found["peer"], found["method"], found["verdict"]) == ("P@h:1", "c-get", "unfinished")
    assert found["never_ran"] == [2]
    reasons = {each["reason"]: each["studies"] for each in found["reasons"]}
    assert reasons == {"": len(_FIRST), "shard 2 of 2 has not run": 10 - len(_FIRST)}
    assert [each["study_instance_uid"] for each in found["studies"]] == sorted(_LIST)
