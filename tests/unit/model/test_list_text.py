"""Files as other programs write them: encodings, invisible characters, what is not text."""

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.list_text import list_text
from dicom_retrieve_tui.model.uid_list import parse_uid_list
from dicom_retrieve_tui.model.uid_table import Column

A, B = "1.2.840.1.1", "1.2.840.1.2"
_TABLE = f"Name;StudyInstanceUID\r\nMüller^Jürgen;{A}\r\nGarcía;{B}\r\n"
_JAPANESE = f"氏名,StudyInstanceUID\r\n山田,{A}\r\nソ鈴木,{B}\r\n"


@pytest.mark.parametrize(
    "content",
    [
        _TABLE.encode("utf-8"),
        _TABLE.encode("utf-8-sig"),
        _TABLE.encode("cp1252"),
        _TABLE.encode("mac_roman"),
        _TABLE.encode("cp437"),
        _JAPANESE.encode("cp932"),
        _JAPANESE.encode("euc_jp"),
        _JAPANESE.encode("gb18030"),
        *(_TABLE.encode(f"utf-{bits}{end}") for bits in (16, 32) for end in ("",)),
        _TABLE.encode("utf-16-le"),
        _TABLE.encode("utf-16-be"),
        b"\xfe\xff" + _TABLE.encode("utf-16-be"),
        f"{A}\r\n{B}\r\n".encode("utf-16-le"),
        f"{A}\n".encode() + f"{B}\r\n".encode("utf-16-le"),
        f"{A}\n{B}\n\x1a".encode(),
        f"{A}\0\n{B}\0\0\n".encode(),
        f"{A}\0{B}\0".encode(),
        f"{A}\r{B}\r".encode(),
        f"\ufeff{A}\n\ufeff{B}\n".encode(),
        f"\u200b{A}\u00a0\n\u2009{B}\u200b\u00ad\n".encode(),
        f"{A}\n".encode() + f"{B}\u00a0\n".encode("cp1252"),
        f"\u201c{A}\u201d\n\u2018{B}\u2019\n".encode("cp1252"),
        f"\u201c{A}\u201d\n{B}\n".encode("mac_roman"),
    ],
)
def test_the_uids_are_the_same_in_every_encoding(content: bytes) -> None:
    found = parse_uid_list(list_text(content))

    assert found.uids == (A, B)
    assert found.bad == ()


@pytest.mark.parametrize("encoding", ["cp1252", "mac_roman", "cp932"])
def test_a_number_in_an_encoding_that_cannot_be_told_is_bad(encoding: str) -> None:
    text = "A1\nソ1\n" if encoding == "cp932" else "A1\nÄ1\n"

    found = parse_uid_list(list_text(text.encode(encoding)), key=Column.ACCESSION)

    assert [each.accession_number for each in found.lookups] == ["A1"]
    (bad,) = found.bad
    assert bad.startswith("line 2: ")
    assert "save the list as UTF-8" in bad


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"PK\x03\x04" + bytes(range(256)), "a spreadsheet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a spreadsheet"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b'\n<?xml version="1.0"?>', "a web page"),
        (b"{\\rtf1", "a Word document"),
        (b"%PDF-1.4", "a PDF"),
        (b"\x1f\x8b\x08", "a compressed file"),
        (b"SQLite format 3\0", "a database"),
        (bytes(128) + b"DICM", "a DICOM file"),
        (b"\x89PNG\r\n", "a picture"),
        (bytes(range(1, 32)), "not text"),
    ],
)
def test_what_is_not_text_is_named_and_what_to_do(content: bytes, kind: str) -> None:
    with pytest.raises(ConfigError, match=kind) as caught:
        list_text(content)

    assert ": " in str(caught.value)
