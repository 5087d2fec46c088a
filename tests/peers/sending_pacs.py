"""A PACS that sends data sets as a test has them, each on a context of the syntax it names."""

from dataclasses import dataclass
from typing import Self

from tests.peers import wire
from tests.peers.raw_pacs import Conversation, Instance, NoContext, RawPacs, Request


@dataclass(frozen=True, slots=True)
class Sent(Instance):
    """An instance whose data set is whatever the test says."""

    raw: bytes = b""
    syntax: str = wire.EXPLICIT

    @property
    def data(self) -> bytes:
        return self.raw


class SendingPacs(RawPacs):
    """Holds instances of type `Sent`, and notes the status of each answer."""

    def __init__(self, *holdings: Sent) -> None:
        super().__init__([*holdings])
        self.statuses: list[int] = []

    @classmethod
    def of(cls, data: bytes, syntax: str = wire.EXPLICIT) -> Self:
        """One that holds a CT image with this data set, between two that are regular."""
        regular = [
            Sent("1.2.3", "1.2.3.1", f"1.2.3.1.{n}", syntax=wire.IMPLICIT,
                 raw=Instance("1.2.3", "1.2.3.1", f"1.2.3.1.{n}").data)
            for n in (1, 3)
        ]  # fmt: skip
        odd = Sent("1.2.3", "1.2.3.1", "1.2.3.1.2", raw=data, syntax=syntax)
        return cls(regular[0], odd, regular[1])

    def on_get(self, conversation: Conversation, request: Request) -> None:
        results = [
            self._send(conversation, each) for each in self.holdings if request.matches(each)
        ]
        failed = len(results) - results.count(True)
        self.finish(conversation, request, completed=results.count(True), failed=failed)

    def _send(self, conversation: Conversation, instance: Instance) -> bool:
        assert isinstance(instance, Sent)
        try:
            status = conversation.store_as(instance, instance.data, instance.syntax)
        except NoContext:
            return False
        self.statuses.append(status)
        return status == wire.SUCCESS
