"""Several writers in one output folder: who may write at once, and what they know of each other."""

import errno
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.dimse import StoreRequest
from dicom_retrieve_tui.model.folder_account import FailedStudy, failed_list_lines
from dicom_retrieve_tui.model.inventory import Inventory, ListedInstance
from dicom_retrieve_tui.model.store_records import StudyRecord
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.model.writer import Writer
from dicom_retrieve_tui.storage import lock
from dicom_retrieve_tui.storage.folder_account import FAILED_LIST, FolderAccount, write_failed_list
from dicom_retrieve_tui.storage.folder_journals import KeptInstances
from dicom_retrieve_tui.storage.other_journals import OtherJournals
from dicom_retrieve_tui.storage.store import InstanceStore
from dicom_retrieve_tui.storage.verify import verify_folder
from dicom_retrieve_tui.storage.writers import writer_folder
from tests.unit.encoded import EXPLICIT
from tests.unit.storage.kept import CT, FLAT, OTHER, STUDY, data_set_of, keep, path_of

_SERIES = f"{STUDY}.1"
_ONE_OF_2, _TWO_OF_2 = Writer.of_shard(1, 2), Writer.of_shard(2, 2)
_ONE_OF_3 = Writer.of_shard(1, 3)
_WORKER_A, _WORKER_B = Writer("worker-a", claims=True), Writer("worker-b", claims=True)
_EVERY_ORDER = pytest.mark.parametrize(
    ("first", "second", "third"),
    [
        (None, _ONE_OF_2, _ONE_OF_3),
        (_ONE_OF_2, None, _ONE_OF_3),
        (_ONE_OF_2, _ONE_OF_3, None),
        (_ONE_OF_3, _ONE_OF_2, _ONE_OF_3),
        (_WORKER_A, _WORKER_B, _WORKER_A),
    ],
)


def _open(root: Path, writer: Writer | None) -> InstanceStore:
    return InstanceStore(root, FLAT, writer=writer)


def _inventory(numbers: Iterable[int]) -> Inventory:
    listed = [
        ListedInstance(series_instance_uid=_SERIES, sop_instance_uid=f"{STUDY}.1.{number}")
        for number in numbers
    ]
    return Inventory(study_instance_uid=STUDY, listed=True, instances=tuple(listed))


def _receive(store: InstanceStore, number: int) -> None:
    sop = f"{STUDY}.1.{number}"
    request = StoreRequest(sop_class_uid=CT, sop_instance_uid=sop, transfer_syntax_uid=EXPLICIT)
    part = store.begin(request)
    part.write([memoryview(data_set_of(sop, series_instance_uid=_SERIES))])
    store.place(part, part.check(store.wanted_tags).values)


def _end(uid: str = STUDY, verdict: Verdict = Verdict.COMPLETE, reason: str = "") -> StudyRecord:
    none: frozenset[str] = frozenset()
    return StudyRecord(
        study_instance_uid=uid, verdict=str(verdict), asked=none, missing=none, reason=reason
    )


def _retrieve(root: Path, writer: Writer | None, numbers: Iterable[int]) -> frozenset[str]:
    """Retrieve instances of a study; return what was there before."""
    with closing(_open(root, writer)) as store:
        store.plan([STUDY])
        present = store.recall(_inventory(range(9))).present
        for number in numbers:
            _receive(store, number)
        store.finish(_end(verdict=Verdict.PARTIAL, reason=f"after {list(numbers)}"))
    return present


def _fail(root: Path, writer: Writer | None, reason: str, verdict: Verdict) -> None:
    with closing(_open(root, writer)) as store:
        store.plan([STUDY])
        store.finish(_end(verdict=verdict, reason=reason))


def test_shards_of_one_number_write_at_once(tmp_path: Path) -> None:
    with closing(_open(tmp_path, _ONE_OF_2)) as one, closing(_open(tmp_path, _TWO_OF_2)) as two:
        _receive(one, 1)
        _receive(two, 2)

    assert {each.name for each in tmp_path.glob("*.dcm")} == {path_of(1), path_of(2)}


