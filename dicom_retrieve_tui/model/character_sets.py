"""Decode DICOM text by its Specific Character Set (0008,0005).

Maps the defined terms to Python's codecs, and handles ISO 2022 escape sequences. Nothing raises:
undecodable bytes become U+FFFD. Source: PS3.3 section
C.12.1.1.2, PS3.5 section 6.1.2.
"""

import re

SPECIFIC_CHARACTER_SET_UTF_8 = "ISO_IR 192"

_ASCII = "ascii"
_JIS = "iso2022_jp_2"
_CODECS = {
    "": _ASCII,
    "6": _ASCII,
    "13": "shift_jis",
    "58": "gb18030",
    "87": _JIS,
    "100": "latin_1",
    "101": "iso8859_2",
    "109": "iso8859_3",
    "110": "iso8859_4",
    "126": "iso8859_7",
    "127": "iso8859_6",
    "138": "iso8859_8",
    "144": "iso8859_5",
    "148": "iso8859_9",
    "149": "cp949",
    "159": _JIS,
    "166": "iso8859_11",
    "192": "utf_8",
    "203": "iso8859_15",
    "GB18030": "gb18030",
    "GBK": "gb18030",
}
"""By registration number, which is the same with and without code extensions."""

_ESCAPES = {
    b"-A": "latin_1",
    b"-B": "iso8859_2",
    b"-C": "iso8859_3",
    b"-D": "iso8859_4",
    b"-F": "iso8859_7",
    b"-G": "iso8859_6",
    b"-H": "iso8859_8",
    b"-L": "iso8859_5",
    b"-M": "iso8859_9",
    b"-T": "iso8859_11",
    b"-b": "iso8859_15",
    b")I": "shift_jis",
    b"$)A": "gb18030",
    b"$)C": "cp949",
}
"""The codec of bytes above 127 after an escape sequence. Source: PS3.3 Tables C.12-3 and C.12-4."""

_TWO_BYTE_ESCAPES = (b"$B", b"$@", b"$(D")
"""Japanese in pairs of bytes below 128: Python's codec handles these sequences."""

_TERM = re.compile(r"(?:ISO[ _]?(?:2022 )?(?:IR)?[ _]?)?(\w*)")
_FRAGMENT = re.compile(rb"\x1b(\$[()].|\$.|[-()].)?([^\x1b]*)", re.DOTALL)
_DELIMITERS = re.compile(rb"[\^=\\\t\n\f\r]")


def decode_text(value: bytes, character_set: str) -> str:
    """Decode one value, without its padding.

    Args:
        value: As encoded; a value of several parts keeps its backslashes.
        character_set: Specific Character Set (0008,0005) of the data set, empty if it has none.
    """
    if value.isascii() and b"\x1b" not in value:
        return value.decode(_ASCII).strip("\0 ")
    codec = _initial_codec(character_set)
    if codec == _ASCII and b"\x1b" not in value:
        return _undeclared(value).strip("\0 ")
    return _decode(value, codec).strip("\0 ")


def _initial_codec(character_set: str) -> str:
    """Return the codec of the first term; the others only allow escape sequences."""
    first = character_set.partition("\\")[0].strip("\0 ")
    term = _TERM.fullmatch(first.upper())
    codec = _CODECS.get(term[1], _ASCII) if term else _ASCII
    # The initial state of ISO 2022 JIS is ASCII.
    return _ASCII if codec == _JIS else codec


def _undeclared(value: bytes) -> str:
    """Decode bytes above 127 without a character set: as UTF-8 if valid, else as Latin-1."""
    try:
        return value.decode("utf_8")
    except UnicodeDecodeError:
        return value.decode("latin_1")


def _decode(value: bytes, initial: str) -> str:
    before, escape, rest = value.partition(b"\x1b")
    text = before.decode(initial, "replace")
    high = initial
    for match in _FRAGMENT.finditer(escape + rest):
        sequence, fragment = match[1] or b"", match[2]
        if sequence in _TWO_BYTE_ESCAPES:
            text += match[0].decode(_JIS, "replace")
            continue
        high = _ESCAPES.get(sequence, high)  # ESC ( changes nothing above 127
        at = _reset_at(fragment) if initial != _ASCII else len(fragment)
        text += fragment[:at].decode(high, "replace") + fragment[at:].decode(initial, "replace")
        if at < len(fragment):
            high = initial
    return text


def _reset_at(fragment: bytes) -> int:
    """Return the codec after a delimiter: the initial one. Source: PS3.5 section 6.1.2.5.3.

    If that is ASCII, the current codec stays, for writers that do not repeat their escape sequence.
    """
    found = _DELIMITERS.search(fragment)
    return found.start() if found else len(fragment)
