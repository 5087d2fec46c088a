"""`dicom-retrieve` without a command: opens the application, or carries out an order."""

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from dicom_retrieve_tui.cli.console import Surroundings
from dicom_retrieve_tui.cli.parser_base import names_profile
from dicom_retrieve_tui.model.limited_read import LIST_MAX_BYTES, read_at_most

if TYPE_CHECKING:
    from dicom_retrieve_tui.cli.commands.retrieve import Engine
    from dicom_retrieve_tui.cli.read_options import Options


def run_retrieval(args: argparse.Namespace, around: Surroundings, retrieve: "Engine | None") -> int:
    """Do what the flags say; returns the exit code.

    Raises:
        RetrieveError: They cannot be meant, or the output folder or the port cannot be used.
    """
    if around.interactive and _opens_application(args):
        from dicom_retrieve_tui.cli.commands.application import run_on_profiles  # noqa: PLC0415

        return run_on_profiles(args, around)
    if names_profile(args.target):
        from dicom_retrieve_tui.cli.profile_args import fill_in, open_book  # noqa: PLC0415

        fill_in(args, open_book(args, around.environ))
    from dicom_retrieve_tui.cli.logs import logging_to  # noqa: PLC0415
    from dicom_retrieve_tui.cli.read_options import read_options  # noqa: PLC0415
    from dicom_retrieve_tui.cli.security_args import unlocked  # noqa: PLC0415

    options = read_options(args, lambda: _read_stdin(around))
    options = replace(options, settings=unlocked(options.settings, around))
    # Opened once for the look-up and what follows: the reader of a pipe sees one end of it.
    with logging_to(options.log_file, around.stderr.say, options.settings.umask):
        return _carry_out(options, around, retrieve)


def _carry_out(options: "Options", around: Surroundings, retrieve: "Engine | None") -> int:
    if options.lookups:
        from dicom_retrieve_tui.cli.commands.lookup import (  # noqa: PLC0415
            LookupsFailed,
            LookupsStopped,
            resolve,
        )
        from dicom_retrieve_tui.cli.commands.not_started import Unbegun  # noqa: PLC0415

        unbegun = Unbegun(around)
        try:
            options = resolve(options, around)
        except LookupsStopped as stop:
            return unbegun.stopped(stop)
        except LookupsFailed as failure:
            return unbegun.failed(failure)
    from dicom_retrieve_tui.cli.commands.retrieve import run_order  # noqa: PLC0415

    return run_order(options, around, retrieve)


def _opens_application(args: argparse.Namespace) -> bool:
    """True if the command line says where to retrieve from at most, and nothing of what or how."""
    said = {name for name, value in vars(args).items() if value}
    return said <= {"command", "config", "no_color", "target"} and (
        args.target is None or names_profile(args.target)
    )


def _read_stdin(around: Surroundings) -> str:
    if around.stdin.isatty():
        around.stderr.say("reading the list from the terminal; Ctrl-D ends it")
    buffer = getattr(around.stdin, "buffer", None)
    if buffer is None:
        return read_at_most(around.stdin, LIST_MAX_BYTES)
    from dicom_retrieve_tui.model.list_text import list_text  # noqa: PLC0415 - most name UIDs

    return list_text(read_at_most(buffer, LIST_MAX_BYTES))
