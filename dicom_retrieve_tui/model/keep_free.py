"""What of a disk we leave free, whatever comes: others' work stops on a full disk, too."""

import re
from dataclasses import dataclass

from dicom_retrieve_tui.errors import ConfigError

_SIZE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?) ?(%|[kMGT]?i?B?)")
_DECIMAL = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BINARY = {"ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spare:
    """What is left free: so many bytes, or a part of the disk; the lesser, where both are said."""

    size_bytes: int | None = None
    percent: float | None = None
    text: str = ""
    """As the user said it; empty where he said nothing."""

    def of(self, disk_bytes: int) -> int:
        """Bytes to leave free on a disk of that size."""
        sizes = [] if self.size_bytes is None else [self.size_bytes]
        if self.percent is not None:
            sizes.append(int(disk_bytes * self.percent / 100))
        return min(sizes, default=0)


DEFAULT_SPARE = Spare(size_bytes=1 << 30, percent=2.0)


def parse_spare(where: str, text: str) -> Spare:
    """Read `500M`, `2GiB`, `5%` or `0`.

    Args:
        where: Names the place in messages.

    Raises:
        ConfigError: It is none of these.
    """
    match = _SIZE.fullmatch(text)
    number, unit = (float(match[1]), match[2]) if match else (0.0, "no unit")
    if unit == "%" and number < 100:
        return Spare(percent=number, text=text)
    factor = (_DECIMAL | _BINARY).get(unit.removesuffix("B"))
    if factor is None:
        raise ConfigError(
            f"{where} {text!r}: expected a size such as 500M or 2G, or 5%; 0 for none."
        )
    return Spare(size_bytes=int(number * factor), text=text)
