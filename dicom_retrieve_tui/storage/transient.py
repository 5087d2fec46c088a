"""Repeat what a share refuses for a moment: its server restarts, or the network is interrupted."""

import errno
import threading
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")

_PAUSES_S = (0.05, 0.2, 0.5, 1.0)
_TRANSIENT = frozenset(
    number
    for name in (
        "EAGAIN", "EBUSY", "ECONNABORTED", "ECONNRESET", "EHOSTDOWN", "EHOSTUNREACH", "EIO",
        "ENETDOWN", "ENETRESET", "ENETUNREACH", "ENOBUFS", "ENOTCONN", "EREMOTEIO", "ESTALE",
        "ETIMEDOUT",
    )
    if (number := getattr(errno, name, None)) is not None
)  # fmt: skip
_UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})


def is_transient(error: BaseException | None) -> bool:
    """Return True if the same call may succeed in a moment."""
    return isinstance(error, OSError) and error.errno in _TRANSIENT


def is_unsupported(error: BaseException | None) -> bool:
    """Return True if the file system does not know the call; it never succeeds there."""
    return isinstance(error, OSError) and error.errno in _UNSUPPORTED


class Retrying:
    """Repeats calls of the operating system that fail for a moment. Thread-safe."""

    def __init__(
        self,
        hurried: Callable[[], bool] = lambda: False,
        pauses_s: tuple[float, ...] = _PAUSES_S,
    ) -> None:
        """Prepare.

        Args:
            hurried: True once the user waits for the end: nothing is repeated then.
            pauses_s: The time before each repetition.
        """
        self._hurried = hurried
        self._pauses_s = pauses_s

    def __call__(self, call: Callable[[], _T]) -> _T:
        """Return what `call` returns, perhaps after some repetitions.

        Raises:
            OSError: It still fails, or for a reason that stays.
        """
        for pause_s in self._pauses_s:
            try:
                return call()
            except OSError as error:
                if not is_transient(error) or self._hurried():
                    raise
            threading.Event().wait(pause_s)
        return call()
