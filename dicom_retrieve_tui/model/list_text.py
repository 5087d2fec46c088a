"""Decode the text of a list file from any program; report files that are not text.

UIDs, numbers and headings are ASCII, and the same in every encoding that extends ASCII. Bytes that
are not UTF-8 become lone surrogates, which only invalidate their own cells.
"""

import codecs
import re
from array import array
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from typing import overload

from dicom_retrieve_tui.errors import ConfigError

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""UTF-32 first: its byte order mark begins like that of UTF-16."""

_SPREADSHEET = "save it as CSV (UTF-8) in the program that made it, and give that file"
_AS_TEXT = "give a list as text, one UID a line"
_SIGNATURES = (
    (rb"PK\x03\x04", "a spreadsheet (.xlsx, .ods, .numbers) or another ZIP file", _SPREADSHEET),
    (rb"\xd0\xcf\x11\xe0", "a spreadsheet (.xls) or another Office file", _SPREADSHEET),
    (rb"\s*(?i:<!doctype html|<html|<table|<\?xml|<style|<meta)", "a web page", _SPREADSHEET),
    (rb"\{\\rtf", "a Word document (.rtf)", _AS_TEXT),
    (rb"%PDF-", "a PDF", _AS_TEXT),
    (rb"\x1f\x8b|BZh|7z\xbc\xaf|\xfd7zXZ|Rar!", "a compressed file", "unpack it first"),
    (rb"SQLite format 3", "a database", "export the table as CSV (UTF-8)"),
    (rb"PAR1", "a Parquet file", "export the table as CSV (UTF-8)"),
    (rb"(?s:.{128})DICM", "a DICOM file", _AS_TEXT),
    (rb"\x89PNG|\xff\xd8\xff|GIF8", "a picture", _AS_TEXT),
)
_CONTROLS = re.compile(rb"[\x01-\x08\x0e-\x19\x1b-\x1f\x7f]")
_CONTROLS_SHARE_MAX = 0.05
_UNITS_OF_16_BITS = re.compile(rb"(?:[^\x00]\x00){4,}")
_EIGHT_BITS = re.compile(rb"[0-9.]{6}")
"""A UID or a number with one byte a character."""
_PADDING = re.compile("\0+(?=[\r\n\t,;|\"']|$)")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
"""Soft hyphens, zero-width blanks, direction marks and byte order marks."""
_MARK_MISREAD = "\u00ef\u00bb\u00bf"
"""The byte order mark of UTF-8, misread as Windows-1252."""
_BLANKS = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_LINE_END = re.compile("[\r\n]")
_ASCII_TEXT = re.compile("[\t\n\r -~]*")
_LINE = re.compile("[^\r\n]*(?:\r\n|\r|\n|$)")
"""Not `str.splitlines`, which also splits where editors do not count a line."""


class TextLines(Sequence[str]):
    """The lines of a text, each with its line end; it costs the text and 8 bytes a line."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = array("Q", (found.start() for found in _LINE.finditer(text)))

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[str]:
        text = self._text
        ends = chain(self._starts, [len(text)])
        return (text[start:end] for start, end in pairwise(ends))

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [self[index] for index in range(*at.indices(len(self)))]
        after = at + 1 if at >= 0 else at + 1 + len(self)
        end = self._starts[after] if after < len(self) else len(self._text)
        return self._text[self._starts[at] : end]


def list_text(content: bytes) -> str:
    """Return the text of a list file.

    Raises:
        ConfigError: It is not text; the message names its kind and the next step.
    """
    for signature, kind, remedy in _SIGNATURES:
        if re.match(signature, content):
            raise ConfigError(f"this is {kind}, and not text: {remedy}")
    return readable(_decoded(content))


def readable(text: str) -> str:
    """Return a text without invisible characters, with plain blanks; lines keep their numbers."""
    if _ASCII_TEXT.fullmatch(text):
        return text
    text = text.removeprefix(_MARK_MISREAD)
    text = _PADDING.sub("", text.rstrip("\x1a"))
    # If there are line ends, a zero is not one: lines keep the numbers that an editor shows.
    text = text.replace("\0", " " if _LINE_END.search(text) else "\n")
    return _BLANKS.sub(" ", _INVISIBLE.sub("", text))


def _decoded(content: bytes) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    if unmarked := _unmarked_utf_16(content):
        return content.decode(unmarked, "replace")
    # PowerShell may append UTF-16 to another encoding.
    content = _UNITS_OF_16_BITS.sub(lambda found: found[0].replace(b"\0", b""), content)
    if len(_CONTROLS.findall(content)) > _CONTROLS_SHARE_MAX * len(content):
        raise ConfigError(f"this is not text: {_AS_TEXT}")
    return content.decode("utf-8-sig", "surrogateescape")


def _unmarked_utf_16(content: bytes) -> str | None:
    """Return the UTF-16 encoding of text without a mark: nearly every second byte is zero."""
    high, low = content[1::2].count(0), content[::2].count(0)
    units = len(content) // 2
    if not units or _EIGHT_BITS.search(content):
        return None
    if high > units * 0.6 and low < units * 0.1:
        return "utf-16-le"
    if low > units * 0.6 and high < units * 0.1:
        return "utf-16-be"
    return None
