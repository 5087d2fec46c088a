"""One of several processes that write into an output folder at once. Pure."""

import re
from dataclasses import dataclass

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
_SHARD = re.compile(r"shard-([0-9]+)-of-([0-9]+)")


@dataclass(frozen=True, slots=True)
class Writer:
    """One of several that write into an output folder at once.

    Writers of one group work together; every other writer, and a plain run, is refused meanwhile.
    """

    name: str
    """Lower-case letters, digits and hyphens: it names a folder on every system."""
    claims: bool = False
    """Claim each study before it is retrieved, because others of the group may have it, too."""

    def __post_init__(self) -> None:
        """Refuse a name that some system does not allow for a folder.

        Raises:
            ValueError: The name has other characters, or is too long.
        """
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} cannot be the name of a writer")

    @classmethod
    def of_shard(cls, number: int, count: int) -> "Writer":
        """Return the writer of a shard; its studies are those of no other shard of the group."""
        return cls(f"shard-{number}-of-{count}")

    @property
    def group(self) -> str:
        """What the writers that work together have in common."""
        if shard := _SHARD.fullmatch(self.name):
            return f"shards of {shard[2]}"
        return self.name.partition("-")[0]

    @property
    def shard(self) -> tuple[int, int] | None:
        """The number of the shard, from 1, and the number of shards; None for another writer."""
        found = _SHARD.fullmatch(self.name)
        return (int(found[1]), int(found[2])) if found else None

    @property
    def kind(self) -> str:
        """What it is, for messages."""
        return f"one of {self.shard[1]} shards" if self.shard else f"a {self.group}"

    def __str__(self) -> str:
        """Return the name for messages."""
        return "shard {} of {}".format(*self.shard) if self.shard else self.name


def is_writer_name(name: str) -> bool:
    """Return True if a name can be that of a writer."""
    return _NAME.fullmatch(name) is not None
