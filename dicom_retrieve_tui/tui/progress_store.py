"""The progress of all sessions: threads fold events in, the screen takes snapshots.

The thread of each session folds its events here under a lock, in some microseconds each. Four times
a second the screen takes frozen values: what has changed, and the totals. Widgets count nothing,
and no event becomes a message of Textual.
"""

import itertools
import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice

from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.eta import Throughput
from dicom_retrieve_tui.model.folder_account import NOT_ENDED, UNFINISHED, StudyAccount
from dicom_retrieve_tui.model.hours import system_local
from dicom_retrieve_tui.model.narration import narrate, space_text
from dicom_retrieve_tui.model.progress import Progress
from dicom_retrieve_tui.model.study_identity import UNIDENTIFIED, StudyIdentity
from dicom_retrieve_tui.model.terminal_notice import Notice, notice_of
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui.cut_text import without_patients
from dicom_retrieve_tui.tui.field_words import in_fields
from dicom_retrieve_tui.tui.queue_entry import NOT_BEGUN, Counted, Entry, StudyRequest
from dicom_retrieve_tui.tui.snapshot import (
    Details,
    Held,
    Line,
    Row,
    RowKey,
    Sample,
    Snapshot,
    State,
    Totals,
)
from dicom_retrieve_tui.tui.study_names import screen_verdict, study_name
from dicom_retrieve_tui.tui.totals import RunningTotals
from dicom_retrieve_tui.tui.worker_rates import WorkerRates

_HISTORY_MAX = 240
_HISTORY_STEP_S = 0.5
_LINES_MAX = 1000
_UID_WIDTH = 24
_VERDICTS = {**{str(verdict): verdict for verdict in Verdict}, UNFINISHED: Verdict.CANCELLED}
"""By the word in a journal, which another version may have written."""
_NO_LINE = (events.AssociationOpened, events.AssociationClosed)
"""Of little use on the screen, where they come with every study; one that fails is an event of the
study or of the PACS."""
_PORTION = 500
"""Requests that are queued under one lock: some milliseconds."""
_ROWS_MAX = 4000
"""Changed rows in one snapshot, besides those that run: some 30 ms."""


