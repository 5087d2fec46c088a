"""What could come next on a command line; the shells themselves are in tests/interop."""

from pathlib import Path

import pytest

from dicom_retrieve_tui.cli.completion import (
    FILES,
    FOLDERS,
    PROFILE_ACTIONS,
    SHELLS,
    candidates,
)
from dicom_retrieve_tui.cli.parser import command_names, parser_of
from tests.unit.cli.scripted import run


def offered(*words: str) -> list[str]:
    saved = {None: ["hospital", "hospice"], "other.toml": ["clinic"]}
    return [word for word, _ in candidates(words, lambda config: saved[config])]


def test_a_line_begins_with_a_command_or_a_profile() -> None:
    assert offered("") == [*command_names(), "@hospital", "@hospice"]
    assert offered("pro") == ["profiles"]
    assert offered("@hospit") == ["@hospital"]


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (("@hospital", "--meth"), ["--method"]),
        (("--method", "c-get", "--method", "c"), ["c-move", "c-get"]),
        (("@hospital", "--query-model", "p"), ["patient-root"]),
        (("find", "@hospital", "--level", ""), ["study", "series", "image"]),
        (("profiles", "add", "new", "--method", ""), ["c-move", "c-get", "auto"]),
        (("@hospital", "--uid-list", ""), [FILES]),
        (("@hospital", "--output", "dir"), [FOLDERS]),
        (("@hospital", "--aet", ""), []),
        (("--parallel", "4", "@hospice"), ["@hospice"]),
        (("@hospital", "1.2.3", ""), []),
        (("--config", "other.toml", "@"), ["@clinic"]),
        (("verify", ""), [FOLDERS]),
        (("verify", "--deep", ""), [FOLDERS]),
        (("verify", "folder", ""), []),
        (("verify", "--de"), ["--deep"]),
        (("profiles", "r"), ["remove"]),
        (("profiles", "show", "hospit"), ["hospital"]),
        (("help", "ver"), ["verify"]),
        (("completion", ""), list(SHELLS)),
    ],
)
def test_each_place_has_its_words(words: tuple[str, ...], completed: list[str]) -> None:
    assert offered(*words) == completed


def test_a_flag_that_was_given_is_not_offered_again() -> None:
    assert "--aet" in offered("@hospital", "--")
    assert "--aet" not in offered("@hospital", "--aet", "US", "--")
    assert "--verbose" not in offered("@hospital", "-v", "--")


def test_every_action_on_profiles_is_one_that_there_is() -> None:
    (action,) = (
        each for each in parser_of("profiles").format_help().split("\n") if "ACTION" in each
    )

    assert all(word in action for word in PROFILE_ACTIONS)


def test_words_come_with_what_to_say_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "profiles.toml"
    path.write_text('[profiles.hospital]\nhost = "pacs.test"\n')
    monkeypatch.setenv("DICOM_RETRIEVE_CONFIG", str(path))

    assert run("completion", "words", "@").out == "@hospital saved profile\n"
    assert run("completion", "words", "x", "--js").out.startswith("--json events on stdout")


def test_profiles_that_cannot_be_read_are_no_reason_to_speak(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "profiles.toml"
    path.write_text("this is no TOML")
    monkeypatch.setenv("DICOM_RETRIEVE_CONFIG", str(path))

    result = run("completion", "words", "@")

    assert (result.code, result.out, result.err) == (0, "", "")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_asks_the_program(shell: str) -> None:
    result = run("completion", shell)

    assert result.code == 0
    assert "completion words" in result.out


def test_an_unknown_shell_is_named_with_those_that_there_are() -> None:
    result = run("completion", "tcsh")

    assert result.code == 1
    assert "No completion for 'tcsh'; there are bash, zsh, fish" in result.err
