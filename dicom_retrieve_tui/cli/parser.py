"""The flags and their help; what they mean together is decided in `options`.

Values are taken as text, so that every message about a bad one is ours. Nothing heavy is imported:
`--help` answers at once.
"""

import argparse
import difflib
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from dicom_retrieve_tui.cli.flags import flags_of
from dicom_retrieve_tui.cli.usage import PROGRAM, UsageError, add_switch, add_values, make_parser

_RETRIEVE_USAGE = f"""{PROGRAM}
       {PROGRAM} (pacs://HOST[:PORT] | @PROFILE) [UID ...] [flags]
       {PROGRAM} find (pacs://HOST[:PORT] | @PROFILE) KEYS [flags]
       {PROGRAM} doctor (pacs://HOST[:PORT] | @PROFILE) [STUDY_UID] [flags]
       {PROGRAM} profiles [list | show | add | test | remove | path] [NAME]
       {PROGRAM} verify FOLDER [--deep] [--json]
       {PROGRAM} demo [--headless | --serve]
       {PROGRAM} help [COMMAND]
       {PROGRAM} completion (bash | zsh | fish)"""

_RETRIEVE_DESCRIPTION = """\
Retrieve DICOM studies, series and instances from a PACS into a folder, by
C-GET or by C-MOVE, and prove that what came is complete. Without arguments,
at a terminal, it is an application with a screen of its own."""

_RETRIEVE_EPILOG = f"""\
examples:
  save a PACS once, and retrieve a study from it by name from then on:
    {PROGRAM} profiles add hospital pacs://pacs.example:11112 \\
        --method c-get --output ~/dicom
    {PROGRAM} @hospital 1.2.840.113619.2.1
  one study, straight to us:
    {PROGRAM} pacs://pacs.example:11112 --method c-get \\
        --study-uid 1.2.840.113619.2.1 --output study/
  everything that the PACS has of a patient, from the last 30 days:
    {PROGRAM} find @hospital --patient-id 4711 --last 30d --uids |
        {PROGRAM} @hospital --uid-list -
  a list of studies by C-MOVE to ourselves, four associations at once:
    {PROGRAM} pacs://pacs.example:11112 --move-dest MY_SCP --listen 11112 \\
        --uid-list studies.txt --output studies/ --parallel 4
  would it work, and what to tell the administrator if not?
    {PROGRAM} doctor @hospital
  later, without the PACS: is everything still there, and whole?
    {PROGRAM} verify studies/
  no PACS at hand:
    {PROGRAM} demo

exit codes:
  0 everything asked for is complete, 1 anything else, 130 interrupted"""

_FIND_DESCRIPTION = """\
List what a PACS has, by C-FIND: a table at a terminal, columns between tabs
where a program reads them. Texts may hold the wildcards * and ?."""

_FIND_EPILOG = f"""\
examples:
  what was done today?
    {PROGRAM} find @hospital --date today
  all CT of a patient, by a part of the name:
    {PROGRAM} find @hospital --patient-name 'Doe, J*' --modality CT
  find, and retrieve what was found:
    {PROGRAM} find @hospital --accession A123 --uids |
        {PROGRAM} @hospital --uid-list -
  a year, from a PACS that lists 500 studies at most:
    {PROGRAM} find @hospital --date 2024 --split > studies.tsv
  the series of a study:
    {PROGRAM} find @hospital --study-uid 1.2.840.113619.2.1 --level series

exit codes:
  0 something matches, and all of it is listed; 1 nothing does, or the list may
  be incomplete, or anything else; 130 interrupted"""

_DOCTOR_DESCRIPTION = """\
Look step by step whether a retrieval from a PACS would work, and say what to do
where it would not. With a study, one instance of it is retrieved, by each method
that the PACS offers, into a folder that is removed."""

_DOCTOR_EPILOG = f"""\
examples:
    {PROGRAM} doctor @hospital
    {PROGRAM} doctor pacs://pacs.example:11112 --method c-get
    {PROGRAM} doctor pacs://pacs.example:11112 --called-aet ARCHIVE \\
        --aet MY_SCP --move-dest MY_SCP --listen 11112 1.2.840.113619.2.1

It ends with what to send to the administrator of the PACS.

exit codes:
  0 nothing was found because of which --method would not work, 1 something was,
  130 interrupted"""

_PROFILES_DESCRIPTION = """\
What there is to know of a PACS, saved under a name: a flag wins over the
profile, the profile over [defaults] in the same file."""

_PROFILES_EPILOG = f"""\
examples:
    {PROGRAM} profiles add hospital pacs://pacs.example:11112 \\
        --called-aet ARCHIVE --method c-get --output ~/dicom
    {PROGRAM} profiles test hospital
    {PROGRAM} profiles show hospital"""

