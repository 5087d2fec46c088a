"""A raw PACS that misbehaves once, to see what heals."""

from abc import ABC, abstractmethod

from tests.peers.raw_pacs import Conversation, RawPacs, Request


class RudeOnce(RawPacs, ABC):
    """Rude to the first C-GET of its life, polite to all that follow."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        if request is self.retrievals[0]:
            self.be_rude(conversation, request)
        else:
            super().on_get(conversation, request)

    @abstractmethod
    def be_rude(self, conversation: Conversation, request: Request) -> None:
        """Do what the test is about."""
