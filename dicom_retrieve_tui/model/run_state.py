"""The state that a run records beside its journal, for `status`: its process and its progress.

`RunTracker` folds events without keeping anything of finished studies: a run may have a million.
"""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.choices import HoldCause
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.verdict import Verdict

SCHEMA_VERSION = 1
SAMPLE_S = 10.0
SAMPLED_S = 300.0
"""The rate is that of these last seconds."""
_HELD_BY = {
    HoldCause.PEER: "the PACS",
    HoldCause.ARCHIVE: "the PACS to serve studies",
    HoldCause.DISK: "room on the disk",
    HoldCause.HOURS: "the hours of --between",
    HoldCause.WORKERS: "a worker of the Dask cluster",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunIdentity:
    """The process of a run, and its PACS."""

    process: int
    host: str
    boot: str
    """Identifies this boot of the machine."""
    peer: str
    method: str
    started: datetime
    """UTC."""
    listed: str = ""
    """The fingerprint of the list of which the run has a share; empty if it has no share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningStudy:
    """A study that is being retrieved."""

    study_instance_uid: str
    expected: int | None = None
    stored: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """The counts at one time."""

    at_s: float
    """Seconds since the epoch."""
    instances: int
    received_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """One run at one moment."""

    identity: RunIdentity
    updated: datetime
    finished: datetime | None = None
    """None until every thread of the run has ended."""
    paused: bool = False
    waits_for: str = ""
    """What keeps the run from requesting anything, such as an outage of the PACS; empty if
    nothing does."""
    waits_until: datetime | None = None
    """When it goes on or tries again, if that is known."""
    studies: int = 0
    """Studies that this run was asked for."""
    verdicts: Mapping[str, int] = field(default_factory=dict)
    """Studies of this run that have ended, by verdict."""
    running: tuple[RunningStudy, ...] = ()
    samples: tuple[Sample, ...] = ()
    """What had come on the associations of this run, the latest last."""

    @property
    def rests(self) -> bool:
        """True while nothing is requested, for whatever reason."""
        return self.paused or bool(self.waits_for)

    @property
    def ended(self) -> int:
        """Studies of this run that have ended."""
        return sum(self.verdicts.values())

    @property
    def rates(self) -> tuple[float, float] | None:
        """Instances and bytes a second over the last minutes; None if it is too early to tell."""
        if len(self.samples) < 2:
            return None
        first, last = self.samples[0], self.samples[-1]
        if (span_s := last.at_s - first.at_s) <= 0:
            return None
        instances = (last.instances - first.instances) / span_s
        return instances, (last.received_bytes - first.received_bytes) / span_s


class RunTracker:
    """The state of a run, folded from its events. Not thread-safe."""

    def __init__(self, identity: RunIdentity) -> None:
        self._identity = identity
        self._studies = 0
        self._verdicts: Counter[str] = Counter()
        self._running: dict[str, RunningStudy] = {}
        self._stored: Counter[str] = Counter()
        self._came = self._bytes = 0
        self._samples: deque[Sample] = deque()
        """Cleared when the run goes on: the rate leaves out the time for which it was held."""
        self.paused = False
        self._held: dict[HoldCause, tuple[str, datetime | None]] = {}
        """What keeps the run from requesting anything, and until when if that is known."""

    def apply(self, event: events.Event) -> None:
        """Update the state by one event."""
        match event:
            case events.InstanceStored():
                self._came += 1
                self._stored[event.study_instance_uid] += 1
            case events.BytesReceived():
                self._bytes += event.size_bytes
            case events.RetrieveStarted():
                self._studies = event.studies
            case events.StudyQueued():
                self._studies += 1
            case events.StudyRemoved():
                self._studies -= 1
            case events.RunPaused() | events.RunResumed():
                self.paused = isinstance(event, events.RunPaused)
                self._samples.clear()
            case events.StudyStarted() | events.StudyInventoried() | events.StudyFinished():
                self._apply_to_study(event)
            case _:
                self._apply_to_hold(event)

    def _apply_to_hold(self, event: events.Event) -> None:
        match event:
            case events.PeerLost() | events.ProbeFailed():
                what = _HELD_BY[event.cause]
                reason = clean_text(event.reason).removesuffix(".")
                self._held[event.cause] = (f"{what} ({reason})", None)
            case events.PeerBack():
                self._held.pop(event.cause, None)
                self._samples.clear()
            case events.HoursClosed():
                until = datetime.fromisoformat(event.until) if event.until else None
                self._held[HoldCause.HOURS] = (_HELD_BY[HoldCause.HOURS], until)
            case events.QueueGivenUp():
                self._verdicts[str(Verdict.NOT_TRIED)] += event.studies
                self._held.pop(event.cause, None)
            case events.HoursOpened():
                self._held.pop(HoldCause.HOURS, None)
                self._samples.clear()
            case _:
                pass

    def _apply_to_study(
        self, event: events.StudyStarted | events.StudyInventoried | events.StudyFinished
    ) -> None:
        uid = event.study_instance_uid
        match event:
            case events.StudyStarted():
                self._stored[uid] = 0
                self._running[uid] = RunningStudy(study_instance_uid=uid)
            case events.StudyInventoried():
                self._stored[uid] = event.present
                self._running[uid] = RunningStudy(study_instance_uid=uid, expected=event.expected)
            case events.StudyFinished():
                self._running.pop(uid, None)
                self._stored.pop(uid, None)
                self._verdicts[str(event.verdict)] += 1

    def state(self, now: datetime, *, finished: bool = False) -> RunState:
        """Return the state at `now`, and remember a sample for the rate."""
        at_s = now.timestamp()
        current = Sample(at_s, self._came, self._bytes)
        samples = self._samples
        if samples and not 0 <= at_s - samples[-1].at_s <= SAMPLED_S:
            samples.clear()  # the clock was corrected, or the process was stopped for long
        if not samples or at_s - samples[-1].at_s >= SAMPLE_S:
            samples.append(current)
        while len(samples) > 2 and samples[1].at_s <= at_s - SAMPLED_S:
            samples.popleft()
        waits_for, waits_until = next(iter(self._held.values()), ("", None))
        return RunState(
            identity=self._identity,
            updated=now,
            finished=now if finished else None,
            paused=self.paused,
            waits_for=waits_for,
            waits_until=waits_until,
            studies=self._studies,
            verdicts=dict(self._verdicts),
            running=tuple(
                RunningStudy(
                    study_instance_uid=uid, expected=study.expected, stored=self._stored[uid]
                )
                for uid, study in self._running.items()
            ),
            samples=(*samples, current) if samples[-1] != current else tuple(samples),
        )


def joined_runs(runs: Sequence[RunState]) -> RunState:
    """Return several runs that go on, or have ended, together as one; at least one is given."""
    if len(runs) == 1:
        return runs[0]
    first = min(runs, key=lambda run: run.identity.started)
    finished = [run.finished for run in runs if run.finished is not None]
    verdicts: Counter[str] = Counter()
    for run in runs:
        verdicts.update(run.verdicts)
    waits = [run for run in runs if run.waits_for]
    return RunState(
        identity=first.identity,
        updated=max(run.updated for run in runs),
        finished=max(finished) if len(finished) == len(runs) else None,
        paused=all(run.paused for run in runs),
        waits_for=waits[0].waits_for if len(waits) == len(runs) else "",
        waits_until=waits[0].waits_until if len(waits) == len(runs) else None,
        studies=sum(run.studies for run in runs),
        verdicts=dict(verdicts),
        running=tuple(study for run in runs for study in run.running),
        samples=_joined_samples(runs),
    )


def _joined_samples(runs: Sequence[RunState]) -> tuple[Sample, ...]:
    """Return two samples whose rate is the sum of the rates; none if no rate is known."""
    rates = [run.rates for run in runs if run.rates is not None]
    if not rates:
        return ()
    known = [run.samples for run in runs if run.rates is not None]
    span_s = max(samples[-1].at_s - samples[0].at_s for samples in known)
    end_s = max(samples[-1].at_s for samples in known)
    instances = round(sum(rate for rate, _ in rates) * span_s)
    received_bytes = round(sum(rate for _, rate in rates) * span_s)
    return Sample(end_s - span_s, 0, 0), Sample(end_s, instances, received_bytes)


def run_record(state: RunState) -> dict[str, object]:
    """Return the state as plain values; `run_of` reads them."""
    identity = state.identity
    return {
        "schema": SCHEMA_VERSION,
        "process": identity.process,
        "host": identity.host,
        "boot": identity.boot,
        "peer": identity.peer,
        "method": identity.method,
        "started": _text(identity.started),
        "list": identity.listed,
        "updated": _text(state.updated),
        "finished": _text(state.finished),
        "paused": state.paused,
        "waits_for": state.waits_for,
        "waits_until": _text(state.waits_until),
        "studies": state.studies,
        "verdicts": dict(state.verdicts),
        "running": [
            {
                "study_instance_uid": each.study_instance_uid,
                "expected": each.expected,
                "stored": each.stored,
            }
            for each in state.running
        ],
        "samples": [[each.at_s, each.instances, each.received_bytes] for each in state.samples],
    }


def run_of(record: Mapping[str, Any]) -> RunState:
    """Return the state of a record.

    Raises:
        KeyError, TypeError, ValueError: The record is not one of `run_record`.
    """
    started, updated = _time(record["started"]), _time(record["updated"])
    if started is None or updated is None:
        raise ValueError("it lacks a time")
    return RunState(
        identity=RunIdentity(
            process=int(record["process"]),
            host=str(record["host"]),
            boot=str(record["boot"]),
            peer=str(record["peer"]),
            method=str(record["method"]),
            started=started,
            listed=str(record.get("list", "")),
        ),
        updated=updated,
        finished=_time(record["finished"]),
        paused=bool(record["paused"]),
        waits_for=str(record["waits_for"]),
        waits_until=_time(record["waits_until"]),
        studies=int(record["studies"]),
        verdicts={str(word): int(number) for word, number in record["verdicts"].items()},
        running=tuple(map(_running, record["running"])),
        samples=tuple(map(_sample, record["samples"])),
    )


def _running(record: Mapping[str, Any]) -> RunningStudy:
    expected = record["expected"]
    return RunningStudy(
        study_instance_uid=str(record["study_instance_uid"]),
        expected=None if expected is None else int(expected),
        stored=int(record["stored"]),
    )


def _sample(record: Sequence[Any]) -> Sample:
    at_s, instances, received_bytes = record
    return Sample(float(at_s), int(instances), int(received_bytes))


def _text(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _time(text: object) -> datetime | None:
    """Return a time of `_text`. Raises `ValueError` for another text."""
    if text is None:
        return None
    moment = datetime.fromisoformat(str(text))
    return moment.replace(tzinfo=moment.tzinfo or UTC)
