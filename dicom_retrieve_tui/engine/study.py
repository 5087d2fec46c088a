"""One study from its inventory to its verdict."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from time import monotonic
from typing import Any

from dicom_retrieve_tui.engine.desk import Desk
from dicom_retrieve_tui.engine.judgement import Ending, judge, judge_delivery
from dicom_retrieve_tui.engine.ports import Peer
from dicom_retrieve_tui.engine.survey import inventoried, unworked
from dicom_retrieve_tui.engine.work import StudyWork
from dicom_retrieve_tui.errors import Cancelled, ContextNotAccepted, RetrieveError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import PeerCounted, StudyFinished, StudyStarted
from dicom_retrieve_tui.model.offer import FinalResponse
from dicom_retrieve_tui.model.order import Order
from dicom_retrieve_tui.model.selection import Level, Method, Plan, RetrieveRequest, Selection
from dicom_retrieve_tui.model.status import SUCCESS, is_hopeless
from dicom_retrieve_tui.model.verdict import Verdict

UIDS_A_REQUEST_MAX = 200
"""SOP Instance UIDs in one IMAGE level request; some PACS reject longer lists."""

_DRAIN_TICK_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What it takes to retrieve one study; the same for every study of a run."""

    plan: Plan
    desk: Desk
    cancel: CancelToken
    drain_s: float
    """Seconds of silence after a final C-MOVE response until no late instance is expected."""

    def retrieve(self, selection: Selection, peer: Peer, worker: int) -> StudyFinished:
        """Retrieve one study, telling the story as events, the verdict as the last of them."""
        uid = selection.study_instance_uid
        self.desk.emit(StudyStarted(study_instance_uid=uid, worker=worker))
        finished = self._attempt(selection, peer)
        self.desk.emit(finished)
        return finished

    def _attempt(self, selection: Selection, peer: Peer) -> StudyFinished:
        uid = selection.study_instance_uid
        if (broken := self.desk.disk_failure) is not None:
            return unworked(uid, Verdict.FAILED, str(broken))
        try:
            work = self._prepare(selection, peer)
        except Cancelled:
            return unworked(uid, Verdict.CANCELLED, "")
        except RetrieveError as error:
            return unworked(uid, Verdict.FAILED, str(error))
        self.desk.open(work)
        try:
            ending = _Transfer(self, work, peer).run()
        finally:
            self.desk.close(work)
        if self._delivers and not work.stored_count:
            return judge_delivery(work, ending, self.plan.move_destination or "")
        finished = judge(work, ending)
        self.desk.store.finish(uid, str(finished.verdict), finished.missing)
        return finished

    @property
    def _delivers(self) -> bool:
        """True if the instances go to somebody else's SCP."""
        return self.plan.move_destination is not None and not self.plan.listening

    def _prepare(self, selection: Selection, peer: Peer) -> StudyWork:
        """Ask what there is, look what of it is here, and tell."""
        inventory = peer.take_inventory(selection)
        here = inventory.listed and not self._delivers
        present = self.desk.store.present(selection.study_instance_uid) if here else frozenset()
        work = StudyWork(selection, inventory, present)
        self.desk.emit(inventoried(inventory, len(work.present)))
        return work


