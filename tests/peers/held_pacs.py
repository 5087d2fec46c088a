"""A raw PACS that holds up the studies that a test names, until the test lets it go on."""

import select
import threading
from collections import defaultdict
from pathlib import Path

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.engine.run import Session
from dicom_retrieve_tui.model.retry import Backoff
from tests.peers.raw_pacs import Conversation, Instance, RawPacs, Request, instances
from tests.runs import get_plan, settings
from tests.sessions import PATIENCE_S

A, B, C = "1.2.1", "1.2.2", "1.2.3"
"""The studies that it has."""


def holdings(count: int = 3) -> list[Instance]:
    """As many instances of each of its studies."""
    return [each for uid in (A, B, C) for each in instances(count, study=uid, series=f"{uid}.1")]


def spoke(conversation: Conversation, within_s: float = 0.0) -> bool:
    """True if the other side has sent something, or is gone, or does or is within that time."""
    return bool(select.select([conversation.sock], [], [], within_s)[0])


class HeldPacs(RawPacs):
    """Sends one instance of a held study, and goes on when the test lets it."""

    def __init__(self, *held: str, count: int = 3) -> None:
        super().__init__(holdings(count))
        self.held = set(held)
        self.begun: defaultdict[str, threading.Event] = defaultdict(threading.Event)
        self.go_on: defaultdict[str, threading.Event] = defaultdict(threading.Event)

    def on_get(self, conversation: Conversation, request: Request) -> None:
        study = request.key(0x0020000D)
        if study in self.held:
            self.held.remove(study)
            conversation.store(next(i for i in self.holdings if request.matches(i)))
            self.begun[study].set()
            self.hold(conversation, request, study)
        else:
            super().on_get(conversation, request)

    def hold(self, conversation: Conversation, request: Request, study: str) -> None:
        assert self.go_on[study].wait(PATIENCE_S)
        if spoke(conversation):  # a C-CANCEL, to which this PACS is deaf, and an A-ABORT
            raise EOFError
        super().on_get(conversation, request)

    def __exit__(self, *error: object) -> None:
        for study in (A, B, C):
            self.go_on[study].set()
        super().__exit__(*error)  # type: ignore[arg-type]

    @property
    def asked(self) -> list[str]:
        """The studies that were asked for, in order."""
        return [request.key(0x0020000D) for request in self.retrievals]


def session_of(pacs: RawPacs, output: Path, parallel: int = 1) -> Session:
    """A session with a raw PACS that begins with nothing to do."""
    options = get_plan(parallel=parallel).on(settings(pacs.port, output))[1]
    return wiring.open_session((), options, backoff=Backoff(first_s=0.01))
