"""No list ends in a traceback, and no line of one is lost in silence."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.list_text import list_text, readable
from dicom_retrieve_tui.model.uid_list import UidList, parse_uid_list
from dicom_retrieve_tui.model.uid_paste import read_paste
from dicom_retrieve_tui.model.uid_table import Column
from fuzz.input_targets import list_files

_PIECES = st.sampled_from(
    ["1.2.3", "1.2.840.7", "StudyInstanceUID", "PatientID", "Modality", "StudyDate", "CT", "P1",
     "31.03.2026", "1.5E+9", "\n", "\r\n", "\r", ",", ";", "\t", "|", " ", "#", "\"", "'", "[", "]",
     "(", ")", "{", "}", ":", "-", "--", "sep=", "\0", "\ufeff", "\xa0", "\u200b", "\xfc", "*", "?",
     "\\", "NULL", "#N/A", "Title", "\u2028", "\x1a", "\udcfc"]
)  # fmt: skip
_TEXTS = st.lists(_PIECES, max_size=30).map("".join)
_ENCODINGS = st.sampled_from(["utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "utf-8-sig"])


@settings(max_examples=400, deadline=None)
@given(_TEXTS, _ENCODINGS)
def test_every_file_is_read_or_refused_in_words(text: str, encoding: str) -> None:
    list_files(text.encode(encoding, "replace"))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_so_are_bytes_of_any_kind(content: bytes) -> None:
    list_files(content)


_GOOD = st.integers(1, 9999).map(lambda number: f"1.2.840.{number}")
_DECORATED = _GOOD.flatmap(
    lambda uid: st.sampled_from([uid, f"'{uid}'", f"{uid},", f"  {uid}\t", f"[{uid}]", f"- {uid}"])
)
_BAD = st.sampled_from(["1.2.*", "1.2.840.1 1.2.840.2", "two words", "1.5E+9", "#N/A", "a,b"])
_NOTHING = st.sampled_from(["", "  ", "# a comment", "#1.2.3", "-----", "(2 rows)"])
_LINES = st.lists(st.one_of(_DECORATED, _BAD, _NOTHING), max_size=12)


@settings(max_examples=300, deadline=None)
@given(_LINES, st.sampled_from(["\n", "\r\n", "\r"]))
def test_each_line_is_asked_for_or_bad_or_a_comment(lines: list[str], end: str) -> None:
    text = end.join(["1.2.3.4", *lines])
    content = [line.strip() for line in lines]
    something = [each for each in content if not re.fullmatch(r"|-+|#(?!N/A).*|\(2 rows\)", each)]

    found = parse_uid_list(list_text(text.encode()))

    uids = {re.sub("[^0-9.]", "", each) for each in something if "1.2.840." in each}
    bad = [each for each in something if re.search(r"[*+a]|N/A|words|\d \d", each)]
    assert len(found.bad) == len(bad)
    assert set(found.uids) - {"1.2.3.4"} <= uids
    assert _lines(found) == len(something) + 1


def _lines(found: UidList) -> int:
    return len(found.uids) + found.duplicates + len(found.bad)


_CELLS = st.lists(st.sampled_from(["", "x", "1.2.840.9", "CT", "1,5"]), min_size=1, max_size=5)


@settings(max_examples=300, deadline=None)
@given(st.lists(_CELLS, max_size=8), st.sampled_from([";", "\t", "|"]))
def test_each_row_is_asked_for_or_bad_or_empty(rows: list[list[str]], delimiter: str) -> None:
    heading = ["Note", "StudyInstanceUID", "Other"]
    text = "\n".join(delimiter.join(row) for row in [heading, ["", "1.2.3.4", ""], *rows])

    for found in (parse_uid_list(text), read_paste(text)):
        assert _lines(found) == 1 + sum(any(row) for row in rows)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.text(max_size=20), max_size=6), st.sampled_from([Column.ACCESSION, Column.PATIENT])
)
def test_a_number_is_looked_up_as_it_stands_or_refused(lines: list[str], key: Column) -> None:
    text = "\n".join(lines)
    try:
        found = parse_uid_list(text, key=key)
    except ConfigError:
        return
    for lookup in found.lookups:
        assert (lookup.accession_number or lookup.patient_id) in readable(text)
