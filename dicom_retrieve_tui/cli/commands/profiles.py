"""`dicom-retrieve profiles`: list, show, path, add, remove and test saved profiles."""

import argparse
from pathlib import Path

from dicom_retrieve_tui.cli.ask_secrets import unlocked
from dicom_retrieve_tui.cli.console import Console
from dicom_retrieve_tui.cli.parser_base import PROFILE_SIGN, PROGRAM, UsageError
from dicom_retrieve_tui.cli.read_options import (
    flags_given,
    open_book,
    profile_fault,
    read_retrieval,
)
from dicom_retrieve_tui.config.precedence import resolve
from dicom_retrieve_tui.config.profiles_file import ProfileBook
from dicom_retrieve_tui.errors import ConfigError, PeerError
from dicom_retrieve_tui.exit_codes import NOT_OK, OK
from dicom_retrieve_tui.model.address import Endpoint, parse_pacs_url
from dicom_retrieve_tui.model.options import (
    KEYS,
    MAY_BE_EMPTY,
    SECURITY_FILES,
    flag_of,
    suggested_values,
)
from dicom_retrieve_tui.model.sanitize import check_text, clean_text
from dicom_retrieve_tui.network.dns import local_host_and_port
from dicom_retrieve_tui.wiring import echo

_NO_FLAGS: dict[str, str | None] = {}


def run_profiles(args: argparse.Namespace, console: Console) -> int:
    """Run an action on the saved profiles; return the exit code.

    Raises:
        ConfigError: The action failed; the message has the reason.
    """
    action = args.action or "list"
    if action not in _ACTIONS:
        raise UsageError(f"There is no 'profiles {action}'; choose one of {', '.join(_ACTIONS)}.")
    run, needs_name = _ACTIONS[action]
    name = (args.name or "").removeprefix(PROFILE_SIGN)
    if needs_name and not name:
        raise UsageError(f"'profiles {action}' needs the name of a profile.")
    return console.exit_code(run(args, console, open_book(args, console.environ), name))


