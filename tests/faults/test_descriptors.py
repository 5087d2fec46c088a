"""The process, or the machine, has no file descriptor left for a while."""

import errno
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from dicom_retrieve_tui.model.events import InstanceRefused
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage import journal_database
from dicom_retrieve_tui.storage.database_mode import DatabaseMode
from dicom_retrieve_tui.storage.permissions import Permissions
from tests.faults.catalogue import Told, fault
from tests.peers.raw_pacs import RawPacs, instances
from tests.runs import get_plan, of_kind, run, settings, verdict_of

_NONE_LEFT = OSError(errno.EMFILE, "Too many open files")


@fault(63, user_reads="Raise the limit of open files (ulimit -n).")
def test_an_instance_without_a_descriptor_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Told:
    create, refusals = Permissions.create, [_NONE_LEFT]

    def create_or_not(permissions: Permissions, path: Path | str, flags: int) -> int:
        if str(path).endswith("2.part") and refusals:
            raise refusals.pop()
        return create(permissions, path, flags)

    monkeypatch.setattr(Permissions, "create", create_or_not)
    with RawPacs(instances(4)) as pacs:
        events = run(get_plan(retries=1), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert [event.status for event in of_kind(InstanceRefused, events)] == [0xA700]
    return events


def test_a_journal_without_a_descriptor_costs_the_instance_and_is_made_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, refusals = journal_database.connect, [_NONE_LEFT]

    def connect_or_not(path: Path, mode: DatabaseMode) -> sqlite3.Connection:
        if refusals:
            raise refusals.pop()
        return connect(path, mode)

    monkeypatch.setattr(journal_database, "connect", connect_or_not)
    with RawPacs(instances(4)) as pacs:
        events = run(get_plan(retries=1), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    (refused,) = of_kind(InstanceRefused, events)
    assert "Cannot make the journal " in refused.reason


def test_syncing_waits_for_a_descriptor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_, refusals = os.open, [_NONE_LEFT] * 3

    def open_or_not(path: Any, flags: int, *more: Any) -> int:
        if flags == os.O_RDONLY and str(path).endswith(".dcm") and refusals:
            raise refusals.pop()
        return open_(path, flags, *more)

    monkeypatch.setattr(os, "open", open_or_not)
    with RawPacs(instances(4)) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert not refusals
