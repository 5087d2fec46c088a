"""The console script: parse the command line, run the command, return its exit code."""

import gc
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn, TextIO, cast

from dicom_retrieve_tui import __version__
from dicom_retrieve_tui.cli.console import READER_GONE, Console, DataStream, MessageStream
from dicom_retrieve_tui.cli.parser import help_text, parse_command_line
from dicom_retrieve_tui.cli.parser_base import PROGRAM, UsageError, names_profile
from dicom_retrieve_tui.errors import Cancelled, RetrieveError
from dicom_retrieve_tui.exit_codes import INTERRUPTED, NOT_OK, OK
from dicom_retrieve_tui.windows_console import prepare_outputs

if TYPE_CHECKING:
    import argparse

    from dicom_retrieve_tui.cli.commands.retrieve import Engine


def run() -> NoReturn:
    """Run the `dicom-retrieve` command and exit the process."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A path may hold bytes that are not text; they are escaped, and never raise.
            stream.reconfigure(errors="backslashreplace")
    prepare_outputs((sys.stdout, sys.stderr))
    code = main(sys.argv[1:])
    _flush(sys.stdout)
    _flush(sys.stderr)
    # Saves 20 ms: at its exit, the interpreter searches all memory for cycles otherwise.
    gc.freeze()
    sys.exit(code)


def _flush(stream: TextIO | None) -> None:
    """Flush the stream; without its reader, keep the interpreter's exit from reporting that."""
    if stream is None:
        return
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def main(
    argv: Sequence[str],
    *,
    stdin: TextIO | None = None,
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
    retrieve: "Engine | None" = None,
) -> int:
    """Run the command in `argv`; return its exit code and never raise.

    Args:
        argv: The arguments, without the program's name.
        stdin: For `--uid-list -`; by default the process's own, as the other two streams.
        stdout: For data.
        stderr: For messages.
        retrieve: Replaces `wiring.retrieve` and `wiring.dry_run` in tests.
    """
    # A stream is None where the shell closed it (`>&-`).
    console = Console(
        stdin=stdin or sys.stdin or io.StringIO(),
        stdout=DataStream(stdout or sys.stdout or io.StringIO()),
        stderr=MessageStream(stderr or sys.stderr or io.StringIO()),
        environ=os.environ,
    )
    try:
        return _dispatch(argv, console, retrieve)
    except UsageError as error:
        console.stderr.write_line(f"{PROGRAM}: {error}")
        command = f"{PROGRAM} {argv[0]}" if argv and argv[0] in _COMMANDS else PROGRAM
        console.stderr.write_line(f"{command} --help lists the flags.")
    except RetrieveError as error:
        # More than one line only where a UID list has more than one bad line.
        for line in f"{PROGRAM}: {error}".split("\n"):
            console.stderr.write_line(line)
    except (KeyboardInterrupt, Cancelled):
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - a bug; reported here and nowhere else
        from dicom_retrieve_tui.model.bug_report import bug_lines  # noqa: PLC0415 - 10 ms

        for line in bug_lines(error):
            console.stderr.write_line(line)
    return NOT_OK


def _dispatch(argv: Sequence[str], console: Console, engine: "Engine | None") -> int:
    args = parse_command_line(argv)
    if args.help or args.version:
        text = help_text(args.command) if args.help else f"{PROGRAM} {__version__}"
        console.stdout.write_lines(text.rstrip("\n").split("\n"))
        # Not a failure: its reader has seen enough, such as `head`.
        return OK if console.stdout.lost == READER_GONE else console.exit_code(OK)
    if args.no_color:
        console.environ["NO_COLOR"] = "1"  # rich and Textual both look there
    if args.command == "retrieve" and console.interactive and _opens_application(args):
        return _load("commands.application:run_on_profiles")(args, console)
    if args.command in _COMMANDS:
        return _load(_COMMANDS[args.command])(args, console)
    name = "commands.demo:run_demo" if args.command == "demo" else "commands.retrieve:run_retrieve"
    return _load(name)(args, console, engine)


def _opens_application(args: "argparse.Namespace") -> bool:
    """Return True if the command line names at most a profile, and neither UIDs nor options."""
    given = {name for name, value in vars(args).items() if value}
    return given <= {"command", "config", "no_color", "target"} and (
        args.target is None or names_profile(args.target)
    )


def _load(name: str) -> "Callable[..., int]":
    """Import a command when it is wanted: `--help` and a mistyped flag answer at once."""
    module, _, function = name.partition(":")
    found = import_module(f"dicom_retrieve_tui.cli.{module}")
    return cast("Callable[..., int]", getattr(found, function))


_COMMANDS = {
    "completion": "completion:run_completion",
    "doctor": "commands.doctor:run_doctor",
    "find": "commands.find:run_find",
    "profiles": "commands.profiles:run_profiles",
    "status": "commands.status:run_status",
    "verify": "commands.verify:run_verify",
}
