"""The fixtures themselves, with DCMTK's own tools: what the other tests here stand on."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.interop.comparison import assert_same_as_peer
from tests.interop.corpus import (
    CT_CHEST,
    MIXED,
    ONE_SYNTAX_PER_CLASS,
    PRIVATE,
    UNKNOWN_STUDY_INSTANCE_UID,
    Study,
)
from tests.interop.dcmtk import Storescp
from tests.interop.orthanc import Orthanc
from tests.interop.peers import DRTUI, STORESCP, Peer, instances_of
from tests.interop.programs import answers_echo, run_tool

pytestmark = pytest.mark.peers


def _where(peer: Peer) -> tuple[str, ...]:
    return ("-aec", peer.ae_title, "127.0.0.1", str(peer.port))


def _study_keys(study_instance_uid: str) -> tuple[str, ...]:
    return ("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study_instance_uid}")


def test_a_peer_answers_c_echo(peer: Peer) -> None:
    assert answers_echo(peer.port, peer.ae_title)


def test_a_peer_keeps_each_instance_as_it_was_sent(peer: Peer) -> None:
    sent = {uid: instance.stored for uid, instance in instances_of(peer).items()}

    assert_same_as_peer(sent.values(), peer, sent)


def test_a_peer_names_what_it_does_not_hold(peer: Peer) -> None:
    with pytest.raises(LookupError):
        peer.holds(UNKNOWN_STUDY_INSTANCE_UID)


def test_a_peer_lists_its_studies_by_c_find(peer: Peer) -> None:
    keys = ("-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID")

    found = run_tool("findscu", "-S", *keys, *_where(peer))

    assert found.returncode == 0, found.stdout
    assert [s for s in peer.studies if s.study_instance_uid not in found.stdout] == []


def test_a_study_comes_by_c_get_as_the_peer_holds_it(peer: Peer, tmp_path: Path) -> None:
    keys = _study_keys(CT_CHEST.study_instance_uid)

    done = run_tool("getscu", "-S", "+B", "-od", str(tmp_path), *keys, *_where(peer))

    assert done.returncode == 0, done.stdout
    assert_same_as_peer(tmp_path, peer, CT_CHEST.sop_instance_uids)


@pytest.mark.parametrize("study", ONE_SYNTAX_PER_CLASS, ids=lambda study: study.patient_id)
def test_a_study_goes_by_c_move_to_somebody_else_as_the_peer_holds_it(
    peer: Peer, study: Study, storescp: Storescp
) -> None:
    keys = _study_keys(study.study_instance_uid)

    done = run_tool("movescu", "-S", "-aem", STORESCP, *keys, *_where(peer))

    assert done.returncode == 0, done.stdout
    assert_same_as_peer(storescp.received().values(), peer, study.sop_instance_uids)


@pytest.mark.parametrize("study", [MIXED, PRIVATE], ids=lambda study: study.patient_id)
def test_orthanc_sends_any_class_in_any_syntax_as_it_holds_it(
    orthanc: Orthanc, study: Study, storescp: Storescp
) -> None:
    keys = _study_keys(study.study_instance_uid)

    done = run_tool("movescu", "-S", "-aem", STORESCP, *keys, *_where(orthanc))

    assert done.returncode == 0, done.stdout
    assert_same_as_peer(storescp.received().values(), orthanc, study.sop_instance_uids)


def test_a_peer_sends_to_the_port_that_is_ours_to_listen_on(peer: Peer, tmp_path: Path) -> None:
    # movescu listens there in our place. Its +B would write to the current folder instead of -od.
    keys = _study_keys(CT_CHEST.study_instance_uid)
    listening = ("+xa", "--port", str(peer.move_ports[DRTUI]), "-od", str(tmp_path))

    done = run_tool("movescu", "-S", "-aem", DRTUI, "-aet", DRTUI, *listening, *keys, *_where(peer))

    assert done.returncode == 0, done.stdout
    assert_same_as_peer(tmp_path, peer, CT_CHEST.sop_instance_uids)


def test_the_comparison_sees_one_changed_byte(peer: Peer) -> None:
    uid = CT_CHEST.instances[0].sop_instance_uid
    held = peer.holds(uid)
    changed = replace(held, data_set=held.data_set[:-1] + b"\xff")

    with pytest.raises(AssertionError, match=f"{uid}: .* differ from byte"):
        assert_same_as_peer([changed], peer, [uid])
