"""The parser of each command, drawn from the table of options; values are taken as text.

Combinations of options are checked by `read_options`, `read_selections` and `commands.find`.
"""

import argparse
import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NoReturn

from dicom_retrieve_tui.cli.parser_base import (
    PROGRAM,
    UsageError,
    add_group,
    add_options,
    flags_of,
    make_parser,
    own_option,
)
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.options import OPTIONS, Command, Group

_RETRIEVE_USAGE = f"""{PROGRAM}
       {PROGRAM} (pacs://HOST[:PORT] | @PROFILE) [UID ...] [flags]
       {PROGRAM} find (pacs://HOST[:PORT] | @PROFILE) KEYS [flags]
       {PROGRAM} doctor (pacs://HOST[:PORT] | @PROFILE) [STUDY_UID] [flags]
       {PROGRAM} profiles [list | show | add | test | remove | path] [NAME]
       {PROGRAM} status FOLDER [--watch] [--json]
       {PROGRAM} verify FOLDER [--deep] [--json]
       {PROGRAM} demo [--headless | --serve]
       {PROGRAM} help [COMMAND]
       {PROGRAM} completion (bash | zsh | fish | powershell)"""

_RETRIEVE_DESCRIPTION = """\
Retrieve DICOM studies, series and instances from a PACS into a folder, by
C-GET or C-MOVE, and prove that they are complete. Without arguments at a
terminal, open the application."""

_RETRIEVE_EPILOG = f"""\
examples:
  save a PACS under a name, and retrieve a study from it:
    {PROGRAM} profiles add hospital pacs://pacs.example:11112 \\
        --method c-get --output ~/dicom
    {PROGRAM} @hospital 1.2.840.113619.2.1
  one study by C-GET, without a profile:
    {PROGRAM} pacs://pacs.example:11112 --method c-get \\
        --study-uid 1.2.840.113619.2.1 --output study/
  all studies of a patient in the last 30 days:
    {PROGRAM} find @hospital --patient-id 4711 --last 30d --uids |
        {PROGRAM} @hospital --uid-list -
  a list of studies by C-MOVE to this computer, over four associations:
    {PROGRAM} pacs://pacs.example:11112 --move-dest MY_SCP --listen 11112 \\
        --uid-list studies.txt --output studies/ --parallel 4
  check the connection, and what to ask the administrator for:
    {PROGRAM} doctor @hospital
  show how far a retrieval is, in another terminal or in the morning:
    {PROGRAM} status studies/
  later, without the PACS: check that every file is there and whole:
    {PROGRAM} verify studies/
  try it without a PACS:
    {PROGRAM} demo

exit codes:
  0 everything requested is complete, 1 anything else, 130 interrupted"""

_FIND_DESCRIPTION = """\
List what a PACS has, by C-FIND: as a table at a terminal, as columns between
tabs in a pipe. Texts may contain the wildcards * and ?."""

_FIND_EPILOG = f"""\
examples:
  the studies of today:
    {PROGRAM} find @hospital --date today
  all CT studies of a patient, by a part of the name:
    {PROGRAM} find @hospital --patient-name 'Doe, J*' --modality CT
  find studies, and retrieve them:
    {PROGRAM} find @hospital --accession A123 --uids |
        {PROGRAM} @hospital --uid-list -
  a year, from a PACS that lists 500 studies at most:
    {PROGRAM} find @hospital --date 2024 --split > studies.tsv
  the series of a study:
    {PROGRAM} find @hospital --study-uid 1.2.840.113619.2.1 --level series

exit codes:
  0 there are matches, and all are listed; 1 no match, an incomplete list, or
  an error; 130 interrupted"""

_DOCTOR_DESCRIPTION = """\
Check step by step whether a retrieval from a PACS works, and report what to do
if it does not. With a study, retrieve one of its instances by each method that
the PACS offers, into a folder that is removed."""

_DOCTOR_EPILOG = f"""\
examples:
    {PROGRAM} doctor @hospital
    {PROGRAM} doctor pacs://pacs.example:11112 --method c-get
    {PROGRAM} doctor pacs://pacs.example:11112 --called-aet ARCHIVE \\
        --aet MY_SCP --move-dest MY_SCP --listen 11112 1.2.840.113619.2.1

The last lines are a text for the administrator of the PACS.

exit codes:
  0 --method works as far as it was checked, 1 it does not, 130 interrupted"""

_PROFILES_DESCRIPTION = """\
Save the settings of a PACS under a name. A flag overrides the profile, and the
profile overrides [defaults] in the same file."""

