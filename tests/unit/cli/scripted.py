"""The command with a scripted engine instead of the network, and its streams in memory."""

import errno
import io
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from dicom_retrieve_tui.cli.main import main
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import (
    BytesReceived,
    Event,
    InstanceStored,
    RetrieveFinished,
    RetrieveStarted,
    SpaceForecast,
    StudyFinished,
    StudyInventoried,
    StudyStarted,
)
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.verdict import Verdict, total_verdict

STUDY = "1.2.840.99.1"
OTHER = "1.2.840.99.2"
PACS = "pacs://pacs.test:11112"
C_GET = (PACS, "--method", "c-get", "--study-uid", STUDY)
PEER = "ANY-SCP@pacs.test:11112"


class Stream(io.StringIO):
    """A stream that may be a terminal."""

    def __init__(self, *, terminal: bool = False) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


class ClosedPipe(Stream):
    """stdout after its reader has gone away."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


class FullDisk(Stream):
    """stdout on a disk without room."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@dataclass(frozen=True, slots=True)
class Result:
    code: int
    out: str
    err: str


@dataclass(slots=True)
class Engine:
    """Yields what it was told to, and remembers what it was asked."""

    events: Sequence[Event]
    asked: list[tuple[Sequence[Selection], RetrieveOptions]] = field(default_factory=list)
    closed: bool = False
    on_event: Callable[[Event], None] | None = None

    def __call__(
        self, selections: Sequence[Selection], options: RetrieveOptions, cancel: CancelToken
    ) -> Iterator[Event]:
        self.asked.append((selections, options))
        self.cancel = cancel
        try:
            for event in self.events:
                yield event
                if self.on_event is not None:
                    self.on_event(event)
        finally:
            self.closed = True

    cancel: CancelToken = field(default_factory=CancelToken)


def run(
    *argv: str,
    engine: Engine | None = None,
    stdin: str = "",
    stdout: Stream | None = None,
    stderr: Stream | None = None,
) -> Result:
    """Run the command; without an engine, reaching it is a failure."""
    out, err = stdout or Stream(), stderr or Stream()
    code = main(
        list(argv),
        stdin=io.StringIO(stdin),
        stdout=out,
        stderr=err,
        retrieve=engine or unreachable,
    )
    return Result(code, out.getvalue(), err.getvalue())


def unreachable(
    selections: Sequence[Selection], options: RetrieveOptions, cancel: CancelToken
) -> Iterator[Event]:
    raise AssertionError(f"nothing should be retrieved: {selections} {options} {cancel}")


def started(studies: int = 1, parallel: int = 1, method: str = "c-get") -> RetrieveStarted:
    return RetrieveStarted(peer=PEER, method=method, studies=studies, parallel=parallel)


def stored(number: int, uid: str = STUDY, size_bytes: int = 500_000) -> InstanceStored:
    return InstanceStored(
        study_instance_uid=uid,
        series_instance_uid=f"{uid}.1",
        sop_instance_uid=f"{uid}.1.{number}",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        path=f"{uid}.1.{number}.dcm",
        size_bytes=size_bytes,
    )


def study_of(
    verdict: Verdict,
    *,
    uid: str = STUDY,
    expected: int | None = 3,
    came: int = 0,
    reason: str = "",
    named_missing: bool = True,
) -> list[Event]:
    """One study from its start to its verdict, `came` of its instances stored."""
    events: list[Event] = [
        StudyStarted(study_instance_uid=uid, worker=1),
        StudyInventoried(
            study_instance_uid=uid, listed=expected is not None, series=1, expected=expected
        ),
    ]
    for number in range(1, came + 1):
        events.append(BytesReceived(study_instance_uid=uid, size_bytes=500_000))
        events.append(stored(number, uid))
    missing = range(came + 1, (expected or 0) + 1) if named_missing else ()
    events.append(
        StudyFinished(
            study_instance_uid=uid,
            verdict=verdict,
            expected=expected,
            stored=came,
            missing=tuple(f"{uid}.1.{number}" for number in missing),
            reason=reason,
        )
    )
    return events


def space(likely_bytes: int, free_bytes: int = 10**12, **given: Any) -> SpaceForecast:
    """A forecast of a run, half to twice what is likely, of which 1 GB is to stay free."""
    room_bytes = free_bytes - 10**9
    fits = (
        False
        if likely_bytes // 2 > room_bytes
        else True
        if 2 * likely_bytes <= room_bytes
        else None
    )
    values = {
        "studies": 1,
        "estimated": 0,
        "uncounted": 0,
        "likely_bytes": likely_bytes,
        "low_bytes": likely_bytes // 2,
        "high_bytes": 2 * likely_bytes,
        "built_in": False,
        "free_bytes": free_bytes,
        "keep_free_bytes": 10**9,
        "fits": fits,
    }
    return SpaceForecast(**(values | given))


def whole_run(*studies: list[Event], method: str = "c-get") -> Engine:
    """An engine whose run consists of these studies."""
    verdicts = [e.verdict for study in studies for e in study if isinstance(e, StudyFinished)]
    return Engine(
        [
            started(len(studies), method=method),
            *(event for study in studies for event in study),
            RetrieveFinished(verdict=total_verdict(verdicts)),
        ]
    )