@pytest.mark.parametrize(
    ("first", "second", "named"),
    [
        (None, _ONE_OF_2, r"is retrieving into this folder without being one of 2 shards\."),
        (_ONE_OF_2, None, r"is retrieving shard 1 of 2 into this folder\."),
        (_ONE_OF_2, _ONE_OF_2, r"is retrieving shard 1 of 2 into this folder\."),
        (_ONE_OF_2, _ONE_OF_3, r"is retrieving shard 1 of 2 into this folder\."),
        (_ONE_OF_2, _WORKER_A, r"is retrieving shard 1 of 2 into this folder\."),
        (_WORKER_A, _ONE_OF_2, r"is retrieving worker-a into this folder\."),
    ],
)
def test_others_are_refused_by_the_name_of_the_holder(
    tmp_path: Path, first: Writer | None, second: Writer | None, named: str
) -> None:
    with closing(_open(tmp_path, first)):
        before = sorted(tmp_path.rglob("*"))

        with pytest.raises(ConfigError, match=f"process {os.getpid()} {named}"):
            _open(tmp_path, second)

        assert sorted(tmp_path.rglob("*")) == before

    _open(tmp_path, second).close()


def test_without_locks_others_are_refused_by_their_heartbeats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(fd: int, *, shared: bool = False) -> None:
        raise OSError(errno.ENOLCK, f"no locks for {fd} {shared}")

    monkeypatch.setattr(lock, "lock_open_file", no_locks)
    with closing(_open(tmp_path, _ONE_OF_2)), closing(_open(tmp_path, _TWO_OF_2)):
        for other in (None, _ONE_OF_2, _ONE_OF_3):
            with pytest.raises(
                ConfigError, match=rf"process {os.getpid()} on host .* is retrieving shard 1 of 2"
            ):
                _open(tmp_path, other)

    _open(tmp_path, None).close()


@_EVERY_ORDER
def test_what_one_writer_has_on_disk_another_one_finds(
    tmp_path: Path, first: Writer | None, second: Writer | None, third: Writer | None
) -> None:
    _retrieve(tmp_path, first, [1, 2])

    present = [_retrieve(tmp_path, second, [3]), _retrieve(tmp_path, third, [4])]

    assert present == [
        {f"{STUDY}.1.{number}" for number in (1, 2)},
        {f"{STUDY}.1.{number}" for number in (1, 2, 3)},
    ]
    assert KeptInstances(tmp_path).of_study(STUDY) == {f"{STUDY}.1.{n}" for n in (1, 2, 3, 4)}


@_EVERY_ORDER
def test_the_account_is_that_of_the_newest_writer(
    tmp_path: Path, first: Writer | None, second: Writer | None, third: Writer | None
) -> None:
    _retrieve(tmp_path, first, [1, 2])
    _retrieve(tmp_path, second, [3])
    _retrieve(tmp_path, third, [4])

    (study,) = FolderAccount(tmp_path).studies()
    (verified,) = verify_folder(tmp_path, deep=True)

    assert (study.reason, study.stored) == ("after [4]", 4)
    assert (verified.whole, verified.whole_files, verified.flawed) == (4, 4, ())


@_EVERY_ORDER
def test_a_failure_that_another_writer_mended_is_no_failure(
    tmp_path: Path, first: Writer | None, second: Writer | None, third: Writer | None
) -> None:
    _retrieve(tmp_path, first, [1])
    _fail(tmp_path, second, "it broke", Verdict.FAILED)
    assert (tmp_path / FAILED_LIST).exists()

    with closing(_open(tmp_path, third)) as store:
        store.recall(_inventory([1]))
        store.finish(
            StudyRecord(
                study_instance_uid=STUDY,
                verdict="complete",
                asked=frozenset({f"{STUDY}.1.1"}),
                missing=frozenset(),
            )
        )

    (study,) = FolderAccount(tmp_path).studies()
    assert study.good
    assert not (tmp_path / FAILED_LIST).exists()


