"""The lists of shards: what no shard has begun is in the account of the folder."""

from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.folder_account import StudyAccount
from dicom_retrieve_tui.model.folder_status import FolderStatus, Life
from dicom_retrieve_tui.model.shard import Shard, list_fingerprint
from dicom_retrieve_tui.model.store_records import StudyRecord
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.folder_account import FAILED_LIST, FolderAccount, forget_studies
from dicom_retrieve_tui.storage.folder_runs import note_on_lists
from dicom_retrieve_tui.storage.folder_status import read_status
from dicom_retrieve_tui.storage.run_recorder import RunRecorder
from dicom_retrieve_tui.storage.shared_lists import keep_list, lists_in, read_list
from dicom_retrieve_tui.storage.store import InstanceStore
from dicom_retrieve_tui.storage.verify import verify_folder
from tests.unit.storage.kept import FLAT

_LIST = [f"1.2.{number}" for number in range(1, 13)]
_NOW = datetime(2024, 3, 31, 12, tzinfo=UTC)


def _run(
    root: Path,
    shard: Shard,
    listed: Iterable[str] = _LIST,
    *,
    stop_after: int | None = None,
    at: datetime = _NOW,
) -> None:
    """Run a shard, in which every study is complete."""
    uids = list(listed)
    with closing(InstanceStore(root, FLAT, writer=shard.writer)) as store:
        fingerprint = keep_list(root, uids)
        recorder = RunRecorder(
            root,
            peer="P@h:1",
            method="c-get",
            writer=shard.writer,
            listed=fingerprint,
            now=lambda: at,
        )
        recorder.begin()
        share = [uid for uid in uids if shard.has(uid)]
        store.plan(share)
        for uid in share[:stop_after]:
            none: frozenset[str] = frozenset()
            store.finish(
                StudyRecord(study_instance_uid=uid, verdict="complete", asked=none, missing=none)
            )
        recorder.settle()


def _account(root: Path) -> dict[str, StudyAccount]:
    return {each.study_instance_uid: each for each in FolderAccount(root).studies()}


def _status(root: Path) -> FolderStatus:
    return read_status(root, examples_max=3, now=_NOW)


def test_a_list_is_kept_once_in_order(tmp_path: Path) -> None:
    fingerprint = keep_list(tmp_path, ["1.10", "1.9", "1.9"])
    keep_list(tmp_path, ["1.9", "1.10"])

    (path,) = lists_in(tmp_path)
    assert path.stem == fingerprint == list_fingerprint(["1.9", "1.10"])
    assert list(read_list(path)) == ["1.10", "1.9"]


def test_a_line_that_is_not_a_uid_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(b"1.2\n\n1.*\n\xff\xfe\n1.3\n")

    assert list(read_list(path)) == ["1.2", "1.3"]


def test_a_shard_that_has_not_run_is_named_with_its_studies(tmp_path: Path) -> None:
    for number in (1, 2, 4):
        _run(tmp_path, Shard(number, 4))

    account = _account(tmp_path)
    left = {uid for uid, study in account.items() if not study.good}
    assert left == {uid for uid in _LIST if Shard(3, 4).has(uid)}
    assert {account[uid].outcome for uid in left} == {"unfinished: shard 3 of 4 has not run"}
    assert sorted(account) == sorted(_LIST)
    status = _status(tmp_path)
    assert (status.shards, status.never_ran, status.complete) == (4, (3,), False)
    assert all(uid in (tmp_path / FAILED_LIST).read_text() for uid in left)
    assert {each.study_instance_uid for each in verify_folder(tmp_path, deep=False)} == set(_LIST)


def test_all_shards_make_a_folder_complete(tmp_path: Path) -> None:
    for number in (1, 2, 3, 4):
        _run(tmp_path, Shard(number, 4))

    status = _status(tmp_path)
    assert (status.life, status.never_ran, status.complete) == (Life.ENDED, (), True)
    assert status.totals.studies == len(_LIST)
    assert not (tmp_path / FAILED_LIST).exists()


def test_a_shard_without_studies_counts_once_it_has_run(tmp_path: Path) -> None:
    (uid,) = listed = _LIST[:1]
    numbers = sorted((1, 2), key=lambda number: not Shard(number, 2).has(uid))
    _run(tmp_path, Shard(numbers[0], 2), listed)
    assert not _status(tmp_path).complete

    _run(tmp_path, Shard(numbers[1], 2), listed)

    assert _status(tmp_path).complete


def test_shards_of_another_number_finish_what_the_first_ones_left(tmp_path: Path) -> None:
    _run(tmp_path, Shard(1, 4))
    _run(tmp_path, Shard(2, 4), stop_after=1)

    for number in (1, 2, 3):
        _run(tmp_path, Shard(number, 3), at=_NOW.replace(hour=13))

    status = _status(tmp_path)
    assert (status.shards, status.never_ran, status.complete) == (3, (), True)


def test_studies_of_a_longer_list_wait_for_the_shard_that_was_not_given_it(tmp_path: Path) -> None:
    _run(tmp_path, Shard(1, 2), _LIST[:6])
    _run(tmp_path, Shard(2, 2), _LIST[:6])

    _run(tmp_path, Shard(1, 2), _LIST, at=_NOW.replace(hour=13))

    left = {study.outcome for study in _account(tmp_path).values() if not study.good}
    assert left == {"unfinished: shard 2 of 2 was last given another list"}
    assert (_status(tmp_path).lists, _status(tmp_path).complete) == (2, False)


def test_a_shard_is_told_that_another_one_has_another_list(tmp_path: Path) -> None:
    _run(tmp_path, Shard(1, 3), _LIST[:3])
    _run(tmp_path, Shard(2, 3), _LIST[:4])

    notes = [
        note_on_lists(tmp_path, Shard(number, 3).writer, list_fingerprint(_LIST[:3]))
        for number in (2, 3)
    ]

    assert notes[0] == ""
    assert notes[1].startswith("shard 2 of 3 was given another list than this shard")


def test_a_forgotten_study_leaves_the_lists(tmp_path: Path) -> None:
    _run(tmp_path, Shard(1, 2))
    not_begun, complete = (
        next(uid for uid in _LIST if Shard(number, 2).has(uid)) for number in (2, 1)
    )

    forget_studies(tmp_path, [not_begun, complete])

    assert set(_account(tmp_path)) == set(_LIST) - {not_begun, complete}


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.NOT_FOUND])
def test_the_failure_of_a_plain_run_is_not_hidden_by_a_list(
    tmp_path: Path, verdict: Verdict
) -> None:
    none: frozenset[str] = frozenset()
    with closing(InstanceStore(tmp_path, FLAT)) as store:
        store.finish(
            StudyRecord(study_instance_uid=_LIST[0], verdict=str(verdict), asked=none, missing=none)
        )

    keep_list(tmp_path, _LIST)

    assert _account(tmp_path)[_LIST[0]].verdict == verdict
