"""An Orthanc that allows C-GET to nobody: it accepts the contexts, and aborts at the request."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.command import run_cli
from tests.interop.corpus import CT_CHEST, MR_IMPLICIT
from tests.interop.loading import load
from tests.interop.orthanc import Orthanc
from tests.interop.peers import DRTUI, url_of
from tests.interop.process import free_port

pytestmark = pytest.mark.peers

_STUDIES = (CT_CHEST.study_instance_uid, MR_IMPLICIT.study_instance_uid)


@pytest.fixture(scope="module")
def without_c_get(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    running = Orthanc(
        tmp_path_factory.mktemp("without-c-get"), {DRTUI: free_port()}, DicomAlwaysAllowGet=False
    )
    try:
        running.start()
        load(running, tmp_path_factory.mktemp("sent"))
        yield running
    finally:
        running.stop()


def test_c_get_is_refused_with_the_flags_to_type_instead(
    without_c_get: Orthanc, tmp_path: Path
) -> None:
    done = run_cli(
        url_of(without_c_get), "--aet", "STRANGER", "--method", "c-get", "--retries", "0",
        "--output", tmp_path, _STUDIES[0],
    )  # fmt: skip

    assert done.exit_code == 1
    assert "Try --method c-move --move-dest STRANGER --listen 11112." in done.stdout


def test_auto_brings_everything_by_c_move(without_c_get: Orthanc, tmp_path: Path) -> None:
    done = run_cli(
        url_of(without_c_get), "--aet", "STRANGER", "--method", "auto", "--move-dest", DRTUI,
        "--listen", f"127.0.0.1:{without_c_get.move_ports[DRTUI]}", "--output", tmp_path, *_STUDIES,
    )  # fmt: skip

    assert done.exit_code == 0, done.stderr
    assert "all 2 studies complete" in done.stdout
    assert done.stderr.count("Asking by C-MOVE instead") == 1
