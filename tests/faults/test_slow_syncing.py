"""A disk or a share that takes long to write what it was given."""

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import Event, InstanceStored
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage import journal
from dicom_retrieve_tui.storage.writers import PRIVATE_FOLDER
from tests.faults.catalogue import Told, fault
from tests.faults.processes import retrieve_here
from tests.peers.raw_pacs import RawPacs, instances
from tests.runs import get_plan, run, settings, verdict_of

_INSTANCES = 60


def _sync_slowly(monkeypatch: pytest.MonkeyPatch, delay_s: float) -> None:
    fsync, never = os.fsync, threading.Event()

    def slow(fd: int) -> None:
        never.wait(delay_s)
        fsync(fd)

    monkeypatch.setattr(os, "fsync", slow)


def _rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / PRIVATE_FOLDER / "journal.db")) as database:
        return database.execute(query).fetchall()


def _interrupted(pacs: RawPacs, folder: Path, after: int) -> list[Event]:
    """Events of a run that is cancelled once so many instances have come."""
    cancel, events, stored = CancelToken(), [], 0
    for event in wiring.retrieve(*get_plan().on(settings(pacs.port, folder)), cancel):
        events.append(event)
        stored += isinstance(event, InstanceStored)
        if stored == after:
            cancel.request()
    return events


@fault(61, user_reads="complete: ")
def test_what_an_interrupted_run_could_not_sync_is_proven_by_its_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Told:
    with RawPacs(instances(_INSTANCES)) as pacs:
        with monkeypatch.context() as patch:
            _sync_slowly(patch, 0.05)
            patch.setattr(journal, "_HURRIED_S", 0.0)
            _interrupted(pacs, tmp_path, after=_INSTANCES)
        left = _rows(tmp_path, "SELECT count(*) FROM instances WHERE NOT synced AND digest <> ''")
        pacs.requests.clear()
        events = run(get_plan(), settings(pacs.port, tmp_path))

        assert left > [(0,)]
        assert not pacs.retrievals
    assert _rows(tmp_path, "SELECT count(*) FROM instances WHERE synced") == [(_INSTANCES,)]
    assert not (tmp_path / PRIVATE_FOLDER / "lock").exists()
    return events


@fault(61, user_reads="its content is not what was received")
def test_verify_reads_what_was_not_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    with RawPacs(instances(_INSTANCES)) as pacs, monkeypatch.context() as patch:
        _sync_slowly(patch, 0.05)
        patch.setattr(journal, "_HURRIED_S", 0.0)
        _interrupted(pacs, tmp_path, after=_INSTANCES)
    ((path,), *_) = _rows(tmp_path, "SELECT path FROM instances WHERE NOT synced")
    zeroed = tmp_path / str(path)
    zeroed.write_bytes(zeroed.read_bytes()[:-60] + bytes(60))

    result = retrieve_here("verify", tmp_path)

    assert result.exit_code == 1
    return result.stdout


def test_no_study_is_complete_on_record_before_its_files_are_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync, seen = os.fsync, []

    def look(fd: int) -> None:
        fsync(fd)
        if Path(f"/proc/self/fd/{fd}").readlink().suffix == ".dcm":
            seen.extend(_rows(tmp_path, "SELECT verdict FROM studies"))

    monkeypatch.setattr(os, "fsync", look)
    with RawPacs(instances(_INSTANCES)) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert set(seen) == {("unfinished",)}
    assert _rows(tmp_path, "SELECT verdict FROM studies") == [("complete",)]
