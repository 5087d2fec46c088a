"""What the client knows of a slot, and of an obstacle that a slot probes."""

import itertools
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from dicom_retrieve_tui.cluster.leases import Lease
from dicom_retrieve_tui.cluster.studies import Assigned
from dicom_retrieve_tui.errors import Cancelled, RetrieveError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.rate_limit import Rate
from dicom_retrieve_tui.storage.heartbeat import Owner

_TICK_S = 0.05
AHEAD_S = 2.0
"""A slot has studies for about so long, so that it never waits for us."""
BATCH_MAX = 200


@dataclass(slots=True)
class Slot:
    """What is known here of a slot."""

    name: str
    address: str
    worker: str
    """The name of its Dask worker."""
    place: int
    """From 1; no other slot has it now."""
    heard_s: float
    ready: bool = False
    serving: bool = False
    """A session was ordered, and has not ended."""
    ending: bool = False
    """The session was told to end."""
    finishing: bool = False
    lost: bool = False
    owner: Owner | None = None
    """Its process; None before it is ready."""
    lease: Lease = field(default_factory=Lease)
    rate: Rate | None = None
    studies: dict[str, Assigned] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)
    """The numbers of its workers in our events, by their own."""
    open: set[int] = field(default_factory=set)
    """Our numbers of its workers with an association."""
    finished: int = 0
    opened_s: float = 0.0

    @property
    def backlog(self) -> int:
        """How many studies it has still to do."""
        return sum(not assigned.done for assigned in self.studies.values())

    def ahead(self, now_s: float) -> int:
        """Return how many studies it should have, by how fast it finishes them."""
        elapsed_s = max(now_s - self.opened_s, AHEAD_S)
        return self.lease.granted + min(
            BATCH_MAX, max(self.lease.granted, int(self.finished / elapsed_s * AHEAD_S))
        )

    @property
    def is_dead(self) -> bool:
        """True if its process ran on this machine, and runs no more."""
        return self.owner is not None and self.owner.is_here and not self.owner.runs

    def number_of(self, own: int, used: Collection[int]) -> int:
        """Return our number for one of its workers: the smallest that is not used."""
        if own not in self.numbers:
            self.numbers[own] = next(each for each in itertools.count(1) if each not in used)
        return self.numbers[own]

    def forget_numbers(self) -> None:
        """Forget the numbers of workers that a lower grant has put to rest."""
        most = self.lease.granted
        self.numbers = {own: number for own, number in self.numbers.items() if own <= most}


class SlotProbe:
    """An obstacle that one slot probes, for all."""

    def __init__(self, slot: str, ask: Callable[[str], None]) -> None:
        self.slot = slot
        self._ask = ask
        self._gone = False
        self._answers: deque[RetrieveError | None] = deque()

    def answer(self, failure: RetrieveError | None) -> None:
        """Take the outcome of a probe; None if the obstacle is over."""
        self._answers.append(failure)

    def end(self) -> None:
        """Record that the slot is lost: another one will find out what is in the way."""
        self._gone = True

    def probe(self, cancel: CancelToken) -> RetrieveError | None:
        """Ask the slot to probe, and wait for its answer."""
        self._answers.clear()
        self._ask(self.slot)
        while not self._answers:
            if self._gone:
                return None
            if cancel.wait(_TICK_S):
                raise Cancelled
        return self._answers.popleft()
