"""What the client knows of a slot, and how many associations each slot may use.

A slot has a grant. It is lowered at once, and counts in full until the slot has said that it uses
no more than that; only what is free then is granted to others. So the sum never exceeds the limit,
whatever is under way.
"""

import itertools
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from dicom_retrieve_tui.cluster.studies import Assigned
from dicom_retrieve_tui.errors import Cancelled, RetrieveError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.rate_limit import Rate
from dicom_retrieve_tui.storage.heartbeat import Owner


@dataclass(slots=True)
class Lease:
    """The associations of one slot."""

    granted: int = 0
    """What the slot was told that it may use at once."""
    used: int = 0
    """What it may still use because it has not confirmed a lower grant."""

    @property
    def held(self) -> int:
        """How many no other slot may have."""
        return max(self.granted, self.used)

    def grant(self, most: int) -> None:
        """Tell the slot another number; a lower one holds once `confirm` says so."""
        self.used = max(self.used, self.granted) if most < self.granted else self.used
        self.granted = most

    def confirm(self, using: int) -> None:
        """Record that the slot uses no more than this from now on."""
        self.used = using if using > self.granted else 0

    def end(self) -> None:
        """Record that every association of the slot is closed."""
        self.granted = self.used = 0


def shares(limit: int, wanted: Mapping[str, int]) -> dict[str, int]:
    """Share `limit` associations evenly; no slot gets more than it wants.

    Args:
        limit: All associations together.
        wanted: How many each slot has a use for, in the order in which slots come first.
    """
    found = dict.fromkeys(wanted, 0)
    while limit > 0 and (hungry := [slot for slot in wanted if found[slot] < wanted[slot]]):
        each = max(1, limit // len(hungry))
        for slot in hungry[:limit]:
            more = min(each, wanted[slot] - found[slot], limit)
            found[slot] += more
            limit -= more
    return found


def regrant(limit: int, leases: Mapping[str, Lease], desired: Mapping[str, int]) -> list[str]:
    """Bring grants nearer to what is desired, within the limit; return the slots to be told.

    Args:
        limit: All associations together.
        leases: Of every slot, those that are lost and may still have associations included.
        desired: Grants to be reached, of the slots that may be told.
    """
    changed = []
    for slot, most in desired.items():
        if most < leases[slot].granted:
            leases[slot].grant(most)
            changed.append(slot)
    free = limit - sum(lease.held for lease in leases.values())
    for slot, most in desired.items():
        lease = leases[slot]
        more = min(most - lease.granted, free + lease.held - lease.granted)
        if more > 0:
            free -= max(0, lease.granted + more - lease.held)
            lease.grant(lease.granted + more)
            changed.append(slot)
    return changed


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
