"""The command against Orthanc and dcmqrscp: every byte, by C-GET and by C-MOVE."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop.command import run_cli
from tests.interop.comparison import assert_same_as_peer
from tests.interop.corpus import (
    COMPRESSED,
    CT_CHEST,
    MIXED,
    MR_IMPLICIT,
    PRIVATE,
    REPORTS,
    UNKNOWN_STUDY_INSTANCE_UID,
    US_JPEG_2000,
    Study,
)
from tests.interop.dcmtk import Storescp
from tests.interop.orthanc import Orthanc
from tests.interop.peers import DEAF, DRTUI, STORESCP, Peer, url_of

pytestmark = pytest.mark.peers

JPEG_2000 = {"1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"}

Flags = Callable[[Peer], list[str]]


def _c_get(peer: Peer) -> list[str]:
    return [url_of(peer), "--called-aet", peer.ae_title, "--method", "c-get"]


def _c_move(peer: Peer) -> list[str]:
    port = peer.move_ports[DRTUI]
    where = ["--move-dest", DRTUI, "--listen", f"127.0.0.1:{port}", "--aet", DRTUI]
    return [url_of(peer), "--called-aet", peer.ae_title, "--method", "c-move", *where]


both_methods = pytest.mark.parametrize("flags", [_c_get, _c_move], ids=["c-get", "c-move"])


def _tree(folder: Path) -> set[str]:
    """The files that the user sees."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(file) for file in files if not file.parts[0].startswith(".")}


@both_methods
def test_a_study(peer: Peer, flags: Flags, tmp_path: Path) -> None:
    done = run_cli(
        *flags(peer), "--study-uid", CT_CHEST.study_instance_uid, "--output", tmp_path,
        "--hierarchical",
    )  # fmt: skip

    assert done.exit_code == 0, done.stderr
    assert_same_as_peer(tmp_path, peer, CT_CHEST.sop_instance_uids)
    assert _tree(tmp_path) == {
        f"{CT_CHEST.study_instance_uid}/{series}/{instance.sop_instance_uid}.dcm"
        for series in CT_CHEST.series_instance_uids
        for instance in CT_CHEST.instances_of_series(series)
    }


@both_methods
def test_a_series(peer: Peer, flags: Flags, tmp_path: Path) -> None:
    series = CT_CHEST.series_instance_uids[1]

    done = run_cli(
        *flags(peer), "--study-uid", CT_CHEST.study_instance_uid, "--series-uid", series,
        "--output", tmp_path,
    )  # fmt: skip

    assert done.exit_code == 0, done.stderr
    wanted = [i.sop_instance_uid for i in CT_CHEST.instances_of_series(series)]
    assert_same_as_peer(tmp_path, peer, wanted)
    assert _tree(tmp_path) == {f"{uid}.dcm" for uid in wanted}


@both_methods
def test_an_instance(peer: Peer, flags: Flags, tmp_path: Path) -> None:
    series = CT_CHEST.series_instance_uids[2]
    instance = CT_CHEST.instances_of_series(series)[0].sop_instance_uid

    done = run_cli(
        *flags(peer), "--study-uid", CT_CHEST.study_instance_uid, "--series-uid", series,
        "--instance-uid", instance, "--output", tmp_path,
    )  # fmt: skip

    assert done.exit_code == 0, done.stderr
    assert_same_as_peer(tmp_path, peer, [instance])
    assert _tree(tmp_path) == {f"{instance}.dcm"}


@both_methods
def test_a_list_of_studies_over_four_associations(peer: Peer, flags: Flags, tmp_path: Path) -> None:
    output = tmp_path / "out"
    studies = [study.study_instance_uid for study in peer.studies]

    done = run_cli(
        *flags(peer), "--uid-list", "-", "--parallel", "4", "--output", output,
        stdin="\n".join(studies),
    )  # fmt: skip

    assert done.exit_code == 0, done.stderr
    assert_same_as_peer(output, peer, [u for s in peer.studies for u in s.sop_instance_uids])


@both_methods
def test_one_study_over_four_associations(peer: Peer, flags: Flags, tmp_path: Path) -> None:
    done = run_cli(
        *flags(peer), "--study-uid", CT_CHEST.study_instance_uid, "--output", tmp_path,
        "--parallel", "4",
    )  # fmt: skip

    assert done.exit_code == 0, done.stderr
    assert_same_as_peer(tmp_path, peer, CT_CHEST.sop_instance_uids)


