"""What a peer says: of an instance before it sends it, and of a request when it has ended."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.selection import RetrieveRequest
from dicom_retrieve_tui.model.status import SUCCESS

COUNTER_MAX = 0xFFFF
"""Of sub-operations: the counters have 16 bits, and begin again at 0. Source: PS3.7 annex E.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRequest:
    """One C-STORE request. Every text comes from the peer and is not to be trusted."""

    sop_class_uid: str
    """Affected SOP Class UID (0000,0002)."""
    sop_instance_uid: str
    """Affected SOP Instance UID (0000,1000)."""
    transfer_syntax_uid: str
    """As negotiated for the presentation context on which the data set comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalResponse:
    """How a C-GET or C-MOVE ended, by the peer's own account. Source: PS3.4 C.4.2 and C.4.3."""

    status: int
    """(0000,0900)."""
    remaining: int | None = None
    completed: int | None = None
    failed: int | None = None
    warning: int | None = None
    """Numbers of sub-operations (0000,1020) to (0000,1023); None where the peer left them out."""
    failed_sop_instance_uids: tuple[str, ...] = ()
    """(0008,0058)."""
    comment: str = ""
    """Error Comment (0000,0902), cleaned for the screen."""


def combined(finals: Sequence[FinalResponse]) -> FinalResponse:
    """One account of several requests: a status that is not Success counts, numbers are added.

    Args:
        finals: At least one, in the order in which they came.
    """
    told = next((each for each in finals if each.status != SUCCESS), finals[-1])
    return FinalResponse(
        status=told.status,
        remaining=_sum([each.remaining for each in finals]),
        completed=_sum([each.completed for each in finals]),
        failed=_sum([each.failed for each in finals]),
        warning=_sum([each.warning for each in finals]),
        failed_sop_instance_uids=tuple(
            uid for each in finals for uid in each.failed_sop_instance_uids
        ),
        comment=told.comment,
    )


def _sum(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


@dataclass(slots=True)
class Activity:
    """Times are `time.monotonic()` seconds; whoever receives writes, the reader only compares."""

    last_byte_s: float
    last_instance_s: float
    arriving: dict[int, float] = field(default_factory=dict)
    """When each instance whose data set is coming in just now began, by a number of the
    receiver's."""
    received_bytes: int = 0
    """Data set bytes, of instances that were stored or not yet."""
    _requests: int = 0
    """Requests under way."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def request(self, now_s: float) -> Iterator[None]:
        """Have a request under way.

        The first of several at once starts the clocks. One that joins others does not: what they
        have waited in vain, it has waited, too.
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
        """Seconds without a new instance.

        One large object over a slow line is progress, however long it takes. It is that only once:
        the clock stands where it was when the object began, not at zero.
        """
        return min(self.arriving.copy().values(), default=now_s) - self.last_instance_s


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveOperation:
    """What to ask the PACS for, and who looks on."""

    request: RetrieveRequest
    patient_id: str | None
    """Patient ID (0010,0020) for the Patient Root model, which wants it."""
    cancel: CancelToken
    """Requested to end this request, and not the others of the run."""
    activity: Activity
    """What the clocks look at; every association that brings instances for it notes its bytes."""
    on_response: Callable[[FinalResponse], None]
    """Told of each pending response."""
    has_come: Callable[[], bool] | None = None
    """True once an instance of this request has come; None if all that comes for the study is of
    this request. For a C-MOVE, whose instances come on associations that others share."""


class IncomingInstance(Protocol):
    """An instance while it is being received."""

    @property
    def activity(self) -> Activity:
        """Where to note the bytes that come."""

    def write(self, pieces: Sequence[memoryview]) -> object:
        """Take the next pieces of the data set; they are valid only during the call.

        Raises:
            StoreError: It cannot be kept.
        """

    def commit(self) -> int:
        """Check and name the instance; return the status for the C-STORE response.

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
