"""Enumerations that all layers share: query level, method, query model, cause of a hold."""

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
    """The method of retrieval."""

    C_MOVE = "c-move"
    C_GET = "c-get"
    AUTO = "auto"
    """C-GET, and C-MOVE where the PACS accepts no C-GET and a move destination is known."""


class QueryModel(StrEnum):
    """The information models that we propose for Q/R. Source: PS3.4 section C.6."""

    AUTO = "auto"
    """Both; of those that the PACS accepts, Study Root: it needs no Patient ID."""
    STUDY_ROOT = "study-root"
    PATIENT_ROOT = "patient-root"


class HoldCause(StrEnum):
    """The cause of a hold: nothing is taken from the queue of a run, and no request begins."""

    PEER = "peer"
    """The PACS does not answer."""
    ARCHIVE = "archive"
    """The PACS answers, and serves no study."""
    DISK = "disk"
    """The disk of the output folder has no room."""
    HOURS = "hours"
    """It is outside the hours of `--between`; requests that were being made are ended, too."""
    WORKERS = "workers"
    """The Dask cluster has no worker."""