_PROFILES_EPILOG = f"""\
examples:
    {PROGRAM} profiles add hospital pacs://pacs.example:11112 \\
        --called-aet ARCHIVE --method c-get --output ~/dicom
    {PROGRAM} profiles test hospital
    {PROGRAM} profiles show hospital"""

_DEMO_DESCRIPTION = """\
Run a small PACS with invented patients on this computer, and open the
application on it. Without a terminal, --headless is implied."""

_STATUS_DESCRIPTION = """\
Show how far the retrieval into FOLDER is, while it runs or after: the run, its
studies and instances, the rate, the time left, and every failure that remains.
It only reads, and does not disturb the run."""

_STATUS_EPILOG = f"""\
examples:
  beside a run, in another terminal:
    {PROGRAM} status studies/ --watch
  retrieve again what failed:
    {PROGRAM} @hospital --uid-list studies/failed-studies.txt --output studies/
  no longer expect a study that the PACS does not have:
    {PROGRAM} status studies/ --forget 1.2.840.113619.2.1

exit codes:
  0 complete, and no run goes on; 1 anything else; 130 interrupted"""

_VERIFY_DESCRIPTION = """\
Check, without a PACS, that every instance that was retrieved into FOLDER is
still there and whole, and list what is not. FOLDER is the --output of earlier
retrievals."""

_VERIFY_EPILOG = """\
exit codes:
  0 every study is complete, and every file there and whole; 1 anything else"""

_COMPLETION_DESCRIPTION = """\
Print a script by which the shell completes commands, flags, their values and
the names of saved profiles."""

_COMPLETION_EPILOG = f"""\
install it once:
  bash, in ~/.bashrc:
    eval "$({PROGRAM} completion bash)"
  zsh, in ~/.zshrc, below compinit:
    eval "$({PROGRAM} completion zsh)"
  fish, in ~/.config/fish/config.fish:
    {PROGRAM} completion fish | source
  PowerShell, in the file that $PROFILE names:
    {PROGRAM} completion powershell | Out-String | Invoke-Expression"""


_CONFIG = own_option(
    "config", "file of the profiles", "FILE", default_words="as 'profiles path' prints"
)
_JSON = "one JSON object a line"
_LEVELS = tuple(level.lower() for level in Level)

_FIND_FLAGS = (
    own_option("patient_id", "Patient ID", "ID"),
    own_option("patient_name", "'Doe' begins with Doe; 'Doe, John' is exactly that", "NAME"),
    own_option("accession", "Accession Number", "NUMBER"),
    own_option(
        "date", "2024-01-31, 31.1.2024, 2024-01, 2024-01..2024-03, today, last week", "DATES"
    ),
    own_option("last", "today and the time before: 7d, 2w, 6m, 1y", "TIME"),
    own_option("modality", "modality of any series of the study, such as CT", "M"),
    own_option("description", "Study Description; most PACS are case-sensitive", "TEXT"),
    own_option("study_uid", "Study Instance UID", "UID"),
    own_option("series_uid", "one series of that study", "UID"),
    own_option("all", "everything, if no key is given"),
    own_option(
        "level", "study, series or image", "LEVEL", default=Level.STUDY.lower(), choices=_LEVELS
    ),
    own_option("split", "split the dates where the PACS limits its answers"),
)
"""The flags that `find` has for itself; those of a retrieval come from the table of options."""


def retrieve_parser() -> argparse.ArgumentParser:
    """Return the parser of `dicom-retrieve pacs://HOST[:PORT]`."""
    parser = make_parser(PROGRAM, _RETRIEVE_USAGE, _RETRIEVE_DESCRIPTION, _RETRIEVE_EPILOG)
    _add_pacs(parser)
    add_options(parser, Command.RETRIEVE, *Group)
    _add_general(parser)
    return parser


def doctor_parser() -> argparse.ArgumentParser:
    """Return the parser of `dicom-retrieve doctor`."""
    name = f"{PROGRAM} doctor"
    usage = f"{name} (pacs://HOST[:PORT] | @PROFILE) [STUDY_UID] [flags]"
    parser = make_parser(name, usage, _DOCTOR_DESCRIPTION, _DOCTOR_EPILOG)
    _add_pacs(parser)
    add_options(parser, Command.DOCTOR, Group.NETWORK, Group.SECURITY)
    add_group(parser, Group.OUTPUT, own_option("json", f"steps on stdout, {_JSON}"))
    _add_general(parser)
    # A profile may have the other options of a retrieval; they are read, and not checked.
    parser.set_defaults(**vars(retrieve_parser().parse_args([])))
    return parser


