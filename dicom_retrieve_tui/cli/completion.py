"""`dicom-retrieve completion SHELL`: print a script for the shell, and complete words for it.

The scripts contain no commands and no flags: for each press of the key they run `dicom-retrieve
completion words WORD...`, so that an old script works with a new version.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import resources

from dicom_retrieve_tui.cli.console import Console
from dicom_retrieve_tui.cli.parser import command_names, parser_of, summary_of
from dicom_retrieve_tui.cli.parser_base import PROFILE_SIGN, Flag, UsageError, flags_of, words_of
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.exit_codes import OK

SHELLS = ("bash", "zsh", "fish", "powershell")
_WORDS = "words"

FILES, FOLDERS = ":files", ":folders"
"""In place of words: the shell completes paths itself."""
_PATHS = {"FILE": FILES, "DIR": FOLDERS, "FOLDER": FOLDERS}
PROFILE_ACTIONS = ("list", "show", "add", "test", "remove", "path")

Candidate = tuple[str, str]
"""A word, and its description."""
Profiles = Callable[[str | None], Sequence[str]]
"""Returns the names of saved profiles, given the value of `--config`."""


def run_completion(args: argparse.Namespace, console: Console) -> int:
    """Print the script of a shell, or the words that may follow; return the exit code.

    Raises:
        UsageError: The shell is not supported.
    """
    if args.shell == _WORDS:
        found = candidates(args.words, lambda config: _saved(config, console.environ))
        console.stdout.write_lines(f"{word} {text}".rstrip() for word, text in found)
        return 0
    if args.shell not in SHELLS or args.words:
        asked = f"No completion for {args.shell!r}" if args.shell else "Which shell?"
        raise UsageError(f"{asked}; there are {', '.join(SHELLS)}.")
    script = resources.files("dicom_retrieve_tui.cli") / "shells" / f"completion.{args.shell}"
    console.stdout.write_lines(script.read_text(encoding="utf-8").rstrip("\n").split("\n"))
    return console.exit_code(OK)


def _saved(config: str | None, environ: Mapping[str, str]) -> Sequence[str]:
    from dicom_retrieve_tui.config.profiles_file import ProfileBook, profiles_path  # noqa: PLC0415

    try:
        return ProfileBook.load(profiles_path(config, environ)).names
    except ConfigError:
        return ()  # an error message would end up on the command line


def candidates(words: Sequence[str], profiles: Profiles) -> Iterator[Candidate]:
    """Yield the completions of the last of `words`, which do not include the program's name.

    Args:
        words: The words up to the cursor; the last one may be empty.
        profiles: Called only where the name of a profile is possible.
    """
    *before, word = words or [""]
    for candidate in _Line(before, word, profiles).candidates():
        if candidate[0].startswith((word, ":")):
            yield candidate


class _Line:
    """The words before the cursor, and the one at it."""

    def __init__(self, before: Sequence[str], word: str, profiles: Profiles) -> None:
        self._before = before
        self._word = word
        self._profiles = profiles
        self._command = before[0] if before and before[0] in command_names() else ""
        self._parser = parser_of(self._command)
        self._value_flags = {
            name: flag for flag in flags_of(self._parser) for name in flag.names if flag.metavar
        }

    def candidates(self) -> Iterator[Candidate]:
        if self._before and (flag := self._value_flags.get(self._before[-1])):
            yield from self._values(flag)
        elif self._word.startswith("-"):
            yield from self._flags()
        else:
            yield from self._places()

    def _values(self, flag: Flag) -> Iterator[Candidate]:
        yield from ((value, "") for value in flag.values)
        if directive := _PATHS.get(flag.metavar):
            yield directive, ""

    def _flags(self) -> Iterator[Candidate]:
        given = set(self._before)
        for flag in flags_of(self._parser):
            if given.isdisjoint(flag.names):
                yield flag.names[-1], flag.text

    def _places(self) -> Iterator[Candidate]:
        """Yield words without dashes: commands first, then values of this argument."""
        if not self._before:
            yield from ((name, summary_of(name)) for name in command_names())
        place = len(self._standing())
        words = words_of(self._parser)
        yield from self._at(words[place].metavar if place < len(words) else "")

    def _at(self, metavar: str) -> Iterator[Candidate]:
        match metavar:
            case "ACTION":
                yield from ((action, "") for action in PROFILE_ACTIONS)
            case "NAME":
                yield from ((name, "saved profile") for name in self._names())
            case "SHELL":
                yield from ((shell, "") for shell in SHELLS)
            case "COMMAND":
                yield from ((name, summary_of(name)) for name in command_names())
            case "FILE" | "DIR" | "FOLDER":
                yield _PATHS[metavar], ""
            case "":
                pass
            case _:  # a PACS
                yield from ((PROFILE_SIGN + name, "saved profile") for name in self._names())

    def _standing(self) -> Sequence[str]:
        """Return the words before the cursor that are neither flags nor their values."""
        before = self._before[1:] if self._command else self._before
        pairs = zip(["", *before], before, strict=False)
        return [w for last, w in pairs if not w.startswith("-") and last not in self._value_flags]

    def _names(self) -> Sequence[str]:
        pairs = zip(self._before, self._before[1:], strict=False)
        return self._profiles(next((w for last, w in pairs if last == "--config"), None))
