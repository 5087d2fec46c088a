"""Entries that do not fit into memory are kept on the disk, and come back as they were."""

import gc
import sqlite3
import weakref
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_retrieve_tui.cli.output.spooled_dict import SpooledDict, temporary_database
from dicom_retrieve_tui.model.progress import StudyProgress
from dicom_retrieve_tui.model.verdict import Verdict


@dataclass(slots=True, weakref_slot=True)
class _Count:
    number: int
    names: tuple[str, ...] = ()


_STEPS = st.lists(
    st.tuples(st.sampled_from(["set", "delete", "change", "peek"]), st.integers(0, 9)),
    max_size=60,
)


@given(_STEPS)
def test_it_behaves_as_a_dictionary(steps: list[tuple[str, int]]) -> None:
    spooled, expected = SpooledDict(_Count, kept_max=2), dict[str, _Count]()
    for at, (step, number) in enumerate(steps):
        key = str(number)
        if step == "set":
            spooled[key], expected[key] = _Count(at), _Count(at)
        elif step == "peek":
            assert list(spooled.peek([key, "x"])) == [expected.get(key), None]
        elif key not in expected:
            with pytest.raises(KeyError):
                spooled[key] if step == "change" else spooled.__delitem__(key)
        elif step == "delete":
            assert spooled.pop(key) == expected.pop(key)
        else:
            spooled[key].number += 100
            expected[key].number += 100
        assert len(spooled) == len(expected)
        assert dict(spooled) == expected


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