@both_methods
def test_one_unknown_study_does_not_harm_the_others(
    peer: Peer, flags: Flags, tmp_path: Path
) -> None:
    studies = [CT_CHEST, MR_IMPLICIT]
    uids = tmp_path / "studies.txt"
    uids.write_text(
        "\n".join([UNKNOWN_STUDY_INSTANCE_UID, *(s.study_instance_uid for s in studies)])
    )

    done = run_cli(*flags(peer), "--uid-list", uids, "--output", tmp_path / "out")

    assert done.exit_code == 1
    assert_same_as_peer(tmp_path / "out", peer, [u for s in studies for u in s.sop_instance_uids])
    assert "2 of 3 studies complete" in done.stdout
    assert f"  {UNKNOWN_STUDY_INSTANCE_UID}" in done.stdout


@both_methods
@pytest.mark.parametrize("study", [COMPRESSED, REPORTS], ids=["compressed", "reports"])
def test_every_kind_of_object_comes_as_it_is_stored(
    peer: Peer, flags: Flags, study: Study, tmp_path: Path
) -> None:
    done = run_cli(*flags(peer), "--study-uid", study.study_instance_uid, "--output", tmp_path)

    assert done.exit_code == 0, done.stderr
    assert_same_as_peer(tmp_path, peer, study.sop_instance_uids)


@both_methods
@pytest.mark.parametrize("study", [MIXED, PRIVATE], ids=["mixed", "private"])
def test_many_syntaxes_and_a_private_class_from_orthanc(
    orthanc: Orthanc, flags: Flags, study: Study, tmp_path: Path
) -> None:
    done = run_cli(*flags(orthanc), "--study-uid", study.study_instance_uid, "--output", tmp_path)

    assert done.exit_code == 0, done.stderr
    assert_same_as_peer(tmp_path, orthanc, study.sop_instance_uids)


@both_methods
def test_jpeg_2000_arrives_as_jpeg_2000(peer: Peer, flags: Flags, tmp_path: Path) -> None:
    done = run_cli(
        *flags(peer), "--study-uid", US_JPEG_2000.study_instance_uid, "--output", tmp_path, "--json"
    )

    assert done.exit_code == 0, done.stderr
    stored = [e for e in done.json_lines() if e["event"] == "instance_stored"]
    assert stored
    assert {event["transfer_syntax_uid"] for event in stored} <= JPEG_2000
    assert_same_as_peer(tmp_path, peer, US_JPEG_2000.sop_instance_uids)


@both_methods
def test_the_same_command_again_asks_for_what_is_missing(
    peer: Peer, flags: Flags, tmp_path: Path
) -> None:
    order = [*flags(peer), "--study-uid", CT_CHEST.study_instance_uid, "--output", tmp_path]
    run_cli(*order)
    lost = min(CT_CHEST.sop_instance_uids)
    (tmp_path / f"{lost}.dcm").unlink()

    again = run_cli(*order, "--json")

    assert again.exit_code == 0, again.stderr
    stored = [e for e in again.json_lines() if e["event"] == "instance_stored"]
    assert [e["sop_instance_uid"] for e in stored] == [lost]
    assert_same_as_peer(tmp_path, peer, CT_CHEST.sop_instance_uids)


def test_a_delivery_to_somebody_else_arrives_there_and_claims_no_more(
    peer: Peer, storescp: Storescp, tmp_path: Path
) -> None:
    output = tmp_path / "out"

    done = run_cli(
        url_of(peer), "--called-aet", peer.ae_title, "--move-dest", STORESCP,
        "--study-uid", CT_CHEST.study_instance_uid, "--output", output,
    )  # fmt: skip

    assert done.exit_code == 0, done.stderr
    assert set(storescp.received()) == set(CT_CHEST.sop_instance_uids)
    assert f"12 instances delivered to {STORESCP}" in done.stdout
    assert "nothing was written" in done.stdout
    assert not output.exists()


def test_a_destination_that_does_not_answer_is_a_failure(peer: Peer, tmp_path: Path) -> None:
    done = run_cli(
        url_of(peer), "--called-aet", peer.ae_title, "--move-dest", DEAF,
        "--study-uid", CT_CHEST.study_instance_uid, "--output", tmp_path / "out",
    )  # fmt: skip

    assert done.exit_code == 1
    assert "failed" in done.stdout
    assert "status 0x" in done.stdout


def test_an_unknown_move_destination_is_a_failure(peer: Peer, tmp_path: Path) -> None:
    done = run_cli(
        url_of(peer), "--called-aet", peer.ae_title, "--move-dest", "NOBODY",
        "--study-uid", CT_CHEST.study_instance_uid, "--output", tmp_path / "out",
    )  # fmt: skip

    assert done.exit_code == 1
    assert "move destination" in done.stdout


def test_a_dry_run_counts_and_keeps_its_hands_off(peer: Peer, tmp_path: Path) -> None:
    output = tmp_path / "out"

    done = run_cli(
        *_c_get(peer), "--study-uid", CT_CHEST.study_instance_uid, "--output", output, "--dry-run"
    )

    assert done.exit_code == 0, done.stderr
    assert "planned: 12 instances" in done.stdout
    assert not output.exists()
