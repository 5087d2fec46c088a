"""An output folder as a retrieval leaves it: real files, and a real journal of them."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from dicom_retrieve_tui.model.dimse import StoreRequest
from dicom_retrieve_tui.model.store_records import StudyRecord
from dicom_retrieve_tui.storage.file_meta import file_header
from dicom_retrieve_tui.storage.journal import Journal
from dicom_retrieve_tui.storage.journal_database import InstanceRecord
from dicom_retrieve_tui.storage.writers import JOURNAL, PRIVATE_FOLDER
from tests.unit.encoded import EXPLICIT, explicit

CT = "1.2.840.10008.5.1.4.1.1.2"
STUDY = "1.2.840.99.1"
OTHER = "1.2.840.99.2"
FLAT = "{SOPInstanceUID}.dcm"
DEEP = {"layout": "deep/{SOPInstanceUID}.dcm", "below": "deep/"}
"""How `keep` puts a study under another layout into the same folder."""


def file_of(sop_instance_uid: str, study_instance_uid: str = STUDY) -> bytes:
    """A whole file of one small instance."""
    request = StoreRequest(
        sop_class_uid=CT, sop_instance_uid=sop_instance_uid, transfer_syntax_uid=EXPLICIT
    )
    return file_header(request) + data_set_of(sop_instance_uid, study_instance_uid)


def data_set_of(
    sop_instance_uid: str, study_instance_uid: str = STUDY, series_instance_uid: str = ""
) -> bytes:
    """The data set of one small instance."""
    return (
        _uid(0x00080018, sop_instance_uid)
        + _uid(0x0020000D, study_instance_uid)
        + (_uid(0x0020000E, series_instance_uid) if series_instance_uid else b"")
        + explicit(0x7FE00010, "OW", bytes(1000))
    )


def _uid(tag: int, uid: str) -> bytes:
    return explicit(tag, "UI", uid.encode() + b"\0" * (len(uid) % 2))


def path_of(number: int, study_uid: str = STUDY) -> str:
    """Where `keep` puts an instance."""
    return f"{study_uid}.1.{number}.dcm"


def journal_of(root: Path) -> Path:
    return root / PRIVATE_FOLDER / JOURNAL


def keep(
    root: Path,
    instances: int = 3,
    *,
    uid: str = STUDY,
    verdict: str | None = "complete",
    missing: Iterable[str] = (),
    layout: str = FLAT,
    below: str = "",
) -> None:
    """Leave a study in `root`, its instances numbered from 1; verdict None: it never ended."""
    journal = journal_of(root)
    journal.parent.mkdir(parents=True, exist_ok=True)
    (root / below).mkdir(parents=True, exist_ok=True)
    with closing(Journal(journal, root, layout)) as kept:
        for number in range(1, instances + 1):
            sop = f"{uid}.1.{number}"
            path = f"{below}{path_of(number, uid)}"
            raw = file_of(sop, uid)
            (root / path).write_bytes(raw)
            kept.record(InstanceRecord(uid, sop, path, len(raw)))
        if verdict is not None:
            kept.finish(
                StudyRecord(
                    study_instance_uid=uid,
                    verdict=verdict,
                    asked=frozenset(missing),
                    missing=frozenset(missing),
                )
            )


def leave_out(root: Path, left_out: tuple[tuple[str, str], ...], uid: str = STUDY) -> None:
    """Record series of a study that `keep` left as left out by a filter."""
    none: frozenset[str] = frozenset()
    with closing(Journal(journal_of(root), root, FLAT)) as kept:
        kept.finish(
            StudyRecord(
                study_instance_uid=uid,
                verdict="complete",
                asked=none,
                missing=none,
                left_out=left_out,
            )
        )


def files_below(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*.*")
        if path.is_file()
    }


def make_newer(journal: Path) -> None:
    """Give a journal the version of a later program, and a table that ours does not have."""
    with closing(sqlite3.connect(journal)) as database:
        database.executescript("CREATE TABLE later (name TEXT); PRAGMA user_version = 99;")
