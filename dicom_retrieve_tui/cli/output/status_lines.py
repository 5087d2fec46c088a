"""The status of a folder in words and as JSON. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from dicom_retrieve_tui.cli.console import utc_text
from dicom_retrieve_tui.model.folder_account import NOT_ENDED, UNFINISHED, StudyAccount
from dicom_retrieve_tui.model.folder_status import FolderRun, FolderStatus, Life
from dicom_retrieve_tui.model.hours import day_and_time, system_local
from dicom_retrieve_tui.model.humanize import (
    byte_rate_text,
    count,
    duration_text,
    folder_text,
    rate_text,
)
from dicom_retrieve_tui.model.run_state import SAMPLED_S, RunState

EXAMPLES_MAX = 10
"""Studies listed for each reason; `--json` and `--report` list all."""
_RUNNING_MAX = 8
_INDENT = 12
_TOOK_MAX_S = 366 * 86_400.0
"""A longer time means that the clock was corrected meanwhile."""
_LIFE = {
    Life.ENDED: "no run; the last one ended at {updated}{took}",
    Life.GONE: "no run: process {process} on {host}, which began at {started}, ended unexpectedly: "
    "it was killed or the machine stopped. Run the same command again to continue.",
    Life.SILENT: "process {process} on {host} began at {started}; no sign of life since {updated}",
}


def status_lines(status: FolderStatus) -> Iterator[str]:
    """Yield the status of a folder, the run first and the failures last."""
    yield f"{folder_text(status.folder)}: {_run(status)}"
    yield from _writers(status)
    if status.running and status.run is not None:
        yield from _waits(status.run)
    yield _row("studies", _studies(status))
    yield _row("instances", _instances(status))
    if status.running and status.run is not None:
        several = sum(each.life is Life.RUNNING for each in status.runs) > 1
        yield _row("these runs" if several else "this run", _this_run(status.run))
        if not status.run.rests:
            yield _row("rate", _rate(status))
            yield from _running(status.run)
    for group in status.failures:
        reason = group.reason or (NOT_ENDED if group.verdict == UNFINISHED else "")
        yield f"{group.verdict}: {reason}" if reason else f"{group.verdict}:"
        for study in group.examples:
            yield f"  {study.study_instance_uid}{_came(study)}"
        if (more := group.studies - len(group.examples)) > 0:
            yield f"  ... and {count(more, 'study')} more (--json names them all)"
    if status.failed_list is not None and status.life in {Life.ENDED, Life.IDLE}:
        yield f"{status.failed_list} lists them for --uid-list"


def status_line(status: FolderStatus) -> str:
    """Return the status in one line with its time, for a log."""
    totals = status.totals
    parts = [
        f"{totals.good:,} of {count(totals.studies, 'study')} complete",
        f"{totals.failed:,} failed",
        count(totals.stored, "instance"),
    ]
    if status.run is not None and status.running:
        parts += [status.run.waits_for or ("paused" if status.run.paused else _rate(status))]
    else:
        parts += [_run(status)]
    return f"{system_local(status.at):%H:%M:%S} {'; '.join(parts)}"


def _row(name: str, text: str) -> str:
    return f"{name:<{_INDENT}}{text}"


def _run(status: FolderStatus) -> str:
    run = status.run
    if status.runs and status.runs[0].writer is not None and run is not None:
        return _group(status, run)
    if run is None:
        return "a process retrieves into it" if status.running else "no run"
    identity, at = run.identity, status.at
    values = {
        "process": identity.process,
        "host": identity.host or "this machine",
        "started": _clock(identity.started, at),
        "updated": _clock(run.finished or run.updated, at),
        "took": f" after {took}" if (took := _took(identity.started, run.updated)) else "",
    }
    if status.running:
        return (
            f"process {identity.process} on {values['host']} retrieves from {identity.peer} since "
            f"{_since(identity.started, at)}"
        )
    return _LIFE[status.life].format(**values)


def _group(status: FolderStatus, run: RunState) -> str:
    """Return how far the runs of writers are that work together."""
    if status.running:
        going_on = sum(each.life is Life.RUNNING for each in status.runs)
        of = f"{going_on} of {status.shards} shards" if status.shards else count(going_on, "writer")
        since = _since(run.identity.started, status.at)
        retrieves = "retrieves" if going_on == 1 else "retrieve"
        return f"{of} {retrieves} from {run.identity.peer} since {since}"
    ended = [each for each in status.runs if each.life is Life.ENDED]
    of = f"{len(ended)} of {status.shards} shards" if status.shards else count(len(ended), "writer")
    last = f", the last one at {_clock(run.finished, status.at)}" if run.finished else ""
    return f"no run; {of} ended{last}"


def _writers(status: FolderStatus) -> Iterator[str]:
    """Yield what the user should know of single shards: those that are gone, or never ran."""
    for run in status.runs:
        if run.writer is not None and run.life in {Life.GONE, Life.SILENT}:
            yield _row("gone" if run.life is Life.GONE else "silent", _gone(run, status.at))
    if status.never_ran:
        shard = "shard" if len(status.never_ran) == 1 else "shards"
        yield _row("never ran", f"{shard} {_numbers(status.never_ran)} of {status.shards}")
    if status.lists > 1:
        yield _row("lists", f"the shards were given {status.lists}; every study of each counts")


def _gone(run: FolderRun, at: datetime) -> str:
    if run.state is None:
        return str(run.writer)
    identity = run.state.identity
    process = f"{run.writer}: process {identity.process} on {identity.host or 'this machine'}"
    if run.life is Life.SILENT:
        return f"{process} showed no sign of life since {_clock(run.state.updated, at)}"
    return f"{process} ended unexpectedly; run it again"


def _numbers(numbers: Sequence[int]) -> str:
    """Return numbers in their order, with ranges: `1, 3-5`."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][-1] == number - 1:
            ranges[-1][1:] = [number]
        else:
            ranges.append([number])
    return ", ".join("-".join(map(str, each)) for each in ranges)


