"""The console script: reads the command line, and turns every end into an exit code.

0: everything asked for is complete. 1: anything else, usage errors included. 130: interrupted.
"""

import gc
import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn, TextIO

from dicom_retrieve_tui import __version__
from dicom_retrieve_tui.cli.console import DataStream, Narration, Surroundings
from dicom_retrieve_tui.cli.parser import help_text, parse_command_line
from dicom_retrieve_tui.cli.parser_base import PROGRAM, UsageError
from dicom_retrieve_tui.errors import Cancelled, RetrieveError
from dicom_retrieve_tui.exit_codes import INTERRUPTED, NOT_OK, OK

if TYPE_CHECKING:
    import argparse

    from dicom_retrieve_tui.cli.commands.retrieve import Engine


def run() -> NoReturn:
    """Be the `dicom-retrieve` command."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A path may hold bytes that are no text; they are shown, and never raise.
            stream.reconfigure(errors="backslashreplace")
    code = main(sys.argv[1:])
    _flush(sys.stdout)
    _flush(sys.stderr)
    # Otherwise the interpreter looks for cycles in all memory, only to free it: 20 ms.
    gc.freeze()
    sys.exit(code)


def _flush(stream: TextIO | None) -> None:
    """Write out what is left; a reader that went away is no news to the interpreter's exit."""
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
    """Do what `argv` says; returns the exit code and never raises.

    Args:
        argv: The arguments, without the program's name.
        stdin: For `--uid-list -`; the process's own if None, as with the other two.
        stdout: For data.
        stderr: For narration.
        retrieve: Does the work instead of `wiring.retrieve` and `wiring.dry_run`.
    """
    # A stream is None where the shell closed it (`>&-`).
    around = Surroundings(
        stdin=stdin or sys.stdin or io.StringIO(),
        stdout=DataStream(stdout or sys.stdout or io.StringIO()),
        stderr=Narration(stderr or sys.stderr or io.StringIO()),
        environ=os.environ,
    )
    try:
        return _dispatch(argv, around, retrieve)
    except UsageError as error:
        around.stderr.say(f"{PROGRAM}: {error}")
        command = f"{PROGRAM} {argv[0]}" if argv and argv[0] in _COMMANDS else PROGRAM
        around.stderr.say(f"{command} --help lists the flags.")
    except RetrieveError as error:
        # More than one line only where a UID list has more than one bad line.
        for line in f"{PROGRAM}: {error}".split("\n"):
            around.stderr.say(line)
    except (KeyboardInterrupt, Cancelled):
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the one place: whatever gets here is a bug
        from dicom_retrieve_tui.model.bug_report import bug_lines  # noqa: PLC0415 - 10 ms

        for line in bug_lines(error):
            around.stderr.say(line)
    return NOT_OK


def _dispatch(argv: Sequence[str], around: Surroundings, retrieve: "Engine | None") -> int:
    args = parse_command_line(argv)
    if args.help or args.version:
        text = help_text(args.command) if args.help else f"{PROGRAM} {__version__}"
        around.stdout.write_lines(text.rstrip("\n").split("\n"))
        return OK
    if args.no_color:
        around.environ["NO_COLOR"] = "1"  # rich and Textual both look there
    if args.command in _COMMANDS:
        return _COMMANDS[args.command](args, around)
    if args.command == "demo":
        from dicom_retrieve_tui.cli.commands.demo import run_demo  # noqa: PLC0415

        return run_demo(args, around, retrieve)
    from dicom_retrieve_tui.cli.commands.default import run_retrieval  # noqa: PLC0415

    return run_retrieval(args, around, retrieve)


# Each command is imported only when it is wanted: `--help` and a mistyped flag answer at once.


def _completion(args: "argparse.Namespace", around: Surroundings) -> int:
    from dicom_retrieve_tui.cli.completion import run_completion  # noqa: PLC0415

    return run_completion(args, around)


def _find(args: "argparse.Namespace", around: Surroundings) -> int:
    from dicom_retrieve_tui.cli.commands.find import run_find  # noqa: PLC0415

    return run_find(args, around)


def _doctor(args: "argparse.Namespace", around: Surroundings) -> int:
    from dicom_retrieve_tui.cli.commands.doctor import run_doctor  # noqa: PLC0415

    return run_doctor(args, around)


def _profiles(args: "argparse.Namespace", around: Surroundings) -> int:
    from dicom_retrieve_tui.cli.commands.profiles import run_profiles  # noqa: PLC0415

    return run_profiles(args, around)


def _verify(args: "argparse.Namespace", around: Surroundings) -> int:
    from dicom_retrieve_tui.cli.commands.verify import run_verify  # noqa: PLC0415

    return run_verify(args, around)


_COMMANDS = {
    "completion": _completion,
    "doctor": _doctor,
    "find": _find,
    "profiles": _profiles,
    "verify": _verify,
}
