"""The same command again: only what is missing is asked for."""

import os
import sqlite3
import struct
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.dimse import StoreRequest
from dicom_retrieve_tui.model.events import InstanceStored, StudyInventoried
from dicom_retrieve_tui.model.option_values import FLAT_LAYOUT
from dicom_retrieve_tui.model.sop_classes import GET_CLASSES
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.file_meta import file_header
from dicom_retrieve_tui.storage.lock import FolderLock
from dicom_retrieve_tui.storage.verify import verify_folder
from dicom_retrieve_tui.storage.writers import PRIVATE_FOLDER
from tests.peers.raw_pacs import IMPLICIT, Conversation, Instance, RawPacs, Request, instances
from tests.runs import files_in, get_plan, of_kind, run, settings, verdict_of

_C_GET = 0x10


class _SendsSome(RawPacs):
    """Sends two instances and is gone, until it is told to behave."""

    behaves = False

    def on_get(self, conversation: Conversation, request: Request) -> None:
        if self.behaves:
            super().on_get(conversation, request)
            return
        for instance in self.holdings[:2]:
            conversation.store(instance)
        raise EOFError


def test_the_second_run_asks_for_what_the_first_did_not_get(tmp_path: Path) -> None:
    with _SendsSome(instances(5)) as pacs:
        first = run(get_plan(), settings(pacs.port, tmp_path))
        pacs.behaves = True
        pacs.requests.clear()
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(first).verdict is Verdict.PARTIAL
    (retrieval,) = [r for r in pacs.requests if r.number(0x0100) == _C_GET]
    assert retrieval.level == "IMAGE"
    assert retrieval.key(0x00080018).split("\\") == ["1.2.3.1.3", "1.2.3.1.4", "1.2.3.1.5"]
    assert of_kind(StudyInventoried, events)[0].present == 2
    assert len(of_kind(InstanceStored, events)) == 3
    finished = verdict_of(events)
    assert (finished.verdict, finished.stored) == (Verdict.COMPLETE, 5)


def test_a_complete_study_is_not_asked_for_again(tmp_path: Path) -> None:
    with RawPacs() as pacs:
        run(get_plan(), settings(pacs.port, tmp_path))
        pacs.requests.clear()
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert not [r for r in pacs.requests if r.number(0x0100) == _C_GET]


_ELSEWHERE = replace(get_plan(), method=Method.AUTO, move_destination="OTHER")


