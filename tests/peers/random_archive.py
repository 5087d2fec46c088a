"""An archive drawn at random: what it holds, lists, counts, says and breaks, each independently.

Its C-FIND and its responses are witnesses of what it holds. Each may be silent or cut short; counts
and counters that are there are true, for an archive that lies with every witness can be told from
an honest one by nobody. Counters alone may be absurd, too.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields

from tests.peers import wire
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, Instance, NoContext, Request, instances

_OF_STUDY, _OF_SERIES = 0x00201208, 0x00201209
_FAILED_LIST = 0x00080058
_C_GET = frozenset({"1.2.840.10008.5.1.4.1.2.1.3", "1.2.840.10008.5.1.4.1.2.2.3"})
_COUNTERS = ("remaining", "completed", "failed", "warning")


@dataclass(frozen=True, kw_only=True)
class Character:
    """How an archive behaves."""

    holdings: tuple[Instance, ...]
    unsendable: frozenset[str] = frozenset()
    """SOP Instance UIDs that it fails to send, always."""
    poison: frozenset[str] = frozenset()
    """SOP Instance UIDs at which it hangs up, always."""
    cap: int | None = None
    """Matches that it lists of a series, at most."""
    hidden: frozenset[str] = frozenset()
    """Series that it does not list."""
    counts_series: bool = True
    counts_study: bool = False
    counters: str = "true"
    """`true`, `absent`, `zero` or `wrapped`."""
    names_failed: bool = False
    always_success: bool = False
    """Its final status is Success, whatever failed."""
    breaks: tuple[int, ...] = ()
    """Instances after which the first requests break off, one for each."""
    breaks_for_ever: bool = False
    takes_lists: bool = True
    serves_get: bool = True

    @property
    def sendable(self) -> frozenset[str]:
        """SOP Instance UIDs of what can be had."""
        return frozenset(i.sop for i in self.holdings) - self.unsendable - self.poison

    @property
    def traits(self) -> str:
        """The character in one line, its holdings by number."""
        sizes = Counter(i.series for i in self.holdings)
        others = (f"{f.name}={getattr(self, f.name)!r}" for f in fields(self)[1:])
        return f"holdings={dict(sizes)} {' '.join(others)}"

    @property
    def is_honest(self) -> bool:
        """True if everything can be had, and the truth is there for whoever weighs the witnesses.

        A list that is cut short is found out by a count, by a counter, or by what a request for
        all brings; a list of a round length without any count proves nothing.
        """
        all_sent = not (self.unsendable or self.poison or self.breaks_for_ever)
        listed_whole = self.cap is None and not self.hidden
        return all_sent and listed_whole and self.counters != "wrapped"

    @classmethod
    def draw(cls, seed: int) -> "Character":
        """A random one; each trait is there or not by itself."""
        chance = random.Random(seed)

        def now_and_then(share: float) -> bool:
            return chance.random() < share

        sizes = [chance.choice([1, 2, 3, 7, 13, 20, 41]) for _ in range(chance.randint(1, 3))]
        holdings = tuple(
            instance
            for number, size in enumerate(sizes, start=1)
            for instance in instances(size, series=f"1.2.3.{number}")
        )
        uids = [i.sop for i in holdings]
        hidden = frozenset({"1.2.3.2"}) if len(sizes) > 1 and now_and_then(0.15) else frozenset()
        breaks = [chance.randint(0, len(uids)) for _ in range(chance.choice([0, 0, 0, 1, 2]))]
        return cls(
            holdings=holdings,
            unsendable=frozenset(chance.sample(uids, 1)) if now_and_then(0.15) else frozenset(),
            poison=frozenset(chance.sample(uids, 1)) if now_and_then(0.1) else frozenset(),
            cap=chance.randint(1, 20) if now_and_then(0.2) else None,
            hidden=hidden,
            counts_series=now_and_then(0.6),
            counts_study=now_and_then(0.5),
            counters=chance.choice(["true", "true", "true", "absent", "zero", "wrapped"]),
            names_failed=now_and_then(0.5),
            always_success=now_and_then(0.2),
            breaks=tuple(breaks),
            breaks_for_ever=now_and_then(0.05),
            takes_lists=now_and_then(0.9),
            serves_get=now_and_then(0.95),
        )


@dataclass
class _Outcome:
    completed: int = 0
    failed: list[str] = field(default_factory=list)


class RandomArchive(MovingPacs):
    """Plays a character."""

    def __init__(self, character: Character) -> None:
        super().__init__(list(character.holdings))
        self.character = character
        self._breaks = list(character.breaks)
        self._drawing = threading.Lock()

    def on_associate(self, conversation: Conversation) -> None:
        conversation.accept(refused=frozenset() if self.character.serves_get else _C_GET)

    def find(self, request: Request) -> list[dict[int, str]]:
        character = self.character
        matches = [m for m in super().find(request) if m.get(0x0020000E) not in character.hidden]
        if request.level == "SERIES" and not character.counts_series:
            matches = [{t: v for t, v in m.items() if t != _OF_SERIES} for m in matches]
        if request.level == "STUDY" and not character.counts_study:
            matches = [{t: v for t, v in m.items() if t != _OF_STUDY} for m in matches]
        if request.level == "IMAGE" and character.cap is not None:
            by_series: dict[str, list[dict[int, str]]] = {}
            for match in matches:
                by_series.setdefault(match[0x0020000E], []).append(match)
            matches = [m for each in by_series.values() for m in each[: character.cap]]
        return matches

    def on_get(self, conversation: Conversation, request: Request) -> None:
        self._retrieve(conversation, request, conversation.store)

    def on_move(self, conversation: Conversation, request: Request) -> None:
        with self.call_scp(self.holdings) as scu:
            self._retrieve(conversation, request, scu.store)
            scu.release()

    def _retrieve(
        self, conversation: Conversation, request: Request, store: Callable[[Instance], int]
    ) -> None:
        character = self.character
        if "\\" in request.key(0x00080018) and not character.takes_lists:
            conversation.respond(request, 0xA900)
            return
        wanted = [i for i in self.holdings if request.matches(i)]
        with self._drawing:
            left = self._breaks.pop(0) if self._breaks else None
        if character.breaks_for_ever:
            left = len(wanted) // 2
        outcome = _Outcome()
        for number, instance in enumerate(wanted):
            if number == left or instance.sop in character.poison:
                raise EOFError
            self._send(store, instance, outcome)
        if left is not None and left >= len(wanted):
            raise EOFError  # behind the last instance, and before the final response
        self._end(conversation, request, outcome)

    def _send(
        self, store: Callable[[Instance], int], instance: Instance, outcome: _Outcome
    ) -> None:
        try:
            if instance.sop in self.character.unsendable or store(instance) != 0:
                outcome.failed.append(instance.sop)
            else:
                outcome.completed += 1
        except NoContext:
            outcome.failed.append(instance.sop)

    def _end(self, conversation: Conversation, request: Request, outcome: _Outcome) -> None:
        character, failed = self.character, len(outcome.failed)
        numbers = {"true": (0, outcome.completed, failed, 0), "zero": (0, 0, 0, 0),
                   "wrapped": (0xFFFF, outcome.completed, 0xFFFE, 0)}  # fmt: skip
        counters = dict(zip(_COUNTERS, numbers.get(character.counters, ()), strict=False))
        names = "\\".join(outcome.failed) if character.names_failed else ""
        status = 0 if character.always_success or not failed else 0xB000
        identifier = wire.data_set({_FAILED_LIST: names}) if names else None
        conversation.respond(request, status, identifier, **counters)
