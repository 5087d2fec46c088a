"""A match of a search, and the PACS that lists it. Pure."""

from dataclasses import dataclass

from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.search import Match


@dataclass(frozen=True, slots=True)
class FoundMatch:
    """A match of a search in one or several PACS; two of them may list the same study."""

    match: Match
    pacs: str
    """As `pacs_label` names it."""

    @property
    def key(self) -> str:
        """What tells it from every other match of the search."""
        return f"{self.match.uid} {self.pacs}"


def pacs_label(options: RetrieveOptions) -> str:
    """Return the name of the profile, or the address of a PACS without one."""
    return options.profile or str(options.peer)
