"""`--report`: the final account of a run as JSON, in a file or a stream such as `/dev/stdout`."""

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from dicom_retrieve_tui import __version__
from dicom_retrieve_tui.atomic_file import replace_file
from dicom_retrieve_tui.cli.console import Surroundings, utc_text
from dicom_retrieve_tui.cli.fd_paths import open_stream
from dicom_retrieve_tui.cli.output.account import Account
from dicom_retrieve_tui.cli.output.earlier import NOTHING_EARLIER, Earlier
from dicom_retrieve_tui.cli.output.status_lines import study_record
from dicom_retrieve_tui.cli.read_options import RetrieveCommand
from dicom_retrieve_tui.errors import reason_of
from dicom_retrieve_tui.exit_codes import NOT_OK
from dicom_retrieve_tui.model.events import (
    SCHEMA_VERSION,
    InstanceRefused,
    SpaceForecast,
    event_fields,
)
from dicom_retrieve_tui.model.narration import verdict_word
from dicom_retrieve_tui.model.progress import StudyProgress
from dicom_retrieve_tui.model.sanitize import clean_values
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.series_filter import SeriesFilter, count_modalities
from dicom_retrieve_tui.model.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Start, end and exit code of the run."""

    started: datetime
    finished: datetime
    elapsed_s: float
    exit_code: int
    earlier: Earlier = NOTHING_EARLIER
    """What earlier runs left in the folder."""


def build_report(
    account: Account, options: RetrieveCommand, ending: Ending
) -> Mapping[str, object]:
    """Return the report as plain values; its names are public."""
    progress, retrieval = account.progress, options.retrieval
    verdict = progress.verdict or Verdict.CANCELLED
    return {
        "schema": SCHEMA_VERSION,
        "tool": {"name": "dicom-retrieve", "version": __version__},
        "dry_run": options.dry_run,
        "peer": str(retrieval.peer),
        "calling_ae_title": retrieval.calling_ae_title,
        "method": str(retrieval.method),
        "move_destination": retrieval.move_destination,
        "listening": retrieval.listening,
        "series_filter": _filter(retrieval.series_filter),
        "output": str(retrieval.output),
        "started": utc_text(ending.started),
        "finished": utc_text(ending.finished),
        "seconds": round(ending.elapsed_s, 3),
        "verdict": verdict_word(verdict, dry_run=options.dry_run),
        "exit_code": ending.exit_code,
        "totals": _totals(account, options),
        "on_study": _on_study(account, options),
        "outages": [
            {
                "cause": str(outage.cause),
                "reason": outage.reason,
                "seconds": outage.waited_s,
                "given_up": outage.given_up,
            }
            for outage in progress.outages
        ],
        "space": _space(progress.space),
        "notes": account.notes.get(None, []),
        "refused": [_refusal(each) for each in account.refusals.get(None, [])],
        "studies": [_study(*each, account, options) for each in account.studies()],
        "earlier": [study_record(each) for each in ending.earlier.studies],
        "failed_list": str(ending.earlier.failed_list) if ending.earlier.failed_list else None,
    }


def _totals(account: Account, options: RetrieveCommand) -> dict[str, object]:
    progress = account.progress
    tally = Counter(study.verdict or Verdict.CANCELLED for _, study in account.studies())
    left_out = count_modalities(account.left_out())
    return {
        "studies": len(account.selections),
        "duplicates_merged": options.duplicates,
        "left_out": list(options.left_out),
        "verdicts": {
            verdict_word(verdict, dry_run=options.dry_run): tally[verdict]
            for verdict in Verdict
            if tally[verdict]
        },
        "expected": progress.expected,
        "stored": progress.stored,
        "present": progress.present,
        "stored_bytes": progress.stored_bytes,
        "received_bytes": progress.received_bytes,
        "refused": progress.refused,
        "set_aside": progress.set_aside,
        "irregular": progress.irregular,
        "left_out_series": sum(left_out.values()),
        "left_out_modalities": dict(left_out.most_common()),
    }


def _on_study(account: Account, options: RetrieveCommand) -> dict[str, object] | None:
    """Return how the commands for complete studies ended; None if there was no command."""
    if options.retrieval.on_study is None or options.dry_run:
        return None
    progress = account.progress
    return {
        "succeeded": progress.commands_succeeded,
        "failed": len(progress.command_failures),
        "dropped": progress.commands_dropped,
        "failures": [
            {"study_instance_uid": uid, "reason": reason}
            for uid, reason in progress.command_failures.items()
        ],
    }


def _space(forecast: SpaceForecast | None) -> dict[str, object] | None:
    """Return the last forecast of the run; None if there was none."""
    if forecast is None:
        return None
    return {key: value for key, value in event_fields(forecast).items() if key != "event"}


def _filter(chosen: SeriesFilter) -> dict[str, list[str]] | None:
    """Return the filter under the keys of a profile; None without a filter."""
    if not chosen:
        return None
    return {
        "modality": list(chosen.modalities),
        "exclude_modality": list(chosen.excluded_modalities),
        "series_description": list(chosen.descriptions),
    }


def _study(
    selection: Selection, study: StudyProgress, account: Account, options: RetrieveCommand
) -> dict[str, object]:
    uid = selection.study_instance_uid
    return {
        "study_instance_uid": uid,
        "narrowed_to": [
            {
                "series_instance_uid": each.series_instance_uid,
                "sop_instance_uids": list(each.sop_instance_uids),
            }
            for each in selection.series
        ],
        "verdict": verdict_word(study.verdict or Verdict.CANCELLED, dry_run=options.dry_run),
        "reason": study.reason,
        "series": account.series.get(uid),
        "expected": study.expected,
        "stored": study.stored,
        "present": study.present,
        "needed": study.needed,
        "needed_bytes": study.needed_bytes,
        "received_bytes": study.received_bytes,
        # Unknown for a delivery: instances that are not here may be at the move destination.
        "missing": [] if options.delivering else list(study.missing),
        "absent": list(account.absent.get(uid, ())),
        "left_out_series": [
            {"series_instance_uid": series_uid, "modality": modality}
            for series_uid, modality in study.left_out
        ],
        "undecided_series": list(study.undecided),
        "refused": [_refusal(each) for each in account.refusals.get(uid, [])],
        "irregular": study.irregular,
        "irregular_example": study.irregular_example,
        "set_aside": [
            {
                "sop_instance_uid": each.sop_instance_uid,
                "path": each.path if options.paths_reported else None,
            }
            for each in account.set_aside.get(uid, [])
        ],
        "notes": account.notes.get(uid, []),
        **({"failed_attempts": study.failed_attempts} if study.failed_attempts else {}),
    }


def _refusal(refused: InstanceRefused) -> dict[str, str]:
    return {
        "sop_instance_uid": refused.sop_instance_uid,
        "status": f"0x{refused.status:04X}",
        "reason": refused.reason,
        **({"path": refused.path} if refused.path else {}),
    }


def write_report(
    account: Account, options: RetrieveCommand, ending: Ending, around: Surroundings
) -> int:
    """Write the report, if one was asked for, and print where it is; return the exit code.

    A report that could not be written is a failure, however the run ended.
    """
    path = options.report
    if path is None:
        return ending.exit_code
    report = clean_values(build_report(account, options, ending))
    pieces = chain(json.JSONEncoder(indent=2).iterencode(report), "\n")
    try:
        if (stream := open_stream(path)) is not None:
            with os.fdopen(stream, "w", encoding="utf-8") as file:
                file.writelines(pieces)
        else:
            replace_file(path, pieces, options.retrieval.umask)
    except OSError as error:
        around.stderr.say(f"--report {path}: cannot be written: {reason_of(error)}")
        return ending.exit_code or NOT_OK
    around.stderr.say(f"the full account is in {path}")
    return ending.exit_code
