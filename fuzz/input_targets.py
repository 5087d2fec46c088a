"""What people and other programs write: lists of UIDs, profiles, addresses, templates."""

import contextlib
import re
import tempfile
from pathlib import Path

from dicom_retrieve_tui.config.profiles_file import ProfileBook
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.address import Endpoint, parse_listen, parse_pacs_url
from dicom_retrieve_tui.model.layout import parse_layout
from dicom_retrieve_tui.model.list_text import list_text, readable
from dicom_retrieve_tui.model.spreadsheet_cells import cell_dates
from dicom_retrieve_tui.model.uid_list import parse_uid_list
from dicom_retrieve_tui.model.uid_paste import read_paste
from dicom_retrieve_tui.model.uid_table import Column
from dicom_retrieve_tui.model.uids import uid_fault

_NAME_BYTES_MAX = 255


def uid_lists(data: bytes) -> None:
    """A list, or a table, gives sound UIDs, each once, or says what is wrong with it."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        found = parse_uid_list(text)
    except ConfigError as error:
        assert str(error)
        return
    _assert_sound(found.uids)


def list_files(data: bytes) -> None:
    """A file, whatever its encoding, gives sound UIDs and numbers, or words that can be printed."""
    for key in (Column.STUDY, Column.ACCESSION, Column.PATIENT):
        try:
            found = parse_uid_list(list_text(data), key=key)
        except ConfigError as error:
            assert str(error)
            continue
        _assert_sound(found.uids)
        for lookup in found.lookups:
            assert lookup.accession_number or lookup.patient_id or lookup.study_instance_uid
            assert lookup.search.selective
        for words in (*found.bad, *found.notes):
            words.encode()


def dates(data: bytes) -> None:
    """A cell is a range of days that ends behind its begin, or is refused in words."""
    try:
        found = cell_dates(data.decode("utf-8", "replace"))
    except ConfigError as error:
        assert str(error)
        return
    assert found.first or found.last
    assert not (found.first and found.last) or found.first <= found.last


def pastes(data: bytes) -> None:
    """A paste gives sound UIDs, each once; the rest is named by line."""
    text = data.decode("utf-8", "surrogateescape")
    found = read_paste(text)
    _assert_sound(found.uids)
    lines = len(readable(text).replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    for bad in found.bad:
        named = re.match("line ([0-9]+): .", bad)
        assert named
        assert 1 <= int(named[1]) <= lines


def _assert_sound(uids: tuple[str, ...]) -> None:
    assert len(set(uids)) == len(uids)
    assert not any(map(uid_fault, uids))


def profiles(data: bytes) -> None:
    """A file of profiles is read or refused in words, and keeps what is not ours."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        path = Path(folder) / "profiles.toml"
        path.write_bytes(data)
        try:
            book = ProfileBook.load(path)
        except ConfigError as error:
            assert str(error)
            return
        faults = book.faults()
        assert all(faults)
        sound = 0
        for name in book.names:
            with contextlib.suppress(ConfigError):
                book.profile(name)
                sound += 1
        assert faults or sound == len(book.names)
        _assert_kept(book)


def _assert_kept(book: ProfileBook) -> None:
    """What was there before is there after a profile was added and taken away again."""
    before = book.path.read_bytes()
    name = "added-by-the-fuzzer"
    try:
        book.put(name, {"host": "pacs.example"})
    except ConfigError:
        return  # no place for a profile, and the file says so
    book.save()
    again = ProfileBook.load(book.path)
    again.remove(name)
    again.save()
    # What is no table, a mistake, stands before the tables once it is written.
    assert sorted(ProfileBook.load(book.path).names) == sorted(
        each for each in ProfileBook.load(_copy(book.path, before)).names if each != name
    )


def _copy(beside: Path, content: bytes) -> Path:
    path = beside.with_name("before.toml")
    path.write_bytes(content)
    return path


def addresses(data: bytes) -> None:
    """An address is refused in words, or means the same when it is printed and read again."""
    text = data.decode("utf-8", "surrogateescape")
    with contextlib.suppress(ConfigError):
        endpoint = parse_pacs_url(text)
        assert parse_pacs_url(f"pacs://{endpoint}") == endpoint
    with contextlib.suppress(ConfigError):
        host, port = parse_listen(text)
        if host is not None:
            assert parse_listen(str(Endpoint(host=host, port=port))) == (host, port)


def layouts(data: bytes) -> None:
    """A template and what a peer says make a path that stays below the folder.

    The first line is the template, the rest the value of every field in it.
    """
    template, _, value = data.partition(b"\n")
    try:
        layout = parse_layout(template.decode("utf-8", "surrogateescape"))
    except ConfigError as error:
        assert str(error)
        return
    for name in layout.render(dict.fromkeys(layout.wanted_tags, value)):
        assert name not in {"", ".", ".."}
        assert not name.startswith(".")
        assert not set(name) & {"/", "\\", "\0", "\n", "\x1b"}
        assert len(name.encode()) <= _NAME_BYTES_MAX
