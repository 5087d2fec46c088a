"""Rows 50 and 51: what one instance, or one way of asking, keeps the PACS from sending."""

from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.events import AttemptFailed
from dicom_retrieve_tui.model.verdict import Verdict
from tests.faults.catalogue import Told, fault
from tests.peers import wire
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, Instance, RawPacs, Request, instances
from tests.runs import get_plan, move_plan, of_kind, run, settings, verdict_of

_POISON = "1.2.3.1.3"


class _BreaksAt(RawPacs):
    """Breaks off, as `how` says, whenever it is to send one of `poison`."""

    how = "hang up"
    poison: tuple[str, ...] = (_POISON,)
    backwards = False

    def on_get(self, conversation: Conversation, request: Request) -> None:
        wanted = [i for i in self.holdings if request.matches(i)]
        for instance in reversed(wanted) if self.backwards else wanted:
            if instance.sop in self.poison:
                self.break_off(conversation, instance)
            conversation.store(instance)
        self.finish(conversation, request, completed=len(wanted))

    def break_off(self, conversation: Conversation, instance: Instance) -> None:
        if self.how == "abort":
            conversation.send(wire.pdu(wire.A_ABORT, bytes(4)))
        elif self.how == "half":
            context_id, command = conversation.store_request(instance)
            half = wire.p_data(context_id, 0, instance.data[:100])
            conversation.send(wire.p_data(context_id, 3, command) + half)
        elif self.how == "stall":
            self.stopping.wait()
        raise EOFError


@fault(50, user_reads=f"It does so whenever instance {_POISON} is due")
@pytest.mark.parametrize("how", ["hang up", "abort", "half", "stall"])
def test_the_others_come_without_the_instance_at_which_the_pacs_breaks_off(
    tmp_path: Path, how: str
) -> Told:
    with _BreaksAt(instances(8)) as pacs:
        pacs.how = how
        patience = settings(pacs.port, tmp_path, timeout_s=0.3)
        if how == "stall":
            events = run(get_plan(retries=3), patience)
        else:
            events = run(get_plan(retries=3), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.missing) == (Verdict.PARTIAL, (_POISON,))
    assert finished.stored == 7
    assert len(pacs.retrievals) <= 4
    assert len(of_kind(AttemptFailed, events)) == 1
    assert "--method" not in finished.reason
    return events


@fault(50, user_reads="It does so whenever instance 1.2.3.1.1 is due")
def test_the_first_instance_of_a_study_may_be_the_bad_one(tmp_path: Path) -> Told:
    with _BreaksAt(instances(8)) as pacs:
        pacs.poison = ("1.2.3.1.1",)
        events = run(get_plan(retries=3), settings(pacs.port, tmp_path))

    assert verdict_of(events).missing == ("1.2.3.1.1",)
    assert len(pacs.retrievals) <= 5
    return events


