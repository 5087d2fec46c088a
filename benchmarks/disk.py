"""Is the disk at its usual speed? Some are slow at new files for a minute after many deletions."""

import shutil
import time
from itertools import count
from pathlib import Path

from benchmarks.narration import say

_FILES = 500
_USUAL_MS = 0.15
_WAIT_S, _WAITS_MAX = 15.0, 6
_FREE_BYTES_MIN = 6 << 30
_numbers = count()


class DiskFull(Exception):
    """There is no room for another run."""


def probe(folder: Path) -> float:
    """Milliseconds that one more new file takes; waits for it to be as usual, but not for ever."""
    for _ in range(_WAITS_MAX):
        if (milliseconds := _milliseconds(folder)) < _USUAL_MS:
            return milliseconds
        say(f"a new file takes {milliseconds:.2f} ms: waiting for the disk")
        time.sleep(_WAIT_S)
    return _milliseconds(folder)


def _milliseconds(folder: Path) -> float:
    place = folder / f"probe-{next(_numbers)}"
    place.mkdir(parents=True)
    content = bytes(4096)
    started_s = time.monotonic()
    for number in range(_FILES):
        (place / str(number)).write_bytes(content)
    return (time.monotonic() - started_s) / _FILES * 1000


def need_room(folder: Path) -> None:
    """See that there is room for another run; nothing is deleted before the end.

    Raises:
        DiskFull: There is not.
    """
    free = shutil.disk_usage(folder).free
    if free < _FREE_BYTES_MIN:
        raise DiskFull(f"only {free >> 30} GiB are free; the whole benchmark writes some 45 GiB")
