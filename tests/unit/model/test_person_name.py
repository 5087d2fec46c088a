"""Person names, as typed and as shown."""

import pytest

from dicom_retrieve_tui.model.person_name import name_key, name_text


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("Doe", "Doe*"),
        ("Doe, John", "Doe^John"),
        ("Doe^John", "Doe^John"),
        ("*smith", "*smith"),
        ("D?e", "D?e"),
        (" 山田 ", "山田*"),
        ("Yamada^Tarou=山田^太郎", "Yamada^Tarou=山田^太郎"),
        ("", ""),
    ],
)
def test_a_name_is_typed_as_people_do(typed: str, key: str) -> None:
    assert name_key(typed) == key


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Doe^John", "Doe, John"),
        ("Doe^John^Q^Dr.^III", "Doe, John Q Dr. III"),
        ("Doe", "Doe"),
        ("^John", "John"),
        ("Müller^Jörg", "Müller, Jörg"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada, Tarou (山田 太郎)"),
        ("=山田^太郎", "山田 太郎"),
        ("Wang^XiaoDong=王^小东=", "Wang, XiaoDong (王 小东)"),
        ("홍^길동", "홍 길동"),
        ("^^^^", ""),
        ("", ""),
    ],
)
def test_a_name_is_shown_as_people_write_it(name: str, shown: str) -> None:
    assert name_text(name) == shown
