"""argparse with our messages and exit codes, and what a parser offers to completion and docs."""

import argparse
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.option_values import YES
from dicom_retrieve_tui.model.options import OPTIONS, Command, Group, Option

PROGRAM = "dicom-retrieve"
PROFILE_SIGN = "@"


def names_profile(target: str | None) -> bool:
    """Return true if the target is `@NAME`, a saved profile."""
    return target is not None and target.startswith(PROFILE_SIGN)


class UsageError(ConfigError):
    """The command line cannot be parsed; the help would help."""


class StrictParser(argparse.ArgumentParser):
    """A parser that raises instead of exiting with 2."""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong with the command line.

        Raises:
            UsageError: Always.
        """
        if match := re.fullmatch(r"argument (?:.*/)?(\S+): expected one argument", message):
            raise UsageError(f"{match[1]} needs a value.")
        raise UsageError(f"{message[:1].upper()}{message[1:]}.")


class Once(argparse.Action):
    """A value that may be given once; argparse would silently take the last of two."""

    values: tuple[str, ...] = ()
    """Every possible value, if they are few."""

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
    """Return a parser without abbreviated flags and without argparse's own help."""
    return StrictParser(
        prog=prog,
        usage=usage,
        description=description,
        epilog=epilog,
        add_help=False,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


Word = tuple[str, str, str]
"""Name, metavar and help of a positional word."""


def add_options(parser: argparse.ArgumentParser, command: Command, *groups: Group) -> None:
    """Add what the table of options says that a command takes, in the order of `groups`."""
    for group in groups:
        found = [each for each in OPTIONS if each.group is group and command in each.commands]
        add_group(parser, group, *found, description=_DESCRIPTIONS.get(group), command=command)


def add_group(
    parser: argparse.ArgumentParser,
    title: str,
    *options: Option,
    words: Iterable[Word] = (),
    description: str | None = None,
    command: Command = Command.RETRIEVE,
) -> None:
    """Add positional words and options under a heading."""
    group = parser.add_argument_group(title, description)
    for name, metavar, text in words:
        group.add_argument(name, nargs="?", metavar=metavar, help=text)
    for option in options:
        _add(group, option, option.help_for(command).replace("%", "%%"))


def _add(group: Any, option: Option, text: str) -> None:
    names = filter(None, (option.short, option.flag))
    if option.metavar:
        added = group.add_argument(*names, action=Once, metavar=option.metavar, help=text)
        added.values = option.choices
    elif option.saved:  # the text that a profile would hold; None where it is not given
        group.add_argument(*names, action="store_const", const=YES, help=text)
    else:
        group.add_argument(*names, action="store_true", help=text)
    if option.off:
        group.add_argument(
            option.off_flag, action="store_const", const="false", dest=option.name, help=option.off
        )


_DESCRIPTIONS = {
    Group.SELECTION: "UIDs without a flag are Study Instance UIDs.",
    Group.SERIES: "A series must match all of these, by what the PACS reports.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One flag of a parser, or one positional word."""

    names: tuple[str, ...]
    """`-v` and `--verbose`; empty for a word."""
    metavar: str
    """Placeholder of the value, or of the word; empty for a flag without a value."""
    text: str
    """The help."""
    values: tuple[str, ...] = ()
    """Every possible value, if they are few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagGroup:
    """Flags under one heading."""

    title: str
    description: str
    flags: tuple[Flag, ...]


def groups_of(parser: argparse.ArgumentParser) -> Iterator[FlagGroup]:
    """Return the parser's groups in the order of its help, without empty and hidden ones."""
    # argparse has no public way to ask what was added.
    for group in parser._action_groups:  # noqa: SLF001
        actions = [each for each in group._group_actions if each.help != argparse.SUPPRESS]  # noqa: SLF001
        if actions:
            yield FlagGroup(
                title=group.title or "",
                description=group.description or "",
                flags=tuple(map(_flag, actions)),
            )


def flags_of(parser: argparse.ArgumentParser) -> Iterable[Flag]:
    """Return every flag that begins with a dash."""
    return (flag for group in groups_of(parser) for flag in group.flags if flag.names)


def words_of(parser: argparse.ArgumentParser) -> Sequence[Flag]:
    """Return the positional words, in their order."""
    return [flag for group in groups_of(parser) for flag in group.flags if not flag.names]


def _flag(action: argparse.Action) -> Flag:
    takes_value = action.nargs != 0
    return Flag(
        names=tuple(action.option_strings),
        metavar=str(action.metavar or action.dest.upper()) if takes_value else "",
        text=(action.help or "").replace("%%", "%"),
        values=action.values if isinstance(action, Once) else (),
    )


def own_option(name: str, help_text: str, metavar: str = "", **more: Any) -> Option:
    """Return an option that one command has for itself."""
    return Option(name=name, help=help_text, metavar=metavar, saved=False, **more)
