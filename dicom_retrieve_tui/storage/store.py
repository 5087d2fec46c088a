"""The store of instances that the engine uses: the output folder and its journal."""

import os
import stat
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError, DiskFailed, reason_of
from dicom_retrieve_tui.model import tags
from dicom_retrieve_tui.model.dimse import StoreRequest
from dicom_retrieve_tui.model.folder_account import WAITING
from dicom_retrieve_tui.model.inventory import Inventory, ListedInstance
from dicom_retrieve_tui.model.layout import parse_layout
from dicom_retrieve_tui.model.option_values import DEFAULT_KEEP_FREE, KeepFree
from dicom_retrieve_tui.model.store_records import Placed, Placement, Recalled, StudyRecord
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.model.writer import Writer
from dicom_retrieve_tui.platform_files import below, extended, shown
from dicom_retrieve_tui.storage.disk_errors import journal_failed, journal_not_made
from dicom_retrieve_tui.storage.file_check import (
    FileCondition,
    check_file,
    checksum_of,
    irregularity_of,
    study_of,
)
from dicom_retrieve_tui.storage.folder import OutputFolder
from dicom_retrieve_tui.storage.folder_account import FAILED_LIST, write_failed_list
from dicom_retrieve_tui.storage.journal import Journal
from dicom_retrieve_tui.storage.journal_database import InstanceRecord, explained
from dicom_retrieve_tui.storage.lock import UNKNOWN_BOOT
from dicom_retrieve_tui.storage.other_journals import OtherJournals
from dicom_retrieve_tui.storage.part_file import PartFile
from dicom_retrieve_tui.storage.permissions import PRIVATE, Permissions
from dicom_retrieve_tui.storage.study_claims import StudyClaims
from dicom_retrieve_tui.storage.transient import Retrying
from dicom_retrieve_tui.storage.writers import JOURNAL, writer_folder

_DEFERRED_MAX = 10_000
"""More studies that failed before the journal began are recorded as unfinished."""
_RESTARTED = (
    "The machine stopped during an earlier run, or may have: files of that run that were not yet "
    "written to the disk are retrieved again and compared."
)


