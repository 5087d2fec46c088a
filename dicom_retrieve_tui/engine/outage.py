"""Tell an outage of the PACS from the failure of a study, and hold the queue while it lasts.

Whatever a study failed with, one further association decides: if the PACS accepts it, the failure
is the study's, as where one instance makes an archive abort; `archive_outage` finds out if the PACS
serves any study. A PACS that has never answered in this run is a mistake in the settings, and costs
the usual attempts once for the whole list. A transient rejection is an answer.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from time import monotonic

from dicom_retrieve_tui.engine.hold import GiveUp, Holds, Overseer
from dicom_retrieve_tui.engine.queue import TaskQueue
from dicom_retrieve_tui.errors import (
    AssociationRejected,
    Cancelled,
    ContextNotAccepted,
    DiskFailed,
    OperationFailed,
    PeerError,
    RetrieveError,
)
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import HoldCause
from dicom_retrieve_tui.model.events import Event, PeerBack, PeerLost, ProbeFailed
from dicom_retrieve_tui.model.humanize import duration_text
from dicom_retrieve_tui.model.retry import Backoff

PROBES = Backoff(first_s=1.0, longest_s=60.0, jitter=0.1)
"""The intervals of the probes: in a long outage, about one a minute."""

Probe = Callable[[CancelToken], None]
"""Opens an association and releases it. Raises `PeerError`, `Cancelled`."""

_ANSWERS = (OperationFailed, ContextNotAccepted)
"""Errors that a PACS causes by an answer."""


class Blame(Enum):
    """Whose failure it is that a request failed."""

    STUDY = "the PACS answers others"
    BUSY = "the PACS serves other associations and accepts no further one"
    LOOK_UP = "a look-up of ours has the association"
    PEER = "the PACS does not answer"
    DISK = "the disk has no room"


@dataclass(slots=True, kw_only=True)
class Outage:
    """The obstacle of a PACS that does not answer, or of a disk without room: `hold.Obstacle`."""

    cause: HoldCause
    failure: RetrieveError
    """What failed the last time."""
    probe: Callable[[CancelToken], RetrieveError | None]
    """Returns what still fails; None if nothing does."""
    limit_s: float
    intervals: Backoff = PROBES

    def wait_s(self, probes: int) -> float:
        """See `hold.Obstacle`."""
        return self.intervals.wait_s(probes + 1)

    def is_over(self, cancel: CancelToken) -> bool:
        """See `hold.Obstacle`."""
        failure = self.probe(cancel)
        self.failure = failure or self.failure
        return failure is None

    def began(self, studies: int, next_try_s: float) -> Event:
        """See `hold.Obstacle`."""
        return PeerLost(
            cause=self.cause,
            reason=self.failure.found,
            studies=studies,
            next_try_s=round(next_try_s, 3),
            limit_s=self.limit_s,
        )

    def goes_on(self, waited_s: float, next_try_s: float) -> Event:
        """See `hold.Obstacle`."""
        return ProbeFailed(
            cause=self.cause,
            reason=self.failure.found,
            waited_s=round(waited_s, 3),
            next_try_s=round(next_try_s, 3),
        )

    def ended(self, waited_s: float) -> Event:
        """See `hold.Obstacle`."""
        return PeerBack(cause=self.cause, waited_s=round(waited_s, 3))

    def reason(self, waited_s: float) -> str:
        """See `hold.Obstacle`."""
        waited = f" We waited {duration_text(waited_s)}." if waited_s >= 1 else ""
        lost = "The PACS was not available: " if self.cause is HoldCause.PEER else ""
        told = str(self.failure) if _is_transient(self.failure) else self.failure.found
        return f"{lost}{told}{waited}"


def _is_transient(error: RetrieveError | None) -> bool:
    """True for an A-ASSOCIATE-RJ of a PACS that accepts associations at other times."""
    return isinstance(error, AssociationRejected) and error.retryable


def no_association_left(error: RetrieveError | None) -> bool:
    """True if the PACS had no association left for us."""
    return isinstance(error, AssociationRejected) and error.no_association_left


def is_unanswered(error: RetrieveError | None) -> bool:
    """True if the PACS accepted an association, and a request on it had no answer."""
    if not isinstance(error, PeerError) or isinstance(error, _ANSWERS):
        return False
    return not error.unassociated


def failure_of(probe: Probe, cancel: CancelToken) -> PeerError | None:
    """Probe once; return why the PACS does not answer, None if it does.

    Raises:
        Cancelled: `cancel` was requested.
    """
    try:
        probe(cancel)
    except _ANSWERS:
        return None
    except PeerError as error:
        return error
    return None


class PeerWatch:
    """The state of the PACS in a run: whether it has answered, and whether it still does."""

    def __init__(
        self,
        *,
        queue: TaskQueue,
        holds: Holds,
        probe: Probe,
        limit_s: float,
        give_up: GiveUp,
        intervals: Backoff = PROBES,
        others_heard_s: Callable[[int], float | None] = lambda _worker: None,
        overseer: Overseer | None = None,
    ) -> None:
        """Ask nothing yet.

        Args:
            queue: The queue of the run.
            holds: What holds it.
            probe: Asks the PACS for a sign of life.
            limit_s: How long to wait for a PACS that has answered before.
            give_up: Ends every study that is left.
            intervals: How long to wait before each probe.
            others_heard_s: Returns when a byte last came for an open association of another
                worker than this one, by the monotonic clock; None without one.
            overseer: Knows of the other runs against this PACS, if there are any.
        """
        self._queue = queue
        self._holds = holds
        self._probe = probe
        self._limit_s = limit_s
        self._give_up = give_up
        self._intervals = intervals
        self._others_heard_s = others_heard_s
        self._overseer = overseer
        self._answered = overseer is not None and overseer.answered
        self._alive_s = float("-inf")
        """When a probe that succeeded began."""
        self._probing = threading.Lock()

    def note_answer(self) -> None:
        """Record that the PACS answered: from now on, its failures are outages."""
        if not self._answered:
            self._answered = True
            self._queue.give_out_started_only(only=False)

    def give_up_unanswered(self, reason: str) -> None:
        """End every study that is left, because the PACS has never answered."""
        self._give_up(HoldCause.PEER, f"The PACS never answered in this run. {reason}", 0.0)

    def note_failure(self, error: RetrieveError | None) -> None:
        """Record how a study failed: the PACS may have answered for the first time, or not yet."""
        if self.never_answered(error):
            self._queue.give_out_started_only(only=True)
            if self._answered:  # another worker has had an answer meanwhile
                self._queue.give_out_started_only(only=False)
        elif isinstance(error, PeerError):
            self.note_answer()

    def never_answered(self, error: RetrieveError | None) -> bool:
        """True if the PACS has not answered in this run, which this error shows again."""
        if self._answered or not isinstance(error, PeerError):
            return False
        return error.unassociated and not _is_transient(error)

    def blame(self, error: RetrieveError | None, worker: int, cancel: CancelToken) -> Blame:
        """Find out whose failure an error is.

        A probe decides. If it is the failure of the PACS, the queue is held; if the PACS is busy,
        fewer workers are used, unless a look-up of ours has the association.
        """
        if no_association_left(error) and (self._queue.looked_up_lately or self._lower()):
            return Blame.LOOK_UP if self._queue.looked_up_lately else Blame.BUSY
        if not isinstance(error, PeerError) or isinstance(error, _ANSWERS) or not self._answered:
            return Blame.STUDY
        failed_s = monotonic()
        with self._probing:  # one at a time
            if self._holds.holds(HoldCause.PEER) or self._holds.holds(HoldCause.HOURS):
                return Blame.PEER  # outside the hours nothing is probed: the study is put back
            if self._alive_s > failed_s:
                return Blame.STUDY
            try:
                return self._find_out(worker, cancel)
            except Cancelled:
                return Blame.STUDY

    def _find_out(self, worker: int, cancel: CancelToken) -> Blame:
        if (failure := self._failure(cancel)) is None:
            return Blame.STUDY
        if self._others_heard_s(worker) is not None:
            # Their connections may be lost, too, with data that they have not read yet.
            cancel.wait(self._intervals.first_s)
            began_s = monotonic()
            if (failure := self._failure(cancel)) is None:
                return Blame.STUDY
            cancel.wait(self._intervals.first_s)
            heard_s = self._others_heard_s(worker)
            if heard_s is not None and heard_s > began_s:
                return Blame.BUSY if self._lower() else Blame.STUDY
        self._hold(HoldCause.PEER, failure, partial(failure_of, self._probe))
        return Blame.PEER

    def _lower(self) -> bool:
        """Use one association fewer; False if only one is left."""
        lowered = self._queue.lower()
        if lowered and self._overseer is not None:
            self._overseer.crowded()
        return lowered

    def _failure(self, cancel: CancelToken) -> PeerError | None:
        """Probe, and note if the PACS answers."""
        if cancel.requested:
            raise Cancelled
        began_s = monotonic()
        if (failure := failure_of(self._probe, cancel)) is None:
            self._alive_s = began_s
        return failure

    def wait_for_room(self, failure: DiskFailed, has_room: Callable[[], bool]) -> None:
        """Hold the queue until the disk takes instances again."""

        def probe(_cancel: CancelToken) -> RetrieveError | None:
            return None if has_room() else failure

        self._hold(HoldCause.DISK, failure, probe)

    def _hold(
        self,
        cause: HoldCause,
        failure: RetrieveError,
        probe: Callable[[CancelToken], RetrieveError | None],
    ) -> None:
        self._holds.begin(
            Outage(
                cause=cause,
                failure=failure,
                probe=probe,
                limit_s=self._limit_s,
                intervals=self._intervals,
            )
        )