def _list(_args: argparse.Namespace, console: Console, book: ProfileBook, _name: str) -> int:
    """Print one line for each profile; errors in the file go to stderr, with exit code 1."""
    if not book.names:
        console.stderr.write_line(f"no profiles yet in {book.path}; add one:")
        console.stderr.write_line(
            f"  {PROGRAM} profiles add hospital pacs://HOST:PORT --method c-get"
        )
    faults = book.faults()
    lines = []
    for name in book.names:
        try:
            held = resolve(book, name, _NO_FLAGS)
        except ConfigError:
            lines.append((PROFILE_SIGN + name, "has mistakes", ""))
            continue
        endpoint = Endpoint(host=held["host"].text, port=int(held["port"].text))
        where = f"{held['called_aet'].text}@{endpoint}"
        lines.append(
            (PROFILE_SIGN + name, where, f"{held['method'].text} into {held['output'].text}")
        )
    widths = [max((len(line[n]) for line in lines), default=0) for n in range(2)]
    console.stdout.write_lines(
        [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {clean_text(c)}".rstrip() for a, b, c in lines]
    )
    for fault in faults:
        console.stderr.write_line(f"{book.path}: {clean_text(fault)}")
    return NOT_OK if faults else OK


def _show(args: argparse.Namespace, console: Console, book: ProfileBook, name: str) -> int:
    """Print each value that applies, and where it comes from."""
    held = resolve(book, name, flags_given(args))
    wide = max(map(len, held))
    most = max(len(value.text) for value in held.values())
    console.stdout.write_lines(
        f"{key:<{wide}}  {clean_text(value.text):<{most}}  {value.origin}".rstrip()
        for key, value in held.items()
    )
    return OK


def _path(_args: argparse.Namespace, console: Console, book: ProfileBook, _name: str) -> int:
    console.stdout.write_lines([str(book.path)])
    return OK


def _add(args: argparse.Namespace, console: Console, book: ProfileBook, name: str) -> int:
    """Save a new profile, or set values of one that exists."""
    texts = _values(args)
    known = name in book.names
    if args.target is None and not known:
        raise UsageError("A new profile needs the address of its PACS: pacs://HOST[:PORT].")
    suggested: dict[str, str] = {}
    if not known:
        host_name, _ = local_host_and_port()
        elsewhere = texts.keys() | book.defaults().keys()
        values = suggested_values(host_name).items()
        suggested = {key: text for key, text in values if key not in elsewhere}
    elif not args.replace and not _confirmed(
        console,
        f"change {PROFILE_SIGN}{name} in {book.path}?",
        f"There is a profile {name!r} in {book.path}; --replace changes it.",
    ):
        console.stderr.write_line("nothing was changed")
        return NOT_OK
    book.put(name, {**suggested, **texts})
    book.save()
    saved = f"saved {PROFILE_SIGN}{name} in {book.path}"
    if fault := profile_fault(book, name):
        console.stderr.write_line(f"{saved}; it cannot retrieve yet: {fault}")
        console.stderr.write_line(
            f"  {PROGRAM} profiles add {PROFILE_SIGN}{name} --replace OPTION VALUE"
        )
    else:
        console.stderr.write_line(f"{saved}; retrieve with it:")
        console.stderr.write_line(f"  {PROGRAM} {PROFILE_SIGN}{name} STUDY_INSTANCE_UID")
    if suggested:
        words = ", ".join(f"{flag_of(key)} {text}" for key, text in suggested.items())
        console.stderr.write_line(f"options that no flag set: {words}")
    return OK


def _values(args: argparse.Namespace) -> dict[str, str]:
    """Return what the flags and the address set in a profile.

    Raises:
        ConfigError: A value is invalid.
    """
    texts = {key: text for key, text in flags_given(args).items() if text is not None}
    if args.target is not None:
        endpoint = parse_pacs_url(args.target)
        texts |= {"host": endpoint.host, "port": str(endpoint.port)}
    for key in SECURITY_FILES & texts.keys():
        texts[key] = str(Path(texts[key]).absolute())  # valid in every current folder
    for key, text in texts.items():
        check_text(flag_of(key), text)
        if text or key not in MAY_BE_EMPTY:
            KEYS[key].parse(flag_of(key), text)
    return texts


def _remove(args: argparse.Namespace, console: Console, book: ProfileBook, name: str) -> int:
    """Remove a profile, after a question at the terminal."""
    if name in book.names and not args.yes:
        question = f"remove {PROFILE_SIGN}{name} from {book.path}?"
        refusal = "Without a terminal, 'profiles remove' requires --yes."
        if not _confirmed(console, question, refusal):
            console.stderr.write_line("nothing was removed")
            return NOT_OK
    book.remove(name)
    book.save()
    console.stderr.write_line(f"removed {PROFILE_SIGN}{name} from {book.path}")
    return OK


def _confirmed(console: Console, question: str, refusal: str) -> bool:
    """Ask at the terminal.

    Raises:
        UsageError: Standard input is not a terminal; `refusal` is the message.
    """
    if not console.stdin.isatty():
        raise UsageError(refusal)
    console.stderr.write_line(f"{question} y or n")
    return console.stdin.readline().strip().lower() in {"y", "yes"}


def _test(args: argparse.Namespace, console: Console, _book: ProfileBook, name: str) -> int:
    """Send C-ECHO, and print how long the answer took."""
    args.target = PROFILE_SIGN + name
    options = unlocked(read_retrieval(args, console.environ), console)
    for words in options.dangers:
        console.stderr.write_line(words)
    try:
        round_trip_s = echo(options)
    except PeerError as error:
        console.stderr.write_line(f"{PROGRAM}: {error}")
        return NOT_OK
    console.stdout.write_lines([f"{options.peer} answered C-ECHO in {round_trip_s * 1000:.1f} ms"])
    return OK


_ACTIONS = {
    "list": (_list, False),
    "show": (_show, True),
    "path": (_path, False),
    "add": (_add, True),
    "remove": (_remove, True),
    "test": (_test, True),
}
