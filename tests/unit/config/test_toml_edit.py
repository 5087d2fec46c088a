"""One table of a text changes, and every other byte stays."""

import tomllib

import pytest

from dicom_retrieve_tui.config.toml_edit import edit_table

TEXT = """\
# Ours, with the reading room's.
version = 1 # of the format

[defaults]
parallel = 4

# The archive in the basement.
[profiles.hospital]
# It answers slowly.
host = "pacs.test"   # not pacs2
port = 104 # since March
notes = '''
two # lines
'''
  # called_aet = "OLD"

[profiles.hospital.future]
x = [
  1, # one
]

# The lab's.
[profiles.lab]
host = "lab.test"
# Nothing below.
"""
HOSPITAL = ("profiles", "hospital")


def test_a_value_changes_and_the_comments_stay() -> None:
    values = {"host": "pacs.test", "port": 11112, "notes": "two # lines\n"}

    assert edit_table(TEXT, HOSPITAL, values) == TEXT.replace("port = 104 #", "port = 11112 #")


def test_a_new_value_follows_the_last_and_a_value_that_goes_takes_its_lines() -> None:
    edited = edit_table(TEXT, HOSPITAL, {"host": "pacs.test", "port": 104, "aet": "US"})

    assert edited == TEXT.replace("notes = '''\ntwo # lines\n'''\n", 'aet = "US"\n')


def test_a_new_table_is_appended() -> None:
    edited = edit_table(TEXT, ("profiles", "a.b"), {"host": "h"})

    assert edited == TEXT + '\n[profiles."a.b"]\nhost = "h"\n'


def test_a_table_that_is_removed_takes_those_below_it_and_no_comment_of_others() -> None:
    edited = edit_table(TEXT, HOSPITAL, None)

    assert edited == TEXT[: TEXT.index("[profiles.hospital]")] + (
        '  # called_aet = "OLD"\n\n' + TEXT[TEXT.index("# The lab's.") :]
    )


def test_a_new_name_takes_the_place_of_the_old() -> None:
    values = tomllib.loads(TEXT)["profiles"]["hospital"]

    edited = edit_table(TEXT, HOSPITAL, values, ("profiles", "clinic"))

    assert edited == TEXT.replace("profiles.hospital", "profiles.clinic")


@pytest.mark.parametrize("text", ["", "[profiles.a]", "[profiles.a]\nhost = 'x'", "# mine"])
def test_a_text_without_a_last_line_end_is_continued_on_a_new_line(text: str) -> None:
    edited = edit_table(text, ("profiles", "a"), {"host": "x", "port": 1})

    assert tomllib.loads(edited)["profiles"]["a"] == {"host": "x", "port": 1}
    assert edited.startswith(text)


def test_line_ends_of_windows_stay() -> None:
    edited = edit_table(TEXT.replace("\n", "\r\n"), HOSPITAL, {"host": "other", "port": 5})

    assert edited.replace("\r\n", "") == edited.replace("\r\n", "\n").replace("\n", "")
    assert '\r\nhost = "other"   # not pacs2\r\nport = 5 # since March\r\n' in edited
