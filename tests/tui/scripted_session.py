"""A session that a test leads: it says what the test tells it to, and notes what is asked of it."""

import queue
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import Event
from dicom_retrieve_tui.model.forecast import PlannedStudy
from dicom_retrieve_tui.model.hours import Hours
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.rate_limit import Rate
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.study_identity import Identified
from dicom_retrieve_tui.model.verdict import Verdict

WAIT_S = 30.0
"""Longest wait for a thread; nothing waits that long unless it hangs."""


@dataclass
class ScriptedSession:
    """Takes part in a run as `engine.run.Session` does, at the pace of the test."""

    selections: Sequence[Selection]
    options: RetrieveOptions
    asked: list[str] = field(default_factory=list)
    """What was asked of it, in order."""
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    """How its studies have ended."""

    quiet_at_once: bool = True
    """False if a test says when nothing flows any more in a pause."""

    def __post_init__(self) -> None:
        self._story: queue.Queue[Event | None] = queue.Queue()
        self._ended = False
        self.tell(
            events.RetrieveStarted(
                peer=str(self.options.peer),
                method=str(self.options.method),
                studies=len(self.selections),
                parallel=self.options.parallel,
            )
        )

    def tell(self, *story: Event) -> None:
        """Let these events happen."""
        for event in story:
            if isinstance(event, events.StudyFinished):
                self.verdicts[event.study_instance_uid] = event.verdict
            self._story.put(event)

    def end(self, verdict: Verdict = Verdict.COMPLETE) -> None:
        """Let the run be over."""
        if not self._ended:
            self._ended = True
            self.tell(events.RetrieveFinished(verdict=verdict))
            self._story.put(None)

    @property
    def ended(self) -> bool:
        """True once its end was told: only then has a store its list."""
        return self._ended

    def events(self) -> Iterator[Event]:
        while (event := self._story.get(timeout=WAIT_S)) is not None:
            yield event
            self._story.task_done()
        self._story.task_done()

    def told(self) -> bool:
        """True once everything that was to happen has been taken in."""
        return not self._story.unfinished_tasks

    def add(self, selections: Sequence[Selection]) -> None:
        for each in selections:
            self.asked.append(f"add {each.study_instance_uid}")
            self.tell(events.StudyQueued(study_instance_uid=each.study_instance_uid))

    def pause(self) -> None:
        self.asked.append("pause")
        self.tell(events.RunPausing())
        if self.quiet_at_once:
            self.tell(events.RunPaused())

    def resume(self) -> None:
        self.asked.append("resume")
        self.tell(events.RunResumed())

    def try_now(self) -> None:
        self.asked.append("try now")

    def give_up(self) -> None:
        self.asked.append("give up")

    def limit_hours(self, hours: Hours | None) -> None:
        self.asked.append(f"hours {hours}")

    def limit_rate(self, rate: Rate | None) -> None:
        self.asked.append(f"rate {rate}")

    def begin_look_up(self) -> None:
        """A scripted session is never rejected."""

    def end_look_up(self) -> None:
        """A scripted session is never rejected."""

    def lend(self) -> None:
        self.asked.append("lend")

    def take_back(self) -> None:
        self.asked.append("take back")

    def foresee(self, planned: Sequence[PlannedStudy]) -> None:
        self.asked += [f"foresee {each.instances} of {each.study_instance_uid}" for each in planned]

    lent = False
    busy_workers = 1

    def stop(self, study_instance_uid: str) -> None:
        self.asked.append(f"stop {study_instance_uid}")

    def promote(self, study_instance_uid: str) -> None:
        self.asked.append(f"promote {study_instance_uid}")
        self.tell(events.StudyPromoted(study_instance_uid=study_instance_uid))

    @property
    def has_studies(self) -> bool:
        return True

    def remove(self, study_instance_uid: str) -> bool:
        self.asked.append(f"remove {study_instance_uid}")
        self.tell(events.StudyRemoved(study_instance_uid=study_instance_uid))
        return True

    def finish(self) -> None:
        self.asked.append("finish")
        self.end()

    def cancel(self) -> None:
        self.asked.append("cancel")
        self.end(Verdict.CANCELLED)


@dataclass
class Sessions:
    """Opens scripted sessions, and keeps them."""

    opened: list[ScriptedSession] = field(default_factory=list)
    identified: Identified | None = None
    """What the last session reports identities to."""

    def __call__(
        self,
        selections: Sequence[Selection],
        options: RetrieveOptions,
        cancel: CancelToken,
        *,
        identified: Identified,
    ) -> ScriptedSession:
        self.identified = identified
        session = ScriptedSession(selections, options)
        self.opened.append(session)
        return session


def begins(uid: str, expected: int | None = 3, worker: int = 1) -> list[Event]:
    """A worker takes up a study, and the PACS lists it."""
    return [
        events.StudyStarted(study_instance_uid=uid, worker=worker),
        events.StudyInventoried(
            study_instance_uid=uid, listed=expected is not None, series=1, expected=expected
        ),
    ]


def comes(uid: str, *numbers: int, size_bytes: int = 1000) -> list[Event]:
    """Instances of a study, by number."""
    return [
        event
        for number in numbers
        for event in (
            events.BytesReceived(study_instance_uid=uid, size_bytes=size_bytes),
            events.InstanceStored(
                study_instance_uid=uid,
                series_instance_uid=f"{uid}.1",
                sop_instance_uid=f"{uid}.1.{number}",
                sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
                transfer_syntax_uid="1.2.840.10008.1.2.1",
                path=f"{uid}.1.{number}.dcm",
                size_bytes=size_bytes,
            ),
        )
    ]


def ends(
    uid: str,
    verdict: Verdict = Verdict.COMPLETE,
    *,
    stored: int = 3,
    expected: int | None = 3,
    missing: tuple[str, ...] = (),
    reason: str = "",
) -> list[Event]:
    """The verdict on a study."""
    return [
        events.StudyFinished(
            study_instance_uid=uid,
            verdict=verdict,
            expected=expected,
            stored=stored,
            missing=missing,
            reason=reason,
        )
    ]


def whole(uid: str, instances: int = 3, worker: int = 1) -> list[Event]:
    """A study from its start to a good end."""
    return [
        *begins(uid, instances, worker),
        *comes(uid, *range(1, instances + 1)),
        *ends(uid, stored=instances, expected=instances),
    ]
