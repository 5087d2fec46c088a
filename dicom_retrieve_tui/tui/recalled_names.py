"""Whose studies are that this run of the application may not have seen, as those of a folder."""

from dicom_retrieve_tui.model.study_identity import StudyIdentity
from dicom_retrieve_tui.tui.history import JobHistory
from dicom_retrieve_tui.tui.progress_store import ProgressStore


class RecalledNames:
    """Looks up each unknown study once in the history."""

    def __init__(self, store: ProgressStore, job_history: JobHistory) -> None:
        """Keep the sources.

        Args:
            store: Knows the studies of this run.
            job_history: Knows those of earlier runs, while patients are shown.
        """
        self._store, self._job_history = store, job_history
        self._sought: set[str] = set()

    def identity_of(self, uid: str) -> StudyIdentity:
        """Return whose a study is; what the history knows, the store knows from then on."""
        if uid not in self._sought and not self._store.identity_of(uid):
            self._sought.add(uid)
            self._store.know(self._job_history.identities([uid]))
        return self._store.identity_of(uid)
