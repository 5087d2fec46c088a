"""What lies on the disk, and may have changed there since it was written."""

import tempfile
from contextlib import closing, suppress
from functools import lru_cache
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.store_records import StudyRecord
from dicom_retrieve_tui.storage.journal import Journal
from dicom_retrieve_tui.storage.journal_database import InstanceRecord, JournalReader

_LAYOUT = "{SOPInstanceUID}.dcm"
_STUDIES = ("1.2.3", "1.2.4")
_NEW = InstanceRecord("1.2.3", "1.2.3.99", "1.2.3.99.dcm", 10, digest="crc32:00000000")


def journals(data: bytes) -> None:
    """A damaged journal is read, refused in words, or replaced; it takes further records.

    With a first byte below 128, the rest is the file. Else, the next three bytes are a place in a
    journal as we write it, and the rest overwrites what is there.
    """
    if not data:
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "journal.db"
        path.write_bytes(data[1:] if data[0] < 128 else _overwritten(data[1:4], data[4:]))
        with suppress(ConfigError):
            list(JournalReader(path).studies())
        try:
            journal = Journal(path, folder, _LAYOUT, ["1.2.5"])
        except ConfigError as error:
            assert "newer version" in str(error)
            return
        with closing(journal):
            for study in _STUDIES:
                for record in journal.records(study):
                    assert (folder / record.path).resolve().is_relative_to(folder.resolve())
                journal.missing(study)
            journal.record(_NEW)
        assert "1.2.5" in {study.study_instance_uid for study in JournalReader(path).studies()}


def _overwritten(place: bytes, content: bytes) -> bytes:
    whole = _journal()
    start = int.from_bytes(place, "big") % len(whole)
    return whole[:start] + content + whole[start + len(content) :]


@lru_cache(maxsize=1)
def _journal() -> bytes:
    """A journal of two studies."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with closing(Journal(folder / "journal.db", folder, _LAYOUT, _STUDIES)) as journal:
            for study in _STUDIES:
                for number in range(20):
                    sop = f"{study}.{number}"
                    journal.record(
                        InstanceRecord(study, sop, f"{sop}.dcm", 10, digest="crc32:01234567")
                    )
                uids = frozenset([f"{study}.30"])
                journal.finish(
                    StudyRecord(
                        study_instance_uid=study, verdict="partial", asked=uids, missing=uids
                    )
                )
        return (folder / "journal.db").read_bytes()
