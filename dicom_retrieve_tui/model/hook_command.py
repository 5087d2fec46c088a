"""The commands of `--on-study` and `--on-finish`: how they are written, and what they are given.

A command is split into words once, when it is read. Values replace placeholders inside a word
afterwards, so that no value can add a word, and no shell reads any of it.
"""

import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.layout import clean_uid
from dicom_retrieve_tui.model.sanitize import check_text

ON_STUDY, ON_FINISH = "on_study", "on_finish"
PREFIX = "DICOM_RETRIEVE_"
"""Begins the name of every variable that a command finds in its environment."""
STUDY_PLACEHOLDERS = ("folder", "study", "output")
FINISH_PLACEHOLDERS = ("output", "report")
SECRETS = frozenset({f"{PREFIX}PASSCODE", f"{PREFIX}KEY_PASSPHRASE"})
"""Variables of our environment that commands do not get."""

_PLACEHOLDER = re.compile(r"\{([A-Za-z_]+)\}")
_BESIDE = re.compile(r"[\w./\\:=,+@%^~-]*")
"""Characters that may stand beside a placeholder; others make a word that a program interprets."""
_PROGRAM_TEXT = re.compile(r"-[A-Za-z]*[ce]|/[ck]|-[Cc]ommand")
"""Options after which an interpreter takes program text, as in `sh -c` and `perl -e`."""
_INTERPRETER = re.compile(
    r"(?:.*[/\\])?(?:(?:ba|da|z|k|fi|a)?sh|cmd|powershell|pwsh|python[0-9.]*|perl|ruby|node|php)"
    r"(?:\.exe)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class HookCommand:
    """A program and its arguments, with placeholders."""

    words: tuple[str, ...]
    text: str
    """As the user wrote it."""

    @property
    def program(self) -> str:
        """The program, as the user named it."""
        return self.words[0]

    def argv(self, values: Mapping[str, str]) -> list[str]:
        """Return the words with each placeholder replaced.

        Args:
            values: By placeholder, every one that the command may have.
        """
        return [_PLACEHOLDER.sub(lambda found: values[found[1]], word) for word in self.words]

    def __str__(self) -> str:
        return self.text


def parse_study_command(where: str, text: str) -> HookCommand:
    """Parse the value of `--on-study`. Raises `ConfigError`."""
    return _parse(where, text, STUDY_PLACEHOLDERS)


def parse_finish_command(where: str, text: str) -> HookCommand:
    """Parse the value of `--on-finish`. Raises `ConfigError`."""
    return _parse(where, text, FINISH_PLACEHOLDERS)


def _parse(where: str, text: str, placeholders: tuple[str, ...]) -> HookCommand:
    check_text(where, text)
    if "\0" in text:
        raise ConfigError.of_value(where, text, "a command has no NUL character")
    try:
        words = _split(text)
    except ValueError as error:
        problem = f"cannot be split into words ({str(error).lower()})"
        raise ConfigError.of_value(where, text, problem) from error
    if not words or not words[0]:
        raise ConfigError.of_value(where, text, "expected a program and its arguments")
    if _PLACEHOLDER.search(words[0]):
        raise ConfigError.of_value(where, text, "the program itself cannot be a placeholder")
    for number, word in enumerate(words):
        if fault := _fault(word, words[:number], placeholders):
            raise ConfigError.of_value(where, text, fault)
    return HookCommand(tuple(words), text)


def _split(text: str) -> list[str]:
    """Split by the quoting rules of a POSIX shell; on Windows, a backslash is an ordinary one."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    if sys.platform == "win32":
        lexer.escape = ""
    return list(lexer)


def _fault(word: str, before: Sequence[str], placeholders: tuple[str, ...]) -> str:
    """Return what is wrong with the placeholders of a word; empty if nothing is.

    Args:
        before: The words before it.
    """
    names = _PLACEHOLDER.findall(word)
    for name in names:
        if name not in placeholders:
            known = ", ".join(f"{{{each}}}" for each in placeholders)
            return f"unknown placeholder {{{name}}}; use {known}"
    beside = _PLACEHOLDER.sub("", word)
    interpreted = any(map(_INTERPRETER.fullmatch, before)) and _PROGRAM_TEXT.fullmatch(before[-1])
    if names and (interpreted or not _BESIDE.fullmatch(beside)):
        return (
            f"{{{names[0]}}} stands in a text that a program may interpret; use the variable "
            f"{PREFIX}{names[0].upper()} there, in quotes"
        )
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyHook:
    """The values for a command of `--on-study`."""

    study_instance_uid: str
    folder: str
    """Absolute path of the study's folder."""
    output: str
    """Absolute path of the output folder."""
    instances: int

    @property
    def values(self) -> dict[str, str]:
        """The placeholders; an invalid UID is replaced by its hash, as in file names."""
        study = clean_uid(self.study_instance_uid)
        return {"folder": self.folder, "study": study, "output": self.output}

    @property
    def environment(self) -> dict[str, str]:
        """The variables."""
        return _variables(**self.values, instances=self.instances, verdict="complete")


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishHook:
    """The values for a command of `--on-finish`."""

    verdict: str
    exit_code: int
    """Of the run; a failure of this command is not in it."""
    output: str
    """Absolute path of the output folder."""
    report: str
    """Absolute path of the report; empty if none was written."""
    peer: str
    studies: int
    studies_good: int
    """Complete or delivered."""
    instances: int
    """Proven on disk."""
    commands_failed: int
    """Of `--on-study`."""
    seconds: float
    summary: str
    """The lines of the summary; standard input of the command."""

    @property
    def values(self) -> dict[str, str]:
        """The placeholders."""
        return {"output": self.output, "report": self.report}

    @property
    def environment(self) -> dict[str, str]:
        """The variables."""
        return _variables(
            **self.values,
            folder=self.output,
            verdict=self.verdict,
            exit_code=self.exit_code,
            peer=self.peer,
            studies=self.studies,
            studies_good=self.studies_good,
            instances=self.instances,
            commands_failed=self.commands_failed,
            seconds=round(self.seconds),
        )


def _variables(**values: object) -> dict[str, str]:
    # A NUL would end the variable; operating systems refuse it.
    return {PREFIX + name.upper(): str(value).replace("\0", "") for name, value in values.items()}