_DEMO_DESCRIPTION = """\
A small PACS with invented patients, on this machine only, to try everything against.
Without flags, at a terminal, the application opens on it."""

_VERIFY_DESCRIPTION = """\
Look, without any PACS, whether every instance that was retrieved into FOLDER is
still there and whole. FOLDER is what --output named."""

_VERIFY_EPILOG = """\
exit codes:
  0 every study is complete, and every file there and whole; 1 anything else"""


_COMPLETION_DESCRIPTION = """\
Let the shell complete commands, flags, their values and the names of saved profiles.
This prints the script that does it."""

_COMPLETION_EPILOG = f"""\
where it goes, once:
  bash, in ~/.bashrc:
    eval "$({PROGRAM} completion bash)"
  zsh, in ~/.zshrc, below compinit:
    eval "$({PROGRAM} completion zsh)"
  fish, in ~/.config/fish/config.fish:
    {PROGRAM} completion fish | source"""


def parse_command_line(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line; `.command` is `retrieve`, `profiles`, ..., absent values are None.

    Raises:
        UsageError: There is no such flag, or a value is missing.
    """
    if argv and argv[0] == _HELP and not set(argv) & {"-h", "--help"}:
        argv = [*_command_to_explain(argv[1:]), "--help"]
    named = bool(argv) and argv[0] in _COMMANDS
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
        if word not in _COMMANDS:
            raise UsageError(f"There is no command {word!r}; there are {', '.join(_COMMANDS)}.")
    return words[:1]


def help_text(command: str) -> str:
    """What `--help` prints."""
    return parser_of(command).format_help()


def command_names() -> Sequence[str]:
    """The words that a command line may begin with, instead of a PACS."""
    return tuple(_COMMANDS)


def parser_of(command: str) -> argparse.ArgumentParser:
    """The parser of a command; that of a retrieval for any other word."""
    return _COMMANDS.get(command, retrieve_parser)()


def summary_of(command: str) -> str:
    """What a command does, in half a sentence."""
    return re.split(r"[.:]\s", " ".join((parser_of(command).description or "").split()))[0]


def _refuse_command(word: str) -> None:
    """A word that is nearly a command is no PACS."""
    if near := difflib.get_close_matches(word, _COMMANDS, n=1, cutoff=0.7):
        raise UsageError(f"There is no command {word!r}; did you mean {near[0]}?")


def _refuse(word: str, parser: argparse.ArgumentParser) -> NoReturn:
    flag = word.partition("=")[0]
    if not flag.startswith("-"):
        raise UsageError(f"{word!r} is one argument too many.")
    known = [name for each in flags_of(parser) for name in each.names if name.startswith("--")]
    near = difflib.get_close_matches(flag, known, n=1, cutoff=0.7)
    raise UsageError(f"There is no flag {flag}" + (f"; did you mean {near[0]}?" if near else "."))


def retrieve_parser() -> argparse.ArgumentParser:
    """The parser of `dicom-retrieve pacs://HOST[:PORT]`."""
    parser = make_parser(PROGRAM, _RETRIEVE_USAGE, _RETRIEVE_DESCRIPTION, _RETRIEVE_EPILOG)
    _add_which(parser)
    _add_what(parser)
    _add_how(parser)
    _add_protection(parser)
    _add_where(parser)
    _add_account(parser)
    _add_general(parser)
    return parser


def doctor_parser() -> argparse.ArgumentParser:
    """The parser of `dicom-retrieve doctor`."""
    name = f"{PROGRAM} doctor"
    usage = f"{name} (pacs://HOST[:PORT] | @PROFILE) [STUDY_UID] [flags]"
    parser = make_parser(name, usage, _DOCTOR_DESCRIPTION, _DOCTOR_EPILOG)
    _add_which(parser)
    add_values(parser.add_argument_group("how a retrieval would ask"), *_ASKING)
    _add_protection(parser)
    parser.add_argument_group("what to tell").add_argument(
        "--json", action="store_true", help="steps on stdout, one JSON object a line"
    )
    _add_general(parser)
    # What a retrieval takes besides, and a profile may say: it is read, and not looked at.
    parser.set_defaults(**vars(retrieve_parser().parse_args([])))
    return parser


def _add_which(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("which PACS")
    group.add_argument(
        "target",
        nargs="?",
        metavar="pacs://HOST[:PORT]",
        help="its address, port 104 if not given; or @PROFILE",
    )
    _add_config(group)


def _add_what(parser: argparse.ArgumentParser) -> None:
    add_values(
        parser.add_argument_group(
            "what to retrieve", "UIDs without a flag are Study Instance UIDs."
        ),
        ("--study-uid", "UID", "Study Instance UID"),
        ("--series-uid", "UID", "one series of that study"),
        ("--instance-uid", "UID", "one instance of that series"),
        ("--uid-list", "FILE", "one UID per line, or a table with a heading; - is stdin"),
        ("--accession-list", "FILE", "the same with accession numbers, looked up first"),
        ("--patient-list", "FILE", "the same with patient IDs: all their studies"),
        ("--column", "NAME", "the table's column, if not StudyInstanceUID or the like"),
    )


_AE_TITLES = (
    ("--aet", "AET", "our AE title (DICOMRETRIEVE)"),
    ("--called-aet", "AET", "the AE title of the PACS (ANY-SCP)"),
)
_TIMEOUT = ("--timeout", "S", "seconds without a byte before we give up (60)")
_ASKING = (
    *_AE_TITLES,
    ("--method", "M", "c-move, c-get, or auto: c-get, else c-move (c-move)"),
    ("--move-dest", "AET", "where C-MOVE sends to, an AE title the PACS knows"),
    ("--listen", "[HOST:]PORT", "be that destination ourselves: files land here"),
    ("--accept-from", "WHO[,..]", "further hosts or networks that may send here"),
    _TIMEOUT,
)


def _add_how(parser: argparse.ArgumentParser) -> None:
    add_values(
        parser.add_argument_group("how to ask for it"),
        *_ASKING,
        ("--parallel", "N", "associations at once, 1 to 64 (1)"),
        ("--retries", "N", "further attempts at what may heal, 0 to 100 (3)"),
    )


def _add_protection(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how it is protected")
    add_switch(group, "--tls", "true", "TLS 1.2 or 1.3, both ways")
    add_switch(group, "--no-tls", "false", "none, whatever the profile says", dest="tls")
    add_values(
        group,
        ("--tls-ca", "FILE", "whom to trust, PEM (whom this machine trusts)"),
        ("--tls-cert", "FILE", "our certificate, PEM; to listen needs one"),
        ("--tls-key", "FILE", "its private key, PEM, if in a file of its own"),
    )
    add_switch(group, "--tls-insecure", "true", "verify no certificate: believe anybody")
    add_values(
        group,
        ("--user", "NAME", "ask in the name of this user; the passcode is asked for"),
        ("--passcode-file", "FILE", "holds it, and only you may read it"),
    )


def _add_where(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("where it goes")
    add_values(group, ("--output", "DIR", "folder for the files, created if missing (.)"))
    group.add_argument("--hierarchical", action="store_true", help="STUDY/SERIES/INSTANCE.dcm")
    add_values(
        group,
        ("--layout", "TEMPLATE", "such as {PatientID}/{SOPInstanceUID}.dcm"),
        ("--umask", "OCTAL", "permissions to hold back; 077 is for you alone (077)"),
        ("--keep-free", "SIZE", "left free on the disk, such as 5G (1GiB, or 2 percent)"),
    )


_LOG_FILE = ("--log-file", "FILE", "append a full diagnostic log, no patient names")


def _add_account(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what to tell")
    group.add_argument("--dry-run", action="store_true", help="list what there is, and stop")
    group.add_argument(
        "--json", action="store_true", help="events on stdout, one JSON object a line"
    )
    add_values(group, ("--report", "FILE", "write the final account as JSON"))
    group.add_argument("-v", "--verbose", action="store_true", help="say more on stderr")
    add_values(group, _LOG_FILE)
    group.add_argument(
        "--log-patient-data", action="store_true", help="log and report paths of a --layout, too"
    )


def _add_general(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("about")
    group.add_argument("--no-color", action="store_true", help="as NO_COLOR in the environment")
    group.add_argument("-h", "--help", action="store_true", help="this text")
    group.add_argument("--version", action="store_true", help="the version")


def _add_config(group: Any) -> None:
    add_values(group, ("--config", "FILE", "where the profiles are (see: profiles path)"))


def find_parser() -> argparse.ArgumentParser:
    """The parser of `dicom-retrieve find`."""
    name = f"{PROGRAM} find"
    usage = f"{name} (pacs://HOST[:PORT] | @PROFILE) KEYS [flags]"
    parser = make_parser(name, usage, _FIND_DESCRIPTION, _FIND_EPILOG)
    _add_which(parser)
    group = parser.add_argument_group("what to look for")
    add_values(
        group,
        ("--patient-id", "ID", "Patient ID"),
        ("--patient-name", "NAME", "'Doe' begins with Doe; 'Doe, John' is exactly that"),
        ("--accession", "NUMBER", "Accession Number"),
        ("--date", "DATES", "2024-01-31, 2024-01, 2024-01-01..2024-03-31, today"),
        ("--last", "TIME", "today and so much before: 7d, 2w, 6m, 1y"),
        ("--modality", "M", "such as CT; any series of the study may have it"),
        ("--description", "TEXT", "Study Description; most PACS mind the case"),
        ("--study-uid", "UID", "Study Instance UID"),
        ("--series-uid", "UID", "one series of that study"),
    )
    group.add_argument("--all", action="store_true", help="everything, if no key is given")
    group = parser.add_argument_group("how to ask for it")
    add_values(
        group,
        ("--level", "LEVEL", "what to list: study, series or image (study)"),
    )
    group.add_argument(
        "--split", action="store_true", help="divide the dates where the PACS caps its answers"
    )
    add_values(group, *_AE_TITLES, _TIMEOUT)
    _add_protection(parser)
    group = parser.add_argument_group("what to tell")
    group.add_argument("--uids", action="store_true", help="only UIDs, for --uid-list -")
    group.add_argument(
        "--json", action="store_true", help="matches on stdout, one JSON object a line"
    )
    add_values(group, _LOG_FILE)
    _add_general(parser)
    return parser


def profiles_parser() -> argparse.ArgumentParser:
    """The parser of `dicom-retrieve profiles`."""
    name = f"{PROGRAM} profiles"
    usage = f"""{name} [list]
       {name} (show | test | remove) NAME
       {name} add NAME [pacs://HOST[:PORT]] [flags]
       {name} path"""
    parser = make_parser(name, usage, _PROFILES_DESCRIPTION, _PROFILES_EPILOG)
    group = parser.add_argument_group("what to do")
    for word, metavar, text in (
        ("action", "ACTION", "list, show, test, add, remove or path"),
        ("name", "NAME", "the profile"),
        ("target", "pacs://HOST[:PORT]", "its PACS"),
    ):
        group.add_argument(word, nargs="?", metavar=metavar, help=text)
    group.add_argument("--yes", action="store_true", help="remove without asking")
    _add_config(group)
    _add_how(parser)
    _add_protection(parser)
    _add_where(parser)
    _add_general(parser)
    return parser


def demo_parser() -> argparse.ArgumentParser:
    """The parser of `dicom-retrieve demo`."""
    parser = make_parser(
        f"{PROGRAM} demo", f"{PROGRAM} demo [--headless | --serve]", _DEMO_DESCRIPTION
    )
    group = parser.add_argument_group("what to do")
    group.add_argument("--headless", action="store_true", help="retrieve everything that it holds")
    group.add_argument("--serve", action="store_true", help="keep it up for others, until Ctrl-C")
    add_values(group, ("--output", "DIR", "folder for the files (a new temporary one)"))
    group.add_argument("-v", "--verbose", action="store_true", help="say more on stderr")
    _add_general(parser)
    return parser


def verify_parser() -> argparse.ArgumentParser:
    """The parser of `dicom-retrieve verify`."""
    name = f"{PROGRAM} verify"
    usage = f"{name} FOLDER [--deep] [--json]"
    parser = make_parser(name, usage, _VERIFY_DESCRIPTION, _VERIFY_EPILOG)
    parser.add_argument_group("what to look at").add_argument(
        "folder", nargs="?", metavar="FOLDER", help="into which studies were retrieved"
    )
    group = parser.add_argument_group("how")
    group.add_argument(
        "--deep", action="store_true", help="read every file to its end, not its size alone"
    )
    group.add_argument(
        "--json", action="store_true", help="findings on stdout, one JSON object a line"
    )
    _add_general(parser)
    return parser


def help_parser() -> argparse.ArgumentParser:
    """The parser of `dicom-retrieve help`."""
    name = f"{PROGRAM} help"
    parser = make_parser(name, f"{name} [COMMAND]", "Explain a command, or all of it.")
    parser.add_argument_group("what to explain").add_argument(
        "topic", nargs="?", metavar="COMMAND", help=f"one of {', '.join(_COMMANDS)}"
    )
    _add_general(parser)
    return parser


def completion_parser() -> argparse.ArgumentParser:
    """The parser of `dicom-retrieve completion`."""
    name = f"{PROGRAM} completion"
    parser = make_parser(
        name, f"{name} (bash | zsh | fish)", _COMPLETION_DESCRIPTION, _COMPLETION_EPILOG
    )
    parser.add_argument_group("which shell").add_argument(
        "shell", nargs="?", metavar="SHELL", help="bash, zsh or fish"
    )
    # What the scripts ask with: `completion words WORD...`
    parser.add_argument("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    _add_general(parser)
    return parser


_RETRIEVE = "retrieve"
_DOCTOR = "doctor"
_HELP = "help"
_COMMANDS = {
    "find": find_parser,
    _DOCTOR: doctor_parser,
    "profiles": profiles_parser,
    "verify": verify_parser,
    "demo": demo_parser,
    "help": help_parser,
    "completion": completion_parser,
}
