"""Lend a look-up an association of the running sessions, if the PACS accepts no more of them."""

import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from time import monotonic
from types import TracebackType
from typing import Self, TypeVar

from dicom_retrieve_tui.errors import AssociationRejected, Cancelled, PeerError, PeerTimeout
from dicom_retrieve_tui.model.address import PeerAE
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.tui.ports import Session

_SILENT_S = 2.0
"""A look-up without an answer for so long borrows: the PACS may let it wait for its turn."""
_ANYWAY_S = 5.0
"""Between two tries until an association is lent: other callers may end one."""
_AGAIN_S = 0.5
"""Between two tries once it is lent: the PACS may still count it."""
_TRIES_S = 10.0
"""After that, others have it."""
_SERVED_S = 5.0
"""A PACS that has not answered so long after an association was free is slow, and not full."""
_TICK_S = 0.1

_Asked = TypeVar("_Asked")
_Answered = TypeVar("_Answered")

Waits = Callable[[str], object]
"""Takes why a look-up waits, an empty text once it does no longer; called by any thread."""

LookUp = Callable[[_Asked, RetrieveOptions, CancelToken], Generator[_Answered, None, None]]
"""`wiring.find`, `wiring.find_each`."""

BorrowingLookUp = Callable[
    [_Asked, RetrieveOptions, CancelToken, Waits], Generator[_Answered, None, None]
]
"""The same, with an association of a running session if the PACS accepts no more."""


class AssociationLoan:
    """The association that sessions lend to one look-up, from the first need to the end of this."""

    def __init__(
        self,
        sessions: Sequence[Session],
        peer: PeerAE,
        waits: Waits,
        on_end: Callable[["AssociationLoan"], object] = lambda _: None,
        others: Callable[[], bool] = lambda: False,
    ) -> None:
        """Borrow nothing yet.

        Args:
            sessions: Those with associations with the same PACS, under the same AE titles.
            peer: The PACS.
            waits: Takes the reason for the wait.
            on_end: Called with this once the look-up has ended.
            others: Returns True while another look-up of ours may have the association.
        """
        self._sessions: list[Session] = []
        self._peer, self._waits = peer, waits
        self._on_end, self._others = on_end, others
        self._lends = False
        """True once the sessions lend."""
        self._lent_s: float | None = None
        """When the association was free."""
        self._ours = 0
        self._told = ""
        """The state that the user was told last."""
        self._answered = self._over = False
        self._settled = threading.Event()
        """Set once it is known whether the PACS has an association left."""
        self._lock = threading.Lock()
        self._timer = threading.Timer(_SILENT_S, self._borrow_if_silent)
        self._timer.daemon = True
        for session in sessions:
            self.join(session)

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def join(self, session: Session) -> None:
        """Take in a session with the same PACS, also one that begins during the look-up."""
        with self._lock:
            if self._over or session in self._sessions:
                return
            self._sessions.append(session)
            session.begin_look_up()
            if self._lends:
                session.lend()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.note_answer()
        with self._lock:
            self._over = True
        for session in self._sessions:
            if self._lends:
                session.take_back()
            session.end_look_up()
        self._on_end(self)

    def note_answer(self) -> None:
        """Record that the PACS serves the look-up."""
        self._timer.cancel()
        self._settled.set()
        with self._lock:
            self._answered, self._lent_s = True, None
            if self._told:
                self._told = ""
                self._waits("")

    def helps(self, error: PeerError, cancel: CancelToken) -> bool:
        """Wait after a failure until another try may succeed; False if none may.

        Raises:
            Cancelled: `cancel` was requested.
        """
        if isinstance(error, AssociationRejected) and error.no_association_left:
            return self.helps_rejected(cancel)
        waited = isinstance(error, PeerTimeout) and self._lends and not self._answered
        return waited and self._wait(cancel)

    def helps_rejected(self, cancel: CancelToken) -> bool:
        """Do the same after the PACS had no association left.

        Raises:
            Cancelled: `cancel` was requested.
        """
        self._settled.set()
        return self._borrow("accepts no more associations") and self._wait(cancel)

    def _borrow_if_silent(self) -> None:
        """Borrow, and give back what was no help."""
        if not self._borrow("has not answered yet", silent=True):
            return
        while not self._settled.wait(_TICK_S):
            if any(session.lent for session in self._sessions):
                if not self._settled.wait(_SERVED_S):
                    self._give_back()
                return

    def _give_back(self) -> None:
        with self._lock:
            if self._over or not self._lends:
                return
            self._lends, self._told = False, "is slow"
            for session in self._sessions:
                session.take_back()
            self._waits(f"{self._peer} has not answered yet.")

    def _borrow(self, state: str, *, silent: bool = False) -> bool:
        """Ask the sessions to lend; False if they have nothing to lend.

        Args:
            state: What the PACS does, for the user.
            silent: Do nothing if it has answered meanwhile.
        """
        with self._lock:
            if self._over or (silent and (self._answered or self._lends)):
                return False
            if not self._lends:
                self._ours = sum(each.busy_workers + each.lent for each in self._sessions)
                if not self._ours:
                    return False
                self._lends = True
                for session in self._sessions:
                    session.lend()
            if state != self._told:
                self._told = state
                ours = count(self._ours, "association")
                self._waits(
                    f"{self._peer} {state}. We have {ours} with it; one is lent to this look-up as "
                    "soon as a study or a request on it has ended."
                )
            return True

    def _wait(self, cancel: CancelToken) -> bool:
        """Wait until another try is due; False if none is."""
        pause_s = _ANYWAY_S if self._lent_s is None else _AGAIN_S
        until_s = monotonic() + pause_s
        while monotonic() < until_s:
            if self._lent_s is None and any(session.lent for session in self._sessions):
                self._lent_s = monotonic()
                break
            if cancel.wait(_TICK_S):
                raise Cancelled
        if self._lent_s is not None and self._others():
            self._lent_s = monotonic()
        return self._lent_s is None or monotonic() - self._lent_s < _TRIES_S


def ask_borrowing(
    ask: Callable[[], Generator[_Answered, None, None]],
    borrow: Callable[[], AssociationLoan],
    cancel: CancelToken,
) -> Generator[_Answered, None, None]:
    """Yield the answers of a look-up, which may begin again until the first of them."""
    with borrow() as loan:
        while True:
            try:
                with closing(ask()) as answers:
                    for answer in answers:
                        loan.note_answer()
                        yield answer
            except PeerError as error:
                if not loan.helps(error, cancel):
                    raise
            else:
                return
