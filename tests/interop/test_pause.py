"""A retrieval that is paused in the middle of a study, by Orthanc and dcmqrscp."""

from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.events import AttemptFailed, InstanceStored, RunPausing
from dicom_retrieve_tui.model.rate_limit import parse_rate
from dicom_retrieve_tui.model.verdict import Verdict
from tests.interop.comparison import assert_same_as_peer
from tests.interop.corpus import CT_CHEST
from tests.interop.peers import DRTUI, Peer
from tests.runs import Plan, of_kind, settings
from tests.sessions import Watched, selections

pytestmark = pytest.mark.peers

_STUDY = CT_CHEST.study_instance_uid
_GET = Plan(selections=selections(_STUDY), method=Method.C_GET)
_MOVE = replace(_GET, method=Method.C_MOVE, move_destination=DRTUI, listening=True)


@pytest.mark.parametrize("plan", [_GET, _MOVE], ids=["c-get", "c-move"])
def test_a_pause_stops_the_flow_and_going_on_brings_the_rest_once(
    peer: Peer, plan: Plan, tmp_path: Path
) -> None:
    given = replace(
        settings(peer.port, tmp_path, called=peer.ae_title),
        calling_ae_title=DRTUI,
        listen=("127.0.0.1", peer.move_ports[DRTUI]),
        # So slow that the pause comes in the middle.
        max_rate=parse_rate("max_rate", "100kB/s"),
    )
    session = wiring.open_session(*plan.on(given))
    with Watched(session) as watched:
        watched.until(lambda progress: progress.stored)
        session.pause()
        watched.until(lambda progress: progress.paused)
        stored = watched.progress.stored
        assert watched.progress.associations == 0
        assert not watched.comes(lambda progress: progress.stored > stored, within_s=1.0)
        session.limit_rate(None)
        session.resume()
        finished = watched.until_finished(_STUDY)
        events = watched.finish()

    assert 0 < stored < len(CT_CHEST.instances)
    assert (finished.verdict, finished.stored) == (Verdict.COMPLETE, len(CT_CHEST.instances))
    came = [event.sop_instance_uid for event in of_kind(InstanceStored, events)]
    assert len(came) == len(set(came)) == len(CT_CHEST.instances)
    assert len(of_kind(RunPausing, events)) == 1
    assert not of_kind(AttemptFailed, events)
    assert_same_as_peer(tmp_path, peer, CT_CHEST.sop_instance_uids)
