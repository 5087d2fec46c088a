"""A profile that is saved once retrieves from Orthanc and from dcmqrscp by its name alone."""

from pathlib import Path

import pytest

from tests.interop.command import run_cli
from tests.interop.comparison import assert_same_as_peer
from tests.interop.corpus import CT_CHEST
from tests.interop.peers import DRTUI, Peer, url_of

pytestmark = pytest.mark.peers


@pytest.mark.parametrize("method", ["c-get", "c-move"])
def test_a_saved_profile_answers_an_echo_and_brings_a_study(
    peer: Peer, method: str, tmp_path: Path
) -> None:
    config = ("--config", tmp_path / "profiles.toml")
    added = run_cli(
        *("profiles", "add", "archive", url_of(peer), "--called-aet", peer.ae_title),
        *("--aet", DRTUI, "--method", method, "--move-dest", DRTUI),
        *("--listen", f"127.0.0.1:{peer.move_ports[DRTUI]}", "--output", tmp_path / "out"),
        *config,
    )
    assert added.exit_code == 0, added.stderr

    tested = run_cli("profiles", "test", "archive", *config)
    done = run_cli("@archive", CT_CHEST.study_instance_uid, *config)

    assert tested.exit_code == 0, tested.stderr
    assert f"{peer.ae_title}@" in tested.stdout
    assert "answered C-ECHO in" in tested.stdout
    assert done.exit_code == 0, done.stderr
    assert_same_as_peer(tmp_path / "out", peer, CT_CHEST.sop_instance_uids)
