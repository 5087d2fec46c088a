import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.selection import Selection, join
from dicom_retrieve_tui.model.uid_list import UidList, list_of, parse_uid_list
from dicom_retrieve_tui.model.uid_paste import read_paste
from tests.sessions import selections


def test_uids_keep_their_order_and_duplicates_are_merged_and_counted() -> None:
    assert parse_uid_list("1.3\n1.2\n1.3\n1.4\n1.3\n") == UidList(
        selections=selections("1.3", "1.2", "1.4"), duplicates=2
    )


def test_blank_lines_comments_and_white_space_are_skipped() -> None:
    text = "\ufeff# studies\r\n\r\n  1.2\t# the first\r\n\t\r\n1.3#second\r1.4"

    assert parse_uid_list(text) == UidList(selections=selections("1.2", "1.3", "1.4"))


def test_a_single_bad_line_is_named_in_one_sentence() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_uid_list("# head\n1.2.* # what?\n")

    assert str(caught.value) == "line 2: '1.2.*' has a wildcard, and would match more than one"


def test_all_bad_lines_are_named() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_uid_list(f"1.*\n1\\2\n1.?\n{'1' * 1025}\n")

    assert str(caught.value).splitlines() == [
        "4 bad lines:",
        "  line 1: '1.*' has a wildcard, and would match more than one",
        "  line 2: '1\\\\2' has a backslash, which separates several UIDs",
        "  line 3: '1.?' has a wildcard, and would match more than one",
        f"  line 4: '{'1' * 80}' has 1025 characters, more than can be asked for",
    ]


def test_a_bad_line_does_not_stop_a_list() -> None:
    found = parse_uid_list("1.2\n1.*\n1.3\n")

    assert found.uids == ("1.2", "1.3")
    assert found.bad == ("line 2: '1.*' has a wildcard, and would match more than one",)


def test_uids_that_break_the_rules_are_asked_for_and_noted() -> None:
    found = parse_uid_list("1.2\n1.2.007.1\nSTUDY-A\n")

    assert found.uids == ("1.2", "1.2.007.1", "STUDY-A")
    assert found.bad == ()
    (note,) = found.notes
    assert note.startswith("2 UIDs break the rules and are asked for as they are; the first, '1.2.")


def test_of_many_bad_lines_the_first_twenty_are_named() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_uid_list("*\n" * 25)

    lines = str(caught.value).splitlines()
    assert len(lines) == 22
    assert lines[-1] == "  and 5 more"


def test_a_line_that_would_fill_the_screen_or_steer_it_is_shown_short_and_escaped() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_uid_list("\x1b[31m" + "x" * 5000)

    assert len(str(caught.value)) < 200
    assert "\x1b" not in str(caught.value)


def test_a_line_is_what_an_editor_takes_for_one() -> None:
    with pytest.raises(ConfigError, match=r"^line 2: "):
        parse_uid_list("# a comment\u2028with a soft break\nbad*")


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "\ufeff"])
def test_a_list_without_a_uid_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError, match="the list names no UID"):
        parse_uid_list(text)


@pytest.mark.parametrize(
    "asked",
    [
        (Selection.of("1.7"),),
        (Selection.of("1.9"), Selection.of("1.7")),
        (Selection.of("1.7", "1.2.3"),),
        join(
            [
                Selection.of("1.9"),
                Selection.of("1.7", "1.2.3", "1.2.3.4"),
                Selection.of("1.7", "1.2.3", "1.2.3.5"),
                Selection.of("1.7", "1.2.4"),
            ]
        ),
    ],
)
def test_a_list_that_is_written_asks_for_the_same(asked: tuple[Selection, ...]) -> None:
    assert parse_uid_list(list_of(asked)).selections == asked
    assert read_paste(list_of(asked)) == UidList(selections=asked)
