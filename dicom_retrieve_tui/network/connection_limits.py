"""How many may be at the door of our Storage SCP, and how many inside, in all and by address."""

import threading
from dataclasses import dataclass

WAITING_MAX = 64
WAITING_AN_ADDRESS_MAX = 32
"""Connections without an association yet; beyond these the one that has waited longest goes, for a
PACS needs a few milliseconds to say who it is, and only a stranger takes long."""

ASSOCIATIONS_MAX = 192
ASSOCIATIONS_AN_ADDRESS_MAX = 128
"""Two for each of the 64 C-MOVEs that a run may have under way."""

CONNECTIONS_MAX = ASSOCIATIONS_MAX + WAITING_MAX


@dataclass(eq=False, slots=True)
class Visitor:
    """One connection that somebody made to us."""

    address: str
    associated: bool = False
    sent_away: bool = False
    """There was no room for it any more; whoever serves it looks at this."""


class Visitors:
    """Counts them. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._here: dict[Visitor, None] = {}
        """In the order in which they came."""

    def enter(self, address: str) -> Visitor | None:
        """Let one in from the street; None if the house is full."""
        with self._lock:
            if len(self._here) >= CONNECTIONS_MAX:
                return None
            visitor = Visitor(address)
            self._here[visitor] = None
            waiting = [each for each in self._here if not (each.associated or each.sent_away)]
            alike = [each for each in waiting if each.address == address]
            if len(alike) > WAITING_AN_ADDRESS_MAX:
                alike[0].sent_away = True
            elif len(waiting) > WAITING_MAX:
                waiting[0].sent_away = True
            return visitor

    def associate(self, visitor: Visitor) -> bool:
        """Give it an association, if there is one left for it."""
        with self._lock:
            inside = [each for each in self._here if each.associated]
            alike = sum(each.address == visitor.address for each in inside)
            full = len(inside) >= ASSOCIATIONS_MAX or alike >= ASSOCIATIONS_AN_ADDRESS_MAX
            visitor.associated = not full
            return visitor.associated

    def leave(self, visitor: Visitor) -> None:
        """It has gone."""
        with self._lock:
            self._here.pop(visitor, None)
