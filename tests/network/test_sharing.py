"""One study over several associations at once."""

import threading
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.events import InstanceRefused, InstanceStored
from dicom_retrieve_tui.model.verdict import Verdict
from tests.peers import wire
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, RawPacs, Request, instances
from tests.runs import files_in, get_plan, move_plan, of_kind, run, settings, verdict_of

_AT_ONCE = 3
_PATIENCE_S = 30.0


class _WaitsForCompany(RawPacs):
    """Goes on with a retrieval only once several are under way."""

    def __init__(self) -> None:
        super().__init__(instances(200))
        self.begun = 0
        self.another = threading.Condition()

    def find(self, request: Request) -> list[dict[int, str]]:
        found = super().find(request)
        if request.level == "STUDY":  # so that nothing is left to be counted by a request
            return [found[0] | {0x00201208: "200"}]
        return found

    def on_get(self, conversation: Conversation, request: Request) -> None:
        with self.another:
            self.begun += 1
            self.another.notify_all()
            assert self.another.wait_for(lambda: self.begun >= _AT_ONCE, _PATIENCE_S)
        super().on_get(conversation, request)


def test_one_study_is_retrieved_over_several_associations_at_once(tmp_path: Path) -> None:
    with _WaitsForCompany() as pacs:
        events = run(get_plan(parallel=_AT_ONCE), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(of_kind(InstanceStored, events)) == 200
    assert len(files_in(tmp_path)) == 200
    asked = [r.key(0x00080018).split("\\") for r in pacs.requests if r.number(0x0100) == 0x10]
    assert sum(map(len, asked)) == 200


def test_one_study_is_moved_by_several_requests_at_once(tmp_path: Path) -> None:
    with MovingPacs(instances(100)) as pacs:
        events = run(move_plan(parallel=4), pacs.settings(tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(files_in(tmp_path)) == 100


class _HasTwoAssociations(RawPacs):
    """Rejects a third one."""

    def __init__(self) -> None:
        super().__init__(instances(200))
        self._open = 0
        self._counting = threading.Lock()
        self.most = 0

    def on_association(self, conversation: Conversation) -> None:
        with self._counting:
            self._open += 1
            crowded = self._open > 2
            if not crowded:
                self.most = max(self.most, self._open)
        try:
            if crowded:
                conversation.read_associate()
                conversation.send(wire.pdu(3, bytes([0, 2, 3, 2])))
                return
            super().on_association(conversation)
        finally:
            with self._counting:
                self._open -= 1


@pytest.mark.parametrize("parallel", [3, 8])
def test_a_pacs_with_few_associations_is_not_fought(tmp_path: Path, parallel: int) -> None:
    with _HasTwoAssociations() as pacs:
        events = run(get_plan(parallel=parallel), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored) == (Verdict.COMPLETE, 200)
    assert pacs.most == 2


class _RejectsLists(RawPacs):
    def on_get(self, conversation: Conversation, request: Request) -> None:
        if "\\" in request.key(0x00080018):
            conversation.respond(request, 0xA900)
        else:
            super().on_get(conversation, request)


def test_a_pacs_that_rejects_lists_is_still_emptied(tmp_path: Path) -> None:
    with _RejectsLists(instances(30)) as pacs:
        events = run(get_plan(parallel=2), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE


class _BreaksTheFirst(RawPacs):
    """Cuts the association of the first retrieval after one instance."""

    def __init__(self) -> None:
        super().__init__(instances(200))
        self.cut = threading.Event()

    def on_get(self, conversation: Conversation, request: Request) -> None:
        if not self.cut.is_set():
            self.cut.set()
            conversation.store(next(i for i in self.holdings if request.matches(i)))
            raise EOFError
        super().on_get(conversation, request)


def test_what_others_bring_counts_when_one_association_breaks(tmp_path: Path) -> None:
    with _BreaksTheFirst() as pacs:
        events = run(get_plan(parallel=2), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert finished.stored == len(of_kind(InstanceStored, events)) == 200
    assert finished.verdict is Verdict.COMPLETE
    assert not of_kind(InstanceRefused, events)


class _HasNothingToGive(RawPacs):
    def on_get(self, conversation: Conversation, request: Request) -> None:
        conversation.respond(request, 0x0124)


def test_a_hopeless_answer_is_not_asked_for_again_with_every_share(tmp_path: Path) -> None:
    with _HasNothingToGive(instances(400)) as pacs:
        events = run(get_plan(parallel=4), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.FAILED
    assert len([r for r in pacs.requests if r.number(0x0100) == 0x10]) <= 8
