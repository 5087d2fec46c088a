"""The machine stops during a run: files that were not written to the disk hold zeros afterwards."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import pytest

from dicom_retrieve_tui.model.events import InstanceStored
from dicom_retrieve_tui.model.option_values import FLAT_LAYOUT
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.lock import FolderLock
from dicom_retrieve_tui.storage.writers import PRIVATE_FOLDER
from tests.faults.catalogue import Told, fault
from tests.faults.processes import retrieve_here
from tests.peers.raw_pacs import Conversation, Instance, RawPacs, Request, instances
from tests.runs import files_in, get_plan, of_kind, run, settings, verdict_of

_ZEROED = "1.2.3.1.2"
_PATIENT_LAYOUT = "{PatientID}/{SOPInstanceUID}.dcm"


def _in_journal(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / PRIVATE_FOLDER / "journal.db")) as database, database:
        for statement in statements:
            database.execute(statement)


def _zero_the_end(path: Path) -> bytes:
    """Leave zeros in the last value: the structure is whole, the size is right."""
    damaged = path.read_bytes()[:-60] + bytes(60)
    path.write_bytes(damaged)
    return damaged


def _leave_lock(folder: Path, boot: str = "another boot") -> None:
    (folder / PRIVATE_FOLDER / "lock").write_text(f"99999999\n{boot}\n")


def _this_boot(folder: Path) -> str:
    lock = FolderLock.acquire(folder / "probe")
    boot = (folder / "probe").read_text().splitlines()[1]
    lock.release()
    return boot


def _data_of(pacs: RawPacs, sop: str = _ZEROED) -> bytes:
    (data,) = {instance.data for instance in pacs.holdings if instance.sop == sop}
    return data


def _asked(pacs: RawPacs) -> list[str]:
    """SOP Instance UIDs of the one retrieval since the list was cleared."""
    (request,) = pacs.retrievals
    return request.key(0x00080018).split("\\")


def _sizeable(count: int) -> list[Instance]:
    return [replace(instance, padding_bytes=5000) for instance in instances(count)]


_FORGET = "DELETE FROM instances"
_UNSYNC = "UPDATE instances SET synced = 0"


@pytest.mark.parametrize("layout", [FLAT_LAYOUT, _PATIENT_LAYOUT])
@pytest.mark.parametrize("restarted", [False, True])
@fault(59, user_reads="complete: ")
def test_zeros_in_a_file_that_was_not_synced_are_found_by_its_checksum(
    tmp_path: Path, layout: str, *, restarted: bool
) -> Told:
    with RawPacs(_sizeable(3)) as pacs:
        given = replace(settings(pacs.port, tmp_path), layout=layout)
        run(get_plan(), given)
        (path,) = tmp_path.rglob(f"{_ZEROED}.dcm")
        damaged = _zero_the_end(path)
        _in_journal(tmp_path, _UNSYNC)
        if restarted:
            _leave_lock(tmp_path)
        pacs.requests.clear()
        events = run(get_plan(), given)

        assert _asked(pacs) == [_ZEROED]
    assert path.read_bytes().endswith(_data_of(pacs))
    assert (tmp_path / PRIVATE_FOLDER / "damaged" / f"{_ZEROED}.dcm.1").read_bytes() == damaged
    return events


@pytest.mark.parametrize("layout", [FLAT_LAYOUT, _PATIENT_LAYOUT])
@pytest.mark.parametrize(
    "left", ["another boot", "", "\0" * 20], ids=["boot", "version 1", "zeros"]
)
@fault(59, user_reads="files of that run that were not yet written to the disk are retrieved again")
def test_zeros_in_a_file_that_was_not_recorded_are_found_by_retrieving_it_again(
    tmp_path: Path, left: str, layout: str
) -> Told:
    with RawPacs(_sizeable(3)) as pacs:
        given = replace(settings(pacs.port, tmp_path), layout=layout)
        run(get_plan(), given)
        (path,) = tmp_path.rglob(f"{_ZEROED}.dcm")
        damaged = _zero_the_end(path)
        _in_journal(tmp_path, f"{_FORGET} WHERE sop_instance_uid = '{_ZEROED}'")
        _leave_lock(tmp_path, left)
        pacs.requests.clear()
        events = run(get_plan(), given)

        assert _asked(pacs) == [_ZEROED]
    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert path.read_bytes().endswith(_data_of(pacs))
    assert (tmp_path / PRIVATE_FOLDER / "damaged" / f"{_ZEROED}.dcm.1").read_bytes() == damaged
    return events


def test_a_file_that_was_not_recorded_and_is_as_it_was_sent_is_recorded_then(
    tmp_path: Path,
) -> None:
    with RawPacs(_sizeable(3)) as pacs:
        given = settings(pacs.port, tmp_path)
        run(get_plan(), given)
        _in_journal(tmp_path, _FORGET)
        _leave_lock(tmp_path)
        first = run(get_plan(), given)
        pacs.requests.clear()
        second = run(get_plan(), given)

        assert not pacs.retrievals
    assert [verdict_of(events).verdict for events in (first, second)] == [Verdict.COMPLETE] * 2
    assert files_in(tmp_path) == [f"1.2.3.1.{n}.dcm" for n in (1, 2, 3)]


def test_a_kill_alone_costs_nothing(tmp_path: Path) -> None:
    with RawPacs(_sizeable(3)) as pacs:
        given = settings(pacs.port, tmp_path)
        run(get_plan(), given)
        _in_journal(tmp_path, f"{_FORGET} WHERE sop_instance_uid = '{_ZEROED}'", _UNSYNC)
        _leave_lock(tmp_path, _this_boot(tmp_path))
        pacs.requests.clear()
        events = run(get_plan(), given)

        assert not pacs.retrievals
    assert verdict_of(events).verdict is Verdict.COMPLETE
    with closing(sqlite3.connect(tmp_path / PRIVATE_FOLDER / "journal.db")) as database:
        rows = database.execute("SELECT synced, digest <> '' FROM instances").fetchall()
    assert rows == [(1, 1)] * 3


@pytest.mark.parametrize("between", ["a clean run", "a run that was killed"])
def test_a_power_cut_is_not_forgotten_before_the_files_of_its_run_are_proven(
    tmp_path: Path, between: str
) -> None:
    with RawPacs([*_sizeable(3), *instances(1, study="1.2.4", series="1.2.4.1")]) as pacs:
        given = settings(pacs.port, tmp_path)
        run(get_plan(), given)
        _zero_the_end(tmp_path / f"{_ZEROED}.dcm")
        _in_journal(tmp_path, f"{_FORGET} WHERE sop_instance_uid = '{_ZEROED}'")
        _leave_lock(tmp_path)
        run(get_plan("1.2.4"), given)
        if between == "a run that was killed":
            _leave_lock(tmp_path, _this_boot(tmp_path))
        events = run(get_plan(), given)

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert (tmp_path / f"{_ZEROED}.dcm").read_bytes().endswith(_data_of(pacs))


def test_what_a_kill_left_unrecorded_is_doubtful_once_the_machine_has_stopped(
    tmp_path: Path,
) -> None:
    with RawPacs([*_sizeable(3), *instances(1, study="1.2.4", series="1.2.4.1")]) as pacs:
        given = settings(pacs.port, tmp_path)
        run(get_plan(), given)
        _in_journal(tmp_path, f"{_FORGET} WHERE sop_instance_uid = '{_ZEROED}'")
        _leave_lock(tmp_path, _this_boot(tmp_path))
        run(get_plan("1.2.4"), given)
        _zero_the_end(tmp_path / f"{_ZEROED}.dcm")
        _in_journal(tmp_path, "UPDATE folder SET name = 'another boot'")
        events = run(get_plan(), given)

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert (tmp_path / f"{_ZEROED}.dcm").read_bytes().endswith(_data_of(pacs))


def test_a_lock_says_that_the_machine_stopped_until_the_journal_does(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("99999999\nanother boot\n")
    killed = FolderLock.acquire(tmp_path / "lock")
    killed.release(leave_behind=True)

    lock = FolderLock.acquire(tmp_path / "lock")

    assert (killed.restarted, lock.restarted) == (True, True)
    lock.release()
    assert not (tmp_path / "lock").exists()


def test_a_power_cut_that_took_the_journal_is_noted_in_a_new_one(tmp_path: Path) -> None:
    with RawPacs(_sizeable(3)) as pacs:
        given = settings(pacs.port, tmp_path)
        run(get_plan(), given)
        _zero_the_end(tmp_path / f"{_ZEROED}.dcm")
        (tmp_path / PRIVATE_FOLDER / "journal.db").unlink()
        _leave_lock(tmp_path)
        pacs.requests.clear()
        events = run(get_plan(), given)

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert (tmp_path / f"{_ZEROED}.dcm").read_bytes().endswith(_data_of(pacs))


@pytest.mark.parametrize("zeroed", [False, True])
def test_an_older_journal_does_not_prove_what_it_did_not_sync(
    tmp_path: Path, *, zeroed: bool
) -> None:
    with RawPacs(_sizeable(3)) as pacs:
        given = settings(pacs.port, tmp_path)
        run(get_plan(), given)
        if zeroed:
            _zero_the_end(tmp_path / f"{_ZEROED}.dcm")
        _in_journal(
            tmp_path,
            "UPDATE instances SET digest = ''",
            f"{_UNSYNC} WHERE sop_instance_uid = '{_ZEROED}'",
        )
        pacs.requests.clear()
        events = run(get_plan(), given)

        assert _asked(pacs) == [_ZEROED]
    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert (tmp_path / f"{_ZEROED}.dcm").read_bytes().endswith(_data_of(pacs))
    assert (tmp_path / PRIVATE_FOLDER / "damaged").exists() is zeroed


class _RefusesLists(RawPacs):
    """Answers no C-FIND at the IMAGE level."""

    def on_find(self, conversation: Conversation, request: Request) -> None:
        if request.level == "IMAGE":
            conversation.respond(request, 0xA900)
        else:
            super().on_find(conversation, request)


def test_zeros_are_found_in_a_study_that_the_pacs_does_not_list(tmp_path: Path) -> None:
    with _RefusesLists(_sizeable(3)) as pacs:
        given = settings(pacs.port, tmp_path)
        run(get_plan(), given)
        _zero_the_end(tmp_path / f"{_ZEROED}.dcm")
        _in_journal(tmp_path, _UNSYNC)
        events = run(get_plan(), given)

    assert verdict_of(events).verdict is Verdict.UNVERIFIED
    assert (tmp_path / f"{_ZEROED}.dcm").read_bytes().endswith(_data_of(pacs))


@pytest.mark.parametrize("synced", [False, True])
def test_the_proven_file_of_another_study_keeps_its_name(tmp_path: Path, *, synced: bool) -> None:
    same = [Instance("1.2.3", "1.2.3.1", "1.2.3.9"), Instance("1.2.4", "1.2.4.1", "1.2.3.9")]
    with RawPacs(same) as pacs:
        given = settings(pacs.port, tmp_path)
        run(get_plan("1.2.3"), given)
        if not synced:
            _in_journal(tmp_path, _UNSYNC)
        _leave_lock(tmp_path)
        events = run(get_plan("1.2.4"), given)

    assert "came with other content" in verdict_of(events, "1.2.4").reason
    assert (tmp_path / "1.2.3.9.dcm").read_bytes().endswith(same[0].data)
    assert not (tmp_path / PRIVATE_FOLDER / "damaged").exists()


class _SendsTwice(RawPacs):
    """Sends its second instance twice, with other content."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        for instance in self.holdings:
            conversation.store(instance)
        self.finish(conversation, request, completed=len(self.holdings))


