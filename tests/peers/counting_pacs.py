"""A PACS with many small studies that counts what a whole cluster does to it."""

import select
import socket
import threading
import time
from collections import Counter

from tests.interop.process import free_port
from tests.peers import wire
from tests.peers.raw_pacs import Conversation, Instance, RawPacs, Released, Request, instances
from tests.peers.raw_scu import RawScu


def study_uids(studies: int) -> list[str]:
    return [f"1.2.826.0.1.{number}" for number in range(1, studies + 1)]


class CountingPacs(RawPacs):
    """Counts associations at once and how often it sent each instance."""

    def __init__(
        self,
        studies: int,
        size: int = 3,
        *,
        most: int = 1000,
        pace_s: float = 0.0,
        wait_s: float = 0.0,
    ) -> None:
        """Hold so many studies of `size` instances each.

        Args:
            most: Associations at once; further ones are rejected.
            pace_s: Time before each instance.
            wait_s: Time before each answer to a C-FIND.
        """
        super().__init__([])
        self.by_study: dict[str, list[Instance]] = {
            uid: instances(size, study=uid, series=f"{uid}.1") for uid in study_uids(studies)
        }
        self.most = most
        self.pace_s = pace_s
        self.wait_s = wait_s
        self.lock = threading.Lock()
        self.open = 0
        self.peak = 0
        self.total = 0
        self.rejected = 0
        self.sent: Counter[str] = Counter()
        self._current: list[Conversation] = []
        self.gone = threading.Event()
        self.serves_nothing = threading.Event()
        """Associations are accepted, and aborted on a request."""
        self.index_is_empty = threading.Event()
        self.probes = 0
        """Associations that were released without a request."""
        self.destinations = [(name, free_port()) for name in ("w1", "w2")]
        """Names of workers, and the port of the destination that is called like each."""
        self.moved_to: Counter[str] = Counter()

    def on_association(self, conversation: Conversation) -> None:
        conversation.read_associate()
        if self.gone.is_set():
            raise EOFError
        with self.lock:
            if self.open >= self.most:
                self.rejected += 1
                conversation.send(wire.pdu(3, b"\x00\x02\x03\x02"))
                return
            self.open += 1
            self.total += 1
            self._current = [each for each in self._current if not _has_ended(each.sock)]
            self._current.append(conversation)
            self.peak = max(self.peak, len(self._current))
        asked = False
        try:
            conversation.accept()
            while True:
                request = conversation.read()
                asked = True
                if self.gone.is_set() or self.serves_nothing.is_set():
                    raise EOFError
                self.on_request(conversation, request)
        except Released:
            self.probes += not asked
            raise
        finally:
            with self.lock:
                self.open -= 1
                self._current = [each for each in self._current if each is not conversation]

    def find(self, request: Request) -> list[dict[int, str]]:
        time.sleep(self.wait_s)
        holder = _Holder(self._instances_of(request))
        return RawPacs.find(holder, request)  # type: ignore[arg-type]

    def _instances_of(self, request: Request) -> list[Instance]:
        if self.index_is_empty.is_set():
            return []
        return self.by_study.get(request.key(0x0020000D), [])

    def on_get(self, conversation: Conversation, request: Request) -> None:
        wanted = [each for each in self._instances_of(request) if request.matches(each)]
        failed = 0
        for number, instance in enumerate(wanted, start=1):
            if self.gone.is_set() or self.serves_nothing.is_set():
                raise EOFError
            time.sleep(self.pace_s)
            with self.lock:
                self.sent[instance.sop] += 1
            conversation.send(conversation.store_message(instance))
            answer = conversation.read()
            if answer.number(0x0100) != 0x8001:  # a C-CANCEL
                raise EOFError
            failed += answer.number(0x0900) != wire.SUCCESS
            conversation.respond(
                request, wire.PENDING, remaining=len(wanted) - number, completed=number - failed,
                failed=failed, warning=0,
            )  # fmt: skip
        self.finish(conversation, request, completed=len(wanted) - failed, failed=failed)

    def on_move(self, conversation: Conversation, request: Request) -> None:
        title = request.command[0x0600].decode().strip("\0 ")
        port = dict(self.destinations)[title.lower()]
        wanted = self.by_study[request.key(0x0020000D)]
        time.sleep(self.pace_s)
        with RawScu(port, [each.sop_class for each in wanted], called=title) as scu:
            for each in wanted:
                scu.store(each)
            scu.release()
        with self.lock:
            self.moved_to[title] += 1
        self.finish(conversation, request, completed=len(wanted))


def _has_ended(sock: socket.socket) -> bool:
    """True if the other side has ended the association, and this one has not read that yet."""
    try:
        if not select.select([sock], [], [], 0)[0]:
            return False
        return sock.recv(1, socket.MSG_PEEK) in {b"", b"\x05", b"\x07"}
    except (OSError, ValueError):
        return True


class _Holder:
    def __init__(self, holdings: list[Instance]) -> None:
        self.holdings = holdings