class ProgressStore:
    """Safe from any thread, but for `snapshot`, which has one reader."""

    def __init__(
        self,
        monotonic_s: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: system_local(datetime.now(UTC)),
    ) -> None:
        self._monotonic_s = monotonic_s
        self._now = now
        self._lock = threading.Lock()
        self._entries: dict[RowKey, Entry] = {}
        self._numbers = itertools.count(1)
        self._begun = False
        self._identities: dict[str, StudyIdentity] = {}
        """Of all studies of this run of the application, removed ones included."""
        self._groups: dict[int, set[RowKey]] = {}
        self._pending: Counter[int] = Counter()
        """Entries of each group without a verdict."""
        self._runs: dict[int, Progress] = {}
        self._delivering: dict[int, bool] = {}
        self._next_try_s: dict[int, float] = {}
        """When a held session probes next."""
        self._dirty: dict[RowKey, None] = {}
        self._backlog: deque[RowKey] = deque()
        """Changed before, and left to the next snapshots."""
        self._live: set[RowKey] = set()
        self._removed: list[RowKey] = []
        self._kept: set[RowKey] = set()
        """Waiting entries to be shown as stopped once they are removed from their session."""
        self._lines: deque[Line] = deque(maxlen=_LINES_MAX)
        self._lanes = WorkerRates()
        self._tally = RunningTotals()
        self._instances, self._bytes = Throughput(), Throughput()
        self._came = self._came_bytes = 0
        self._history: deque[Sample] = deque(maxlen=_HISTORY_MAX)
        self._sampled: tuple[float, int, int] | None = None
        self._busy_since_s: float | None = None
        self._busy_s = 0.0
        self._changed = True

    @property
    def stale(self) -> bool:
        """True if a snapshot would differ from the last one."""
        return self._changed or bool(self._live) or bool(self._runs)

    def queue(
        self, group: int, wanted: Iterable[StudyRequest], neighbours: Iterable[int] = ()
    ) -> list[StudyRequest]:
        """Add requests, and return those that were not queued or running already.

        Args:
            group: The group of the requests.
            wanted: What to add.
            neighbours: Groups with the same folder; what was recalled in them gives way.
        """
        taken: list[StudyRequest] = []
        others = [each for each in neighbours if each != group]
        rest = iter(wanted)
        # The screen, which needs the lock for a snapshot, does not wait for a long list.
        while portion := list(islice(rest, _PORTION)):
            with self._lock:
                taken += [each for asked in portion if (each := self._queue(group, asked, others))]
        return taken

    def _queue(self, group: int, asked: StudyRequest, others: Iterable[int]) -> StudyRequest | None:
        """Add a request; return it with all that is known, None if it is queued already."""
        self._begun = True
        uid = asked.selection.study_instance_uid
        known = self._identities.get(uid)
        each = asked if known is None else replace(asked, identity=asked.identity | known)
        self._note_identity(uid, each.identity)
        key = RowKey(group, uid)
        for other in others:
            self._forget_recalled(RowKey(other, uid))
        entry = self._entries.get(key)
        if entry is None:
            self._entries[key] = Entry(key, next(self._numbers), each)
            self._groups.setdefault(group, set()).add(key)
        elif entry.final is None:
            return None
        else:
            if each.instances is None and each.selection == entry.wanted.selection:
                each = replace(each, instances=entry.expected)
            entry.renew(each)
            self._kept.discard(key)
        self._pending[group] += 1
        self._touch(key)
        return each

    def recall(
        self, group: int, studies: Iterable[StudyAccount], neighbours: Iterable[int] = ()
    ) -> int:
        """Add studies that earlier runs left incomplete in the folder of a group.

        Those that are in the queue already only get the size of what is on disk.

        Args:
            group: The group with whose options they are retried.
            studies: What the folder has recorded.
            neighbours: Groups with the same folder; studies in these are not added.

        Returns:
            The number of added studies.
        """
        added = 0
        with self._lock:
            neighbours = {group, *neighbours}
            known: dict[str, list[RowKey]] = {}
            for neighbour in neighbours:
                for key in self._groups.get(neighbour, ()):
                    known.setdefault(key.study_instance_uid, []).append(key)
            for each in studies:
                if keys := known.get(each.study_instance_uid):
                    # In two rows, the total would count it twice.
                    if len(keys) == 1:
                        self._entries[keys[0]].note_stored(each.stored_bytes)
                        self._touch(keys[0])
                    continue
                key = RowKey(group, each.study_instance_uid)
                identity = self._known(each.study_instance_uid)
                request = StudyRequest(selection=each.selection, identity=identity)
                entry = Entry(key, next(self._numbers), request)
                entry.recalled = True
                entry.before = Counted(each.stored, each.expected, each.missing, each.stored_bytes)
                unfinished = each.verdict == UNFINISHED
                verdict = _VERDICTS.get(each.verdict, Verdict.FAILED)
                entry.give_up(verdict, NOT_ENDED if unfinished else each.reason)
                self._entries[key] = entry
                self._groups.setdefault(group, set()).add(key)
                self._touch(key)
                added += 1
        return added

    def _forget_recalled(self, key: RowKey) -> None:
        entry = self._entries.get(key)
        if entry is not None and entry.recalled:
            self._forget(key)

    def miss(self, group: int, wanted: StudyRequest, reason: str) -> None:
        """Add a line of a list for which no study was found; it counts as failed."""
        with self._lock:
            key = RowKey(group, wanted.selection.study_instance_uid)
            entry = self._entries.get(key)
            if entry is None:
                entry = self._entries[key] = Entry(key, next(self._numbers), wanted)
                self._groups.setdefault(group, set()).add(key)
            entry.give_up(Verdict.NOT_FOUND, reason)
            self._touch(key)

    def missed(self, group: int) -> set[RowKey]:
        """Return the lines of a group for which no study was found."""
        with self._lock:
            entries = (self._entries[key] for key in self._groups.get(group, ()))
            return {each.key for each in entries if each.wanted.lookup is not None}

    def failed(self) -> tuple[set[int], int]:
        """Return the groups with failed studies, and the number of lines without a study."""
        with self._lock:
            failed = [each for each in self._entries.values() if each.state is State.FAILED]
            lines = [each for each in failed if each.wanted.lookup is not None]
            return {each.key.group for each in failed if each.wanted.lookup is None}, len(lines)

    def begin(
        self, group: int, *, associations: int, timeout_s: float, delivering: bool = False
    ) -> None:
        """Expect the events of a session."""
        with self._lock:
            self._delivering[group] = delivering
            self._runs[group] = Progress()
            self._lanes.begin(group, associations=associations, timeout_s=timeout_s)
            if self._busy_since_s is None:
                self._busy_since_s = self._monotonic_s()
            self._changed = True

    def apply(self, group: int, event: events.Event) -> None:
        """Fold one event of a session."""
        with self._lock:
            progress = self._runs[group]
            progress.apply(event)
            match event:
                case events.InstanceStored():
                    self._came += 1
                    entry = self._entries[RowKey(group, event.study_instance_uid)]
                    entry.store(event.series_instance_uid)
                case events.BytesReceived():
                    self._came_bytes += event.size_bytes
                case events.PeerCounted():
                    pass  # one for each instance, and no line
                case events.RunPausing() | events.RunPaused() | events.RunResumed():
                    pass
                case _:
                    self._follow(group, event, progress)
            if (uid := getattr(event, "study_instance_uid", None)) is not None:
                self._dirty[RowKey(group, uid)] = None
            self._changed = True

    def notice_of(self, group: int, event: events.Event, elapsed_s: float) -> Notice | None:
        """Return what is announced of an event that was applied; None for most.

        Args:
            elapsed_s: Since the start of the session.
        """
        with self._lock:
            return notice_of(event, self._runs[group], elapsed_s)

    def identify(self, group: int, study_instance_uid: str, identity: StudyIdentity) -> None:
        """Note whose study an entry is, by the PACS's own answer."""
        with self._lock:
            self._note_identity(study_instance_uid, identity)
            key = RowKey(group, study_instance_uid)
            if identity and (entry := self._entries.get(key)) is not None:
                entry.identity = identity | entry.identity
                self._touch(key)

    def know(self, identities: Mapping[str, StudyIdentity]) -> None:
        """Note whose studies are that may be queued later; what is known already stays."""
        with self._lock:
            for uid, identity in identities.items():
                self._identities[uid] = self._known(uid) | identity

    def end(self, group: int, reason: str = "", *, waiting: Iterable[str] = ()) -> list[str]:
        """End a session; return its studies without a verdict, which are not started.

        Args:
            group: The session's group.
            reason: Why the session failed as a whole; empty if it ran to its end.
            waiting: Study Instance UIDs that the next session of the group retrieves.
        """
        kept = {RowKey(group, uid) for uid in waiting}
        given_up = []
        with self._lock:
            self._runs.pop(group, None)
            self._lanes.end(group)
            verdict = Verdict.FAILED if reason else Verdict.CANCELLED
            self._pending[group] = len(kept)
            for key in self._groups.get(group, set()) - kept:
                entry = self._entries[key]
                if entry.final is None:
                    entry.give_up(verdict, reason or NOT_BEGUN)
                    given_up.append(key.study_instance_uid)
                    self._touch(key)
            if reason:
                self._lines.append(Line(self._now(), in_fields(reason), grave=True))
            if not self._runs and self._busy_since_s is not None:
                self._busy_s += self._monotonic_s() - self._busy_since_s
                self._busy_since_s = None
            self._changed = True
        return given_up

    def note(self, text: str, *, grave: bool = False) -> None:
        """Add a line to the events pane that is not from a session."""
        with self._lock:
            shown = in_fields(text)
            masked = without_patients(shown, hide=True)
            self._lines.append(Line(self._now(), shown, grave, masked))
            self._changed = True

    def stop(self, key: RowKey) -> None:
        """Give up an entry that was not started."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.final is None:
                self._give_up(entry)

    def keep_waiting(self, key: RowKey) -> None:
        """Show an entry that waits as stopped once it is removed from its session."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.state is State.QUEUED:
                self._kept.add(key)

    def _give_up(self, entry: Entry) -> None:
        self._pending[entry.key.group] -= 1
        entry.give_up(Verdict.CANCELLED, NOT_BEGUN)
        self._touch(entry.key)

    def forget(self, keys: Iterable[RowKey]) -> None:
        """Remove entries."""
        with self._lock:
            for key in keys:
                self._forget(key)

    def state_of(self, key: RowKey) -> State | None:
        """Return the state of an entry; None if there is none."""
        with self._lock:
            entry = self._entries.get(key)
            return None if entry is None else entry.state

    def unfinished(self, group: int) -> bool:
        """True if an entry of the group has no verdict yet."""
        with self._lock:
            return self._pending[group] > 0

    def entry(self, key: RowKey) -> tuple[Row, StudyRequest] | None:
        """Return the row of an entry and its request."""
        with self._lock:
            entry = self._entries.get(key)
            return None if entry is None else (entry.row(self._monotonic_s()), entry.wanted)

    def details(self, key: RowKey) -> Details | None:
        """Return everything that is known of an entry."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            study = entry.study
            return Details(
                row=entry.row(self._monotonic_s()),
                selection=entry.wanted.selection,
                present=study.present if study else 0,
                listed=study.listed if study else False,
                failed_attempts=study.failed_attempts if study else 0,
                refused=study.refused if study else 0,
                set_aside=study.set_aside if study else 0,
                missing=study.missing if study else (),
                series=tuple((entry.series or {}).items()),
                left_out=study.left_out if study else (),
                irregular=study.irregular if study else 0,
                irregular_example=study.irregular_example if study else "",
            )

    @property
    def begun(self) -> bool:
        """True once a study was queued."""
        with self._lock:
            return self._begun

    @property
    def unfinished_studies(self) -> int:
        """The number of entries without a verdict."""
        with self._lock:
            return sum(self._pending.values())

    @property
    def unfinished_identity(self) -> StudyIdentity:
        """Whose the only entry without a verdict is; unidentified if there are several."""
        with self._lock:
            open_ones = [each for each in self._entries.values() if each.final is None]
            return open_ones[0].identity if len(open_ones) == 1 else UNIDENTIFIED

    def identity_of(self, study_instance_uid: str) -> StudyIdentity:
        """Return whose a study is, as far as this run of the application knows."""
        with self._lock:
            return self._known(study_instance_uid)

    def part_of(self, study_instance_uid: str) -> str:
        """Return what is requested of a study; empty for all of it."""
        with self._lock:
            keys = [RowKey(group, study_instance_uid) for group in self._groups]
            parts = [
                self._entries[key].wanted.selection.part for key in keys if key in self._entries
            ]
            return next(filter(None, parts), "")

    def snapshot(self) -> Snapshot:
        """Return what has changed since the last snapshot, and the totals.

        Of very many changes some are left to the next snapshots, so that the screen stays quick;
        the totals are of the rows that were returned.
        """
        with self._lock:
            now_s = self._monotonic_s()
            for key in self._live:
                self._entries[key].sample(now_s)
            changed = self._take_changed()
            self._changed = bool(self._backlog)
            rows = tuple(self._entries[key].row(now_s) for key in changed if key in self._entries)
            removed, lines = tuple(self._removed), tuple(self._lines)
            self._removed.clear()
            self._lines.clear()
            for row in rows:
                self._tally.put(row)
            self._live = {key for key in self._live if self._is_live(key)}
            self._sample(now_s)
            return Snapshot(
                rows=rows,
                removed=removed,
                totals=self._totals(now_s),
                workers=self._lanes.rows(now_s, self._runs, self._known),
                history=tuple(self._history),
                lines=lines,
                flowing=not all(run.paused for run in self._runs.values()),
                closed_until=min((run.closed_until for run in self._runs.values()), default=""),
                held=self._held(now_s),
            )

    def _take_changed(self) -> dict[RowKey, None]:
        """Return the keys of the live entries, and of changed ones."""
        if len(self._dirty) > _ROWS_MAX:
            self._backlog.extend(self._dirty)
            self._dirty = {}
        changed, self._dirty = self._dirty, {}
        changed.update(dict.fromkeys(self._live))
        for _ in range(min(len(self._backlog), _ROWS_MAX)):
            changed[self._backlog.popleft()] = None
        return changed

    @property
    def held(self) -> bool:
        """True while the PACS of a session is gone, or the disk has no room."""
        with self._lock:
            return any(run.held for run in self._runs.values())

    def _held(self, now_s: float) -> Held | None:
        for group, run in self._runs.items():
            if (outage := run.held) is not None:
                due_s = self._next_try_s.get(group, now_s)
                return Held(outage.cause, max(math.ceil(due_s - now_s), 0))
        return None

    def _follow(self, group: int, event: events.Event, progress: Progress) -> None:
        """Fold one of the rarer events."""
        self._follow_hold(group, event)
        uid = getattr(event, "study_instance_uid", None)
        entry = self._entries.get(RowKey(group, uid)) if uid is not None else None
        self._tell(event, progress, entry)
        if entry is None:
            return
        now_s = self._monotonic_s()
        match event:
            case events.StudyStarted():
                entry.delivering = self._delivering[group]
                entry.start(progress.studies[event.study_instance_uid], now_s)
                self._live.add(entry.key)
            case events.AttemptFailed():
                entry.due_s = now_s + event.wait_s
            case events.StudyFinished():
                entry.finish(now_s)
                self._pending[group] -= 1
            case events.StudyRemoved() if entry.key in self._kept and entry.final is None:
                self._give_up(entry)
            case events.StudyRemoved():
                self._forget(entry.key)
            case _:
                pass

    def _follow_hold(self, group: int, event: events.Event) -> None:
        """Note the time of the next probe; end the entries that a session has given up."""
        if isinstance(event, events.PeerLost | events.ProbeFailed):
            self._next_try_s[group] = self._monotonic_s() + event.next_try_s
        if not isinstance(event, events.QueueGivenUp):
            return
        for uid in event.study_instance_uids:
            entry = self._entries.get(RowKey(group, uid))
            if entry is not None and entry.final is None:
                self._pending[group] -= 1
                entry.give_up(Verdict.NOT_TRIED, event.reason)
                self._touch(entry.key)

    def _tell(self, event: events.Event, progress: Progress, entry: Entry | None) -> None:
        """Add the line of an event, with and without the patient."""
        if isinstance(event, _NO_LINE):
            return
        identity = entry.identity if entry else UNIDENTIFIED
        part = entry.wanted.selection.part if entry else ""
        names = (study_name(identity, hide_patients=hide, part=part) for hide in (False, True))
        text, masked = (
            narrate(event, progress, uid_width=_UID_WIDTH, name=name, word=screen_verdict)
            for name in names
        )
        if text is not None and masked is not None:
            shown, hidden = in_fields(text.text), in_fields(masked.text)
            self._lines.append(Line(self._now(), shown, text.grave, hidden))

    def _known(self, uid: str) -> StudyIdentity:
        return self._identities.get(uid, UNIDENTIFIED)

    def _note_identity(self, uid: str, identity: StudyIdentity) -> None:
        """Keep whose a study is, for a later request by its UID alone."""
        if identity:
            known = self._identities.get(uid)
            self._identities[uid] = identity if known is None else identity | known

    def _touch(self, key: RowKey) -> None:
        self._dirty[key] = None
        self._changed = True

    def _forget(self, key: RowKey) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._pending[key.group] -= entry.final is None
            self._groups[key.group].discard(key)
            self._dirty.pop(key, None)
            self._live.discard(key)
            self._kept.discard(key)
            self._tally.drop(key)
            self._removed.append(key)
            self._changed = True

    def _is_live(self, key: RowKey) -> bool:
        return self._entries[key].state in {State.RUNNING, State.RETRYING}

    def _sample(self, now_s: float) -> None:
        if not self._runs:
            self._sampled = None
            self._instances, self._bytes = Throughput(), Throughput()
            return
        self._instances.add(now_s, self._came)
        self._bytes.add(now_s, self._came_bytes)
        if self._sampled is None:
            self._sampled = (now_s, self._came, self._came_bytes)
            return
        then_s, came, came_bytes = self._sampled
        span_s = now_s - then_s
        if span_s >= _HISTORY_STEP_S:
            self._history.append(
                Sample((self._came - came) / span_s, (self._came_bytes - came_bytes) / span_s)
            )
            self._sampled = (now_s, self._came, self._came_bytes)

    def _totals(self, now_s: float) -> Totals:
        counts, remaining = self._tally.counts, self._tally.remaining()
        left = remaining.instances if remaining else counts.left
        known = counts.known or not counts.unknown
        rate = self._instances.rate
        flowing = counts.active and not any(run.held for run in self._runs.values())
        busy_s = self._busy_s
        if self._busy_since_s is not None:
            busy_s += now_s - self._busy_since_s
        return Totals(
            studies=counts.studies,
            active=counts.active,
            running=counts.running,
            failed=counts.failed,
            stopped=counts.stopped,
            good=counts.good,
            stored=counts.stored,
            expected=counts.stored + left + counts.missing if known else 0,
            missing=counts.missing,
            received_bytes=counts.received_bytes,
            instances_per_s=rate,
            bytes_per_s=self._bytes.rate,
            left=left,
            unsized=0 if remaining else counts.unknown,
            exact=remaining is not None and remaining.exact,
            eta_s=remaining.eta_s(rate) if remaining and rate and flowing else None,
            elapsed_s=busy_s,
            associations=sum(run.associations for run in self._runs.values()),
            associations_max=self._lanes.most,
            space="; ".join(self._lacking_space()),
        )

    def _lacking_space(self) -> Iterator[str]:
        """Yield the forecast of each session that may not fit on its disk."""
        for run in self._runs.values():
            if run.space is not None and run.space.fits is not True:
                yield space_text(run.space)
