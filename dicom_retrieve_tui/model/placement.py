"""What became of a received instance on disk."""

from dataclasses import dataclass
from enum import Enum


class Placement(Enum):
    """How a part met the name it was to have."""

    NEW = "new"
    SAME = "same"
    """The file was there already, with the same data set."""
    SET_ASIDE = "set aside"
    """The file was there already, with another data set; the new one is kept beside."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a part ended up."""

    placement: Placement
    path: str
    """Relative to the output folder."""
    size_bytes: int = 0
    """Size of the file that stands there now; of what was set aside, nobody asks."""
