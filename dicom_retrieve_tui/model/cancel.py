"""The user's wish to stop, handed down to everything that can block."""

import threading
from time import monotonic
from typing import Optional

_TICK_S = 0.2


class CancelToken:
    """A flag that goes up once and stays up; safe to use from any thread and from a signal handler.

    Whoever blocks looks at it several times a second, so that nobody needs to be woken.
    """

    def __init__(self, parent: Optional["CancelToken"] = None) -> None:
        """Make a token of its own, or a `child`."""
        self._event = threading.Event()
        self._insisted = False
        self._parent = parent

    def child(self) -> "CancelToken":
        """A token for a part of the work: up when it is requested itself, or when this one is."""
        return CancelToken(self)

    def request(self) -> None:
        """Ask everything that holds this token, or a child of it, to stop."""
        self._event.set()

    def insist(self) -> None:
        """Ask once more: what holds this token grants its peer no grace."""
        self._insisted = True
        self._event.set()

    @property
    def insisted(self) -> bool:
        """True once the user has asked more than once."""
        parent = self._parent
        return self._insisted or (parent is not None and parent.insisted)

    @property
    def requested(self) -> bool:
        """True once the user has asked to stop."""
        parent = self._parent
        return self._event.is_set() or (parent is not None and parent.requested)

    def wait(self, timeout_s: float) -> bool:
        """Wait for the request, `timeout_s` seconds at most; True if it came."""
        until_s = monotonic() + timeout_s
        while not self.requested and (left_s := until_s - monotonic()) > 0:
            self._event.wait(left_s if self._parent is None else min(left_s, _TICK_S))
        return self.requested
