"""What the application needs from below: a session to steer, a history, and settings.

`wiring` satisfies it by shape, and so does the script of a test.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from dicom_retrieve_tui.doctor.result import Finding
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import Event
from dicom_retrieve_tui.model.history_records import Job, StudyEnd
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.preferences import Preferences
from dicom_retrieve_tui.model.selection import Selection


class Session(Protocol):
    """A run that takes further studies until `finish`.

    Every method but `events` returns at once and may be called from any thread.
    """

    def events(self) -> Iterator[Event]:
        """Retrieve, from `RetrieveStarted` to `RetrieveFinished`; called once.

        Raises:
            ConfigError: Before the first event: the folder or the port cannot be used.
            Cancelled: Before the first event.
        """

    @property
    def has_studies(self) -> bool:
        """True while a study is queued or being retrieved."""

    def add(self, selections: Sequence[Selection]) -> object:
        """Put studies to the end of the queue."""

    def pause(self) -> object:
        """Begin no further study or request."""

    def resume(self) -> object:
        """Go on."""

    def stop(self, study_instance_uid: str) -> object:
        """Cancel one study and no other; one that nobody has taken up leaves the queue."""

    def promote(self, study_instance_uid: str) -> object:
        """Let a study that waits be the next."""

    def remove(self, study_instance_uid: str) -> bool:
        """Take a queued study out; False if it was started, or is not there."""

    def finish(self) -> object:
        """No more studies come: end when the queue is empty."""

    def cancel(self) -> object:
        """Stop everything; `events` ends soon after."""


class History(Protocol):
    """What was asked for, over all runs. Every method raises `DiskFailed` if it cannot be kept."""

    notice: str
    """What the user should know of its opening; empty if all is well."""

    def close(self) -> object:
        """Let go of it."""

    def record_job(
        self,
        *,
        begun: datetime,
        profile: str,
        output: Path,
        options: Mapping[str, object],
        selections: Iterable[Selection],
    ) -> int:
        """Remember what is asked for; returns the number that stands for it."""

    def record_ends(self, job_id: int, ends: Iterable[StudyEnd]) -> object:
        """Remember how studies ended."""

    def drop_studies(self, job_id: int, uids: Iterable[str]) -> object:
        """Forget studies."""

    def unfinished(self) -> list[Job]:
        """Jobs of which something is left, the latest first."""

    def recent(self, most: int) -> list[tuple[Selection, ...]]:
        """What the latest jobs asked for, the latest first."""

    def prune(self, keep: int) -> object:
        """Forget all but the latest jobs."""


class SettingsStore(Protocol):
    """Where preferences are remembered."""

    def load(self) -> tuple[Preferences, list[str]]:
        """What holds, and a sentence for each mistake in what is written there."""

    def remember(self, preferences: Preferences, *names: str) -> object:
        """Write these of the preferences. Raises `ConfigError` if that cannot be."""


Diagnose = Callable[
    [Selection | None, RetrieveOptions, CancelToken], Generator[Finding, None, None]
]
"""Looks step by step if a retrieval would work; closing it stops it."""

TellAdministrator = Callable[[RetrieveOptions], Sequence[str]]
"""What the administrator of the PACS needs to know of us, a sentence each. May ask for names."""


OpenSession = Callable[[Sequence[Selection], RetrieveOptions, CancelToken], Session]
"""Make a session. It takes the folder and the port, and sends something, once `events` is read.
Raises `ConfigError` if a secret is missing."""