@fault(50, user_reads="It does so whenever one of 3 instances is due, such as 1.2.3.1.30")
def test_several_bad_instances_cost_no_other_whatever_the_order(tmp_path: Path) -> Told:
    with _BreaksAt(instances(120)) as pacs:
        pacs.poison, pacs.backwards = ("1.2.3.1.30", "1.2.3.1.31", "1.2.3.1.99"), True
        events = run(get_plan(retries=3), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert finished.missing == pacs.poison
    assert finished.stored == 117
    assert len(pacs.retrievals) < 60
    return events


@fault(50, user_reads=f"It does so whenever instance {_POISON} is due")
@pytest.mark.parametrize("parallel", [2, 4])
def test_with_several_associations_a_bad_instance_costs_no_other_either(
    tmp_path: Path, parallel: int
) -> Told:
    with _BreaksAt(instances(90)) as pacs:
        events = run(get_plan(parallel=parallel, retries=3), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.missing, finished.stored) == ((_POISON,), 89)
    return events


@fault(50, user_reads="closed the connection without an A-RELEASE")
def test_a_pacs_that_breaks_off_whatever_is_asked_for_is_tried_again(tmp_path: Path) -> Told:
    with _BreaksAt(instances(8)) as pacs:
        pacs.poison = tuple(each.sop for each in pacs.holdings)
        events = run(get_plan(retries=2), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.FAILED
    assert len(of_kind(AttemptFailed, events)) == 2
    return events


class _StopsAtTheFirstFailure(RawPacs):
    """Ends a request at the first instance that it cannot send, as Orthanc does."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        wanted = [i for i in self.holdings if request.matches(i)]
        for number, instance in enumerate(wanted):
            if instance.sop == _POISON:
                conversation.respond(request, 0xC000, completed=number, failed=1, warning=0)
                return
            conversation.store(instance)
        self.finish(conversation, request, completed=len(wanted))


@fault(50, user_reads="status 0xC000")
def test_a_pacs_that_stops_at_its_first_failure_is_asked_for_the_rest(tmp_path: Path) -> Told:
    with _StopsAtTheFirstFailure(instances(40)) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).missing == (_POISON,)
    assert len(pacs.retrievals) < 8
    return events


class _RefusesAtTheFirst(RawPacs):
    """Ends a request with a failure if a bad instance is the first of it, and counts nothing."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        wanted = [i for i in self.holdings if request.matches(i)]
        if wanted[0].sop == "1.2.3.1.1":
            conversation.respond(request, 0xC001, completed=0, failed=0, warning=0)
            return
        for instance in wanted:
            conversation.store(instance)
        self.finish(conversation, request, completed=len(wanted))


@fault(50, user_reads="status 0xC001")
def test_a_pacs_that_fails_at_the_first_and_counts_nothing_is_asked_for_the_rest(
    tmp_path: Path,
) -> Told:
    with _RefusesAtTheFirst(instances(24)) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.stored, finished.missing) == (23, ("1.2.3.1.1",))
    assert len(pacs.retrievals) < 8
    return events


class _AbortsMoveAtTheFirst(MovingPacs):
    """Aborts a C-MOVE whenever one instance is due, before it calls anybody."""

    def on_move(self, conversation: Conversation, request: Request) -> None:
        if any(i.sop == "1.2.3.1.1" for i in self.holdings if request.matches(i)):
            conversation.send(wire.pdu(wire.A_ABORT, bytes(4)))
            raise EOFError
        super().on_move(conversation, request)


@fault(50, user_reads="It does so whenever instance 1.2.3.1.1 is due")
def test_where_the_rest_comes_by_c_move_its_destination_is_not_suspected(tmp_path: Path) -> Told:
    with _AbortsMoveAtTheFirst(instances(8)) as pacs:
        events = run(move_plan(retries=3), pacs.settings(tmp_path))

    finished = verdict_of(events)
    assert (finished.stored, finished.missing) == (7, ("1.2.3.1.1",))
    assert "destination" not in finished.reason
    return [finished]


class _HangsUpAtGet(MovingPacs):
    """Hangs up, or is silent, at a C-GET for some instances; a C-MOVE may end with a status."""

    how = "hang up"
    bad: frozenset[str] = frozenset()
    status = 0

    def on_get(self, conversation: Conversation, request: Request) -> None:
        wanted = [i for i in self.holdings if request.matches(i)]
        if any(i.sop in self.bad for i in wanted):
            if self.how == "stall":
                self.stopping.wait()
            raise EOFError
        for instance in wanted:
            conversation.store(instance)
        self.finish(conversation, request, completed=len(wanted))

    def on_move(self, conversation: Conversation, request: Request) -> None:
        if self.status:
            conversation.respond(request, self.status)
        else:
            super().on_move(conversation, request)


@fault(51, user_reads="complete")
@pytest.mark.parametrize("how", ["hang up", "stall"])
@pytest.mark.parametrize("parallel", [1, 4])
def test_an_archive_that_hangs_up_at_c_get_is_asked_by_c_move(
    tmp_path: Path, how: str, parallel: int
) -> Told:
    plan = replace(move_plan(parallel=parallel), method=Method.AUTO)
    with _HangsUpAtGet(instances(8)) as pacs:
        pacs.how, pacs.bad = how, frozenset(i.sop for i in pacs.holdings)
        events = run(plan, pacs.settings(tmp_path, timeout_s=0.3 if how == "stall" else 10.0))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    return events


@fault(51, user_reads="C-MOVE brought nothing, either. The PACS ended the retrieval with status")
def test_where_c_move_does_not_work_either_one_bad_instance_costs_no_other(
    tmp_path: Path,
) -> Told:
    plan = replace(move_plan(retries=3), method=Method.AUTO)
    with _HangsUpAtGet(instances(8)) as pacs:
        pacs.bad, pacs.status = frozenset({"1.2.3.1.1"}), 0xA801
        events = run(plan, pacs.settings(tmp_path))

    finished = verdict_of(events)
    assert (finished.stored, finished.missing) == (7, ("1.2.3.1.1",))
    return events


class _MovesOnly(MovingPacs):
    """Fails by C-GET what it sends by C-MOVE."""

    fails: tuple[str, ...] = ()

    def on_get(self, conversation: Conversation, request: Request) -> None:
        wanted = [i for i in self.holdings if request.matches(i)]
        sent = [i for i in wanted if i.sop not in self.fails]
        for instance in sent:
            conversation.store(instance)
        failed = len(wanted) - len(sent)
        self.finish(conversation, request, completed=len(sent), failed=failed)


@fault(51, user_reads="complete")
@pytest.mark.parametrize("fails", [2, 5])
def test_what_c_get_does_not_bring_is_asked_for_by_c_move(tmp_path: Path, fails: int) -> Told:
    plan = replace(move_plan(), method=Method.AUTO)
    with _MovesOnly(instances(5)) as pacs:
        pacs.fails = tuple(i.sop for i in pacs.holdings[:fails])
        events = run(plan, pacs.settings(tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert pacs.retrievals[-1].number(0x0100) == 0x21
    return events
