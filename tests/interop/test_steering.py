"""A session that is steered while Orthanc sends."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.events import InstanceStored, StudyStarted
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.verdict import Verdict
from tests.interop.comparison import assert_same_as_peer
from tests.interop.corpus import COMPRESSED, CT_CHEST, MR_IMPLICIT, REPORTS
from tests.interop.line import Line
from tests.interop.orthanc import Orthanc
from tests.interop.peers import DRTUI
from tests.interop.process import free_port
from tests.runs import Plan, of_kind, settings
from tests.sessions import PATIENCE_S, Watched, selections

pytestmark = pytest.mark.peers

_HELD_BYTES = 150_000
"""Some instances of the CT study, and not all."""
_IN_TIME_S = 3.0

_CT, _MR, _XA, _SR = (
    study.study_instance_uid for study in (CT_CHEST, MR_IMPLICIT, COMPRESSED, REPORTS)
)
_GET = Plan(selections=(), method=Method.C_GET, parallel=2)
_MOVE = replace(_GET, method=Method.C_MOVE, move_destination=DRTUI, listening=True)


def _settings(orthanc: Orthanc, port: int, output: Path) -> RetrieveOptions:
    return replace(settings(port, output, called=orthanc.ae_title), calling_ae_title=DRTUI)


@pytest.fixture
def _held_get(orthanc: Orthanc, tmp_path: Path) -> Iterator[tuple[Plan, RetrieveOptions, Line]]:
    """A C-GET whose first long association is held up."""
    with Line(orthanc.port, hold_after_bytes=_HELD_BYTES) as line:
        yield _GET, _settings(orthanc, line.port, tmp_path), line


@pytest.fixture
def _held_move(orthanc: Orthanc, tmp_path: Path) -> Iterator[tuple[Plan, RetrieveOptions, Line]]:
    """A C-MOVE of which Orthanc's first long association with our Storage SCP is held up."""
    ours = free_port()
    port = orthanc.move_ports[DRTUI]
    with Line(ours, hold_after_bytes=_HELD_BYTES, port=port) as line:
        given = _settings(orthanc, orthanc.port, tmp_path)
        yield _MOVE, replace(given, listen=("127.0.0.1", ours)), line


@pytest.mark.parametrize("held", ["_held_get", "_held_move"], ids=["c-get", "c-move"])
def test_one_of_several_studies_is_stopped_and_tried_again(
    orthanc: Orthanc, held: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    plan, given, line = request.getfixturevalue(held)
    with Watched(wiring.open_session(*plan.on(given))) as watched:
        watched.session.add(selections(_CT))
        assert line.held.wait(PATIENCE_S)
        watched.until(lambda progress: progress.stored)
        watched.session.add(selections(_MR, _SR))
        started_s = monotonic()
        watched.session.stop(_CT)
        stopped = watched.until_finished(_CT)
        elapsed_s = monotonic() - started_s
        others = [watched.until_finished(uid) for uid in (_MR, _SR)]
        watched.session.add(selections(_CT))
        retried = watched.until_finished(_CT, times=2)
        events = watched.finish()

    assert elapsed_s < _IN_TIME_S
    assert stopped.verdict is Verdict.CANCELLED
    assert 0 < stopped.stored < len(CT_CHEST.instances)
    assert [finished.verdict for finished in others] == [Verdict.COMPLETE] * 2
    assert retried.verdict is Verdict.COMPLETE
    stored = [event.sop_instance_uid for event in of_kind(InstanceStored, events)]
    assert len(stored) == len(set(stored))
    studies = (CT_CHEST, MR_IMPLICIT, REPORTS)
    assert_same_as_peer(tmp_path, orthanc, [u for s in studies for u in s.sop_instance_uids])


@pytest.mark.parametrize("held", ["_held_get", "_held_move"], ids=["c-get", "c-move"])
def test_a_cancel_ends_everything_in_time(held: str, request: pytest.FixtureRequest) -> None:
    plan, given, line = request.getfixturevalue(held)
    with Watched(wiring.open_session(*plan.on(given))) as watched:
        watched.session.add(selections(_CT, _MR, _SR))
        assert line.held.wait(PATIENCE_S)
        started_s = monotonic()
        watched.session.cancel()
        watched.join()
        elapsed_s = monotonic() - started_s

    assert elapsed_s < _IN_TIME_S
    assert watched.progress.verdict is Verdict.CANCELLED


def test_studies_are_added_paused_and_promoted(orthanc: Orthanc, tmp_path: Path) -> None:
    plan = replace(_GET, parallel=1, selections=selections(_CT))
    session = wiring.open_session(*plan.on(_settings(orthanc, orthanc.port, tmp_path)))
    with Watched(session) as watched:
        watched.until_finished(_CT)
        session.pause()
        session.add(selections(_MR, _SR, _XA))
        session.promote(_XA)
        watched.until(lambda progress: progress.paused and progress.associations == 0)
        assert list(watched.progress.queued) == [_XA, _MR, _SR]
        session.resume()
        events = watched.finish()

    begun = [event.study_instance_uid for event in of_kind(StudyStarted, events)]
    assert begun == [_CT, _XA, _MR, _SR]
    studies = (CT_CHEST, MR_IMPLICIT, REPORTS, COMPRESSED)
    assert_same_as_peer(tmp_path, orthanc, [u for s in studies for u in s.sop_instance_uids])
