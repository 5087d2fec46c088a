"""The accounts of output folders as scripted sessions leave them; nothing is written."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dicom_retrieve_tui.model.folder_account import StudyAccount
from dicom_retrieve_tui.model.verdict import GOOD
from tests.tui.scripted_session import Sessions


@dataclass
class ScriptedAccounts:
    """What a store would have recorded, and what a test puts there."""

    sessions: Sessions
    earlier: dict[Path, list[StudyAccount]] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)
    """Studies that are complete in every folder."""
    forgotten: list[tuple[Path, str, bool]] = field(default_factory=list)
    """Folder, study, and whether a session had the folder."""

    def failures(self, folder: Path) -> Iterator[StudyAccount]:
        yield from self.earlier.get(folder, ())

    def complete(self, folder: Path, uids: Collection[str]) -> set[str]:
        return set(uids) & self.whole

    def failed_list(self, folder: Path) -> Path | None:
        ended = {
            uid: end
            for session in self.sessions.opened
            if session.options.output == folder and session.ended
            for uid, end in session.verdicts.items()
        }
        bad = any(verdict not in GOOD for verdict in ended.values())
        return folder / "failed-studies.txt" if bad or self.earlier.get(folder) else None

    def write_failed_list(self, folder: Path) -> Path | None:
        return self.failed_list(folder)

    def forget(self, folder: Path, uids: Sequence[str], *, held: bool) -> None:
        self.forgotten += [(folder, uid, held) for uid in uids]
