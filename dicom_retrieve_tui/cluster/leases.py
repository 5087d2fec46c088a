"""How the associations of a run are shared among its slots: arithmetic, without clock and I/O.

A slot has a grant. It is lowered at once, and counts in full until the slot has said that it uses
no more than that; only what is free then is granted to others. So the sum never exceeds the limit,
whatever is under way.
"""

from collections.abc import Mapping
from dataclasses import dataclass


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
