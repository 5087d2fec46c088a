"""Entries that do not fit into memory are kept on the disk, and come back as they were."""

import gc
import sqlite3
import weakref
from dataclasses import dataclass

from dicom_retrieve_tui.cli.output.spooled_dict import SpooledDict, temporary_database
from dicom_retrieve_tui.model.progress import StudyProgress
from dicom_retrieve_tui.model.verdict import Verdict


@dataclass(slots=True, weakref_slot=True)
class _Count:
    number: int
    names: tuple[str, ...] = ()


def test_what_is_spooled_is_no_longer_in_memory() -> None:
    spooled = SpooledDict(_Count, kept_max=10)
    watched = []
    for number in range(200):
        entry = _Count(number, ("1.2",))
        watched.append(weakref.ref(entry))
        spooled[str(number)] = entry
    del entry
    gc.collect()

    assert sum(each() is not None for each in watched) <= 10
    assert [each and each.number for each in spooled.peek(map(str, range(200)))] == [*range(200)]


def test_a_study_comes_back_with_everything() -> None:
    spooled = SpooledDict(StudyProgress, kept_max=1)
    study = StudyProgress("1.2", 3)
    study.verdict, study.missing, study.reason = Verdict.PARTIAL, ("1.2.1",), "It stopped."
    study.left_out = (("1.2.3", "SR"),)
    spooled["1.2"], spooled["1.3"] = study, StudyProgress("1.3", 4)

    assert spooled["1.2"] == study
    assert spooled["1.2"] is not study
    assert spooled["1.2"].verdict is Verdict.PARTIAL


def test_a_full_disk_leaves_the_rest_in_memory() -> None:
    def small_database() -> sqlite3.Connection:
        database = temporary_database()
        database.execute("PRAGMA max_page_count = 8")
        return database

    spooled = SpooledDict(_Count, kept_max=10, open_database=small_database)
    for number in range(2000):
        spooled[str(number)] = _Count(number, ("1.2" * 20,))

    assert len(spooled) == 2000
    assert [each and each.number for each in spooled.peek(map(str, range(2000)))] == [*range(2000)]
