"""The forecast of bytes against Orthanc and dcmqrscp: built-in figures, and learned ones."""

import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dicom_retrieve_tui.storage.history import History
from tests.interop.command import run_cli
from tests.interop.corpus import CT_CHEST
from tests.interop.peers import Peer, url_of

pytestmark = pytest.mark.peers


def _flags(peer: Peer, output: Path, *more: str) -> list[object]:
    common = [url_of(peer), "--called-aet", peer.ae_title, "--method", "c-get"]
    return [*common, "--output", output, "--uid-list", "-", *more]


def _forecast(peer: Peer, uids: list[str], output: Path) -> dict[str, Any]:
    done = run_cli(*_flags(peer, output, "--dry-run", "--json"), stdin="\n".join(uids))
    assert done.exit_code == 0, done.stderr
    *_, forecast, last = done.json_lines()
    assert (forecast["event"], last["event"]) == ("space_forecast", "retrieve_finished")
    return forecast


def _retrieve(peer: Peer, uids: list[str], output: Path) -> int:
    """Retrieve studies; return the size of their files."""
    done = run_cli(*_flags(peer, output), stdin="\n".join(uids))
    assert done.exit_code == 0, done.stderr
    return sum(path.stat().st_size for path in output.glob("*.dcm"))


def test_a_dry_run_forecasts_what_a_retrieval_takes(peer: Peer, tmp_path: Path) -> None:
    uids = [study.study_instance_uid for study in peer.studies]

    guessed = _forecast(peer, uids, tmp_path / "first")
    size_bytes = _retrieve(peer, uids, tmp_path / "first")
    learned = _forecast(peer, uids, tmp_path / "second")
    rest = _forecast(peer, uids, tmp_path / "first")

    assert guessed["built_in"]
    # The studies of the tests are cut-outs, some 30 times smaller than real ones.
    assert guessed["low_bytes"] < 10 * size_bytes
    assert not learned["built_in"]
    assert learned["likely_bytes"] == pytest.approx(size_bytes, rel=0.05)
    assert learned["low_bytes"] < size_bytes < learned["high_bytes"]
    assert (rest["likely_bytes"], rest["high_bytes"], rest["fits"]) == (0, 0, True)


def test_what_is_on_disk_already_is_not_in_the_forecast(peer: Peer, tmp_path: Path) -> None:
    uids, output = [CT_CHEST.study_instance_uid], tmp_path / "out"
    size_bytes = _retrieve(peer, uids, output)
    gone = sorted(output.glob("*.dcm"))[:5]
    gone_bytes = sum(path.stat().st_size for path in gone)
    for path in gone:
        path.unlink()

    forecast = _forecast(peer, uids, output)
    done = run_cli(*_flags(peer, output, "--dry-run"), stdin="\n".join(uids))

    assert forecast["likely_bytes"] == pytest.approx(5 * size_bytes / len(CT_CHEST.instances), 0.05)
    assert forecast["low_bytes"] < gone_bytes < forecast["high_bytes"]
    here = len(CT_CHEST.instances) - 5
    assert f"{here} instances of them in {output}/ already: not in this forecast" in done.stdout


def test_nothing_of_the_studies_gets_into_the_sizes(peer: Peer, tmp_path: Path) -> None:
    _retrieve(peer, [study.study_instance_uid for study in peer.studies], tmp_path / "out")
    path = Path(os.environ["XDG_DATA_HOME"]) / "dicom-retrieve" / "history.db"

    with closing(History(path)) as history:
        kinds = history.sizes()
        assert history.recent(1) == []

    classes = {instance.sop_class_uid for study in peer.studies for instance in study.instances}
    assert {kind.sop_class_uid for kind in kinds} == classes | {""}
    assert {kind.modality for kind in kinds} <= {"*", "", "CT", "MR", "US", "SR", "CR", "OT", "SC"}
