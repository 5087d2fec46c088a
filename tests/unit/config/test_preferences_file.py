"""The settings file: what is said is kept, and a mistake costs what it is in and no more."""

import stat
from pathlib import Path

import pytest

from dicom_retrieve_tui.config.preferences_file import Preferences, SettingsFile, settings_path
from dicom_retrieve_tui.errors import ConfigError


def settings(tmp_path: Path, text: str) -> SettingsFile:
    path = settings_path(tmp_path / "profiles.toml")
    path.write_text(text, encoding="utf-8")
    return SettingsFile(path)


def test_a_file_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert SettingsFile(tmp_path / "settings.toml").load() == (Preferences(), [])


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    text = """\
theme = "nord"
hide_patients = true
profile = "hospital"
[keys]
queue.retry = "R"
"queue.stop" = "f8,x"
"""

    assert settings(tmp_path, text).load() == (
        Preferences(
            theme="nord",
            hide_patients=True,
            profile="hospital",
            keys={"queue.retry": "R", "queue.stop": "f8,x"},
        ),
        [],
    )


def test_each_mistake_is_named_and_the_rest_holds(tmp_path: Path) -> None:
    text = """\
them = "nord"
hide_patients = 1
profile = "hospital"
[keys]
queue.retry = 5
queue.stop = "f8"
"""
    file = settings(tmp_path, text)

    held, faults = file.load()

    assert held == Preferences(profile="hospital", keys={"queue.stop": "f8"})
    assert faults == [
        f"{file.path}: them: no such key; did you mean theme?",
        f"{file.path}: hide_patients = 1: expected true or false.",
        f"{file.path}: [keys] queue.retry = 5: expected a text in quotes.",
    ]


def test_keys_that_are_no_table_are_named(tmp_path: Path) -> None:
    held, faults = settings(tmp_path, 'keys = "r"\n').load()

    assert held == Preferences()
    assert faults == [f"{tmp_path / 'settings.toml'}: keys = 'r': expected a [keys] table."]


def test_what_is_no_toml_is_told_and_never_written_over(tmp_path: Path) -> None:
    file = settings(tmp_path, "theme = \n")

    held, (fault,) = file.load()

    assert held == Preferences()
    assert "this is not TOML" in fault
    with pytest.raises(ConfigError, match="this is not TOML"):
        file.remember(Preferences(theme="nord"), "theme")
    assert file.path.read_text() == "theme = \n"


def test_only_what_is_named_is_written_and_the_rest_is_kept(tmp_path: Path) -> None:
    file = settings(tmp_path, 'theme = "nord"\nnewer = 5\n[keys]\nqueue.retry = "R"\n')

    file.remember(Preferences(hide_patients=True, theme="dracula"), "hide_patients")

    assert file.load()[0] == Preferences(
        theme="nord", hide_patients=True, keys={"queue.retry": "R"}
    )
    assert "newer = 5" in file.path.read_text()
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_what_is_as_usual_again_leaves_the_file(tmp_path: Path) -> None:
    file = settings(tmp_path, "hide_patients = true\n")

    file.remember(Preferences(), "hide_patients")

    assert file.path.read_text() == ""
