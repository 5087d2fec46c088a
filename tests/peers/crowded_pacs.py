"""A held PACS that accepts only so many associations at once."""

import threading

from tests.peers import wire
from tests.peers.held_pacs import HeldPacs
from tests.peers.raw_pacs import Conversation, Request

_LOCAL_LIMIT_EXCEEDED = wire.pdu(3, b"\x00\x02\x03\x02")
_ACCESSION_NUMBER = 0x00080050


class CrowdedPacs(HeldPacs):
    """Rejects an association too many, or lets it wait for its turn."""

    def __init__(self, *held: str, most: int, queues: bool = False) -> None:
        """Hold up these studies.

        Args:
            most: Associations at once.
            queues: Accept further ones, too, and serve them once others have ended.
        """
        super().__init__(*held)
        self._queues = queues
        self._slots = threading.Semaphore(most)
        self.kept_waiting = threading.Event()
        """An association was rejected, or waits."""
        self.rejected = 0

    def on_association(self, conversation: Conversation) -> None:
        conversation.read_associate()
        free = self._slots.acquire(blocking=False)
        if not free:
            self.kept_waiting.set()
        if not (free or self._queues):
            self.rejected += 1
            conversation.send(_LOCAL_LIMIT_EXCEEDED)
            return
        conversation.accept()
        if not free:
            self._slots.acquire()
        try:
            while True:
                request = conversation.read()
                self.requests.append(request)
                self.on_request(conversation, request)
        finally:
            self._slots.release()

    def find(self, request: Request) -> list[dict[int, str]]:
        """The study with this accession number is the one whose UID ends with it."""
        found = super().find(request)
        if not (number := request.key(_ACCESSION_NUMBER)):
            return found
        return [
            each | {_ACCESSION_NUMBER: number}
            for each in found
            if each[0x0020000D].endswith(f".{number}")
        ]

    def __exit__(self, *error: object) -> None:
        for _ in self._threads:
            self._slots.release()
        super().__exit__(*error)
