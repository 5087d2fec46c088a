"""Commands of `--on-study` and `--on-finish`: words, placeholders and what they are told."""

import pytest

from dicom_retrieve_tui.config.secrets import PASSCODE, PASSPHRASE
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.hook_command import (
    SECRETS,
    HookCommand,
    StudyHook,
    parse_finish_command,
    parse_study_command,
)

HOSTILE = "../x;$(touch p) \"'`\n--help"


def _hook(uid: str = "1.2.3", folder: str = "/data/1.2.3") -> StudyHook:
    return StudyHook(study_instance_uid=uid, folder=folder, output="/data", instances=3)


def _study(text: str) -> HookCommand:
    return parse_study_command("--on-study", text)


def test_words_are_split_as_a_shell_splits_them() -> None:
    command = _study("dcm2niix -z y -o '/my nifti' {folder}")

    assert command.words == ("dcm2niix", "-z", "y", "-o", "/my nifti", "{folder}")
    assert command.program == "dcm2niix"
    assert str(command) == "dcm2niix -z y -o '/my nifti' {folder}"


@pytest.mark.parametrize(
    "text", ["tar -c {folder}", "storescu -aec X +sd {folder}", "sh x {study}"]
)
def test_a_placeholder_that_no_interpreter_reads_is_taken(text: str) -> None:
    assert _study(text).text == text


def test_a_hash_begins_no_comment() -> None:
    assert _study("echo a#b #c").words == ("echo", "a#b", "#c")


def test_placeholders_are_replaced_within_their_words() -> None:
    argv = _study("x --out=/nii/{study} {folder} {output}").argv(_hook().values)

    assert argv == ["x", "--out=/nii/1.2.3", "/data/1.2.3", "/data"]


def test_a_hostile_uid_is_replaced_by_its_hash_everywhere() -> None:
    hook = _hook(HOSTILE)

    assert hook.values["study"].isalnum()
    assert hook.environment["DICOM_RETRIEVE_STUDY"] == hook.values["study"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected a program"),
        ("''", "expected a program"),
        ("x 'y", "no closing quotation"),
        ("{folder}", "cannot be a placeholder"),
        ("x {foldr}", "unknown placeholder {foldr}; use {folder}, {study}, {output}"),
        ("x {report}", "unknown placeholder {report}"),
        ("sh -c 'ls {folder}'", "DICOM_RETRIEVE_FOLDER"),
        ("sh -c {folder}", "DICOM_RETRIEVE_FOLDER"),
        ("/bin/bash -lc {folder}", "DICOM_RETRIEVE_FOLDER"),
        ("cmd.exe /c {folder}", "DICOM_RETRIEVE_FOLDER"),
        ("env sh -ec {folder}", "DICOM_RETRIEVE_FOLDER"),
        ("python3 -c print('{study}')", "unknown placeholder|DICOM_RETRIEVE_STUDY"),
        ("perl -e 'print q({study})'", "DICOM_RETRIEVE_STUDY"),
        ("x \0", "NUL"),
        ("x \udcff", "not UTF-8"),
    ],
)
def test_what_cannot_be_run_safely_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words.replace("{", r"\{")) as refused:
        _study(text)

    assert "--on-study" in str(refused.value)


def test_the_command_of_the_end_has_other_placeholders() -> None:
    assert parse_finish_command("--on-finish", "x {report} {output}").words[1] == "{report}"
    with pytest.raises(ConfigError, match="unknown placeholder"):
        parse_finish_command("--on-finish", "x {folder}")


def test_text_in_braces_that_is_no_name_stays() -> None:
    assert _study("x {} {0} '{a b}'").argv(_hook().values) == ["x", "{}", "{0}", "{a b}"]


def test_commands_do_not_get_our_secrets() -> None:
    assert {PASSCODE, PASSPHRASE} == SECRETS
