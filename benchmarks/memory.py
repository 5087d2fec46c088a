"""Uses all of the memory once, before anything is measured.

The host of a virtual machine finds a page when it is used for the first time, at 14 us a page or
3 s for each GB where this was measured; pages that fall free go back to it. Whoever writes files
pays: with memory that was never used, the system time of any of the tools is mostly that.
"""

import re
import time
from pathlib import Path

from benchmarks.narration import say

_PIECE_BYTES = 1 << 20


def warm(folder: Path) -> str:
    """Have the cache of files fill what is free; returns what was done, in words.

    A file with nothing in it is read, which takes room on no disk. It stays, so that its pages are
    there for the files to come: they need not be written anywhere before they are given away.
    """
    free_bytes = _free_bytes()
    say(f"memory: using {free_bytes / 1e9:.0f} GB of it once")
    started_s = time.monotonic()
    with (folder / "memory").open("w+b", buffering=0) as file:
        file.truncate(free_bytes)
        piece = bytearray(_PIECE_BYTES)
        while file.readinto(piece):
            pass
    return f"{free_bytes / 1e9:.0f} GB used once, in {time.monotonic() - started_s:.0f} s"


def _free_bytes() -> int:
    found = re.search(r"^MemFree:\s*(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
