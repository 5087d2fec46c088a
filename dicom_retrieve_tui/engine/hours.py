"""Hold the queue of a run outside its hours."""

from collections.abc import Callable
from datetime import UTC, datetime
from threading import Lock

from dicom_retrieve_tui.engine.hold import Holds
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import HoldCause
from dicom_retrieve_tui.model.events import Event, HoursClosed, HoursOpened
from dicom_retrieve_tui.model.hours import Hours, ToLocal, system_local

_LOOK_EVERY_S = 30.0
"""The clock may be set, and a computer may sleep, while a thread waits."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class HoursWatch:
    """The hours of a run, which may change. Safe for use by several threads."""

    def __init__(
        self,
        hours: Hours | None,
        holds: Holds,
        now: Callable[[], datetime] = _utc_now,
        to_local: ToLocal = system_local,
    ) -> None:
        """Hold nothing yet.

        Args:
            hours: When requests may be made; None: always.
            holds: What holds the queue.
            now: The time, with a time zone.
            to_local: Gives the local time that counts.
        """
        self._hours = hours
        self._holds = holds
        self._now = now
        self._to_local = to_local
        self._starting = Lock()

    @property
    def is_open(self) -> bool:
        """True if requests may be made now."""
        hours = self._hours
        return hours is None or hours.is_open(self._to_local(self._now()))

    def change(self, hours: Hours | None) -> None:
        """Use other hours from now on; None: always."""
        self._hours = hours
        self._holds.try_now()
        self.look()

    def look(self) -> None:
        """Hold the queue if the hours are over. Called every second or more often."""
        if self.is_open or self._holds.holds(HoldCause.HOURS):
            return
        with self._starting:
            self._holds.begin(_OutsideHours(self))

    def next_opening(self) -> tuple[str, float]:
        """Return when the hours begin, as local time in ISO 8601, and the seconds until then."""
        now, hours = self._now(), self._hours
        change = hours.next_change(now, self._to_local) if hours is not None else None
        if change is None:
            return "", 0.0
        return change.isoformat(timespec="minutes"), (change - now).total_seconds()


class _OutsideHours:
    """The obstacle of the time. See `hold.Obstacle`."""

    cause = HoldCause.HOURS
    limit_s = None

    def __init__(self, watch: HoursWatch) -> None:
        self._watch = watch
        self._until = ""

    def wait_s(self, probes: int) -> float:
        """See `hold.Obstacle`."""
        del probes
        return min(max(self._watch.next_opening()[1], 0.0), _LOOK_EVERY_S)

    def is_over(self, cancel: CancelToken) -> bool:
        """See `hold.Obstacle`."""
        del cancel
        return self._watch.is_open

    def began(self, studies: int, next_try_s: float) -> Event:
        """See `hold.Obstacle`."""
        del next_try_s
        self._studies = studies
        self._until = self._watch.next_opening()[0]
        return HoursClosed(until=self._until, studies=studies)

    def goes_on(self, waited_s: float, next_try_s: float) -> Event | None:
        """See `hold.Obstacle`; there is an event only if the hours were changed."""
        del waited_s, next_try_s
        until, _ = self._watch.next_opening()
        if until == self._until:
            return None
        self._until = until
        return HoursClosed(until=until, studies=self._studies)

    def ended(self, waited_s: float) -> Event:
        """See `hold.Obstacle`."""
        return HoursOpened(waited_s=round(waited_s, 3))

    def reason(self, waited_s: float) -> str:
        """See `hold.Obstacle`."""
        del waited_s
        return "The hours of --between are over. Run the same command again later."