def find_parser() -> argparse.ArgumentParser:
    """Return the parser of `dicom-retrieve find`."""
    name = f"{PROGRAM} find"
    usage = f"{name} (pacs://HOST[:PORT] | @PROFILE) KEYS [flags]"
    parser = make_parser(name, usage, _FIND_DESCRIPTION, _FIND_EPILOG)
    _add_pacs(parser)
    add_group(
        parser,
        "what to find",
        *_FIND_FLAGS,
    )
    add_options(parser, Command.FIND, Group.NETWORK, Group.SECURITY)
    add_group(
        parser,
        Group.OUTPUT,
        own_option("uids", "only UIDs, for --uid-list -"),
        own_option("json", f"matches on stdout, {_JSON}"),
        *(each for each in OPTIONS if each.name == "log_file"),
    )
    _add_general(parser)
    return parser


def profiles_parser() -> argparse.ArgumentParser:
    """Return the parser of `dicom-retrieve profiles`."""
    name = f"{PROGRAM} profiles"
    usage = f"""{name} [list]
       {name} (show | test | remove) NAME
       {name} add NAME [pacs://HOST[:PORT]] [flags]
       {name} path"""
    parser = make_parser(name, usage, _PROFILES_DESCRIPTION, _PROFILES_EPILOG)
    words = (
        ("action", "ACTION", "list, show, test, add, remove or path"),
        ("name", "NAME", "the profile"),
        ("target", "pacs://HOST[:PORT]", "its PACS"),
    )
    own = (
        own_option("yes", "remove without asking"),
        own_option("replace", "add: set these values in a profile that exists; the others stay"),
    )
    add_group(parser, "what to do", *own, _CONFIG, words=words)
    groups = (
        Group.SERIES,
        Group.NETWORK,
        Group.CLUSTER,
        Group.SECURITY,
        Group.FILES,
        Group.COMMANDS,
    )
    add_options(parser, Command.PROFILES, *groups)
    _add_general(parser)
    return parser


def demo_parser() -> argparse.ArgumentParser:
    """Return the parser of `dicom-retrieve demo`."""
    usage = f"{PROGRAM} demo [--headless | --serve]"
    parser = make_parser(f"{PROGRAM} demo", usage, _DEMO_DESCRIPTION)
    folder = ("output", "folder for the files", "DIR")
    add_group(
        parser,
        "what to do",
        own_option("headless", "retrieve every study, without the application"),
        own_option("serve", "run the PACS for others, until Ctrl-C"),
        own_option(*folder, default_words="a new temporary folder"),
        *(each for each in OPTIONS if each.name == "verbose"),
    )
    _add_general(parser)
    return parser


def status_parser() -> argparse.ArgumentParser:
    """Return the parser of `dicom-retrieve status`."""
    name = f"{PROGRAM} status"
    usage = f"{name} FOLDER [flags]"
    parser = make_parser(name, usage, _STATUS_DESCRIPTION, _STATUS_EPILOG)
    words = (("folder", "FOLDER", "output folder of a retrieval"),)
    forget = own_option(
        "forget", "remove studies from the account; several with commas; files stay", "UID"
    )
    add_group(parser, "what to show", own_option("watch", "again and again"), forget, words=words)
    add_group(
        parser,
        Group.OUTPUT,
        own_option("json", f"status and failures on stdout, {_JSON}"),
        own_option("report", "the account of every study as JSON", "FILE"),
    )
    _add_general(parser)
    return parser


def verify_parser() -> argparse.ArgumentParser:
    """Return the parser of `dicom-retrieve verify`."""
    name = f"{PROGRAM} verify"
    usage = f"{name} FOLDER [--deep] [--json] [-v]"
    parser = make_parser(name, usage, _VERIFY_DESCRIPTION, _VERIFY_EPILOG)
    words = (("folder", "FOLDER", "output folder of earlier retrievals"),)
    deep = own_option("deep", "compare checksums of the files, not only sizes")
    add_group(parser, "what to verify", deep, words=words)
    verbose = own_option("verbose", "also list the whole studies, behind the others", short="-v")
    add_group(parser, Group.OUTPUT, own_option("json", f"findings on stdout, {_JSON}"), verbose)
    _add_general(parser)
    return parser


def help_parser() -> argparse.ArgumentParser:
    """Return the parser of `dicom-retrieve help`."""
    name = f"{PROGRAM} help"
    parser = make_parser(name, f"{name} [COMMAND]", "Explain a command, or the whole program.")
    words = (("topic", "COMMAND", f"one of {', '.join(COMMANDS)}"),)
    add_group(parser, "what to explain", words=words)
    _add_general(parser)
    return parser


