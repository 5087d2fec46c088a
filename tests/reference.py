"""Draws `docs/cli.md` from the parsers; `python -m tests.reference` writes it anew."""

import re
from collections.abc import Iterator
from pathlib import Path

from dicom_retrieve_tui.cli.flags import Flag, groups_of
from dicom_retrieve_tui.cli.parser import command_names, parser_of
from dicom_retrieve_tui.cli.parser_base import PROGRAM

DOCUMENT = Path(__file__).parent.parent / "docs" / "cli.md"
COMMAND = "python -m tests.reference"

_HEAD = f"""\
# The command line

Every command and every flag, as `{PROGRAM} help` and `{PROGRAM} help COMMAND` tell them; what
stands under "About" goes with every command. `{COMMAND}` writes this from the same source.
"""


def render() -> str:
    """The whole document."""
    commands = ["", *command_names()]
    contents = [f"- [{_title(each)}](#{_title(each).replace(' ', '-')})" for each in commands]
    chapters = [line for each in commands for line in _chapter(each)]
    return "\n".join([_HEAD, *contents, "", *chapters]).rstrip("\n") + "\n"


def _title(command: str) -> str:
    return f"{PROGRAM} {command}".rstrip()


def _chapter(command: str) -> Iterator[str]:
    parser = parser_of(command)
    yield f"## {_title(command)}\n"
    yield _fenced(re.sub(r"\n +", "\n", parser.usage or ""))
    yield " ".join((parser.description or "").split()) + "\n"
    for group in groups_of(parser):
        if group.title == "about" and command:
            continue  # they are the same everywhere
        yield f"**{group.title[:1].upper()}{group.title[1:]}**\n"
        if group.description:
            yield f"{group.description}\n"
        yield "| | |\n|---|---|"
        yield from map(_row, group.flags)
        yield ""
    if parser.epilog:
        yield _fenced(parser.epilog)


def _fenced(text: str) -> str:
    return f"```text\n{text}\n```\n"


def _row(flag: Flag) -> str:
    *short, name = flag.names or ("",)
    shown = [*short, f"{name} {flag.metavar}".strip()]
    cells = [", ".join(f"`{each}`" for each in shown), flag.text]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    DOCUMENT.write_text(render(), encoding="utf-8")