@_EVERY_ORDER
def test_a_failure_stays_one_when_another_writer_only_planned_the_study(
    tmp_path: Path, first: Writer | None, second: Writer | None, third: Writer | None
) -> None:
    _retrieve(tmp_path, first, [1])
    _fail(tmp_path, second, "it broke", Verdict.FAILED)

    with closing(_open(tmp_path, third)) as store:
        store.plan([STUDY, OTHER])
        store.finish(_end(OTHER, Verdict.FAILED))  # so that there is a journal

    found = {each.study_instance_uid: each for each in FolderAccount(tmp_path).studies()}
    assert (found[STUDY].verdict, found[STUDY].reason) == ("failed", "it broke")


def test_a_writer_that_stopped_before_a_request_keeps_the_failure_of_another(
    tmp_path: Path,
) -> None:
    _retrieve(tmp_path, _ONE_OF_2, [1])
    _fail(tmp_path, _ONE_OF_2, "it broke", Verdict.FAILED)

    _fail(tmp_path, _ONE_OF_3, "", Verdict.CANCELLED)

    (study,) = FolderAccount(tmp_path).studies()
    assert (study.verdict, study.reason) == ("failed", "it broke")


def test_parts_of_a_killed_writer_are_removed_by_the_next_one_of_another_group(
    tmp_path: Path,
) -> None:
    parts = tmp_path / ".dicom-retrieve" / "writers" / "shard-1-of-3" / "parts"
    parts.mkdir(parents=True)
    (parts / "7.part").write_bytes(b"left")

    _open(tmp_path, _ONE_OF_2).close()

    assert not (parts / "7.part").exists()


def test_a_file_without_a_record_is_doubtful_after_another_writer_was_killed_in_an_earlier_boot(
    tmp_path: Path,
) -> None:
    folder = tmp_path / ".dicom-retrieve" / "writers" / "shard-1-of-3"
    folder.mkdir(parents=True)
    (folder / "lock").write_text("4711\nan-earlier-boot\n")
    (tmp_path / path_of(1)).write_bytes(b"zeros")

    with closing(_open(tmp_path, _ONE_OF_2)) as store:
        present = store.recall(_inventory([1])).present
        _receive(store, 1)

    assert present == frozenset()
    assert (tmp_path / path_of(1)).stat().st_size > 1000


def test_writers_leave_nothing_behind_where_nothing_was_retrieved(tmp_path: Path) -> None:
    root = tmp_path / "out"
    _open(root, _ONE_OF_2).close()

    assert not root.exists()


@pytest.mark.parametrize("name", ["", "Shard", "a/b", "..", "a.b", "-a", "x" * 101])
def test_a_name_that_is_no_folder_everywhere_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name"):
        Writer(name)


def test_a_claimed_study_is_kept_from_others_until_its_end_is_recorded(tmp_path: Path) -> None:
    with closing(_open(tmp_path, _WORKER_A)) as a, closing(_open(tmp_path, _WORKER_B)) as b:
        assert (a.claim(STUDY), a.claim(STUDY)) == ("", "")
        assert f"process {os.getpid()}" in b.claim(STUDY)
        assert b.claim(OTHER) == ""

        _receive(a, 1)
        a.finish(_end(verdict=Verdict.PARTIAL))
        a.close()

        assert b.claim(STUDY) == ""
        assert b.recall(_inventory([1, 2])).present == {f"{STUDY}.1.1"}


def test_claims_leave_no_files(tmp_path: Path) -> None:
    with closing(_open(tmp_path, _WORKER_A)) as store:
        store.claim(STUDY)

    assert not tmp_path.joinpath(".dicom-retrieve", "claims").exists()


def test_the_claim_of_a_process_that_is_gone_is_taken_over(tmp_path: Path) -> None:
    with closing(_open(tmp_path, _WORKER_A)) as store:
        store.claim(STUDY)
        (claim,) = tmp_path.joinpath(".dicom-retrieve", "claims").iterdir()
        content = claim.read_text()
    claim.parent.mkdir(parents=True)
    claim.write_text(content.replace(f'"process": {os.getpid()}', '"process": 4194305'))

    with closing(_open(tmp_path, _WORKER_B)) as store:
        assert store.claim(STUDY) == ""


