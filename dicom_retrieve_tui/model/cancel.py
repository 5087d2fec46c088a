"""Cancellation, passed to everything that can block."""

import threading
from time import monotonic
from typing import Optional

_TICK_S = 0.2


class CancelToken:
    """A flag that is set once and stays set. Safe for any thread and for a signal handler.

    Code that blocks polls it several times a second.
    """

    __slots__ = ("_event", "_insisted", "_parent", "_requested")

    def __init__(self, parent: Optional["CancelToken"] = None) -> None:
        """Create an independent token; `child` creates a dependent one."""
        # Made by the first wait: every study of a long list has a token, and few are waited for.
        self._event: threading.Event | None = None
        self._requested = False
        self._insisted = False
        self._parent = parent

    def child(self) -> "CancelToken":
        """Return a token for a part of the work: requested on its own, or with this one."""
        return CancelToken(self)

    def request(self) -> None:
        """Stop everything that has this token or a child of it."""
        self._requested = True
        if self._event is not None:
            self._event.set()

    def insist(self) -> None:
        """Stop without the grace that a peer is usually given: the user asked again."""
        self._insisted = True
        self.request()

    @property
    def insisted(self) -> bool:
        """True once the user asked again."""
        parent = self._parent
        return self._insisted or (parent is not None and parent.insisted)

    @property
    def requested(self) -> bool:
        """True once the user asked to stop."""
        parent = self._parent
        return self._requested or (parent is not None and parent.requested)

    def wait(self, timeout_s: float) -> bool:
        """Wait at most `timeout_s` seconds for the request; True if it came."""
        until_s = monotonic() + timeout_s
        if self._event is None:
            self._event = threading.Event()
        while not self.requested and (left_s := until_s - monotonic()) > 0:
            self._event.wait(left_s if self._parent is None else min(left_s, _TICK_S))
        return self.requested
