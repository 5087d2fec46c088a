"""Protocols of what the application uses: a session, the history and preferences."""

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from dicom_retrieve_tui.config.preferences_file import Preferences
from dicom_retrieve_tui.doctor.result import Finding
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import Event
from dicom_retrieve_tui.model.folder_account import StudyAccount
from dicom_retrieve_tui.model.forecast import Outlook, PlannedStudy
from dicom_retrieve_tui.model.history_records import (
    Job,
    JobStudy,
    MissedLine,
    PastJob,
    StudyEnd,
)
from dicom_retrieve_tui.model.hours import Hours
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.rate_limit import Rate
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.study_identity import Identified, StudyIdentity
from dicom_retrieve_tui.model.study_lookup import Missed


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

    def foresee(self, planned: Sequence[PlannedStudy]) -> object:
        """Take what is known of studies that are about to be added, for the forecast."""

    def add(self, selections: Sequence[Selection]) -> object:
        """Append studies to the queue."""

    def pause(self) -> object:
        """Start no further study or request, and end those that run."""

    def resume(self) -> object:
        """Undo `pause`."""

    def try_now(self) -> object:
        """Probe what holds the queue now, instead of at the end of the interval."""

    def give_up(self) -> object:
        """Wait no longer for what holds the queue: what is left is not tried."""

    def limit_hours(self, hours: Hours | None) -> object:
        """Make requests only within these hours; None: always."""

    def limit_rate(self, rate: Rate | None) -> object:
        """Receive no faster than this; None: no limit."""

    def begin_look_up(self) -> object:
        """Note that a look-up may have an association that the session lacks."""

    def end_look_up(self) -> object:
        """Note that it has none any more."""

    def lend(self) -> object:
        """Use one association fewer, once a study or a request has ended, until `take_back`."""

    def take_back(self) -> object:
        """End a loan."""

    @property
    def lent(self) -> bool:
        """True during a loan, once the association is free."""

    @property
    def busy_workers(self) -> int:
        """How many associations are in use, or soon will be."""

    def stop(self, study_instance_uid: str) -> object:
        """Cancel one study; one that is queued leaves the queue."""

    def promote(self, study_instance_uid: str) -> object:
        """Move a queued study to the front."""

    def remove(self, study_instance_uid: str) -> bool:
        """Take a queued study out; False if it was started, or is not there."""

    def finish(self) -> object:
        """End when the queue is empty."""

    def cancel(self) -> object:
        """Cancel everything; `events` ends soon after."""


class History(Protocol):
    """Jobs of all runs. Every method raises `DiskFailed` if the database cannot be used."""

    notice: str
    """A message about its opening; empty if all is well."""

    def close(self) -> object:
        """Close the database."""

    def record_job(
        self,
        *,
        begun: datetime,
        profile: str,
        output: Path,
        options: Mapping[str, object],
        selections: Iterable[Selection],
        instances: Mapping[str, int] | None = None,
    ) -> int:
        """Record a job and return its number."""

    def record_ends(self, job_id: int, ends: Iterable[StudyEnd]) -> object:
        """Record the verdicts on studies."""

    def reopen(self, output: Path, uids: Collection[str]) -> object:
        """Make studies of a folder unfinished that its journal does not know as ended."""

    def close_studies(self, job_id: int, uids: Iterable[str]) -> object:
        """Offer studies of a job no longer, which stay in it."""

    def record_missed(
        self, job_id: int, missed: Sequence[Missed], *, named: bool
    ) -> list[MissedLine]:
        """Record lines of a list without a study; what they name only if `named`."""

    def name_missed(self, lines: Iterable[MissedLine]) -> object:
        """Record what lines name that were recorded without it."""

    def close_missed(self, line_ids: Iterable[int]) -> object:
        """Show lines no longer as failed, which stay in their jobs."""

    def drop_missed(self, line_ids: Iterable[int]) -> object:
        """Delete lines that the user removed."""

    def missed_lines(self, job_id: int) -> list[MissedLine]:
        """Return the lines of a job without a study."""

    def open_lines(self) -> list[MissedLine]:
        """Return the lines of all jobs that can be looked up again."""

    def drop_studies(self, job_id: int, uids: Iterable[str]) -> object:
        """Delete studies of a job."""

    def unfinished(self) -> list[Job]:
        """Return unfinished jobs, the latest first."""

    def failed(self) -> list[Job]:
        """Return jobs with their failed studies that no later job has, the latest first."""

    def recent(self, most: int) -> list[tuple[Selection, ...]]:
        """Return the requests of the latest jobs, the latest first."""

    def past_jobs(self) -> list[PastJob]:
        """Return all jobs with any studies by their counts, the latest first."""

    def studies(self, job_id: int, most: int | None = None) -> tuple[JobStudy, ...]:
        """Return the studies of a job; with `most` only so many, complete ones last."""

    def forget(self, job_ids: Iterable[int]) -> object:
        """Delete jobs so that nothing of them is left in the files of the database."""

    def record_identities(self, job_id: int, identities: Mapping[str, StudyIdentity]) -> object:
        """Record whose the studies of a job are."""

    def identities(self, uids: Iterable[str]) -> dict[str, StudyIdentity]:
        """Return whose these studies are, as far as any job knows."""

    def forget_identities(self) -> object:
        """Delete whose the studies are, so that nothing of it is left in the files."""

    def prune(self, keep: int) -> object:
        """Delete all but the latest jobs."""


