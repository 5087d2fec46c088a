"""`find` against Orthanc and dcmqrscp: what they list, in their character sets, and it is there."""

from pathlib import Path

import pytest

from tests.interop.command import CommandResult, run_cli
from tests.interop.comparison import assert_same_as_peer
from tests.interop.corpus import ALL_STUDIES, CT_CHEST, MR_IMPLICIT, Study
from tests.interop.orthanc import Orthanc
from tests.interop.peers import Peer, url_of

pytestmark = pytest.mark.peers


def _find(peer: Peer, *keys: str) -> CommandResult:
    return run_cli("find", url_of(peer), "--called-aet", peer.ae_title, *keys)


def _json(peer: Peer, *keys: str) -> list[dict[str, object]]:
    """The matches, without the lines around them."""
    return [line for line in _find(peer, *keys, "--json").json_lines() if "patient_id" in line]


def test_names_come_in_the_character_set_of_each(peer: Peer) -> None:
    names = {found["patient_id"]: found["patient_name"] for found in _json(peer, "--all")}

    assert names == {study.patient_id: study.patient_name for study in peer.studies}


def test_what_is_found_can_be_retrieved(peer: Peer, tmp_path: Path) -> None:
    saved = run_cli(
        *("profiles", "add", "archive", url_of(peer), "--called-aet", peer.ae_title),
        *("--method", "c-get", "--output", tmp_path / "out"),
        *("--config", tmp_path / "profiles.toml"),
    )
    assert saved.exit_code == 0, saved.stderr
    profile = ("@archive", "--config", tmp_path / "profiles.toml")

    found = run_cli("find", *profile, "--patient-id", "T-000?", "--date", "2020-01", "--uids")
    done = run_cli(*profile, "--uid-list", "-", stdin=found.stdout)

    assert found.exit_code == 0, found.stderr
    assert found.stdout.splitlines() != []
    assert done.exit_code == 0, done.stderr
    uids = {uid for study in peer.studies for uid in study.sop_instance_uids}
    assert_same_as_peer(tmp_path / "out", peer, uids)


def test_a_table_of_what_is_found_is_a_list_of_what_to_retrieve(peer: Peer, tmp_path: Path) -> None:
    found = _find(peer, "--patient-name", "Test, Alpha")
    done = run_cli(
        *(url_of(peer), "--called-aet", peer.ae_title, "--method", "c-get"),
        *("--uid-list", "-", "--output", tmp_path),
        stdin=found.stdout,
    )

    assert done.exit_code == 0, done.stderr
    assert_same_as_peer(tmp_path, peer, CT_CHEST.sop_instance_uids)


def test_only_studies_of_the_modality_are_found(peer: Peer) -> None:
    found = _json(peer, "--modality", "MR", "--last", "99y")

    assert {each["patient_id"] for each in found} == {
        study.patient_id for study in peer.studies if _has(study, "MR")
    }


def _has(study: Study, modality: str) -> bool:
    return any(source.modality == modality for series in study.series for source in series)


def test_series_and_instances_are_listed_in_their_study(peer: Peer) -> None:
    keys = ("--study-uid", CT_CHEST.study_instance_uid)
    series = _json(peer, *keys, "--level", "series")
    images = _json(
        peer, *keys, "--series-uid", CT_CHEST.series_instance_uids[0], "--level", "image"
    )

    assert {each["series_instance_uid"] for each in series} == set(CT_CHEST.series_instance_uids)
    assert {each["sop_instance_uid"] for each in images} == {
        i.sop_instance_uid for i in CT_CHEST.instances_of_series(CT_CHEST.series_instance_uids[0])
    }


def test_a_name_in_another_script_is_a_key(orthanc: Orthanc) -> None:
    found = _json(orthanc, "--patient-name", "*山田*")

    assert [each["patient_id"] for each in found] == [MR_IMPLICIT.patient_id]


def test_what_a_peer_does_not_have_is_no_success(peer: Peer) -> None:
    result = _find(peer, "--accession", "NOBODY")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "no study matches" in result.stderr


def test_the_corpus_has_names_that_need_more_than_ascii() -> None:
    assert {study.character_set for study in ALL_STUDIES} >= {
        "\\ISO 2022 IR 87", "\\ISO 2022 IR 149", "GB18030", "ISO_IR 192", "ISO_IR 100",
    }  # fmt: skip