class _Transfer:
    """The requests for one study: all of it at once, then what is still missing."""

    def __init__(self, study: Study, work: StudyWork, peer: Peer) -> None:
        self._study = study
        self._work = work
        self._peer = peer
        self._final: FinalResponse | None = None

    def run(self) -> Ending:
        """Ask until everything is there or there is no more to try."""
        if self._work.inventory.empty or self._work.complete:
            return Ending()
        cancelled, error = False, None
        try:
            self._run_method()
        except Cancelled:
            cancelled = True
        except RetrieveError as caught:
            error = caught
        return Ending(
            final=self._final,
            error=error or self._study.desk.disk_failure,
            cancelled=cancelled or self._study.cancel.requested,
        )

    def _run_method(self) -> None:
        plan = self._study.plan
        if plan.method is Method.C_MOVE:
            self._by_move()
            return
        try:
            self._by_get()
        except ContextNotAccepted as refusal:
            if plan.method is Method.C_GET or plan.move_destination is None:
                raise ContextNotAccepted(
                    f"{refusal} Try --method c-move with --move-dest and --listen."
                ) from refusal
            self._by_move()

    def _by_get(self) -> None:
        """Ask with each negotiation in turn; more than one is rare."""
        for negotiation in self._peer.negotiations(self._work.inventory):
            for request in self._requests():
                self._get(request, negotiation)
                if self._settled():
                    return
        if self._work.inventory.listed:
            for request in self._missing_requests():
                self._get(request, self._peer.negotiations(self._work.inventory)[0])

    def _get(self, request: RetrieveRequest, negotiation: Any) -> None:
        receiver = self._study.desk.receiver(self._work)
        self._final = self._peer.c_get(self._order(request), negotiation, receiver)

    def _order(self, request: RetrieveRequest) -> Order:
        return Order(
            request=request,
            patient_id=self._work.inventory.patient_id,
            activity=self._work.activity,
            on_response=self._on_response,
        )

    def _by_move(self) -> None:
        for request in self._requests():
            self._move(request)
        if self._study.plan.listening and self._work.inventory.listed and not self._settled():
            for request in self._missing_requests():
                self._move(request)

    def _move(self, request: RetrieveRequest) -> None:
        plan = self._study.plan
        if plan.move_destination is None:
            raise ContextNotAccepted("C-MOVE needs a move destination: set --move-dest.")
        self._final = self._peer.c_move(self._order(request), plan.move_destination)
        if plan.listening and not is_hopeless(self._final.status):
            self._drain()

    def _drain(self) -> None:
        """Wait for stores that come after the final response, while anything still comes."""
        work, study = self._work, self._study
        started_s = monotonic()
        while not work.wait_complete(_DRAIN_TICK_S):
            silent_s = monotonic() - max(started_s, work.activity.last_byte_s)
            if silent_s > study.drain_s or study.cancel.requested or study.desk.disk_failure:
                return

    def _requests(self) -> Iterator[RetrieveRequest]:
        """All of it, if nothing is here yet; otherwise what is missing of it."""
        asked = self._final is not None
        if not self._work.inventory.listed or not (asked or self._work.present):
            yield RetrieveRequest.of(self._work.selection)
        else:
            yield from self._missing_requests()

    def _missing_requests(self) -> Iterator[RetrieveRequest]:
        """IMAGE level requests for what is missing, each within one series."""
        missing = set(self._work.missing())
        instances = (i for i in self._work.inventory.instances if i.sop_instance_uid in missing)
        for series_uid, group in groupby(instances, key=lambda i: i.series_instance_uid):
            uids = [i.sop_instance_uid for i in group]
            for at in range(0, len(uids), UIDS_A_REQUEST_MAX):
                yield RetrieveRequest(
                    level=Level.IMAGE,
                    study_instance_uid=self._work.study_instance_uid,
                    series_instance_uid=series_uid,
                    sop_instance_uids=tuple(uids[at : at + UIDS_A_REQUEST_MAX]),
                )

    def _settled(self) -> bool:
        """True if asking again is pointless."""
        if self._work.complete or self._study.cancel.requested:
            return True
        final = self._final
        if final is None:
            return False
        if not self._work.inventory.listed and final.status == SUCCESS and not final.failed:
            return True  # nothing failed by the peer's account, and nothing else tells
        return is_hopeless(final.status)

    def _on_response(self, response: FinalResponse) -> None:
        self._study.desk.emit(
            PeerCounted(
                study_instance_uid=self._work.study_instance_uid,
                remaining=response.remaining,
                completed=response.completed,
                failed=response.failed,
                warning=response.warning,
            )
        )