class FolderAccounts(Protocol):
    """The accounts of output folders, which last from run to run."""

    def failures(self, folder: Path) -> Iterator[StudyAccount]:
        """Yield the studies of a folder that are not complete.

        Raises:
            ConfigError: While iterating: the journal cannot be read.
        """

    def complete(self, folder: Path, uids: Collection[str]) -> set[str]:
        """Return which of these studies are complete in a folder.

        Raises:
            ConfigError: The journal cannot be read.
        """

    def failed_list(self, folder: Path) -> Path | None:
        """Return the list of these studies, as the last run left it."""

    def write_failed_list(self, folder: Path) -> Path | None:
        """Write the list now; return None if every study is complete.

        Raises:
            ConfigError: The journal cannot be read.
            OSError: The folder is not writable.
        """

    def forget(self, folder: Path, uids: Sequence[str], *, held: bool) -> object:
        """Remove studies from the account; those that it does not have are ignored.

        Args:
            folder: The output folder.
            uids: Study Instance UIDs.
            held: True if a run of this process has the folder.

        Raises:
            ConfigError: Another process has the folder, or the journal cannot be read.
            OSError: The folder is not writable.
        """


class SettingsStore(Protocol):
    """The file of preferences."""

    def load(self) -> tuple[Preferences, list[str]]:
        """Return the preferences, and a sentence for each mistake in the file."""

    def remember(self, preferences: Preferences, *names: str) -> object:
        """Write the named preferences. Raises `ConfigError` if that fails."""


Diagnose = Callable[
    [Selection | None, RetrieveOptions, CancelToken], Generator[Finding, None, None]
]
"""Run the doctor's checks; closing the generator stops them."""

TellAdministrator = Callable[[RetrieveOptions], Sequence[str]]
"""Return what the administrator of a PACS must register, a sentence each; may ask a name server."""


SpaceOutlook = Callable[[Iterable[PlannedStudy], RetrieveOptions], Outlook | None]
"""Forecast what studies take on the disk; None if nothing is written there. May take long."""


class DryRun(Protocol):
    """Lists what a retrieval would get, as `wiring.dry_run` does."""

    def __call__(
        self,
        selections: Sequence[Selection],
        options: RetrieveOptions,
        cancel: CancelToken,
        *,
        identified: Identified,
    ) -> Generator[Event, None, None]:
        """Yield the events of a run that retrieves nothing; the last but one is the forecast."""


class OpenSession(Protocol):
    """Makes a session, as `wiring.open_session` does."""

    def __call__(
        self,
        selections: Sequence[Selection],
        options: RetrieveOptions,
        cancel: CancelToken,
        *,
        identified: Identified,
    ) -> Session:
        """Make a session that reports the identity of each study to `identified`."""


"""Make a session. It takes the folder and the port, and sends something, once `events` is read.
Raises `ConfigError` if a secret is missing."""
