"""Draw `docs/cli.md` and the man page from the parsers: `python -m tests.reference`."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from dicom_retrieve_tui import __version__
from dicom_retrieve_tui.cli.parser import command_names, parser_of
from dicom_retrieve_tui.cli.parser_base import PROGRAM, Flag, FlagGroup, groups_of

COMMAND = "python -m tests.reference"

_DOCS = Path(__file__).parent.parent / "docs"

_HEAD = f"""\
# The command line

Every command and every flag, as `{PROGRAM} help` and `{PROGRAM} help COMMAND` print them; the flags
under "General" go with every command. Written by `{COMMAND}` from the parsers.
"""

_MAN_HEAD = f"""\
.\\" Written by `{COMMAND}` from the parsers.
.TH DICOM\\-RETRIEVE 1 "" "{PROGRAM} {__version__}" "User Commands"
.SH NAME
dicom\\-retrieve \\- retrieve DICOM studies from a PACS and prove that they are complete
"""

_MAN_TAIL = """\
.SH ENVIRONMENT
.TP
.B DICOM_RETRIEVE_CONFIG
The file of the profiles, as
.B \\-\\-config
names it.
.TP
.B DICOM_RETRIEVE_PASSCODE
The passcode of
.BR \\-\\-user .
.TP
.B DICOM_RETRIEVE_KEY_PASSPHRASE
The passphrase of the private key of
.BR \\-\\-tls\\-key .
.TP
.B NO_COLOR
No colours, if set.
.SH FILES
.B dicom\\-retrieve profiles path
prints the path of profiles.toml;
settings.toml, with the preferences of the application, is beside it.
.SH SEE ALSO
.BR dcmqrscp (1),
.BR getscu (1),
.BR movescu (1)
"""


def render_markdown() -> str:
    """Return `docs/cli.md`."""
    commands = ["", *command_names()]
    contents = [f"- [{_title(each)}](#{_title(each).replace(' ', '-')})" for each in commands]
    chapters = [line for each in commands for line in _chapter(each)]
    return "\n".join([_HEAD, *contents, "", *chapters]).rstrip("\n") + "\n"


def render_man_page() -> str:
    """Return `docs/dicom-retrieve.1`, in the macros of man(7)."""
    lines = [_MAN_HEAD.rstrip("\n"), ".SH SYNOPSIS", *_man_verbatim(_usage(""))]
    lines += [".SH DESCRIPTION", *_man_parser("")]
    for command in command_names():
        lines += [f".SH {_roff(_title(command)).upper()}", *_man_verbatim(_usage(command))]
        lines += [".PP", *_man_parser(command)]
    return "\n".join([*lines, _MAN_TAIL])


DOCUMENTS: Mapping[Path, Callable[[], str]] = {
    _DOCS / "cli.md": render_markdown,
    _DOCS / f"{PROGRAM}.1": render_man_page,
}
"""Each document and the function that returns its text."""


def _title(command: str) -> str:
    return f"{PROGRAM} {command}".rstrip()


def _usage(command: str) -> str:
    return re.sub(r"\n +", "\n", parser_of(command).usage or "")


def _description(command: str) -> str:
    return " ".join((parser_of(command).description or "").split())


def _groups(command: str) -> Iterator[FlagGroup]:
    for group in groups_of(parser_of(command)):
        if group.title != "general" or not command:  # these flags are the same everywhere
            yield group


def _heading(group: FlagGroup) -> str:
    return group.title[:1].upper() + group.title[1:]


def _shown(flag: Flag) -> list[str]:
    *short, name = flag.names or ("",)
    return [*short, f"{name} {flag.metavar}".strip()]


def _chapter(command: str) -> Iterator[str]:
    yield f"## {_title(command)}\n"
    yield _fenced(_usage(command))
    yield _description(command) + "\n"
    for group in _groups(command):
        yield f"**{_heading(group)}**\n"
        if group.description:
            yield f"{group.description}\n"
        yield "| | |\n|---|---|"
        yield from map(_row, group.flags)
        yield ""
    if epilog := parser_of(command).epilog:
        yield _fenced(epilog)


def _fenced(text: str) -> str:
    return f"```text\n{text}\n```\n"


def _row(flag: Flag) -> str:
    cells = [", ".join(f"`{each}`" for each in _shown(flag)), flag.text]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _man_parser(command: str) -> Iterator[str]:
    yield _roff(_description(command))
    for group in _groups(command):
        yield f'.SS "{_roff(_heading(group))}"'
        if group.description:
            yield _roff(group.description)
        for flag in group.flags:
            yield ".TP"
            yield ", ".join(rf"\fB{_roff(each)}\fR" for each in _shown(flag))
            yield _roff(flag.text)
    if epilog := parser_of(command).epilog:
        yield ".PP"
        yield from _man_verbatim(epilog)


def _man_verbatim(text: str) -> Iterator[str]:
    yield ".nf"
    yield from map(_roff, text.splitlines())
    yield ".fi"


def _roff(text: str) -> str:
    """Return text in which roff finds neither requests nor escapes."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq")
    return re.sub(r"^\.", r"\\&.", text)


if __name__ == "__main__":
    for path, render in DOCUMENTS.items():
        path.write_text(render(), encoding="utf-8")
