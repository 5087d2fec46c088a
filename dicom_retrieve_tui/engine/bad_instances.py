"""What keeps single instances of a study from coming, so that they cost no other."""

from dataclasses import dataclass, field

_UNFIT_MAX = 2
"""So often an instance may come damaged in a run until it is not asked for any more."""


@dataclass(slots=True)
class BadInstances:
    """The account of one study, by SOP Instance UID. The study's lock guards it."""

    unfit: dict[str, list[str]] = field(default_factory=dict)
    """Why an instance was refused for what it is, each time that it came."""
    refusals: int = 0
    """How often any was."""
    broke_at: dict[str, int] = field(default_factory=dict)
    """How often a request broke off when this instance was due, most likely."""
    given_up: dict[str, str] = field(default_factory=dict)
    """Instances that are not asked for any more: requests for them break off, as is said."""

    def __bool__(self) -> bool:
        """True if there are any that are not to be asked for."""
        return bool(self.given_up or self.unfit)

    def note_unfit(self, sop_uid: str, reason: str) -> None:
        """Take in that an instance came, and was refused for what it is."""
        self.refusals += 1
        self.unfit.setdefault(sop_uid, []).append(reason)

    def note_break(self, sop_uid: str) -> None:
        """Take in that a request broke off when this instance was due."""
        self.broke_at[sop_uid] = self.broke_at.get(sop_uid, 0) + 1

    def breaks_at(self, sop_uid: str) -> int:
        """How often a request broke off when this instance was due."""
        return self.broke_at.get(sop_uid, 0)

    def is_hopeless(self, sop_uid: str) -> bool:
        """True if it is of no use to ask for this instance again."""
        return sop_uid in self.given_up or len(self.unfit.get(sop_uid, ())) >= _UNFIT_MAX