def _waits(run: RunState) -> Iterator[str]:
    if run.waits_for:
        until = f" until {day_and_time(system_local(run.waits_until))}" if run.waits_until else ""
        yield _row("waits", f"{run.waits_for}{until}")
    if run.paused:
        yield _row("paused", "no study and no request begins until the user resumes it")


def _studies(status: FolderStatus) -> str:
    totals = status.totals
    if not totals.studies:
        return "none is recorded yet"
    parts = [f"{totals.good:,} of {totals.studies:,} complete"]
    if totals.failed:
        parts.append(f"{totals.failed:,} failed")
    if totals.waiting:
        parts.append(f"{totals.waiting:,} to go" if status.running else f"{totals.waiting:,} left")
    return ", ".join(parts)


def _instances(status: FolderStatus) -> str:
    totals, expected = status.totals, status.expected
    if not expected.instances:
        return f"{totals.stored:,} here"
    missing = f", {totals.missing:,} missing" if totals.missing else ""
    if status.remaining is None:
        unlisted = count(totals.unknown, "study")
        return f"{totals.stored:,} here{missing}, {unlisted} not listed yet"
    about = "" if expected.exact else "about "
    share = min(totals.stored / expected.instances, 1.0)
    percent = int(share * 100) if totals.stored < expected.instances else 100
    return f"{totals.stored:,} of {about}{expected.instances:,} here ({percent} %){missing}"


def _this_run(run: RunState) -> str:
    verdicts = ", ".join(f"{number:,} {word}" for word, number in run.verdicts.items())
    ended = f"{run.ended:,} of {count(run.studies, 'study')} ended"
    return f"{ended} ({verdicts})" if verdicts else ended


def _rate(status: FolderStatus) -> str:
    if (rates := status.rates) is None:
        return "not known yet"
    assert status.run is not None  # noqa: S101 - without a run, there are no rates
    samples = status.run.samples
    span_s = samples[-1].at_s - samples[0].at_s
    instances = rate_text(rates[0]).replace("/s", " instances/s")
    text = f"{instances}, {byte_rate_text(rates[1])} in the last {_span(span_s)}"
    if (eta_s := status.eta_s) is None:
        return text
    about = "" if status.expected.exact else "about "
    done = status.at + timedelta(seconds=eta_s)
    return f"{text}; done in {about}{_span(eta_s)} ({_clock(done, status.at)})"


def _span(seconds: float) -> str:
    if seconds >= SAMPLED_S * 0.9 and seconds <= SAMPLED_S * 1.1:
        return f"{round(SAMPLED_S / 60)} min"
    return f"{seconds:.0f} s" if seconds < 60 else duration_text(seconds)


