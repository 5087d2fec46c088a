"""The preferences of the user; none of them changes what is retrieved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """The preferences that are kept from one start to the next."""

    theme: str = ""
    """A theme's name; empty for ours."""
    hide_patients: bool = False
    """Patients' names and IDs are masked wherever they would be shown."""
    profile: str = ""
    """The profile to start with; empty for the first."""
    queue_hidden_columns: Sequence[str] = ()
    """Columns of the queue that the user leaves out."""
    find_hidden_columns: Sequence[str] = ()
    """Columns of Find that the user leaves out."""
    list_folder: str = ""
    """The folder of the list that was loaded last; empty if none was."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """The keys, separated by commas, of a binding by its id."""
