"""The timeouts of every wait, on `time.monotonic()`. No wait is unbounded.

The code that waits or receives calls its guard several times a second. The guard raises if a
timeout has passed or the user stops.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from dicom_retrieve_tui.errors import Cancelled, Interrupted, PeerTimeout
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.dimse import Activity

TICK_S = 0.2
"""Interval in which a waiting thread calls its guard."""

Guard = Callable[[float], None]
"""Takes `time.monotonic()`."""

DRAIN_S_MAX = 5.0
"""The longest wait for instances after the final C-MOVE response."""

_IF_SLOW = "If the PACS is only slow, raise --timeout."


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """The limit of every wait, in seconds."""

    connect_s: float
    """TCP connect, name resolution included, then the TLS handshake."""
    acse_s: float
    """A-ASSOCIATE-RQ sent until its answer."""
    first_s: float
    """Request sent until the first byte of an answer: a PACS may fetch from tape."""
    stall_s: float
    """Last byte on any of a retrieval's associations until now."""
    no_progress_s: float
    """Last new instance until now, for a PACS that answers Pending for ever."""
    release_s: float = 2.0
    """A-RELEASE-RQ sent until its answer; short, because all requests are finished by then."""
    cancel_grace_s: float = 1.0
    """C-CANCEL sent until we abort."""
    drain_s: float = DRAIN_S_MAX
    """Last byte until no more instances are expected after the final C-MOVE response."""

    @classmethod
    def from_timeout(cls, timeout_s: float) -> "Timeouts":
        """Derive all limits from `--timeout`."""
        return cls(
            connect_s=timeout_s,
            acse_s=timeout_s,
            first_s=5 * timeout_s,
            stall_s=timeout_s,
            no_progress_s=10 * timeout_s,
            release_s=min(2.0, timeout_s),
            drain_s=min(DRAIN_S_MAX, timeout_s),
        )


def within(
    limit_s: float,
    waiting_for: str,
    cancel: CancelToken,
    *,
    ask: str = "",
    since_s: float | None = None,
) -> "Limit":
    """Return a guard for one wait that must end within `limit_s` seconds.

    Args:
        ask: A question on the likely cause of a timeout, for the message.
        since_s: When the wait started, on `time.monotonic()`; now if None.
    """
    started_s = monotonic() if since_s is None else since_s
    return Limit(limit_s, waiting_for, cancel, ask, started_s)


@dataclass(frozen=True, slots=True)
class Limit:
    """A guard for one wait; see `within`."""

    limit_s: float
    waiting_for: str
    cancel: CancelToken
    ask: str
    started_s: float

    @property
    def until_s(self) -> float:
        """When the wait must have ended, on `time.monotonic()`."""
        return self.started_s + self.limit_s

    def __call__(self, now_s: float) -> None:
        """Raise `Cancelled`, `Interrupted` or `PeerTimeout` if the wait has to end."""
        if self.cancel.requested:
            raise Cancelled
        if self.cancel.interrupted:
            raise Interrupted
        if now_s > self.until_s:
            raise _timeout(self.waiting_for, self.limit_s, "nothing came.", self.ask)


class AnswerGuard:
    """A guard for a request and its responses: first, stall and no-progress timeouts, and cancel.

    Any byte on any association of the retrieval restarts the stall timeout, so a slow transfer
    never times out. Only a new instance restarts the no-progress timeout, which pauses while an
    instance is being received.
    """

    def __init__(
        self,
        timeouts: Timeouts,
        cancel: CancelToken,
        activity: Activity,
        *,
        waiting_for: str,
        on_cancel: Callable[[], None] | None = None,
        heard_s: Callable[[], float] | None = None,
        receiving: Callable[[], bool] = lambda: False,
    ) -> None:
        """Start the timeouts.

        Args:
            waiting_for: Names the answers in messages, "C-GET responses from PACS".
            on_cancel: Sends a C-CANCEL, after which the peer has a moment to end the operation.
                Without it, a cancel ends the wait at once.
            heard_s: Returns when a response to this request last came, if other requests for the
                same study may be running: their bytes do not answer this one.
            receiving: Returns True while an instance is being received on this association; an
                interruption waits for its end.
        """
        self._timeouts = timeouts
        self._cancel = cancel
        self._activity = activity
        self._waiting_for = waiting_for
        self._on_cancel = on_cancel
        self._heard_s = heard_s or (lambda: activity.last_byte_s)
        self._receiving = receiving
        self._started_s = monotonic()
        self._cancelled_s: float | None = None

    def __call__(self, now_s: float) -> None:
        """Raise `Cancelled`, `Interrupted` or `PeerTimeout` if the wait has to end."""
        if self._cancel.requested:
            self._stop(now_s)
        elif self._cancel.interrupted:
            self._interrupt(now_s)
        activity, timeouts = self._activity, self._timeouts
        answered = self._heard_s() > self._started_s
        silent_s = now_s - max(activity.last_byte_s, self._started_s)
        if silent_s > (timeouts.stall_s if answered else timeouts.first_s):
            what = "the next byte of" if answered else "the first byte of"
            raise _timeout(f"{what} {self._waiting_for}", silent_s, "nothing came.")
        if (barren_s := activity.barren_s(now_s)) > timeouts.no_progress_s:
            what = f"a new instance in {self._waiting_for}"
            raise _timeout(what, barren_s, "it answers, but sends none.")

    @property
    def owes_cancel(self) -> bool:
        """True if the request is interrupted and the peer does not know yet."""
        return self._cancel.interrupted and self._cancelled_s is None

    def cancel_sent(self) -> None:
        """Start the grace of a peer to which a C-CANCEL was sent with something else."""
        self._cancelled_s = monotonic()

    def _interrupt(self, now_s: float) -> None:
        """End the request between two instances; the peer has a moment to end it itself."""
        if self._cancelled_s is not None:
            if now_s - self._cancelled_s > self._timeouts.cancel_grace_s:
                raise Interrupted
        elif not self._receiving():
            self._cancelled_s = now_s
            if self._on_cancel is not None:
                self._on_cancel()

    def _stop(self, now_s: float) -> None:
        if self._on_cancel is None or self._cancel.insisted:
            raise Cancelled
        if self._cancelled_s is None:
            self._cancelled_s = now_s
            self._on_cancel()
        if now_s - self._cancelled_s > self._timeouts.cancel_grace_s:
            raise Cancelled


def _timeout(waiting_for: str, waited_s: float, what_came: str, ask: str = "") -> PeerTimeout:
    return PeerTimeout(
        f"Waited {waited_s:.0f} s for {waiting_for}; {what_came}",
        next_step=f"{ask} {_IF_SLOW}".lstrip(),
        waiting_for=waiting_for,
        waited_s=waited_s,
    )
