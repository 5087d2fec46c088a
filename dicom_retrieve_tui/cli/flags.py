"""What a parser has to offer, for everything that tells of it: completion and reference."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dicom_retrieve_tui.cli.parser_base import Once


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One flag, or one word that stands without."""

    names: tuple[str, ...]
    """`-v` and `--verbose`; empty for a word."""
    metavar: str
    """What stands for the value, or for the word; empty if there is no value."""
    text: str
    """The help."""
    values: tuple[str, ...] = ()
    """All that the value can be, where they are few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Flags that belong together."""

    title: str
    description: str
    flags: tuple[Flag, ...]


def groups_of(parser: argparse.ArgumentParser) -> Iterator[Group]:
    """The parser's groups, in the order of its help; none that is empty or hidden."""
    # argparse has no public way to ask what was added.
    for group in parser._action_groups:  # noqa: SLF001
        actions = [each for each in group._group_actions if each.help != argparse.SUPPRESS]  # noqa: SLF001
        if actions:
            yield Group(
                title=group.title or "",
                description=group.description or "",
                flags=tuple(map(_flag, actions)),
            )


def flags_of(parser: argparse.ArgumentParser) -> Iterator[Flag]:
    """All that begin with a dash."""
    return (flag for group in groups_of(parser) for flag in group.flags if flag.names)


def words_of(parser: argparse.ArgumentParser) -> Sequence[Flag]:
    """All that stand without, in their order."""
    return [flag for group in groups_of(parser) for flag in group.flags if not flag.names]


def _flag(action: argparse.Action) -> Flag:
    takes_value = action.nargs != 0
    return Flag(
        names=tuple(action.option_strings),
        metavar=str(action.metavar or action.dest.upper()) if takes_value else "",
        text=(action.help or "").replace("%%", "%"),
        values=action.values if isinstance(action, Once) else (),
    )
