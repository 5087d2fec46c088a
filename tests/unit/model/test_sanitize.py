import pytest

from dicom_retrieve_tui.model.sanitize import clean_text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("plain text, 100 %", "plain text, 100 %"),
        ("Müller^Jürgen 山田", "Müller^Jürgen 山田"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x9b2Jcleared", "2Jcleared"),
        ("bell\x07 null\x00 delete\x7f", "bell null delete"),
        ("two\r\nlines\tand a tab", "two lines and a tab"),
        ("a\u2028b\u2029c\x85d", "a b c d"),
        ("evil\u202egnp.exe\u2066", "evilgnp.exe"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("lone\udcff surrogate", "lone? surrogate"),
        ("", ""),
    ],
)
def test_nothing_is_left_that_steers_a_terminal(text: str, cleaned: str) -> None:
    assert clean_text(text) == cleaned


@pytest.mark.parametrize(
    ("limit", "cut"), [(10, "0123456789"), (9, "012345..."), (3, "..."), (2, ".."), (0, "")]
)
def test_what_is_too_long_is_cut_visibly(limit: int, cut: str) -> None:
    assert clean_text("0123456789", limit) == cut
