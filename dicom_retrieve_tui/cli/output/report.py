"""`--report`: the final account of a run as JSON, in a file or a stream such as `/dev/stdout`.

Studies are read from the account and written one by one, each on a line of its own.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dicom_retrieve_tui import __version__
from dicom_retrieve_tui.atomic_file import replace_file
from dicom_retrieve_tui.cli.console import Console, utc_text
from dicom_retrieve_tui.cli.output.account import Account, Judged
from dicom_retrieve_tui.cli.output.census import Census, Group
from dicom_retrieve_tui.cli.output.earlier_runs import NOTHING_EARLIER, Earlier
from dicom_retrieve_tui.cli.output.status_lines import study_record
from dicom_retrieve_tui.cli.paths import open_stream
from dicom_retrieve_tui.cli.read_options import RetrieveCommand
from dicom_retrieve_tui.errors import reason_of
from dicom_retrieve_tui.exit_codes import NOT_OK
from dicom_retrieve_tui.model.events import (
    SCHEMA_VERSION,
    InstanceRefused,
    SpaceForecast,
    event_fields,
)
from dicom_retrieve_tui.model.hook_command import FinishHook
from dicom_retrieve_tui.model.narration import verdict_word
from dicom_retrieve_tui.model.sanitize import clean_text, clean_values
from dicom_retrieve_tui.model.series_filter import SeriesFilter
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


def render_report(
    account: Account, census: Census, options: RetrieveCommand, ending: Ending
) -> Iterator[str]:
    """Yield the text of the report, piece by piece."""
    head = json.dumps(clean_values(_head(account, census, options, ending)), indent=2)
    yield head.removesuffix("\n}")
    yield ',\n  "studies": ['
    separator = "\n    "
    for judged in account.studies():
        yield separator + json.dumps(clean_values(_study(judged, account, options)))
        separator = ",\n    "
    yield "\n  ]\n}\n"


def _head(
    account: Account, census: Census, options: RetrieveCommand, ending: Ending
) -> Mapping[str, object]:
    """Return everything but the studies; its names are public."""
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
        "shard": _shard(options),
        "started": utc_text(ending.started),
        "finished": utc_text(ending.finished),
        "seconds": round(ending.elapsed_s, 3),
        "verdict": verdict_word(verdict, dry_run=options.dry_run),
        "exit_code": ending.exit_code,
        "totals": _totals(account, census, options),
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
        "hours_waited_s": round(progress.hours_waited_s, 3),
        "space": _space(progress.space),
        "reasons": [reason_record(each, dry_run=options.dry_run) for each in census.in_order()],
        "notes": account.general.notes,
        "refused": [_refusal(each) for each in account.general.refusals],
        "earlier": [study_record(each) for each in ending.earlier.studies],
        "failed_list": str(ending.earlier.failed_list) if ending.earlier.failed_list else None,
    }


def _shard(options: RetrieveCommand) -> dict[str, object] | None:
    """Return the share of the list; None for all of it."""
    if (shard := options.shard) is None:
        return None
    listed = len(options.retrieval.listed)
    return {"number": shard.number, "of": shard.count, "studies_in_list": listed}


def reason_record(group: Group, *, dry_run: bool) -> dict[str, object]:
    """Return a reason for which studies are not complete, for JSON."""
    return {
        "verdict": verdict_word(group.verdict, dry_run=dry_run),
        "reason": group.reason,
        "studies": group.studies,
        "first": [judged.selection.study_instance_uid for judged in group.first],
    }


def _totals(account: Account, census: Census, options: RetrieveCommand) -> dict[str, object]:
    progress = account.progress
    return {
        "studies": len(account.selections),
        "duplicates_merged": options.duplicates,
        "left_out": list(options.left_out),
        "verdicts": {
            verdict_word(verdict, dry_run=options.dry_run): census.verdicts[verdict]
            for verdict in Verdict
            if census.verdicts[verdict]
        },
        "expected": progress.expected,
        "stored": progress.stored,
        "present": progress.present,
        "stored_bytes": progress.stored_bytes,
        "received_bytes": progress.received_bytes,
        "refused": progress.refused,
        "set_aside": progress.set_aside,
        "irregular": progress.irregular,
        "left_out_series": census.left_out.total(),
        "left_out_modalities": dict(census.left_out.most_common()),
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


def _study(judged: Judged, account: Account, options: RetrieveCommand) -> dict[str, object]:
    study, selection = judged.study, judged.selection
    uid = selection.study_instance_uid
    details = account.details(uid)
    return {
        "study_instance_uid": uid,
        "narrowed_to": [
            {
                "series_instance_uid": each.series_instance_uid,
                "sop_instance_uids": list(each.sop_instance_uids),
            }
            for each in selection.series
        ],
        "verdict": verdict_word(judged.verdict, dry_run=options.dry_run),
        "reason": study.reason,
        "series": study.series,
        "expected": study.expected,
        "stored": study.stored,
        "present": study.present,
        "needed": study.needed,
        "needed_bytes": study.needed_bytes,
        "received_bytes": study.received_bytes,
        # Unknown for a delivery: instances that are not here may be at the move destination.
        "missing": [] if options.delivering else list(study.missing),
        "absent": list(study.absent),
        "left_out_series": [
            {"series_instance_uid": series_uid, "modality": modality}
            for series_uid, modality in study.left_out
        ],
        "undecided_series": list(study.undecided),
        "refused": [_refusal(each) for each in details.refusals],
        "irregular": study.irregular,
        "irregular_example": study.irregular_example,
        "set_aside": [
            {
                "sop_instance_uid": each.sop_instance_uid,
                "path": each.path if options.paths_reported else None,
            }
            for each in details.set_aside
        ],
        "notes": details.notes,
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
    account: Account,
    census: Census,
    options: RetrieveCommand,
    ending: Ending,
    console: Console,
) -> int:
    """Write the report, if one was asked for, and print where it is; return the exit code.

    A report that could not be written is a failure, however the run ended.
    """
    path = options.report
    if path is None:
        return ending.exit_code
    pieces = render_report(account, census, options, ending)
    try:
        if (stream := open_stream(path)) is not None:
            with os.fdopen(stream, "w", encoding="utf-8") as file:
                file.writelines(pieces)
        else:
            replace_file(path, pieces, options.retrieval.umask)
    except OSError as error:
        console.stderr.write_line(f"--report {path}: cannot be written: {reason_of(error)}")
        return ending.exit_code or NOT_OK
    console.stderr.write_line(f"the full account is in {path}")
    return ending.exit_code


def finish_hook(
    account: Account, options: RetrieveCommand, ending: Ending, summary: Iterable[str]
) -> FinishHook:
    """Return the facts about a run for the command of `--on-finish`.

    Args:
        account: The whole run.
        options: The command line.
        ending: The exit code of the run, and its end.
        summary: The lines of the summary; none for a run that ended before it began, whose notes
            say why.
    """
    progress, report = account.progress, options.report
    lines = [*summary] or account.general.notes
    return FinishHook(
        verdict=str(progress.verdict or Verdict.CANCELLED),
        exit_code=ending.exit_code,
        output=str(options.retrieval.output.absolute()),
        report=str(report.absolute()) if report and _is_file(report) else "",
        peer=str(options.retrieval.peer),
        studies=len(account.selections),
        studies_good=progress.good,
        instances=progress.stored,
        commands_failed=progress.commands_failed,
        seconds=ending.elapsed_s,
        summary="".join(f"{clean_text(line)}\n" for line in lines),
    )


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 - never raises
