"""A raw PACS that goes away in the middle of a run and comes back."""

import threading

from tests.peers.held_pacs import holdings
from tests.peers.raw_pacs import Conversation, RawPacs, Request


class AbsentPacs(RawPacs):
    """Drops every association from the second C-GET on, until it has dropped so many calls."""

    def __init__(self, drops: int, *, how: bytes = b"") -> None:
        super().__init__(holdings())
        self._drops = drops
        self._how = how
        self._gone = threading.Event()
        self.calls = 0
        """Associations that it refused."""

    def on_associate(self, conversation: Conversation) -> None:
        if self._gone.is_set():
            self.calls += 1
            if self.calls <= self._drops:
                conversation.send(self._how)
                raise EOFError
            self._gone.clear()
        conversation.accept()

    def on_get(self, conversation: Conversation, request: Request) -> None:
        if len(self.retrievals) == 2:
            self._gone.set()
            conversation.store(next(i for i in self.holdings if request.matches(i)))
            raise EOFError
        super().on_get(conversation, request)
