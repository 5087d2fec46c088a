"""argparse with our sentences and exit codes: the words that every command line shares."""

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from dicom_retrieve_tui.errors import ConfigError

PROGRAM = "dicom-retrieve"


PROFILE_SIGN = "@"


def names_profile(target: str | None) -> bool:
    """True if the target is `@NAME`, a saved profile."""
    return target is not None and target.startswith(PROFILE_SIGN)


class UsageError(ConfigError):
    """The command line cannot be read; the help would help."""


class StrictParser(argparse.ArgumentParser):
    """It raises, and never exits with 2."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the command line.

        Raises:
            UsageError: Always.
        """
        if match := re.fullmatch(r"argument (?:.*/)?(\S+): expected one argument", message):
            raise UsageError(f"{match[1]} needs a value.")
        raise UsageError(f"{message[:1].upper()}{message[1:]}.")


class Once(argparse.Action):
    """A value that may be given once: the last of two would win without a word."""

    values: tuple[str, ...] = ()
    """All that it can be, where they are few."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Keep the value, if it is the first."""
        if getattr(namespace, self.dest) is not None:
            listed = self.dest == "study_uid" and hasattr(namespace, "uid_list")
            hint = "; for several studies, use --uid-list" if listed else ""
            parser.error(f"{option_string} is given twice{hint}")
        setattr(namespace, self.dest, values)


def make_parser(
    prog: str, usage: str, description: str, epilog: str | None = None
) -> argparse.ArgumentParser:
    """A parser that guesses nothing: no abbreviated flags, no help of argparse's own."""
    return StrictParser(
        prog=prog,
        usage=usage,
        description=description,
        epilog=epilog,
        add_help=False,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


ValueFlag = tuple[str, str, str] | tuple[str, str, str, Sequence[str]]
"""Name, metavar and help of a flag that takes a value, and the values if they are few."""


def add_values(group: Any, *flags: ValueFlag) -> None:
    """Add flags that take a value; whether it is one of those named is judged elsewhere."""
    for flag, metavar, text, *values in flags:
        added = group.add_argument(flag, action=Once, metavar=metavar, help=text)
        added.values = tuple(map(str, values[0])) if values else ()


def add_switch(
    group: Any, flag: str, text: str, help_text: str, *, dest: str | None = None
) -> None:
    """Add a flag that stands for the text that a profile would say; it is None where not given."""
    dest = dest or flag.strip("-").replace("-", "_")
    group.add_argument(flag, action="store_const", const=text, dest=dest, help=help_text)
