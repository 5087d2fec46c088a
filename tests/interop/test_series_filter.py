"""The filter against Orthanc and dcmqrscp, which return more and fewer keys of a series."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop.command import run_cli
from tests.interop.comparison import assert_same_as_peer
from tests.interop.corpus import CT_CHEST, REPORTS, Study
from tests.interop.dcmtk import Dcmqrscp
from tests.interop.orthanc import Orthanc
from tests.interop.peers import DRTUI, Peer, url_of

pytestmark = pytest.mark.peers

Flags = Callable[[Peer], list[str]]

_REPORT_SERIES, _CAPTURE_SERIES = REPORTS.series_instance_uids


def _c_get(peer: Peer) -> list[str]:
    return [url_of(peer), "--called-aet", peer.ae_title, "--method", "c-get"]


def _c_move(peer: Peer) -> list[str]:
    port = peer.move_ports[DRTUI]
    where = ["--move-dest", DRTUI, "--listen", f"127.0.0.1:{port}", "--aet", DRTUI]
    return [url_of(peer), "--called-aet", peer.ae_title, "--method", "c-move", *where]


both_methods = pytest.mark.parametrize("flags", [_c_get, _c_move], ids=["c-get", "c-move"])


def _of(study: Study, series: str) -> list[str]:
    return [instance.sop_instance_uid for instance in study.instances_of_series(series)]


@both_methods
def test_only_series_of_a_modality(peer: Peer, flags: Flags, tmp_path: Path) -> None:
    studies = (REPORTS.study_instance_uid, CT_CHEST.study_instance_uid)
    output = ("--output", tmp_path)

    done = run_cli(*flags(peer), *studies, "--modality", "sr", *output)

    assert done.exit_code == 0, done.stderr
    assert_same_as_peer(tmp_path, peer, _of(REPORTS, _REPORT_SERIES))
    assert "4 series (CT 3, OT 1) left out by the filter: modality SR" in done.stdout
    assert "1 study has no series that matches" in done.stdout
    verified = run_cli("verify", tmp_path, "-v")
    assert verified.exit_code == 0, verified.stderr
    assert "(1 series (OT 1) left out by a filter)" in verified.stdout

    rest = run_cli(*flags(peer), *studies, *output)

    assert rest.exit_code == 0, rest.stderr
    both = [*REPORTS.sop_instance_uids, *CT_CHEST.sop_instance_uids]
    assert_same_as_peer(tmp_path, peer, both)
    assert "left out" not in run_cli("verify", tmp_path, "-v").stdout


@both_methods
def test_all_but_a_modality(peer: Peer, flags: Flags, tmp_path: Path) -> None:
    done = run_cli(
        *flags(peer), REPORTS.study_instance_uid, "--exclude-modality", "SR,KO",
        "--parallel", "2", "--output", tmp_path,
    )  # fmt: skip

    assert done.exit_code == 0, done.stderr
    assert_same_as_peer(tmp_path, peer, _of(REPORTS, _CAPTURE_SERIES))


def test_by_description_where_it_is_returned(orthanc: Orthanc, tmp_path: Path) -> None:
    done = run_cli(
        *_c_get(orthanc), REPORTS.study_instance_uid, "--output", tmp_path,
        "--series-description", "*sr FEATURES|ihe*",
    )  # fmt: skip

    assert done.exit_code == 0, done.stderr
    assert_same_as_peer(tmp_path, orthanc, _of(REPORTS, _REPORT_SERIES))


def test_by_description_where_it_is_not_returned(dcmqrscp: Dcmqrscp, tmp_path: Path) -> None:
    done = run_cli(
        *_c_get(dcmqrscp), REPORTS.study_instance_uid, "--output", tmp_path,
        "--modality", "OT", "--series-description", "*",
    )  # fmt: skip

    assert done.exit_code == 1
    assert f"does not say the description of series {_CAPTURE_SERIES}," in done.stdout
    assert not list(tmp_path.glob("*.dcm"))
