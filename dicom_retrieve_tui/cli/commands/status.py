"""`dicom-retrieve status FOLDER`: how far a run is, or how the runs into a folder have ended."""

import argparse
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from dicom_retrieve_tui import __version__
from dicom_retrieve_tui.atomic_file import replace_file
from dicom_retrieve_tui.cli.console import Console, utc_text
from dicom_retrieve_tui.cli.output.json_lines import Output
from dicom_retrieve_tui.cli.output.status_lines import (
    EXAMPLES_MAX,
    status_line,
    status_lines,
    status_record,
    study_record,
)
from dicom_retrieve_tui.cli.parser_base import UsageError
from dicom_retrieve_tui.cli.paths import open_stream
from dicom_retrieve_tui.errors import ConfigError, reason_of
from dicom_retrieve_tui.exit_codes import NOT_OK, OK
from dicom_retrieve_tui.model.events import SCHEMA_VERSION
from dicom_retrieve_tui.model.folder_account import UNFINISHED
from dicom_retrieve_tui.model.folder_status import FolderStatus
from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.sanitize import clean_values
from dicom_retrieve_tui.model.uids import uid_fault
from dicom_retrieve_tui.model.verdict import Verdict, total_verdict
from dicom_retrieve_tui.storage.folder_account import forget_studies
from dicom_retrieve_tui.storage.folder_status import accounted_studies, read_status

_EVERY_S = 2.0
_EVERY_PIPED_S = 10.0
_REST = 10
"""Reading the account takes at most this share of the time."""


def run_status(args: argparse.Namespace, console: Console) -> int:
    """Print the status of a folder; return the exit code.

    Raises:
        ConfigError: No folder was given, or nothing was retrieved into it, or its journal cannot
            be read.
    """
    if not args.folder:
        raise UsageError("status needs the folder, as given to --output.")
    folder = Path(args.folder)
    if args.forget:
        _forget(folder, args.forget, console)
    if args.watch:
        status = _watch(folder, console, as_json=args.json)
    else:
        status = _look(folder, console)
        _print(status, console, as_json=args.json)
    code = OK if status.complete else NOT_OK
    if args.report and not _write_report(args.report, status, code, console):
        code = NOT_OK
    return console.exit_code(code)


def _look(folder: Path, console: Console) -> FolderStatus:
    return read_status(folder, examples_max=EXAMPLES_MAX, now=console.utc_now())


def _print(status: FolderStatus, console: Console, *, as_json: bool) -> None:
    out = Output(console, as_json=as_json)
    _record(status, out)
    if as_json:
        for study in accounted_studies(status, failed_only=True):
            out.record("study_not_complete", study_record(study))
    out.lines(*status_lines(status))


def _record(status: FolderStatus, out: Output) -> None:
    versions = {"schema": SCHEMA_VERSION, "version": __version__}
    out.record("folder_status", {**versions, **status_record(status)})


def _watch(folder: Path, console: Console, *, as_json: bool) -> FolderStatus:
    """Print the status again and again until no run goes on; return the last one.

    A terminal is drawn over; a pipe gets a line each time.
    """
    out = Output(console, as_json=as_json)
    drawn = console.stdout.is_terminal and not as_json
    while True:
        begun_s = console.monotonic_s()
        status = _look(folder, console)
        if drawn:
            console.stdout.clear()
            console.stdout.write_lines(_fitting(status_lines(status)))
        else:
            _record(status, out)
            out.lines(status_line(status))
        if not status.running or console.stdout.lost:
            return status
        took_s = console.monotonic_s() - begun_s
        console.wait(max(_EVERY_S if drawn else _EVERY_PIPED_S, took_s * _REST))


def _fitting(lines: Iterable[str]) -> Sequence[str]:
    """Return as many lines as the terminal has, each as wide as the terminal at most."""
    size = shutil.get_terminal_size()
    cut = [line[: size.columns - 1] for line in lines]
    return cut if len(cut) < size.lines else [*cut[: size.lines - 2], "..."]


def _forget(folder: Path, words: str, console: Console) -> None:
    """Remove studies from the account.

    Raises:
        ConfigError: A UID is not valid or not recorded, or a run has the folder.
    """
    uids = list(dict.fromkeys(filter(None, re.split(r"[,\s]+", words))))
    for uid in uids:
        if fault := uid_fault(uid):
            raise UsageError(f"--forget {uid}: it {fault}.")
    try:
        forget_studies(folder, uids)
    except OSError as error:
        reason = reason_of(error)
        raise ConfigError(f"--forget: cannot write in {folder}: {reason}.") from error
    console.stderr.write_line(
        f"{count(len(uids), 'study')} removed from the account; files stay, and verify no longer "
        "checks them"
    )


def _write_report(path: Path, status: FolderStatus, code: int, console: Console) -> bool:
    """Write the account as JSON; return False if that failed."""
    pieces = _report(status, code)
    try:
        if (stream := open_stream(Path(path))) is not None:
            with os.fdopen(stream, "w", encoding="utf-8") as file:
                file.writelines(pieces)
        else:
            replace_file(Path(path), pieces)
    except OSError as error:
        console.stderr.write_line(f"--report {path}: cannot be written: {reason_of(error)}")
        return False
    console.stderr.write_line(f"the full account is in {path}")
    return True


def _as_of_a_run(status: FolderStatus) -> dict[str, object]:
    """Return what the report of a run has under the same keys."""
    run, totals = status.run, status.totals
    verdicts = {each for each in Verdict if totals.verdicts[str(each)]}
    return {
        "peer": run.identity.peer if run is not None else None,
        "method": run.identity.method if run is not None else None,
        "output": str(status.folder),
        "started": utc_text(run.identity.started) if run is not None else None,
        "finished": utc_text(run.finished) if run is not None and run.finished else None,
        "verdict": UNFINISHED if totals.waiting else str(total_verdict(verdicts)),
        "reasons": [
            {
                "verdict": group.verdict,
                "reason": group.reason,
                "studies": group.studies,
                "first": [study.study_instance_uid for study in group.examples],
            }
            for group in totals.failures()
        ],
    }


def _report(status: FolderStatus, code: int) -> Iterator[str]:
    """Yield the account in pieces: a folder may have a million studies."""
    head = {
        "schema": SCHEMA_VERSION,
        "tool": {"name": "dicom-retrieve", "version": __version__},
        "time": utc_text(status.at),
        **status_record(status),
        **_as_of_a_run(status),
        "exit_code": code,
    }
    text = json.dumps(clean_values(head), indent=2)
    # The studies go into the same object, one a line.
    yield f'{text.removesuffix("}").rstrip()},\n  "studies": ['
    comma = ""
    for study in accounted_studies(status):
        yield f"{comma}\n    {json.dumps(clean_values(study_record(study)))}"
        comma = ","
    yield "\n  ]\n}\n"
