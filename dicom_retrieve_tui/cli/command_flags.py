"""Each command's flags; what they mean together is decided in `options` and its like.

Nothing heavy is imported: `--help` answers at once.
"""

import argparse

from dicom_retrieve_tui.cli import help_texts
from dicom_retrieve_tui.cli.flag_groups import (
    AE_TITLES,
    ASKING,
    LOG_FILE,
    MAX_PDU,
    QUERY_MODEL,
    TIMEOUT,
    add_account,
    add_config,
    add_filter,
    add_general,
    add_how,
    add_protection,
    add_what,
    add_where,
    add_which,
)
from dicom_retrieve_tui.cli.parser_base import PROGRAM, add_values, make_parser
from dicom_retrieve_tui.model.choices import Level


def retrieve_parser() -> argparse.ArgumentParser:
    """The parser of `dicom-retrieve pacs://HOST[:PORT]`."""
    parser = make_parser(
        PROGRAM,
        help_texts.RETRIEVE_USAGE,
        help_texts.RETRIEVE_DESCRIPTION,
        help_texts.RETRIEVE_EPILOG,
    )
    add_which(parser)
    add_what(parser)
    add_filter(parser)
    add_how(parser)
    add_protection(parser)
    add_where(parser)
    add_account(parser)
    add_general(parser)
    return parser


def doctor_parser() -> argparse.ArgumentParser:
    """The parser of `dicom-retrieve doctor`."""
    name = f"{PROGRAM} doctor"
    usage = f"{name} (pacs://HOST[:PORT] | @PROFILE) [STUDY_UID] [flags]"
    parser = make_parser(name, usage, help_texts.DOCTOR_DESCRIPTION, help_texts.DOCTOR_EPILOG)
    add_which(parser)
    add_values(parser.add_argument_group("how a retrieval would ask"), *ASKING)
    add_protection(parser)
    parser.add_argument_group("what to tell").add_argument(
        "--json", action="store_true", help="steps on stdout, one JSON object a line"
    )
    add_general(parser)
    # What a retrieval takes besides, and a profile may say: it is read, and not looked at.
    parser.set_defaults(**vars(retrieve_parser().parse_args([])))
    return parser


def find_parser() -> argparse.ArgumentParser:
    """The parser of `dicom-retrieve find`."""
    name = f"{PROGRAM} find"
    usage = f"{name} (pacs://HOST[:PORT] | @PROFILE) KEYS [flags]"
    parser = make_parser(name, usage, help_texts.FIND_DESCRIPTION, help_texts.FIND_EPILOG)
    add_which(parser)
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
        (
            "--level",
            "LEVEL",
            "what to list: study, series or image (study)",
            [level.lower() for level in Level],
        ),
    )
    group.add_argument(
        "--split", action="store_true", help="divide the dates where the PACS caps its answers"
    )
    add_values(group, *AE_TITLES, QUERY_MODEL, TIMEOUT, MAX_PDU)
    add_protection(parser)
    group = parser.add_argument_group("what to tell")
    group.add_argument("--uids", action="store_true", help="only UIDs, for --uid-list -")
    group.add_argument(
        "--json", action="store_true", help="matches on stdout, one JSON object a line"
    )
    add_values(group, LOG_FILE)
    add_general(parser)
    return parser


def profiles_parser() -> argparse.ArgumentParser:
    """The parser of `dicom-retrieve profiles`."""
    name = f"{PROGRAM} profiles"
    usage = f"""{name} [list]
       {name} (show | test | remove) NAME
       {name} add NAME [pacs://HOST[:PORT]] [flags]
       {name} path"""
    parser = make_parser(name, usage, help_texts.PROFILES_DESCRIPTION, help_texts.PROFILES_EPILOG)
    group = parser.add_argument_group("what to do")
    for word, metavar, text in (
        ("action", "ACTION", "list, show, test, add, remove or path"),
        ("name", "NAME", "the profile"),
        ("target", "pacs://HOST[:PORT]", "its PACS"),
    ):
        group.add_argument(word, nargs="?", metavar=metavar, help=text)
    group.add_argument("--yes", action="store_true", help="remove without asking")
    add_config(group)
    add_filter(parser)
    add_how(parser)
    add_protection(parser)
    add_where(parser)
    add_general(parser)
    return parser


def demo_parser() -> argparse.ArgumentParser:
    """The parser of `dicom-retrieve demo`."""
    parser = make_parser(
        f"{PROGRAM} demo", f"{PROGRAM} demo [--headless | --serve]", help_texts.DEMO_DESCRIPTION
    )
    group = parser.add_argument_group("what to do")
    group.add_argument("--headless", action="store_true", help="retrieve everything that it holds")
    group.add_argument("--serve", action="store_true", help="keep it up for others, until Ctrl-C")
    add_values(group, ("--output", "DIR", "folder for the files (a new temporary one)"))
    group.add_argument("-v", "--verbose", action="store_true", help="say more on stderr")
    add_general(parser)
    return parser


def verify_parser() -> argparse.ArgumentParser:
    """The parser of `dicom-retrieve verify`."""
    name = f"{PROGRAM} verify"
    usage = f"{name} FOLDER [--deep] [--json]"
    parser = make_parser(name, usage, help_texts.VERIFY_DESCRIPTION, help_texts.VERIFY_EPILOG)
    parser.add_argument_group("what to look at").add_argument(
        "folder", nargs="?", metavar="FOLDER", help="into which studies were retrieved"
    )
    group = parser.add_argument_group("how")
    group.add_argument(
        "--deep",
        action="store_true",
        help="read every file and compare its checksum, not its size alone",
    )
    group.add_argument(
        "--json", action="store_true", help="findings on stdout, one JSON object a line"
    )
    add_general(parser)
    return parser


def help_parser() -> argparse.ArgumentParser:
    """The parser of `dicom-retrieve help`."""
    name = f"{PROGRAM} help"
    parser = make_parser(name, f"{name} [COMMAND]", "Explain a command, or all of it.")
    parser.add_argument_group("what to explain").add_argument(
        "topic", nargs="?", metavar="COMMAND", help=f"one of {', '.join(COMMANDS)}"
    )
    add_general(parser)
    return parser


def completion_parser() -> argparse.ArgumentParser:
    """The parser of `dicom-retrieve completion`."""
    name = f"{PROGRAM} completion"
    parser = make_parser(
        name,
        f"{name} (bash | zsh | fish)",
        help_texts.COMPLETION_DESCRIPTION,
        help_texts.COMPLETION_EPILOG,
    )
    parser.add_argument_group("which shell").add_argument(
        "shell", nargs="?", metavar="SHELL", help="bash, zsh or fish"
    )
    # What the scripts ask with: `completion words WORD...`
    parser.add_argument("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    add_general(parser)
    return parser


COMMANDS = {
    "find": find_parser,
    "doctor": doctor_parser,
    "profiles": profiles_parser,
    "verify": verify_parser,
    "demo": demo_parser,
    "help": help_parser,
    "completion": completion_parser,
}
"""The words that a command line may begin with, instead of a PACS."""
