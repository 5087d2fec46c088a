"""`dicom-retrieve verify FOLDER`: what is there, missing or damaged, without asking any PACS."""

import argparse
from pathlib import Path

from dicom_retrieve_tui import __version__
from dicom_retrieve_tui.cli.console import Surroundings
from dicom_retrieve_tui.cli.output.command_output import Output
from dicom_retrieve_tui.cli.output.verify_result import (
    Tally,
    study_lines,
    study_record,
    summary_lines,
    tally_record,
)
from dicom_retrieve_tui.cli.parser_base import UsageError
from dicom_retrieve_tui.exit_codes import NOT_OK, OK
from dicom_retrieve_tui.model.events import SCHEMA_VERSION
from dicom_retrieve_tui.storage.verify import verify_folder


def run_verify(args: argparse.Namespace, around: Surroundings) -> int:
    """Look, and tell of it as it goes; returns the exit code.

    Raises:
        ConfigError: No folder was named, or it has no journal that can be read.
    """
    if not args.folder:
        raise UsageError("verify needs the folder to look at: what --output named.")
    folder = Path(args.folder)

    studies = verify_folder(folder, deep=args.deep)
    out = Output(around, as_json=args.json)
    out.record(
        "verify_started",
        {
            "schema": SCHEMA_VERSION,
            "version": __version__,
            "folder": str(folder),
            "deep": args.deep,
        },
    )
    tally = Tally()
    for study in studies:
        tally.add(study)
        out.record("study_verified", study_record(study))
        out.lines(*study_lines(study))
        if around.stdout.lost:
            around.stderr.say(f"stdout could not be written: {around.stdout.lost}")
            return NOT_OK
    code = OK if tally.all_proven else NOT_OK
    out.record("verify_finished", {**tally_record(tally), "exit_code": code})
    out.last(*summary_lines(tally, folder, deep=args.deep))
    return code
