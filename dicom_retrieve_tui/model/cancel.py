"""The user's wish to stop, handed down to everything that can block."""

import threading


class CancelToken:
    """A flag that goes up once and stays up; safe to use from any thread and from a signal handler.

    Whoever blocks looks at it several times a second, so that nobody needs to be woken.
    """

    def __init__(self) -> None:
        self._event = threading.Event()

    def request(self) -> None:
        """Ask everything that holds this token to stop."""
        self._event.set()

    @property
    def requested(self) -> bool:
        """True once the user has asked to stop."""
        return self._event.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the request, `timeout_s` seconds at most; True if it came."""
        return self._event.wait(timeout_s)