def _running(run: RunState) -> Iterator[str]:
    name = "running"
    for study in run.running[:_RUNNING_MAX]:
        of = f" of {study.expected:,}" if study.expected is not None else ""
        yield _row(name, f"{study.study_instance_uid}  {study.stored:,}{of}")
        name = ""
    if (more := len(run.running) - _RUNNING_MAX) > 0:
        yield _row("", f"... and {more:,} more")


def _came(study: StudyAccount) -> str:
    if study.expected:
        return f"  {study.stored:,} of {count(study.expected, 'instance')}"
    return f"  {count(study.stored, 'instance')}" if study.stored else ""


def _clock(moment: datetime, now: datetime) -> str:
    """Return the local time, with the day if that is not today, and its year if it is not ours."""
    local, today = system_local(moment), system_local(now).date()
    if local.date() == today:
        return f"{local:%H:%M:%S}"
    return f"{local:%d %b %H:%M:%S}" if local.year == today.year else f"{local:%d %b %Y %H:%M:%S}"


def _since(begin: datetime, now: datetime) -> str:
    """Return when a run began, and for how long it has gone on."""
    took = _took(begin, now)
    return f"{_clock(begin, now)} ({took})" if took else _clock(begin, now)


def _took(begin: datetime, end: datetime) -> str:
    """Return the time between; empty if the clock was corrected meanwhile."""
    seconds = (end - begin).total_seconds()
    return duration_text(seconds) if 0 <= seconds <= _TOOK_MAX_S else ""


def status_record(status: FolderStatus) -> dict[str, object]:
    """Return the status for `--json`; the names are public."""
    totals, rates, expected = status.totals, status.rates, status.expected
    return {
        "folder": str(status.folder),
        "state": str(status.life),
        "complete": status.complete,
        "run": None if status.run is None else _run_record(status.run),
        "writers": [_writer_record(each) for each in status.runs if each.writer is not None],
        "shards": status.shards or None,
        "never_ran": list(status.never_ran),
        "lists": status.lists,
        "totals": {
            "studies": totals.studies,
            "complete": totals.good,
            "failed": totals.failed,
            "left": totals.waiting,
            "verdicts": dict(totals.verdicts),
            "expected": expected.instances,
            "exact": expected.exact,
            "stored": totals.stored,
            "missing": totals.missing,
        },
        "instances_per_s": None if rates is None else round(rates[0], 3),
        "bytes_per_s": None if rates is None else round(rates[1]),
        "eta_s": None if status.eta_s is None else round(status.eta_s, 1),
        "failed_list": None if status.failed_list is None else str(status.failed_list),
    }


def _writer_record(run: FolderRun) -> Mapping[str, object]:
    assert run.writer is not None  # noqa: S101 - the caller has looked
    return {
        "name": run.writer.name,
        "state": str(run.life),
        "run": None if run.state is None else _run_record(run.state),
    }


def _run_record(run: RunState) -> Mapping[str, object]:
    identity = run.identity
    return {
        "process": identity.process,
        "host": identity.host,
        "peer": identity.peer,
        "method": identity.method,
        "started": utc_text(identity.started),
        "updated": utc_text(run.updated),
        "finished": None if run.finished is None else utc_text(run.finished),
        "paused": run.paused,
        "waits_for": run.waits_for,
        "waits_until": None if run.waits_until is None else utc_text(run.waits_until),
        "studies": run.studies,
        "verdicts": dict(run.verdicts),
        "running": [
            {
                "study_instance_uid": each.study_instance_uid,
                "expected": each.expected,
                "stored": each.stored,
            }
            for each in run.running
        ],
    }


def study_record(study: StudyAccount) -> dict[str, object]:
    """Return one study for `--json` and `--report`; the names are public."""
    return {
        "study_instance_uid": study.study_instance_uid,
        "verdict": study.verdict,
        "reason": study.reason,
        "expected": study.expected,
        "stored": study.stored,
        "missing": study.missing,
        "peer": study.peer,
        "ended": study.ended or None,
        "narrowed_to": [
            {
                "series_instance_uid": each.series_instance_uid,
                "sop_instance_uids": list(each.sop_instance_uids),
            }
            for each in study.series
        ],
    }
