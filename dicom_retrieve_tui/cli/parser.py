"""Reads a command line with the parser of its command, and says what is wrong with it.

Values are taken as text, so that every message about a bad one is ours.
"""

import argparse
import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NoReturn

from dicom_retrieve_tui.cli.command_flags import COMMANDS, retrieve_parser
from dicom_retrieve_tui.cli.parser_base import UsageError

_RETRIEVE = "retrieve"
_DOCTOR = "doctor"
_HELP = "help"


def parse_command_line(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line; `.command` is `retrieve`, `profiles`, ..., absent values are None.

    Raises:
        UsageError: There is no such flag, or a value is missing.
    """
    if argv and argv[0] == _HELP and not set(argv) & {"-h", "--help"}:
        argv = [*_command_to_explain(argv[1:]), "--help"]
    named = bool(argv) and argv[0] in COMMANDS
    command = argv[0] if named else _RETRIEVE
    parser = parser_of(command)
    namespace, surplus = parser.parse_known_args(argv[1:] if named else argv)
    if command in {_RETRIEVE, _DOCTOR}:
        # What is left of the words are UIDs, wherever they stand between the flags.
        namespace.uids = [word for word in surplus if not word.startswith("-")]
        surplus = [word for word in surplus if word.startswith("-")]
    if command == _RETRIEVE:
        _refuse_command(namespace.target or "")
    if surplus and not (namespace.help or namespace.version):
        _refuse(surplus[0], parser)
    namespace.command = command
    return namespace


def _command_to_explain(words: Sequence[str]) -> Sequence[str]:
    """What stands behind `help`, if it is a command.

    Raises:
        UsageError: It is none.
    """
    for word in words:
        if word not in COMMANDS:
            raise UsageError(f"There is no command {word!r}; there are {', '.join(COMMANDS)}.")
    return words[:1]


def help_text(command: str) -> str:
    """What `--help` prints."""
    return parser_of(command).format_help()


def command_names() -> Sequence[str]:
    """The words that a command line may begin with, instead of a PACS."""
    return tuple(COMMANDS)


@cache
def parser_of(command: str) -> argparse.ArgumentParser:
    """The parser of a command; that of a retrieval for any other word."""
    return COMMANDS.get(command, retrieve_parser)()


def summary_of(command: str) -> str:
    """What a command does, in half a sentence."""
    return re.split(r"[.:]\s", " ".join((parser_of(command).description or "").split()))[0]


def _refuse_command(word: str) -> None:
    """A word that is nearly a command is no PACS."""
    if word.isalpha() and (near := _nearest(word, COMMANDS)):
        raise UsageError(f"There is no command {word!r}; did you mean {near}?")


def _refuse(word: str, parser: argparse.ArgumentParser) -> NoReturn:
    flag = word.partition("=")[0]
    if not flag.startswith("-"):
        raise UsageError(f"{word!r} is one argument too many.")
    from dicom_retrieve_tui.cli.flags import flags_of  # noqa: PLC0415 - only for a mistake

    known = [name for each in flags_of(parser) for name in each.names if name.startswith("--")]
    near = _nearest(flag, known)
    raise UsageError(f"There is no flag {flag}" + (f"; did you mean {near}?" if near else "."))


def _nearest(word: str, known: Iterable[str]) -> str:
    """The one of `known` that was probably meant; empty if none was."""
    import difflib  # noqa: PLC0415 - only for a mistake

    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.7)), "")
