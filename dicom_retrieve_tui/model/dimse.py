"""DIMSE messages of a retrieval: C-STORE request, C-GET or C-MOVE and its final response."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.selection import RetrieveRequest
from dicom_retrieve_tui.model.status import SUCCESS

COUNTER_MAX = 0xFFFF
"""Counters of sub-operations have 16 bits and wrap to 0. Source: PS3.7 annex E.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRequest:
    """A C-STORE request. Every text comes from the peer and is not trusted."""

    sop_class_uid: str
    """Affected SOP Class UID (0000,0002)."""
    sop_instance_uid: str
    """Affected SOP Instance UID (0000,1000)."""
    transfer_syntax_uid: str
    """As negotiated for the presentation context of the data set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalResponse:
    """The final response to a C-GET or C-MOVE request. Source: PS3.4 C.4.2 and C.4.3."""

    status: int
    """(0000,0900)."""
    remaining: int | None = None
    completed: int | None = None
    failed: int | None = None
    warning: int | None = None
    """Numbers of sub-operations (0000,1020) to (0000,1023); None if the peer left them out."""
    failed_sop_instance_uids: tuple[str, ...] = ()
    """(0008,0058)."""
    comment: str = ""
    """Error Comment (0000,0902), sanitized."""


def combined(finals: Sequence[FinalResponse]) -> FinalResponse:
    """Combine the responses to several requests: the first failure, and the sums of the counters.

    Args:
        finals: At least one, in order.
    """
    decisive = next((final for final in finals if final.status != SUCCESS), finals[-1])
    return FinalResponse(
        status=decisive.status,
        remaining=_sum([final.remaining for final in finals]),
        completed=_sum([final.completed for final in finals]),
        failed=_sum([final.failed for final in finals]),
        warning=_sum([final.warning for final in finals]),
        failed_sop_instance_uids=tuple(
            uid for final in finals for uid in final.failed_sop_instance_uids
        ),
        comment=decisive.comment,
    )


def _sum(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


@dataclass(slots=True)
class Activity:
    """The times at which data of a study last came, for the stall and no-progress timeouts.

    Every association that brings data for the study updates it, so that a C-MOVE whose instances
    come on other associations does not look stalled. Times are `time.monotonic()` seconds.
    """

    last_byte_s: float
    last_instance_s: float
    arriving: dict[int, float] = field(default_factory=dict)
    """When each instance that is being received began, by a number of the receiver's."""
    received_bytes: int = 0
    """Data set bytes, also of instances that are not stored yet."""
    _requests: int = 0
    """Current requests."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def request(self, now_s: float) -> Iterator[None]:
        """Register a request while it lasts.

        The first of several concurrent ones restarts the timeouts. A later one does not: the time
        that the others have waited in vain counts for it, too.
        """
        with self._lock:
            if not self._requests:
                self.last_byte_s = self.last_instance_s = now_s
            self._requests += 1
        try:
            yield
        finally:
            with self._lock:
                self._requests -= 1

    def barren_s(self, now_s: float) -> float:
        """Return the seconds without a new instance.

        The clock stands while an instance is being received: a large object over a slow line is
        progress, however long it takes. Its begin does not reset the clock.
        """
        return min(self.arriving.copy().values(), default=now_s) - self.last_instance_s


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveOperation:
    """A C-GET or C-MOVE request, with what the layers need to perform it."""

    request: RetrieveRequest
    patient_id: str | None
    """Patient ID (0010,0020), which the Patient Root model requires."""
    cancel: CancelToken
    """Ends this request and no other of the run."""
    activity: Activity
    """Read by the timeouts; every association that brings instances for the study updates it."""
    on_response: Callable[[FinalResponse], None]
    """Called with each pending response."""
    has_come: Callable[[], bool] | None = None
    """True once an instance of this request has come. None if everything that comes for the study
    is of this request. For a C-MOVE, whose instances come on associations shared with others."""


class IncomingInstance(Protocol):
    """An instance while it is being received."""

    @property
    def activity(self) -> Activity:
        """Records when bytes come."""

    def write(self, pieces: Sequence[memoryview]) -> object:
        """Take the next pieces of the data set; they are valid only during the call.

        Raises:
            StoreError: It cannot be kept.
        """

    def commit(self) -> None:
        """Check the instance and give it its final name.

        Raises:
            StoreError: It cannot be kept.
        """

    def discard(self) -> None:
        """Remove what was written of an instance that was not committed. Never raises."""


class Receiver(Protocol):
    """Decides which instances are accepted, and keeps them."""

    def begin(self, request: StoreRequest) -> IncomingInstance:
        """Accept an instance.

        Raises:
            StoreError: It is refused, or there is no room.
        """
