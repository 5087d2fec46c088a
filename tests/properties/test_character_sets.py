"""Text in every character set of the standard, by the examples of its annexes and by pydicom."""

import pytest
from pydicom.charset import convert_encodings, decode_bytes

from dicom_retrieve_tui.model.character_sets import decode_text

_YAMADA = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"
_YAMADA_KATAKANA = (
    b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J="
    b"\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J"
)
_HONG = (
    b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf"
)
_WANG_UTF_8 = b"Wang^XiaoDong=\xe7\x8e\x8b^\xe5\xb0\x8f\xe6\x9d\xb1="
_WANG_GB18030 = b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab="
_ZHANG_GB2312 = b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab="


@pytest.mark.parametrize(
    ("value", "character_set", "text"),
    [
        # PS3.5 annex H.3.1 and H.3.2, I.2, J.1, J.2, K.2
        (_YAMADA, "\\ISO 2022 IR 87", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        (_YAMADA_KATAKANA, "ISO 2022 IR 13\\ISO 2022 IR 87", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
        (_HONG, "\\ISO 2022 IR 149", "Hong^Gildong=洪^吉洞=홍^길동"),
        (_WANG_UTF_8, "ISO_IR 192", "Wang^XiaoDong=王^小東="),
        (_WANG_GB18030, "GB18030", "Wang^XiaoDong=王^小东="),
        (_ZHANG_GB2312, "\\ISO 2022 IR 58", "Zhang^XiaoDong=张^小东="),
        (b"Buc^J\xe9r\xf4me", "ISO_IR 100", "Buc^Jérôme"),
        (b"\xc4neas^R\xfcdiger", "ISO_IR 100", "Äneas^Rüdiger"),
        (b"W\xb1a\xb6ek", "ISO_IR 101", "Wąaśek"),
        ("Διονυσιος".encode("iso8859_7"), "ISO_IR 126", "Διονυσιος"),
        ("قباني^لنزار".encode("iso8859_6"), "ISO_IR 127", "قباني^لنزار"),
        ("שרון^דבורה".encode("iso8859_8"), "ISO_IR 138", "שרון^דבורה"),
        ("Люксембург".encode("iso8859_5"), "ISO_IR 144", "Люксембург"),
        ("Çavuşoğlu".encode("iso8859_9"), "ISO_IR 148", "Çavuşoğlu"),
        ("นามสกุล".encode("tis_620"), "ISO_IR 166", "นามสกุล"),
    ],
)
def test_text_is_what_its_character_set_says(value: bytes, character_set: str, text: str) -> None:
    assert decode_text(value, character_set) == text


@pytest.mark.parametrize(
    ("value", "character_set"),
    [
        (_YAMADA, "\\ISO 2022 IR 87"),
        (_YAMADA_KATAKANA, "ISO 2022 IR 13\\ISO 2022 IR 87"),
        (_HONG, "\\ISO 2022 IR 149"),
        (_WANG_GB18030, "GB18030"),
        (b"Dionysios=\x1b-F\xc4\xe9\xef=\x1b-L\xbb\xee\xda", "\\ISO 2022 IR 126\\ISO 2022 IR 144"),
    ],
)
def test_pydicom_reads_the_same(value: bytes, character_set: str) -> None:
    encodings = convert_encodings(character_set.split("\\"))

    assert decode_text(value, character_set) == decode_bytes(value, encodings, {0x5E, 0x3D})


@pytest.mark.parametrize("term", ["ISO_IR 100", "ISO 2022 IR 100", "ISO IR 100", "iso_ir 100 "])
def test_a_term_is_understood_as_people_misspell_it(term: str) -> None:
    assert decode_text(b"M\xfcller", term) == "Müller"


def test_text_without_a_character_set_is_utf_8_if_it_can_be() -> None:
    assert decode_text("Müller".encode(), "") == "Müller"
    assert decode_text(b"M\xfcller", "") == "Müller"


def test_a_delimiter_brings_the_first_character_set_back() -> None:
    value = b"\xe9 \x1b-F\xc4^\xe9"

    assert decode_text(value, "ISO 2022 IR 100\\ISO 2022 IR 126") == "é Δ^é"


def test_an_escape_sequence_that_is_not_repeated_is_understood() -> None:
    assert decode_text(b"\x1b$)C\xfb\xf3^\xd1\xce\xd4\xd7", "\\ISO 2022 IR 149") == "洪^吉洞"


@pytest.mark.parametrize("character_set", ["ISO_IR 192", "\\ISO 2022 IR 87", "nonsense", "GB18030"])
@pytest.mark.parametrize(
    "value", [b"\xff\xfe\xfd", b"\x1b", b"\x1b$B\x7f\x01", b"\x1b$)C\xff^\x1b("]
)
def test_garbage_never_raises(value: bytes, character_set: str) -> None:
    assert isinstance(decode_text(value, character_set), str)


def test_padding_is_no_text() -> None:
    assert decode_text(b"Doe^John ", "ISO_IR 100") == "Doe^John"
    assert decode_text("Ä ".encode() + b"\0", "ISO_IR 192") == "Ä"
