"""The output folder as the engine sees it: files, and the journal of what is proven."""

import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError, DiskFailed, reason_of
from dicom_retrieve_tui.model import tags
from dicom_retrieve_tui.model.dimse import StoreRequest
from dicom_retrieve_tui.model.inventory import Inventory, ListedInstance
from dicom_retrieve_tui.model.layout import parse_layout
from dicom_retrieve_tui.model.options import DEFAULT_KEEP_FREE, KeepFree
from dicom_retrieve_tui.model.store_records import Placed, Placement, Recalled, StudyRecord
from dicom_retrieve_tui.storage.disk_errors import journal_not_made
from dicom_retrieve_tui.storage.file_check import (
    FileCondition,
    check_file,
    checksum_of,
    irregularity_of,
    study_of,
)
from dicom_retrieve_tui.storage.folder import PRIVATE_FOLDER, OutputFolder
from dicom_retrieve_tui.storage.journal import Journal
from dicom_retrieve_tui.storage.journal_database import InstanceRecord
from dicom_retrieve_tui.storage.part_file import PartFile
from dicom_retrieve_tui.storage.permissions import PRIVATE, Permissions

JOURNAL = "journal.db"
_RESTARTED = (
    "The machine stopped during an earlier run, or may have: files of that run that it had not "
    "written to the disk are retrieved again and compared."
)


class InstanceStore:
    """Keeps instances and remembers them. Safe to use from several threads."""

    def __init__(
        self,
        root: Path,
        layout: str,
        permissions: Permissions = PRIVATE,
        spare: KeepFree = DEFAULT_KEEP_FREE,
        *,
        hurried: Callable[[], bool] = lambda: False,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Take the folder.

        Args:
            root: The output folder.
            layout: The template of the files' names.
            permissions: Of every file and folder made there.
            spare: What of the disk stays free.
            hurried: True once the user waits for the end: see `Journal`.
            note: Reports a sentence to the user.

        Raises:
            ConfigError: It is a file, in use, or cannot be written to; or its journal is damaged.
        """
        self._root = root
        self._layout = layout
        self._permissions = permissions
        self._hurried = hurried
        self._note = note
        self._planned: dict[str, None] = {}
        self._folder = OutputFolder(root, parse_layout(layout), permissions, spare)
        self._journal_path = root / PRIVATE_FOLDER / JOURNAL
        self._journal: Journal | None = None
        self._opening = threading.Lock()
        self.wanted_tags = self._folder.layout.wanted_tags | tags.IDENTITY
        """Elements that naming and recording an instance takes."""
        try:
            if self._folder.lock.restarted:
                note(_RESTARTED)
            if self._folder.lock.restarted or self._journal_path.exists():
                self._open_journal()
        except BaseException:
            self._folder.close()
            raise

    def close(self) -> None:
        """Write and sync what is left, and give the folder back.

        Raises:
            DiskFailed: Not everything could be recorded or synced.
        """
        try:
            if self._journal is not None:
                self._journal.close()
        finally:
            self._folder.close(finished=self._journal is None or not self._journal.failed)

    def begin(self, request: StoreRequest) -> PartFile:
        """Open a part for an instance.

        Raises:
            DiskFailed: It cannot be created.
        """
        return self._folder.begin(request)

    def place(self, part: PartFile, values: dict[int, bytes], irregular: str = "") -> Placed:
        """Give a part its final name, and record it.

        Args:
            part: Received and checked.
            values: What naming it takes, its UIDs among them.
            irregular: In what its data set departs from the standard.

        Raises:
            DiskFailed: The disk refuses.
        """
        journal = self._journal_in_order()
        study = tags.uid_text(values[tags.STUDY_INSTANCE_UID])
        sop = tags.uid_text(values[tags.SOP_INSTANCE_UID])

        def is_doubtful(path: str) -> bool:
            try:
                return self._is_doubtful(journal, study, sop, path)
            except ConfigError:  # what cannot be read proves nothing against the file
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
        """True of a file under its name that may not be what was received.

        Args:
            journal: Where it may be recorded.
            study: Study Instance UID of the instance that is to have its name.
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
        """Move the bytes of a damaged instance aside, the first time in a run.

        Returns where they are, relative to the output folder; empty if they are not kept.
        """
        return self._folder.keep_damaged(part)

    def recall(self, inventory: Inventory) -> Recalled:
        """Return what earlier runs recorded of a listed study, its files looked at again.

        A file that was synced needs its size only. One that was not is read and compared with its
        checksum: after a power cut it may be anything, and what is damaged is moved aside to be
        retrieved again. A file that the journal does not know, because a kill came between, is
        read to its end; after a power cut it proves nothing, and is retrieved again.

        Raises:
            DiskFailed: The disk does not let us look.
        """
        study_uid = inventory.study_instance_uid
        try:
            present, gone = self._recorded(study_uid)
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
        except OSError as error:
            reason = reason_of(error)
            raise DiskFailed(
                f"Cannot look at what is in {self._root}: {reason}.", path=str(self._root)
            ) from error

    def kept_count(self, study_instance_uid: str) -> int:
        """Return how many recorded instances of a study are under their names.

        For the account of a study that was not asked for: no file is read or moved, so that a run
        ends at once.
        """
        records = self._journal.records(study_instance_uid) if self._journal else ()
        try:
            whole = [check_file(self._root, each, deep=False) for each in records]
        except OSError:
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
        """Look at the file of a record; what is damaged is moved aside."""
        condition = check_file(self._root, record, deep=not record.synced)
        if condition in {FileCondition.DAMAGED, FileCondition.CHANGED}:
            self._folder.set_damaged_aside(record.path)
        if condition is not FileCondition.WHOLE:
            return False
        if record.synced:
            return True
        if not record.digest:  # its structure does not tell zeros from pixels
            return False
        self._journal_in_order().record(record)  # to have it synced
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
            found = os.stat(f"{self._root}/{path}")  # noqa: PTH116 - asked for each instance listed
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
            self._journal_in_order().record(replace(record, digest=digest, irregular=irregular))
            yield sop, irregular

    def plan(self, uids: Iterable[str]) -> None:
        """Record that these studies are to be retrieved, too."""
        with self._opening:
            if self._journal is None:
                self._planned.update(dict.fromkeys(uids))
            else:
                self._journal.plan(uids)

    def unplan(self, uid: str) -> None:
        """Record nothing of a study that is not to be retrieved after all."""
        with self._opening:
            if self._journal is None:
                self._planned.pop(uid, None)
            else:
                self._journal.unplan(uid)

    def finish(self, study: StudyRecord) -> None:
        """Record how a study ended; it counts once all of its files are synced."""
        if self._journal is not None:
            self._journal.finish(study)

    def _journal_in_order(self) -> Journal:
        """The journal, if it still takes records: no file is named that cannot be recorded.

        Raises:
            DiskFailed: It cannot be made, or written any more.
        """
        try:
            journal = self._journal or self._open_journal()
        except ConfigError as error:
            raise journal_not_made(error, self._journal_path) from error
        journal.raise_failure()
        return journal

    def _open_journal(self) -> Journal:
        """The journal, made with the first instance: a run that keeps nothing leaves nothing."""
        with self._opening:
            if self._journal is None:
                self._folder.lock.sync()
                self._journal = Journal(
                    self._journal_path,
                    self._root,
                    self._layout,
                    tuple(self._planned),
                    self._permissions,
                    boot=self._folder.lock.boot,
                    killed_in=self._folder.lock.killed_in,
                    hurried=self._hurried,
                    note=self._note,
                )
            return self._journal