def test_what_came_by_c_get_is_not_asked_for_again_although_c_move_would_send_elsewhere(
    tmp_path: Path,
) -> None:
    with RawPacs() as pacs:
        run(_ELSEWHERE, settings(pacs.port, tmp_path))
        pacs.requests.clear()
        events = run(_ELSEWHERE, settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert not pacs.retrievals


class _MovesAtLast(RawPacs):
    """Sends to us first, and only to somebody else from then on."""

    refuses_get = False

    def on_associate(self, conversation: Conversation) -> None:
        conversation.accept(refused=frozenset(GET_CLASSES if self.refuses_get else ()))

    def on_move(self, conversation: Conversation, request: Request) -> None:
        matching = [i for i in self.holdings if request.matches(i)]
        self.finish(conversation, request, completed=len(matching))


def test_somebody_else_gets_all_of_a_study_of_which_a_part_is_here(tmp_path: Path) -> None:
    with _MovesAtLast() as pacs:
        run(_ELSEWHERE, settings(pacs.port, tmp_path))
        (tmp_path / "1.2.3.1.2.dcm").unlink()
        pacs.refuses_get = True
        events = run(_ELSEWHERE, settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.DELIVERED
    assert pacs.retrievals[-1].level == "STUDY"


def test_a_file_that_somebody_deleted_is_retrieved_again(tmp_path: Path) -> None:
    with RawPacs() as pacs:
        run(get_plan(), settings(pacs.port, tmp_path))
        (tmp_path / "1.2.3.1.2.dcm").unlink()
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert [e.sop_instance_uid for e in of_kind(InstanceStored, events)] == ["1.2.3.1.2"]
    assert verdict_of(events).verdict is Verdict.COMPLETE


def test_a_file_of_another_size_is_kept_aside_and_retrieved_again(tmp_path: Path) -> None:
    with RawPacs() as pacs:
        run(get_plan(), settings(pacs.port, tmp_path))
        damaged = tmp_path / "1.2.3.1.2.dcm"
        damaged.write_bytes(damaged.read_bytes()[:-7])
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert damaged.read_bytes().endswith(pacs.holdings[1].data)
    assert f"{PRIVATE_FOLDER}/damaged/1.2.3.1.2.dcm.1" in files_in(tmp_path)


def _forget_the_sync(folder: Path) -> None:
    """As if the machine had lost power before the files reached the disk."""
    with closing(sqlite3.connect(folder / PRIVATE_FOLDER / "journal.db")) as database, database:
        database.execute("UPDATE instances SET synced = 0")


def test_what_was_never_synced_is_read_to_its_end(tmp_path: Path) -> None:
    with RawPacs() as pacs:
        run(get_plan(), settings(pacs.port, tmp_path))
        zeroed = tmp_path / "1.2.3.1.2.dcm"
        size_bytes = zeroed.stat().st_size
        zeroed.write_bytes(zeroed.read_bytes()[:400] + b"\0" * (size_bytes - 400))
        _forget_the_sync(tmp_path)
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert [e.sop_instance_uid for e in of_kind(InstanceStored, events)] == ["1.2.3.1.2"]
    assert verdict_of(events).verdict is Verdict.COMPLETE


def _forget_everything(folder: Path) -> None:
    """As if a kill had come before anything was recorded."""
    with closing(sqlite3.connect(folder / PRIVATE_FOLDER / "journal.db")) as database, database:
        database.execute("DELETE FROM instances")


def test_a_whole_file_that_was_never_recorded_is_taken_over(tmp_path: Path) -> None:
    with RawPacs() as pacs:
        run(get_plan(), settings(pacs.port, tmp_path))
        _forget_everything(tmp_path)
        (tmp_path / "1.2.3.1.2.dcm").write_bytes(b"not whole at all")
        pacs.requests.clear()
        events = run(get_plan(), settings(pacs.port, tmp_path))

    (inventoried,) = of_kind(StudyInventoried, events)
    assert inventoried.present == 2
    assert verdict_of(events).missing == ("1.2.3.1.2",)
    assert (tmp_path / "1.2.3.1.2.dcm").read_bytes() == b"not whole at all"


@pytest.mark.parametrize("layout", [FLAT_LAYOUT, "{PatientID}/{SOPInstanceUID}.dcm"])
@pytest.mark.parametrize("kept_bytes", [0, 100, 400])
def test_what_a_power_cut_tore_before_it_was_recorded_is_retrieved_again(
    kept_bytes: int, layout: str, tmp_path: Path
) -> None:
    with RawPacs() as pacs:
        given = replace(settings(pacs.port, tmp_path), layout=layout)
        run(get_plan(), given)
        _forget_everything(tmp_path)
        (torn,) = tmp_path.rglob("1.2.3.1.2.dcm")
        os.truncate(torn, kept_bytes)
        events = run(get_plan(), given)

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert torn.read_bytes().endswith(pacs.holdings[1].data)
    assert f"{PRIVATE_FOLDER}/damaged/1.2.3.1.2.dcm.1" in files_in(tmp_path)


def test_the_file_of_another_study_is_not_taken_for_a_torn_one(tmp_path: Path) -> None:
    same = [Instance("1.2.3", "1.2.3.1", "1.2.3.9"), Instance("1.2.4", "1.2.4.1", "1.2.3.9")]
    with RawPacs(same) as pacs:
        events = run(get_plan("1.2.3", "1.2.4"), settings(pacs.port, tmp_path))

    assert verdict_of(events, "1.2.3").verdict is Verdict.COMPLETE
    assert "came with other content" in verdict_of(events, "1.2.4").reason
    assert (tmp_path / "1.2.3.9.dcm").read_bytes().endswith(same[0].data)


def test_two_studies_with_the_same_instance_uid_have_an_account_each(tmp_path: Path) -> None:
    same = [Instance("1.2.3", "1.2.3.1", "1.2.3.9"), Instance("1.2.4", "1.2.4.1", "1.2.3.9")]
    with RawPacs(same) as pacs:
        layout = "{PatientID}/{StudyInstanceUID}/{SOPInstanceUID}.dcm"
        given = replace(settings(pacs.port, tmp_path), layout=layout)
        run(get_plan("1.2.3", "1.2.4"), given)
        pacs.requests.clear()
        again = run(get_plan("1.2.3", "1.2.4"), given)

    assert [verdict_of(again, uid).verdict for uid in ("1.2.3", "1.2.4")] == [Verdict.COMPLETE] * 2
    assert not pacs.retrievals
    assert [study.whole for study in verify_folder(tmp_path, deep=True)] == [1, 1]


def test_a_file_of_another_program_with_the_same_instance_is_recorded_as_it_is(
    tmp_path: Path,
) -> None:
    with RawPacs(instances(1)) as pacs:
        given = replace(settings(pacs.port, tmp_path), layout="{PatientID}/{SOPInstanceUID}.dcm")
        theirs = tmp_path / "T-0001" / "1.2.3.1.1.dcm"
        theirs.parent.mkdir()
        request = StoreRequest(
            sop_class_uid=pacs.holdings[0].sop_class,
            sop_instance_uid="1.2.3.1.1",
            transfer_syntax_uid=IMPLICIT,
        )
        ours = file_header(request)
        length = struct.unpack_from("<L", ours, 140)[0] + 12
        title = struct.pack("<HH2sH4s", 2, 0x16, b"AE", 4, b"THEM")
        theirs.write_bytes(
            ours[:140] + struct.pack("<L", length) + ours[144:] + title + pacs.holdings[0].data
        )
        run(get_plan(), given)
        pacs.requests.clear()
        events = run(get_plan(), given)

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert not pacs.retrievals


def test_a_journal_that_cannot_be_opened_is_named_and_nothing_is_sent(tmp_path: Path) -> None:
    (tmp_path / PRIVATE_FOLDER / "journal.db").mkdir(parents=True)
    with RawPacs() as pacs, pytest.raises(ConfigError, match=r"journal.*\(is a directory\)"):
        run(get_plan(), settings(pacs.port, tmp_path))

    assert pacs.associations == 0


def test_a_second_run_in_the_same_folder_is_told_who_holds_it(tmp_path: Path) -> None:
    private = tmp_path / PRIVATE_FOLDER
    private.mkdir()
    lock = FolderLock.acquire(private / "lock")
    with RawPacs() as pacs, pytest.raises(ConfigError, match=r"process [0-9]+ is retrieving"):
        run(get_plan(), settings(pacs.port, tmp_path))
    lock.release()

    assert pacs.associations == 0


def test_a_lock_left_behind_by_a_crash_is_no_obstacle(tmp_path: Path) -> None:
    private = tmp_path / PRIVATE_FOLDER
    private.mkdir()
    (private / "lock").write_text("99999999\n")
    with RawPacs() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE


def test_parts_of_a_killed_run_are_swept_away(tmp_path: Path) -> None:
    parts = tmp_path / PRIVATE_FOLDER / "parts"
    parts.mkdir(parents=True)
    (parts / "1.part").write_bytes(b"half an instance")
    with RawPacs() as pacs:
        run(get_plan(), settings(pacs.port, tmp_path))

    assert files_in(tmp_path) == [f"1.2.3.1.{n}.dcm" for n in (1, 2, 3)]
