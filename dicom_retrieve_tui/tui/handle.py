"""One session as the controller has it in hand: steered from before it is open. Locks nothing."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import methodcaller

from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import StudyFinished
from dicom_retrieve_tui.model.selection import Plan
from dicom_retrieve_tui.tui.ports import Session


@dataclass(slots=True)
class Handle:
    """One session, and what it is to be told once it is open."""

    plan: Plan
    thread: threading.Thread
    session: Session | None = None
    """None until our thread has made it."""
    begun: bool = False
    """True from its first event on: a folder or a name server may be slow to answer."""
    cancel_opening: CancelToken = field(default_factory=CancelToken)
    opening_for: set[str] = field(default_factory=set)
    """Study Instance UIDs that it is opened for; those that nobody wants any more are taken out."""
    wishes: list[Callable[[Session], object]] = field(default_factory=list)
    finishing: bool = False
    """True if it takes no further studies."""
    endings: dict[str, StudyFinished] = field(default_factory=dict)
    _taken_out: list[str] = field(default_factory=list)
    """Study Instance UIDs removed before it was open."""

    def tell(self, wish: Callable[[Session], object]) -> None:
        """Do this to the session, now or once it is open."""
        if self.session is None:
            self.wishes.append(wish)
        else:
            wish(self.session)

    def cancel(self) -> None:
        """End soon, whether it is open or about to be."""
        self.finishing = True
        self.cancel_opening.request()
        self.tell(methodcaller("cancel"))

    def stop(self, uid: str) -> None:
        """Cancel this study and no other."""
        self.tell(methodcaller("stop", uid))
        self._lose(uid)

    def remove(self, uid: str) -> None:
        """Take out a study that nobody has taken up yet; an open session says when it is gone."""
        self.tell(methodcaller("remove", uid))
        if not self.begun:
            self._taken_out.append(uid)
            self._lose(uid)

    @property
    def given_up(self) -> bool:
        """True if it has not begun, and will not."""
        return not self.begun and self.cancel_opening.requested

    def let_go(self) -> list[str]:
        """What was taken out of a session that never began, each once: it tells of none."""
        if self.begun:
            return []
        gone, self._taken_out = self._taken_out, []
        return gone

    def _lose(self, uid: str) -> None:
        """A study is wanted no more; if it is all that the session would be opened for, end."""
        self.opening_for.discard(uid)
        if not self.begun and not self.opening_for:
            self.cancel()

    def open(self, session: Session) -> None:
        """The session is there."""
        self.session = session
        for wish in self.wishes:
            wish(session)
