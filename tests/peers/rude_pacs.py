"""A raw PACS that misbehaves once, to see what heals."""

from tests.peers.raw_pacs import Conversation, RawPacs, Request


class RudeOnce(RawPacs):
    """Rude to the first C-GET of its life, polite to all that follow."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        if request is self.retrievals[0]:
            self.be_rude(conversation, request)
        else:
            super().on_get(conversation, request)

    def be_rude(self, conversation: Conversation, request: Request) -> None:
        raise NotImplementedError