def completion_parser() -> argparse.ArgumentParser:
    """Return the parser of `dicom-retrieve completion`."""
    name = f"{PROGRAM} completion"
    usage = f"{name} (bash | zsh | fish | powershell)"
    parser = make_parser(name, usage, _COMPLETION_DESCRIPTION, _COMPLETION_EPILOG)
    add_group(parser, "which shell", words=[("shell", "SHELL", "bash, zsh, fish or powershell")])
    # The scripts ask with `completion words WORD...`.
    parser.add_argument("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    _add_general(parser)
    return parser


def _add_pacs(parser: argparse.ArgumentParser) -> None:
    address = ("target", "pacs://HOST[:PORT]", "address (default port: 104), or @PROFILE")
    add_group(parser, "PACS", _CONFIG, words=[address])


def _add_general(parser: argparse.ArgumentParser) -> None:
    add_group(
        parser,
        "general",
        own_option("no_color", "no colors; same as NO_COLOR in the environment"),
        own_option("help", "show this help", short="-h"),
        own_option("version", "show the version"),
    )


COMMANDS = {
    "find": find_parser,
    "doctor": doctor_parser,
    "profiles": profiles_parser,
    "status": status_parser,
    "verify": verify_parser,
    "demo": demo_parser,
    "help": help_parser,
    "completion": completion_parser,
}
"""The words that a command line may begin with, instead of a PACS."""


_HELP = "help"


def parse_command_line(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; `.command` is `retrieve`, `profiles`, ..., absent values are None.

    Raises:
        UsageError: A flag is unknown, or a value is missing.
    """
    if argv and argv[0] == _HELP and not set(argv) & {"-h", "--help"}:
        argv = [*_command_to_explain(argv[1:]), "--help"]
    named = bool(argv) and argv[0] in COMMANDS
    command = argv[0] if named else Command.RETRIEVE
    parser = parser_of(command)
    namespace, surplus = parser.parse_known_args(argv[1:] if named else argv)
    if command in {Command.RETRIEVE, Command.DOCTOR}:
        # The surplus words are UIDs, wherever they stand between the flags.
        namespace.uids = [word for word in surplus if not word.startswith("-")]
        surplus = [word for word in surplus if word.startswith("-")]
    if command == Command.RETRIEVE:
        _refuse_command(namespace.target or "")
    if surplus and not (namespace.help or namespace.version):
        _refuse(surplus[0], parser)
    namespace.command = command
    return namespace


def _command_to_explain(words: Sequence[str]) -> Sequence[str]:
    """Return the command after `help`, if there is one.

    Raises:
        UsageError: The command is unknown.
    """
    for word in words:
        if word not in COMMANDS:
            raise UsageError(f"Unknown command {word!r}. Commands: {', '.join(COMMANDS)}.")
    return words[:1]


def help_text(command: str) -> str:
    """Return the text of `--help`."""
    return parser_of(command).format_help()


def command_names() -> Sequence[str]:
    """Return the words that a command line may begin with, instead of a PACS."""
    return tuple(COMMANDS)


@cache
def parser_of(command: str) -> argparse.ArgumentParser:
    """Return the parser of a command; that of a retrieval for any other word."""
    return COMMANDS.get(command, retrieve_parser)()


def summary_of(command: str) -> str:
    """Return what a command does, in half a sentence."""
    return re.split(r"[.:]\s", " ".join((parser_of(command).description or "").split()))[0]


def _refuse_command(word: str) -> None:
    """Refuse a word that is nearly a command, and not a PACS."""
    if word.isalpha() and (near := _nearest(word, COMMANDS)):
        raise UsageError(f"Unknown command {word!r}; did you mean {near}?")


def _refuse(word: str, parser: argparse.ArgumentParser) -> NoReturn:
    flag = word.partition("=")[0]
    if not flag.startswith("-"):
        raise UsageError(f"Unexpected argument {word!r}.")
    known = [name for each in flags_of(parser) for name in each.names if name.startswith("--")]
    begun = [name for name in known if name.startswith(f"{flag}-")]
    near = _nearest(flag, begun) or _nearest(flag, known)
    raise UsageError(f"Unknown flag {flag}" + (f"; did you mean {near}?" if near else "."))


def _nearest(word: str, known: Iterable[str]) -> str:
    """Return the one of `known` that was probably meant, or an empty text."""
    import difflib  # noqa: PLC0415 - only for a mistake

    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.7)), "")