def test_what_came_twice_in_one_run_is_no_damage_of_the_first(tmp_path: Path) -> None:
    first, second = instances(2)
    with _SendsTwice([first, second, replace(second, padding_bytes=5000)]) as pacs:
        (tmp_path / PRIVATE_FOLDER).mkdir()
        _leave_lock(tmp_path)
        run(get_plan(), settings(pacs.port, tmp_path))

    assert (tmp_path / f"{second.sop}.dcm").read_bytes().endswith(second.data)
    assert files_in(tmp_path)[0] == f"{PRIVATE_FOLDER}/conflicts/{second.sop}.dcm.1"


@fault(59, user_reads="its content is not what was received")
def test_verify_finds_zeros_by_the_checksum(tmp_path: Path) -> str:
    with RawPacs(_sizeable(3)) as pacs:
        run(get_plan(), settings(pacs.port, tmp_path))
    path = tmp_path / f"{_ZEROED}.dcm"

    assert retrieve_here("verify", tmp_path, "--deep").exit_code == 0
    _zero_the_end(path)
    by_size = retrieve_here("verify", tmp_path)
    by_content = retrieve_here("verify", tmp_path, "--deep")

    assert (by_size.exit_code, by_content.exit_code) == (0, 1)
    return by_content.stdout


def test_checksums_are_for_every_tool_that_knows_crc_32(tmp_path: Path) -> None:
    with RawPacs(_sizeable(3)) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))
    lines = retrieve_here("verify", tmp_path, "--deep", "--json").stdout.splitlines()

    found = {path.name: f"crc32:{crc32(path.read_bytes()):08x}" for path in tmp_path.glob("*.dcm")}
    assert {each.path: each.checksum for each in of_kind(InstanceStored, events)} == found
    assert json.loads(lines[1])["checksums"] == found
