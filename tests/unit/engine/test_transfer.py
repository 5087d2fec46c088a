"""When wider negotiations are tried, and when no further one is."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from dicom_retrieve_tui.engine.queue import TaskQueue
from dicom_retrieve_tui.engine.receiver import InstanceReceiver
from dicom_retrieve_tui.engine.requests import PeerQuirks, Requests, RunContext
from dicom_retrieve_tui.engine.study_state import StudyState
from dicom_retrieve_tui.engine.transfer import WiderNegotiations
from dicom_retrieve_tui.errors import AssociationAborted, ContextNotAccepted
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import Level, Method
from dicom_retrieve_tui.model.dimse import FinalResponse, RetrieveOperation
from dicom_retrieve_tui.model.selection import RetrieveRequest, Selection
from tests.unit.engine.fakes import STUDY, Answer, FakePeer, FakeStore, inventory_of, options

_WIDER, _UNLISTED = ("a", "b", "c"), ("d", "e", "f", "g", "h")
_ALL = len(_WIDER) + len(_UNLISTED)
_FAILED = FinalResponse(status=0xB000, failed=1)
_REQUEST = RetrieveRequest(level=Level.STUDY, study_instance_uid=STUDY)


def _widened(
    answers: Sequence[Answer],
    *,
    final: FinalResponse = _FAILED,
    method: Method = Method.C_GET,
    quirks: PeerQuirks | None = None,
    lists: int = 1,
) -> tuple[int, Requests]:
    """Return how many requests were made for `lists` lists with each negotiation."""
    left = list(answers)

    def script(_operation: RetrieveOperation) -> tuple[Sequence[str], Answer]:
        answer = left.pop(0) if left else _FAILED
        return (("1.1", "1.2") if answer == FinalResponse(status=0) else ()), answer

    inventory = inventory_of("1.1", "1.2")
    peer = FakePeer(inventory, script)
    peer.wider, peer.unlisted = _WIDER, _UNLISTED
    destination = "DRTUI" if method is Method.AUTO else None
    receiver = InstanceReceiver(FakeStore(), lambda _event: None)
    study = StudyState(Selection(study_instance_uid=STUDY), inventory)
    receiver.open(study)
    context = RunContext(
        options=options(method=method, move_destination=destination),
        receiver=receiver,
        queue=TaskQueue((), CancelToken(), workers=1, emit=print),
        drain_s=0,
        late_s=0,
        no_progress_s=0,
        quirks=quirks or PeerQuirks(),
    )
    requests = Requests(
        run=context, study=study, peer=peer, worker=1, cancel=CancelToken(), final=final
    )
    for ask in WiderNegotiations(requests, may_move=method is Method.AUTO).asks():
        for _ in range(lists):
            try:
                ask(_REQUEST)
            except AssociationAborted:
                break
    return len(peer.operations), requests


def test_every_way_is_tried_once_until_all_is_there() -> None:
    asked, requests = _widened([_FAILED, _FAILED, FinalResponse(status=0)])

    assert asked == 3
    assert requests.study.complete
    assert not requests.run.quirks.wider_in_vain


def test_in_vain_the_last_word_is_that_of_the_usual_contexts_and_is_remembered() -> None:
    final = replace(_FAILED, comment="of the usual contexts")

    asked, requests = _widened([], final=final)

    assert asked == _ALL
    assert requests.final == final
    assert requests.run.quirks.wider_in_vain


@pytest.mark.parametrize(
    ("method", "quirks"),
    [(Method.C_GET, PeerQuirks(wider_in_vain=True)), (Method.AUTO, PeerQuirks())],
)
def test_only_the_likely_ways_are_tried_where_others_hardly_help(
    method: Method, quirks: PeerQuirks
) -> None:
    asked, _ = _widened([], method=method, quirks=quirks)

    assert asked == len(_WIDER)


@pytest.mark.parametrize(
    ("final", "quirks"),
    [(FinalResponse(status=0xA701), PeerQuirks()), (_FAILED, PeerQuirks(rejects_lists=True))],
)
def test_no_way_is_tried_where_none_can_help(final: FinalResponse, quirks: PeerQuirks) -> None:
    assert _widened([], final=final, quirks=quirks)[0] == 0


def test_an_association_that_ends_ends_the_widening() -> None:
    asked, _ = _widened([_FAILED, AssociationAborted("It hung up.")])

    assert asked == 2


def test_contexts_that_the_pacs_refuses_are_no_failure() -> None:
    asked, requests = _widened([ContextNotAccepted("None of these.")] * 2)

    assert asked == _ALL
    assert requests.final == _FAILED


def test_an_unlikely_way_is_given_up_after_its_first_list() -> None:
    asked, _ = _widened([], lists=3)

    assert asked == 3 * len(_WIDER) + len(_UNLISTED)
