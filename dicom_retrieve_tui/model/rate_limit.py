"""A limit on what all associations of a run receive together, in bytes a second.

Each connection reads a small piece and then waits until that is paid for. The pieces of all
connections form one queue, so that each gets its share and the sum keeps to the rate.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from dicom_retrieve_tui.errors import ConfigError

NO_LIMIT = "none"
"""The text for no limit, which a flag needs to override a profile."""
LEAST_BYTES_S = 10_000
"""At less, a PACS would wait too long to get rid of one PDU."""

_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?) ?([kMG]?)B(?:/s)?")
_FACTORS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
_CREDIT_S = 0.2
"""Time in which nothing came that may be made up for: a PACS pauses between instances."""
_PIECE_S = 0.02
"""A piece takes about so long at the rate: the PACS's writes go on, and the rate is even."""
_PIECE_BYTES_LEAST = 512
_PIECE_BYTES_MOST = 1 << 18


@dataclass(frozen=True, slots=True)
class Rate:
    """A limit in bytes a second. `str()` is the text that it was parsed from."""

    bytes_s: int
    text: str

    def __str__(self) -> str:
        return self.text


def parse_rate(where: str, text: str) -> Rate | None:
    """Parse `20MB/s`, `500kB/s` or `none`, which is None.

    Raises:
        ConfigError: The text is something else, or the rate too low; the message names `where`.
    """
    if text.strip().lower() == NO_LIMIT:
        return None
    match = _RATE.fullmatch(text.strip())
    if match is None:
        problem = "expected bytes a second, such as 20MB/s or 500kB/s, or none"
        raise ConfigError.of_value(where, text, problem)
    bytes_s = int(float(match[1]) * _FACTORS[match[2]])
    if bytes_s < LEAST_BYTES_S:
        problem = f"expected at least {LEAST_BYTES_S // 1000}kB/s"
        raise ConfigError.of_value(where, text, problem)
    return Rate(bytes_s, text.strip())


class Pacer:
    """Sets the time at which each connection may receive its next piece. Thread-safe."""

    def __init__(
        self, rate: Rate | None, *, sharers: int = 1, monotonic_s: Callable[[], float] = monotonic
    ) -> None:
        """Begin with nothing received.

        Args:
            rate: The limit; None for none.
            sharers: About how many connections receive at once.
            monotonic_s: The clock.
        """
        import threading  # noqa: PLC0415 - the help needs the parser alone

        self._sharers = sharers
        self.monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._paid_until_s = monotonic_s()
        """When everything received so far is paid for."""
        self._bytes_s = 0
        self.piece_bytes = _PIECE_BYTES_MOST
        """The largest piece to receive at once."""
        self.limit(rate)

    @property
    def limits(self) -> bool:
        """True if there is a limit."""
        return self._bytes_s > 0

    def limit(self, rate: Rate | None) -> None:
        """Use another limit from the next piece on; None for none."""
        with self._lock:
            self._bytes_s = bytes_s = rate.bytes_s if rate else 0
            # What was received at the old rate is paid for by its own clock.
            self._paid_until_s = min(self._paid_until_s, self.monotonic_s())
            if bytes_s:
                piece_bytes = int(bytes_s * _PIECE_S / self._sharers)
                self.piece_bytes = min(max(piece_bytes, _PIECE_BYTES_LEAST), _PIECE_BYTES_MOST)
            else:
                self.piece_bytes = 1 << 30

    def pay(self, size_bytes: int) -> float:
        """Count received bytes; return when the caller may receive again, on the clock."""
        with self._lock:
            if not self._bytes_s:
                return 0.0
            earliest_s = self.monotonic_s() - _CREDIT_S
            self._paid_until_s = max(self._paid_until_s, earliest_s) + size_bytes / self._bytes_s
            return self._paid_until_s
