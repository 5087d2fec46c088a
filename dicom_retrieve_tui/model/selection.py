"""What to retrieve, and how: pure values that every layer shares."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """Query/Retrieve Level (0008,0052). Source: PS3.4 section C.6."""

    STUDY = "STUDY"
    SERIES = "SERIES"
    IMAGE = "IMAGE"

    @property
    def noun(self) -> str:
        """One of what is listed at this level, in words."""
        return "instance" if self is Level.IMAGE else self.lower()


class Method(StrEnum):
    """How the instances come to us."""

    C_MOVE = "c-move"
    C_GET = "c-get"
    AUTO = "auto"
    """C-GET, and C-MOVE where the PACS accepts no C-GET and a move destination is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """One study, or one series or one instance of it."""

    study_instance_uid: str
    """Study Instance UID (0020,000D)."""
    series_instance_uid: str | None = None
    """Series Instance UID (0020,000E); None means every series of the study."""
    sop_instance_uid: str | None = None
    """SOP Instance UID (0008,0018); None means every instance of the series."""

    @property
    def level(self) -> Level:
        """The level at which this is asked for."""
        if self.sop_instance_uid is not None:
            return Level.IMAGE
        return Level.STUDY if self.series_instance_uid is None else Level.SERIES


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole retrieval, decided before anything is sent."""

    selections: tuple[Selection, ...]
    """At most one for each study; retrieved by whichever worker is free, in this order."""
    method: Method
    move_destination: str | None = None
    """AE title (0000,0600) that C-MOVE sends to; needed unless the method is C-GET."""
    listening: bool = False
    """Our own Storage SCP is the move destination, so that the files land in our output folder."""
    parallel: int = 1
    """Associations with the PACS at once, at most."""
    retries: int = 0
    """Further attempts at a study whose failure may heal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveRequest:
    """One C-GET or C-MOVE request: a level, and the unique keys down to it.

    `sop_instance_uids` may name several instances of one series (list of UID matching, PS3.4
    section C.2.2.2.2), the other keys name one entity each. No key is ever empty: an empty unique
    key would match everything.
    """

    level: Level
    study_instance_uid: str
    series_instance_uid: str | None = None
    sop_instance_uids: tuple[str, ...] = ()

    @classmethod
    def of(cls, selection: Selection) -> "RetrieveRequest":
        """The request that asks for all of `selection`."""
        uid = selection.sop_instance_uid
        return cls(
            level=selection.level,
            study_instance_uid=selection.study_instance_uid,
            series_instance_uid=selection.series_instance_uid,
            sop_instance_uids=(uid,) if uid else (),
        )
