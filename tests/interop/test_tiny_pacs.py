"""The command against tiny-pacs, whose stack is neither ours, nor DCMTK's, nor pynetdicom's."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop.command import CommandResult, run_cli
from tests.interop.comparison import assert_same_as_peer
from tests.interop.corpus import CT_CHEST, ONE_SYNTAX_PER_CLASS, REPORTS, Study
from tests.interop.files import instances_below
from tests.interop.peers import DRTUI, url_of
from tests.interop.tiny_pacs import MANY, TinyPacs

pytestmark = pytest.mark.peers

Flags = Callable[[TinyPacs], list[str]]


def _target(peer: TinyPacs) -> list[str]:
    return [url_of(peer), "--called-aet", peer.ae_title]


def _c_get(peer: TinyPacs) -> list[str]:
    return [*_target(peer), "--method", "c-get"]


def _c_move(peer: TinyPacs) -> list[str]:
    port = peer.move_ports[DRTUI]
    where = ["--move-dest", DRTUI, "--listen", f"127.0.0.1:{port}", "--aet", DRTUI]
    return [*_target(peer), "--method", "c-move", *where]


both_methods = pytest.mark.parametrize("flags", [_c_get, _c_move], ids=["c-get", "c-move"])


def _uids(*studies: Study) -> set[str]:
    return {uid for study in studies for uid in study.sop_instance_uids}


def _list_of(*studies: Study) -> str:
    return "\n".join(study.study_instance_uid for study in studies)


def test_the_doctor_sees_all_of_its_services(tiny_pacs: TinyPacs) -> None:
    done = run_cli("doctor", *_c_get(tiny_pacs), CT_CHEST.study_instance_uid)

    assert done.exit_code == 0, done.stdout
    for check in ("C-ECHO", "C-FIND", "C-GET"):
        assert f"ok      {check}" in done.stdout


def test_everything_is_found_although_a_count_folds_it_into_one(tiny_pacs: TinyPacs) -> None:
    done = run_cli("find", *_target(tiny_pacs), "--all", "--uids")

    assert done.exit_code == 0, done.stderr
    found = done.stdout.split()
    assert sorted(found) == sorted(study.study_instance_uid for study in tiny_pacs.studies)


def test_a_patient_is_found_and_retrieved(tiny_pacs: TinyPacs, tmp_path: Path) -> None:
    table = "PatientID\nT-0001\nT-0005\n"

    done = run_cli(*_c_get(tiny_pacs), "--uid-list", "-", "--output", tmp_path, stdin=table)

    assert done.exit_code == 0, done.stderr
    assert_same_as_peer(tmp_path, tiny_pacs, _uids(CT_CHEST, REPORTS))


@both_methods
def test_a_study(tiny_pacs: TinyPacs, flags: Flags, tmp_path: Path) -> None:
    uid = CT_CHEST.study_instance_uid

    done = run_cli(*flags(tiny_pacs), "--study-uid", uid, "--output", tmp_path)

    assert done.exit_code == 0, done.stderr
    assert_same_as_peer(tmp_path, tiny_pacs, CT_CHEST.sop_instance_uids)


@both_methods
def test_a_list_over_three_associations(tiny_pacs: TinyPacs, flags: Flags, tmp_path: Path) -> None:
    wanted = (*ONE_SYNTAX_PER_CLASS, *MANY[:10])

    done = run_cli(
        *flags(tiny_pacs), "--uid-list", "-", "--parallel", "3", "--output", tmp_path,
        stdin=_list_of(*wanted),
    )  # fmt: skip

    assert done.exit_code == 0, done.stderr
    assert_same_as_peer(tmp_path, tiny_pacs, _uids(*wanted))


@both_methods
def test_the_same_command_again_asks_for_what_is_missing(
    tiny_pacs: TinyPacs, flags: Flags, tmp_path: Path
) -> None:
    order = [*flags(tiny_pacs), "--study-uid", CT_CHEST.study_instance_uid, "--output", tmp_path]
    assert run_cli(*order).exit_code == 0
    lost = min(CT_CHEST.sop_instance_uids)
    (tmp_path / f"{lost}.dcm").unlink()

    again = run_cli(*order, "--json")

    assert again.exit_code == 0, again.stderr
    stored = [e for e in again.json_lines() if e["event"] == "instance_stored"]
    assert [event["sop_instance_uid"] for event in stored] == [lost]
    assert_same_as_peer(tmp_path, tiny_pacs, CT_CHEST.sop_instance_uids)


def test_a_list_whose_answers_overwrite_each_other_is_not_taken_for_all(
    hasty_tiny_pacs: TinyPacs,
) -> None:
    done = run_cli("find", *_target(hasty_tiny_pacs), "--all", "--uids")

    if done.exit_code == 0:  # for once, each was sent before the next one was made
        assert len(set(done.stdout.split())) == len(hasty_tiny_pacs.studies)
    else:
        assert "repeat another one: others may be missing" in done.stderr


@both_methods
@pytest.mark.parametrize("study", [CT_CHEST, REPORTS], ids=["ct", "reports"])
def test_a_study_whose_list_is_left_to_chance_is_complete_or_not_called_so(
    hasty_tiny_pacs: TinyPacs, flags: Flags, study: Study, tmp_path: Path
) -> None:
    done = _retrieved(hasty_tiny_pacs, flags, study, tmp_path)

    here = {instance.sop_instance_uid for instance in instances_below(tmp_path)}
    assert here <= study.sop_instance_uids
    assert done.exit_code == 1 or here == study.sop_instance_uids
    assert_same_as_peer(tmp_path, hasty_tiny_pacs, here)


def _retrieved(peer: TinyPacs, flags: Flags, study: Study, folder: Path) -> CommandResult:
    return run_cli(*flags(peer), "--study-uid", study.study_instance_uid, "--output", folder)