def test_a_study_without_an_answer_is_given_back_though_nothing_is_recorded(
    tmp_path: Path,
) -> None:
    none: frozenset[str] = frozenset()
    end = StudyRecord(
        study_instance_uid=STUDY, verdict="failed", asked=none, missing=none, answered=False
    )
    with closing(_open(tmp_path, _WORKER_A)) as a, closing(_open(tmp_path, _WORKER_B)) as b:
        a.claim(STUDY)
        a.finish(end)

        assert b.claim(STUDY) == ""


def test_what_was_taken_up_is_known_before_it_is_written(tmp_path: Path) -> None:
    uids = [f"1.2.{number}" for number in range(20)]
    missing = [frozenset({"1.5.6"} if number % 2 else ()) for number in range(20)]
    for uid, lacks in zip(uids, missing, strict=True):
        keep(tmp_path, 1, uid=uid, missing=lacks)

    with closing(_open(tmp_path, _ONE_OF_3)) as store:
        recalled = [store.recall(Inventory(study_instance_uid=uid, listed=True)) for uid in uids]

    assert [each.present for each in recalled] == [{f"{uid}.1.1"} for uid in uids]
    assert [each.missing for each in recalled] == missing
    assert [each.complete for each in recalled] == [not lacks for lacks in missing]


def test_writers_that_end_at_once_leave_one_list_of_all_failures(tmp_path: Path) -> None:
    stores = [_open(tmp_path, Writer.of_shard(number, 4)) for number in range(1, 5)]
    for number, store in enumerate(stores):
        none: frozenset[str] = frozenset()
        uid = f"1.2.{number}"
        store.finish(
            StudyRecord(study_instance_uid=uid, verdict="failed", asked=none, missing=none)
        )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(InstanceStore.close, stores))

    listed = (tmp_path / FAILED_LIST).read_text().splitlines()[1:]
    assert listed == [f"1.2.{number}  # failed" for number in range(4)]


def test_a_list_is_written_again_if_a_journal_changed_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fail(tmp_path, _ONE_OF_2, "it broke", Verdict.FAILED)
    other = _open(tmp_path, _TWO_OF_2)
    calls: list[int] = []

    def interrupted(studies: Iterable[FailedStudy], *, narrowed: bool) -> Iterator[str]:
        lines = list(failed_list_lines(studies, narrowed=narrowed))
        if not calls:
            calls.append(1)
            other.finish(_end(OTHER, Verdict.FAILED))
            other.close()
        return iter(lines)

    place = "dicom_retrieve_tui.storage.folder_account.failed_list_lines"
    monkeypatch.setattr(place, interrupted)
    write_failed_list(tmp_path)

    listed = (tmp_path / FAILED_LIST).read_text()
    assert STUDY in listed
    assert OTHER in listed


def test_a_damaged_journal_of_another_writer_is_named_and_the_folder_is_free_again(
    tmp_path: Path,
) -> None:
    _retrieve(tmp_path, _ONE_OF_2, [1])
    journal = tmp_path / ".dicom-retrieve" / "writers" / "shard-1-of-2" / "journal.db"
    whole = journal.read_bytes()
    journal.write_bytes(b"garbage" * 1000)

    for writer in (_ONE_OF_3, None):
        with pytest.raises(ConfigError, match=r"shard-1-of-2.journal\.db is damaged"):
            _open(tmp_path, writer)

    journal.write_bytes(whole)
    assert _retrieve(tmp_path, None, []) == {f"{STUDY}.1.1"}


def test_a_folder_of_writers_that_is_out_of_reach_is_named(tmp_path: Path) -> None:
    with closing(OtherJournals(tmp_path, _WORKER_A)) as others:
        folder = writer_folder(tmp_path, _WORKER_A).parent
        folder.parent.mkdir()
        folder.symlink_to(folder)

        with pytest.raises(ConfigError, match=r"\.dicom-retrieve cannot be read"):
            others.newest("1.2.3")