class InstanceStore:
    """Stores instances and records them. Thread-safe."""

    def __init__(
        self,
        root: Path,
        layout: str,
        permissions: Permissions = PRIVATE,
        spare: KeepFree = DEFAULT_KEEP_FREE,
        *,
        peer: str = "",
        writer: Writer | None = None,
        hurried: Callable[[], bool] = lambda: False,
        note: Callable[[str], None] = lambda _: None,
        detail: Callable[[str], None] = lambda _: None,
        recorded: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Create and lock the output folder.

        Args:
            root: The output folder.
            layout: The template of the files' names.
            permissions: Of every file and folder created there.
            spare: Disk space to leave free.
            peer: The PACS that this run retrieves from, for the record of failures.
            writer: Who writes into the folder beside others; None for a plain run, which has it
                alone.
            hurried: True once the user waits for the end: see `Journal`.
            note: Reports a sentence to the user.
            detail: Reports a sentence to users who ask for details.
            recorded: Called with the UID of a study once its end is in the journal, or need not be.

        Raises:
            ConfigError: The folder is a file, in use, or not writable; or its journal cannot be
                read.
        """
        self._root = root = extended(root)
        self._layout = layout
        self._permissions = permissions
        self._peer = peer
        self._writer = writer
        self._hurried = hurried
        self._note = note
        self._recorded_study = recorded
        self._planned: dict[str, None] = {}
        self._given_up: list[tuple[Sequence[str], str]] = []
        self._deferred: deque[StudyRecord] = deque(maxlen=_DEFERRED_MAX)
        """Failed studies that are recorded if there will be a journal."""
        self._unrecorded = False
        """True once a failure could not be recorded, because there is no journal."""
        self._folder = OutputFolder(
            root, parse_layout(layout), permissions, spare, Retrying(hurried), writer=writer
        )
        self._journal_path = writer_folder(root, writer) / JOURNAL
        self._journal: Journal | None = None
        self._claims = StudyClaims(root, permissions) if writer and writer.claims else None
        self._others: OtherJournals | None = None
        """The journals of other writers; None if there is none."""
        self._taken_up: set[str] = set()
        """Studies of which the journal has what other writers recorded."""
        self._taking_up = threading.Lock()
        self._opening = threading.Lock()
        self.wanted_tags = self._folder.layout.wanted_tags | tags.IDENTITY
        """Elements that are needed to name and record an instance."""
        try:
            self._report_folder(detail)
            with explained(self._journal_path):
                has_journal = Retrying(hurried)(self._journal_path.exists)
                others = OtherJournals(root, writer)
                if others.any or writer is not None:
                    self._others = others
                self._killed_in = self._boots_of_kills(others)
            boot = self._folder.lock.boot
            restarted = any(each != boot or each == UNKNOWN_BOOT for each in self._killed_in)
            if restarted or has_journal:
                self._open_journal()
        except BaseException:
            self._close_others()
            self._folder.close(finished=not self._folder.lock.killed_in)
            raise

    def _report_folder(self, detail: Callable[[str], None]) -> None:
        """Report what the folder lacks, and what a restart of the machine may have cost."""
        if summary := self._folder.features.summary(self._root):
            self._note(summary)
        for line in self._folder.features.details():
            detail(line)
        if self._folder.lock.restarted:
            self._note(_RESTARTED)

    def _boots_of_kills(self, others: OtherJournals) -> frozenset[str]:
        """Return the boots of machines in which runs into this folder were killed."""
        own = self._folder.lock.killed_in
        return others.killed_boots() | ({own} if own else set())

    def _close_others(self) -> None:
        if self._others is not None:
            self._others.close()
        if self._claims is not None:
            self._claims.close()

    def close(self) -> None:
        """Write and sync what is left, and release the folder.

        Raises:
            DiskFailed: Not everything could be recorded or synced.
        """
        try:
            if self._journal is not None:
                self._journal.close()
            if self._journal is not None or self._writer is not None:
                self._write_failed_list()
        finally:
            self._close_others()
            self._folder.close(finished=self._journal is None or not self._journal.failed)

    def _write_failed_list(self) -> None:
        """Write what is not complete in the folder, of this run and of earlier ones."""
        try:
            write_failed_list(self._root, self._permissions)
        except (ConfigError, OSError) as error:
            reason = f"{reason_of(error)}." if isinstance(error, OSError) else str(error)
            self._note(f"Could not write {FAILED_LIST}: {reason}")

    def begin(self, request: StoreRequest) -> PartFile:
        """Open a part file for an instance.

        Raises:
            DiskFailed: The file cannot be created.
        """
        return self._folder.begin(request)

    def has_room(self) -> bool:
        """Return True if instances can be kept again, after the disk had no room."""
        if not self._folder.has_room():
            return False
        return self._journal is None or self._journal.recovers()

    def place(self, part: PartFile, values: dict[int, bytes], irregular: str = "") -> Placed:
        """Give a part file its final name, and record it.

        Args:
            part: Received and checked.
            values: The elements that are needed to name it, its UIDs among them.
            irregular: How its data set departs from the standard.

        Raises:
            DiskFailed: The disk refuses.
        """
        journal = self._working_journal()
        study = tags.uid_text(values[tags.STUDY_INSTANCE_UID])
        sop = tags.uid_text(values[tags.SOP_INSTANCE_UID])
        try:
            self._take_up(study)
        except ConfigError as error:
            raise journal_failed(error, self._journal_path) from error

        def is_doubtful(path: str) -> bool:
            try:
                return self._is_doubtful(journal, study, sop, path)
            except ConfigError:  # a journal that cannot be read proves nothing against the file
                return False

        placed = self._folder.place(part, values, is_doubtful)
        if placed.placement is not Placement.SET_ASIDE:
            series = tags.uid_text(values.get(tags.SERIES_INSTANCE_UID, b""))
            journal.record(
                InstanceRecord(
                    study,
                    sop,
                    placed.path,
                    placed.size_bytes,
                    series_instance_uid=series,
                    digest=placed.checksum,
                    irregular=irregular,
                )
            )
        return placed

    def _is_doubtful(self, journal: Journal, study: str, sop: str, path: str) -> bool:
        """Return True if the file at `path` may not be what was received.

        Args:
            journal: May have a record of it.
            study: Study Instance UID of the instance that is to get its name.
            sop: SOP Instance UID of that instance.
            path: The file, relative to the output folder.
        """
        if (record := journal.record_of(study, sop, path)) is None:
            owner = study_of(self._root / path)
            record = journal.record_of(owner, sop, path) if owner and owner != study else None
        if record is None:
            return journal.doubtful
        if record.synced:
            return False
        return (
            not record.digest
            or check_file(self._root, record, deep=True) is not FileCondition.WHOLE
        )

    def keep_damaged(self, part: PartFile) -> str:
        """Keep the bytes of a damaged instance, once for each instance in a run.

        Return their path, relative to the output folder; empty if they are not kept.
        """
        return self._folder.keep_damaged(part)

    def recall(self, inventory: Inventory) -> Recalled:
        """Check the files that earlier runs recorded of a listed study; return what is there.

        Of a synced file, only the size is checked. Others are compared with their checksums,
        because a power cut may have damaged them; a damaged file is moved away, to be retrieved
        again. A file without a record, because a kill came before it, is read to its end; after a
        power cut it proves nothing, and is retrieved again.

        Raises:
            DiskFailed: The files cannot be read.
        """
        study_uid = inventory.study_instance_uid
        try:
            self._take_up(study_uid)
            present, gone = self._recorded(study_uid)
            if self._has_folder(study_uid):
                known = present.keys() | gone.keys()
                for instance in inventory.instances:
                    if instance.sop_instance_uid not in known:
                        present.update(self._adopted(study_uid, instance))
            journal = self._journal
            return Recalled(
                present=frozenset(present),
                irregular={uid: phrase for uid, phrase in present.items() if phrase},
                gone=gone,
                missing=journal.missing(study_uid) if journal else frozenset(),
                complete=journal is not None and journal.is_complete(study_uid),
            )
        except ConfigError as error:
            raise journal_failed(error, self._journal_path) from error
        except OSError as error:
            reason = reason_of(error)
            raise DiskFailed(
                f"Cannot read the files in {shown(self._root)}: {reason}.", path=str(self._root)
            ) from error

    def claim(self, study_instance_uid: str) -> str:
        """Keep other writers from a study until its end is recorded, if this writer claims studies.

        A claim that the disk refuses is not made: what two writers retrieve is the same file.

        Returns:
            The process that has the study, for messages; empty if there is none.
        """
        if self._claims is None:
            return ""
        try:
            return self._claims.take(study_instance_uid)
        except OSError:
            return ""

    def _recorded_end(self, study_instance_uid: str) -> None:
        """Let others have a study whose end the journal has: called by its writer."""
        if self._claims is not None:
            self._claims.release(study_instance_uid)
        self._recorded_study(study_instance_uid)

    def _take_up(self, study_instance_uid: str) -> None:
        """Bring what other writers recorded of a study into the journal, once in a retrieval of it.

        Raises:
            ConfigError: A journal cannot be read.
        """
        if self._others is None or study_instance_uid in self._taken_up:
            return
        with self._taking_up:
            newest = self._others.newest(study_instance_uid)
            if newest is None and self._journal is None:
                return  # there is nothing yet to bring it into
            (self._journal or self._open_journal()).take_up(study_instance_uid, newest)
            self._taken_up.add(study_instance_uid)

    def kept_count(self, study_instance_uid: str) -> int:
        """Return how many recorded instances of a study are under their names.

        For the account of a study that was not asked for: no file is read or moved, so that the
        run ends at once.
        """
        try:
            self._take_up(study_instance_uid)
            records = self._journal.records(study_instance_uid) if self._journal else ()
            whole = [check_file(self._root, each, deep=False) for each in records]
        except (ConfigError, OSError):
            return 0
        return whole.count(FileCondition.WHOLE)

    def _recorded(self, study_instance_uid: str) -> tuple[dict[str, str], dict[str, str]]:
        """Return the recorded instances, by their UIDs.

        Those that are here come with what is irregular in them, the others with their series.
        """
        present: dict[str, str] = {}
        gone: dict[str, str] = {}
        for record in self._journal.records(study_instance_uid) if self._journal else ():
            if self._is_proven(record):
                present[record.sop_instance_uid] = record.irregular
            else:
                gone[record.sop_instance_uid] = record.series_instance_uid
        return present, gone

    def _is_proven(self, record: InstanceRecord) -> bool:
        """Check the file of a record; move it away if it is damaged."""
        condition = check_file(self._root, record, deep=not record.synced)
        if condition in {FileCondition.DAMAGED, FileCondition.CHANGED}:
            self._folder.set_damaged_aside(record.path)
        if condition is not FileCondition.WHOLE:
            return False
        if record.synced:
            return True
        if not record.digest:  # in its structure, zeros look like pixels
            return False
        self._working_journal().record(record)  # so that it is synced
        return True

    def _has_folder(self, study_instance_uid: str) -> bool:
        """Return False if a study has no folder yet: a share is asked that only once.

        True if the layout gives it no folder of its own.
        """
        folder = self._folder.layout.study_folder(study_instance_uid)
        try:
            os.stat(below(self._root, folder))  # noqa: PTH116 - as below
        except FileNotFoundError:
            return False
        return True

    def _adopted(
        self, study_instance_uid: str, instance: ListedInstance
    ) -> Iterator[tuple[str, str]]:
        """An instance that stands under its name unrecorded, if it is whole.

        With it, what is irregular in it.
        """
        sop = instance.sop_instance_uid
        path = self._folder.name_of(study_instance_uid, instance.series_instance_uid, sop)
        if path is None or (self._journal is not None and self._journal.doubtful):
            return
        try:
            found = os.stat(below(self._root, path))  # noqa: PTH116 - asked for each instance listed
        except FileNotFoundError:
            return
        if not stat.S_ISREG(found.st_mode):
            return
        size_bytes = found.st_size
        series = instance.series_instance_uid
        record = InstanceRecord(
            study_instance_uid, sop, path, size_bytes, series_instance_uid=series
        )
        if check_file(self._root, record, deep=True) is FileCondition.WHOLE:
            digest = checksum_of(self._root / path)
            irregular = irregularity_of(self._root / path)
            self._working_journal().record(replace(record, digest=digest, irregular=irregular))
            yield sop, irregular

    def recorded_paths(self, study_instance_uid: str) -> list[str]:
        """Return the paths that are on record of a study under the layout in use.

        They are relative to the output folder. What was recorded a moment ago may be left out.

        Raises:
            ConfigError: The journal cannot be read.
        """
        if self._journal is None:
            return []
        return [record.path for record in self._journal.records(study_instance_uid)]

    def plan(self, uids: Iterable[str]) -> None:
        """Record further studies as planned."""
        with self._opening:
            if self._journal is None:
                for uid in uids:
                    self._planned[uid] = None
            else:
                self._journal.plan(uids)

    def unplan(self, uid: str) -> None:
        """Withdraw a planned study."""
        with self._opening:
            if self._journal is None:
                self._planned.pop(uid, None)
            else:
                self._journal.unplan(uid)

    def give_up(self, uids: Sequence[str], reason: str) -> None:
        """Record planned studies as not tried."""
        with self._opening:
            if self._journal is None:
                self._given_up.append((uids, reason))
            else:
                self._journal.give_up(uids, reason)

    def finish(self, study: StudyRecord) -> None:
        """Record how a study ended, after all of its files are synced.

        Without a journal, a study that failed begins one. If the PACS did not answer, or delivered
        the study elsewhere, or the user stopped, there is nothing to record in this folder yet.
        """
        uid = study.study_instance_uid
        if self._journal is None and self._defers(study):
            self._recorded_end(uid)
            return
        try:
            journal = self._journal or self._open_journal()
            self._take_up(uid)
            journal.finish(study)
            self._taken_up.discard(uid)
        except ConfigError as error:
            self._recorded_end(uid)
            if not self._unrecorded:
                self._unrecorded = True
                self._note(f"Failed studies are not recorded: {error}")

    def _defers(self, study: StudyRecord) -> bool:
        """Return True if a study is recorded only once another one begins the journal."""
        with self._opening:
            if self._journal is not None:
                return False
            if study.verdict == Verdict.DELIVERED:
                self._planned.pop(study.study_instance_uid, None)
            elif study.verdict not in WAITING:
                if study.answered:
                    return False
                self._deferred.append(study)
            return True

    def _working_journal(self) -> Journal:
        """Return the journal if it can be written: a file is named only if it can be recorded.

        Raises:
            DiskFailed: The journal cannot be created, or can no longer be written.
        """
        try:
            journal = self._journal or self._open_journal()
        except ConfigError as error:
            raise journal_not_made(error, self._journal_path) from error
        journal.raise_failure()
        return journal

    def _open_journal(self) -> Journal:
        """Return the journal; create it with the first instance."""
        with self._opening:
            if self._journal is None:
                self._folder.lock.sync()
                self._journal = Journal(
                    self._journal_path,
                    self._root,
                    self._layout,
                    tuple(self._planned),
                    self._permissions,
                    peer=self._peer,
                    boot=self._folder.lock.boot,
                    killed_in=self._killed_in,
                    named=self._writer is not None,
                    hurried=self._hurried,
                    note=self._note,
                    features=self._folder.features,
                    recorded=self._recorded_end,
                )
                for study in self._deferred:
                    self._finish_deferred(self._journal, study)
                self._deferred.clear()
                for uids, reason in self._given_up:
                    self._journal.give_up(uids, reason)
                self._given_up.clear()
                self._planned = {}  # it is the journal's now
            return self._journal

    def _finish_deferred(self, journal: Journal, study: StudyRecord) -> None:
        uid = study.study_instance_uid
        if self._others is not None:
            journal.take_up(uid, self._others.newest(uid))
        journal.finish(study)
