"""The state of one study while it is retrieved: what is expected, what is proven on disk."""

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic

from dicom_retrieve_tui.engine.evidence import (
    REPEATABLE,
    STUDY,
    Arrived,
    Doubt,
    Evidence,
    scope_of,
)
from dicom_retrieve_tui.model.dimse import Activity, FinalResponse
from dicom_retrieve_tui.model.forecast import Arrivals
from dicom_retrieve_tui.model.inventory import Inventory, ListedInstance
from dicom_retrieve_tui.model.sanitize import quoted
from dicom_retrieve_tui.model.selection import RetrieveRequest, Selection
from dicom_retrieve_tui.model.store_records import NOTHING_RECALLED, Recalled

_NAMING_S = 2.0
"""A rename takes longer than this only where the disk hangs."""
_REPEATS_MAX = 2
FINISHED = "it came after its request had ended"
_UNFIT_MAX = 2
"""How often an instance may come damaged in a run, until it is not requested again."""


@dataclass(slots=True)
class BadInstances:
    """Instances that cannot be retrieved, by SOP Instance UID. The study's lock guards them."""

    unfit: dict[str, list[str]] = field(default_factory=dict)
    """Why an instance was refused as unfit, each time that it came."""
    refusals: int = 0
    """How often any instance was refused as unfit."""
    broke_at: dict[str, int] = field(default_factory=dict)
    """How often a request broke off when this instance was due, most likely."""
    given_up: dict[str, str] = field(default_factory=dict)
    """Instances that are not requested again, with how requests for them break off."""

    def __bool__(self) -> bool:
        """True if an instance is unfit or given up."""
        return bool(self.given_up or self.unfit)

    def note_unfit(self, sop_uid: str, reason: str) -> None:
        """Record that an instance came and was refused as unfit."""
        self.refusals += 1
        self.unfit.setdefault(sop_uid, []).append(reason)

    def note_break(self, sop_uid: str) -> None:
        """Record that a request broke off when this instance was due."""
        self.broke_at[sop_uid] = self.broke_at.get(sop_uid, 0) + 1

    def breaks_at(self, sop_uid: str) -> int:
        """Return how often a request broke off when this instance was due."""
        return self.broke_at.get(sop_uid, 0)

    def breaks(self) -> tuple[dict[str, int], dict[str, str]]:
        """Return what `set_breaks` takes."""
        return self.broke_at.copy(), self.given_up.copy()

    def set_breaks(self, breaks: tuple[dict[str, int], dict[str, str]]) -> None:
        """Forget which requests broke off since `breaks`: no instance was the cause."""
        self.broke_at, self.given_up = breaks

    def is_hopeless(self, sop_uid: str) -> bool:
        """True if this instance is not to be requested again."""
        return sop_uid in self.given_up or len(self.unfit.get(sop_uid, ())) >= _UNFIT_MAX


class StudyState:
    """One study that a worker retrieves; its instances may come on any thread."""

    def __init__(
        self, selection: Selection, inventory: Inventory, recalled: Recalled = NOTHING_RECALLED
    ) -> None:
        """Count what earlier runs left as stored.

        Args:
            selection: What is requested of the study.
            inventory: What the PACS lists of that.
            recalled: What earlier runs recorded of the study.
        """
        now_s = monotonic()
        self.selection = selection
        self.inventory = inventory
        self.activity = Activity(last_byte_s=now_s, last_instance_s=now_s)
        self.evidence = Evidence()
        self.sizes = Arrivals(inventory.modality_by_series)
        """The bytes that came in this run."""
        self._narrowed = selection.instances_by_series
        self.expected = inventory.sop_instance_uids
        """SOP Instance UIDs that the PACS lists."""
        self.conflicts: dict[str, str] = {}
        """SOP Instance UIDs of what was set aside, with the study of the file that has the name
        (empty if that is this study or unknown)."""
        self.bad = BadInstances()
        self.remembered: dict[str, str] = dict(self._not_listed(recalled))
        """SOP Instance UIDs that earlier runs knew, that the PACS does not list and that are not on
        disk, with the Series Instance UID (empty if unknown)."""
        self.retired: frozenset[str] = frozenset()
        """Those of them that the PACS no longer has, as a count confirmed."""
        self.listed_first = len(self.expected)
        """How many the PACS listed at first; it may list more later."""
        self.still_arriving = False
        """True if the PACS listed more each time."""
        self.repeats_left = _REPEATS_MAX
        """How often everything may still be requested again although the list is satisfied."""
        # If the list is short, instances that it lacks may be among what an earlier run left.
        all_count = inventory.listed and not inventory.counted and not selection.series
        self.present = recalled.present if all_count else recalled.present & self.expected
        """Instances that an earlier run left; none of them is requested again."""
        self._stored = dict.fromkeys(self.present, "") | dict(
            self._series_of(self.present & self.expected)
        )
        """SOP Instance UIDs on disk, with the Series Instance UID (empty if unknown)."""
        self.irregular = {
            uid: recalled.irregular[uid] for uid in sorted(recalled.irregular.keys() & self.present)
        }
        """How the data sets of instances depart from the standard, by SOP Instance UID."""
        self._left = len(self.expected - self.present)
        self._proven_before = recalled.complete and not (self._left or recalled.gone)
        """An earlier run found the study complete, and the list has not grown since."""
        self.arrivals = 0
        """Instances that were received whole; one that came twice counts twice."""
        self._watched: set[str] = set()
        """SOP Instance UIDs that came since the current request began."""
        self._repeated = 0
        self._foreign: list[str] = []
        """SOP Instance UIDs that came since then and were not requested."""
        self.interrupted = False
        """The run is held, and the request that was being made has ended."""
        self._closed = False
        self._naming = 0
        """Instances that are getting their final names."""
        self._reported_bytes = 0
        self.lock = threading.RLock()
        """Held while an instance is counted and its event emitted; reentrant."""
        self._changed = threading.Condition(self.lock)

    def _not_listed(self, recalled: Recalled) -> Iterator[tuple[str, str]]:
        """Yield what earlier runs knew of the selection and the PACS does not list."""
        narrowed = self._narrowed
        for uid, series in {**dict.fromkeys(recalled.missing, ""), **recalled.gone}.items():
            wanted = not narrowed or (series in narrowed and not narrowed[series])
            if wanted and uid not in self.expected and uid not in recalled.present:
                yield uid, series

    def _series_of(self, sop_uids: frozenset[str]) -> Iterator[tuple[str, str]]:
        listed = self.inventory.instances
        return (
            (i.sop_instance_uid, i.series_instance_uid)
            for i in listed
            if i.sop_instance_uid in sop_uids
        )

    @property
    def study_instance_uid(self) -> str:
        """Study Instance UID (0020,000D)."""
        return self.selection.study_instance_uid

    @property
    def stored_count(self) -> int:
        """Instances proven on disk."""
        return len(self._stored)

    @property
    def satisfied(self) -> bool:
        """True if every instance that the PACS listed is proven on disk."""
        return self.inventory.listed and self._left == 0

    @property
    def complete(self) -> bool:
        """True if everything listed is on disk, and nothing indicates that there is more."""
        return self.satisfied and self.doubt is None

    @property
    def hopeless(self) -> bool:
        """True if no further attempt can bring or prove anything."""
        if self.satisfied:
            return not self.repeats_left or self.doubt not in REPEATABLE
        return self.nothing_to_ask_for

    @property
    def doubt(self) -> Doubt | None:
        """The gravest reason not to trust a list that is satisfied; None without one."""
        with self.lock:
            known, evidence = self._known_by_scope(), self.evidence
            more = bool(evidence.excess(known))
            failed = self._named_as_failed() or (more and evidence.failures_in_excess(known))
            counted = self.inventory.counted or self._counted_on_disk
            broke_off = evidence.broke_off and not (counted and evidence.answered)
            all_sent = evidence.ended_well >= known.keys() and not self.inventory.looks_capped
            proven = self._proven_before or self._counted_on_disk or self.confirmed
            doubts = (
                (Doubt.STILL_ARRIVING, self.still_arriving),
                (Doubt.MORE_FAILED, failed),
                (Doubt.MORE_ANNOUNCED, more),
                (Doubt.BROKE_OFF, broke_off and not evidence.confirms(known)),
                (Doubt.NO_LONGER_LISTED, self.remembered),
                (Doubt.UNCORROBORATED, not (proven or all_sent)),
            )
            return next((doubt for doubt, holds in doubts if holds), None)

    @property
    def _counted_on_disk(self) -> bool:
        """True if the list has fewer instances than C-FIND counts, and the disk has as many."""
        return self.inventory.is_short and len(self._stored) == self.inventory.announced_count

    def _named_as_failed(self) -> list[str]:
        """Return the UIDs that the PACS reported as failed, does not list and did not send."""
        named = (uid for uids in self.evidence.named.values() for uid in sorted(uids))
        return [uid for uid in named if uid not in self._stored and uid not in self.expected]

    def _known_by_scope(self) -> dict[str, int]:
        """Count the instances that are listed, on disk or reported as failed, by scope."""
        known = self.expected | self._stored.keys() | set(self._named_as_failed())
        if not self._narrowed:
            return {STUDY: len(known)}
        series = dict(self._series_of(self.expected)) | self._stored
        by_series = Counter(series.values())
        for uid, named in self.evidence.named.items():
            by_series[uid] += len(named - self._stored.keys() - self.expected)
        return {uid: by_series[uid] for uid, sops in self._narrowed.items() if not sops}

    @property
    def known_count(self) -> int:
        """The number of instances, by everything that is known."""
        with self.lock:
            known = self._known_by_scope()
            named = len(self.expected | self._stored.keys() | set(self._named_as_failed()))
            return named + self.evidence.excess(known)

    @property
    def confirmed(self) -> bool:
        """True if a count of C-FIND or of a request confirms that what is known is everything.

        Counts of the listed series do not show whether another series is missing from the list.
        """
        with self.lock:
            counted = self.inventory.counted if self._narrowed else self.inventory.study_counted
            return counted or self.evidence.confirms(self._known_by_scope())

    @property
    def grew(self) -> bool:
        """True if instances came that neither the list nor earlier runs knew."""
        return bool(self._stored.keys() - self.expected - self.present - self.retired)

    def list_again(self, inventory: Inventory) -> bool:
        """Replace the list by a later one; True if that has more instances."""
        with self.lock:
            before = len(self.expected)
            self.inventory = inventory
            self.expected = inventory.sop_instance_uids
            self._left = len(self.expected - self._stored.keys())
            for uid in self.expected:
                self.remembered.pop(uid, None)
            return len(self.expected) > before

    def retire(self) -> None:
        """Stop missing what only earlier runs knew: a count confirmed that the PACS has lost it."""
        with self.lock:
            named = frozenset(self._named_as_failed())
            self.retired |= self.remembered.keys() - named
            self.remembered = {uid: s for uid, s in self.remembered.items() if uid in named}

    def objection(self, study_uid: str, series_uid: str, sop_uid: str) -> str | None:
        """Return why an instance was not requested; None if it was.

        An instance of the right study that C-FIND did not list is accepted: it may have reached
        the PACS since.
        """
        if study_uid != self.study_instance_uid:
            return f"it belongs to study {quoted(study_uid)}"
        if self._narrowed and series_uid not in self._narrowed:
            return f"it belongs to series {quoted(series_uid)}"
        if (instances := self._narrowed.get(series_uid)) and sop_uid not in instances:
            return "another instance was asked for"
        return FINISHED if self._closed else None

    def series_of(self, sop_uid: str) -> str:
        """Return the series of an instance by the list or the selection; empty if unknown."""
        listed = dict(self._series_of(frozenset({sop_uid}))).get(sop_uid, "")
        return listed or (next(iter(self._narrowed)) if len(self._narrowed) == 1 else "")

    def add(self, sop_uid: str, series_uid: str = "", irregular: str = "") -> bool:
        """Count an instance that has its final name; True if it was not on disk before.

        Args:
            sop_uid: Its SOP Instance UID.
            series_uid: Its Series Instance UID; empty if unknown.
            irregular: How its data set departs from the standard.
        """
        with self.lock:
            self.arrivals += 1
            self._repeated += sop_uid in self._watched
            self._watched.add(sop_uid)
            if sop_uid in self._stored:
                return False
            self._stored[sop_uid] = series_uid
            if irregular:
                self.irregular[sop_uid] = irregular
            self._left -= sop_uid in self.expected
            if self.remembered:
                self.remembered.pop(sop_uid, None)
            # The bytes of an instance whose study was unknown at first were not recorded here.
            self.activity.last_byte_s = self.activity.last_instance_s = monotonic()
            if not self._left and self.inventory.listed:
                self._changed.notify_all()
            return True

    def missing(self) -> tuple[str, ...]:
        """Return the known SOP Instance UIDs that are not on disk, listed ones first, in order."""
        with self.lock:
            listed = (i.sop_instance_uid for i in self.inventory.instances)
            known = [*listed, *self._named_as_failed(), *self.remembered]
            return tuple(dict.fromkeys(uid for uid in known if uid not in self._stored))

    def to_ask_for(self) -> list[ListedInstance]:
        """Return the listed instances that are missing and may come if they are requested."""
        with self.lock:
            return [
                instance
                for instance in self.inventory.instances
                if (uid := instance.sop_instance_uid) not in self._stored
                and uid not in self.conflicts
                and not self.bad.is_hopeless(uid)
            ]

    @property
    def nothing_to_ask_for(self) -> bool:
        """True if every instance that is missing of the list was given up."""
        tried = self.bad or self.conflicts  # most studies have neither
        return bool(tried) and self.inventory.listed and not self.to_ask_for()

    def has_any(self, sop_uids: tuple[str, ...]) -> bool:
        """True if one of these is on disk."""
        with self.lock:
            return any(uid in self._stored for uid in sop_uids)

    def note_begin(self) -> int:
        """Record that a request begins; return how many instances have been received so far."""
        with self.lock:
            self._watched, self._repeated, self._foreign = set(), 0, []
            return self.arrivals

    def note_end(self, request: RetrieveRequest, final: FinalResponse, before: int) -> None:
        """Record how a request ended that began after `before` instances had been received."""
        with self.lock:
            self.evidence.answered = True
            if (scope := scope_of(request)) is not None:
                # If no count confirms the list, they may be instances that the list lacks.
                foreign = self._foreign if self.inventory.counted else []
                came = Arrived(self.arrivals - before, self._repeated, tuple(foreign))
                self.evidence.note_end(scope, final, came, counted=self.inventory.counted)

    def note_count(self, request: RetrieveRequest, final: FinalResponse) -> None:
        """Record what a request counted that could bring nothing."""
        if (scope := scope_of(request)) is not None:
            with self.lock:
                self.evidence.note_count(scope, final, self._known_by_scope().get(scope, 0))

    def note_break(self, request: RetrieveRequest, last: FinalResponse | None) -> None:
        """Record that a request broke off, after `last` as the last pending response.

        Most archives send in the order of their lists, so the first missing instance of the
        request was due.
        """
        with self.lock:
            if (scope := scope_of(request)) is not None:
                self.evidence.note_break(scope, last)
            asked = frozenset(request.sop_instance_uids)
            due = (i.sop_instance_uid for i in self.to_ask_for())
            if uid := next((uid for uid in due if not asked or uid in asked), None):
                self.bad.note_break(uid)

    def note_interruption(self, request: RetrieveRequest, last: FinalResponse | None) -> None:
        """Record that we ended a request, after `last` as the last pending response.

        No further instance is accepted on our Storage SCP before another request begins.
        """
        with self.lock:
            self.interrupted = True
            if (scope := scope_of(request)) is not None:
                self.evidence.note_interruption(scope, last)

    def note_foreign(self, sop_uid: str) -> None:
        """Record that an instance came that was not requested."""
        with self.lock:
            if sop_uid not in self.expected:
                self._foreign.append(sop_uid)

    def note_unfit(self, sop_uid: str, reason: str) -> None:
        """Record that an instance came and was refused as unfit."""
        with self.lock:
            self.bad.note_unfit(sop_uid, reason)

    def has(self, sop_uids: frozenset[str]) -> bool:
        """True if all of these were listed and are on disk."""
        with self.lock:
            return self.inventory.listed and sop_uids <= self._stored.keys()

    def wait_complete(self, timeout_s: float) -> None:
        """Wait at most `timeout_s` seconds until everything expected is on disk."""
        with self.lock:
            self._changed.wait_for(lambda: self.satisfied, timeout_s)

    def open(self) -> None:
        """Accept instances; an earlier attempt may have closed the study."""
        with self.lock:
            self._closed = False

    def begin_naming(self) -> bool:
        """Let an instance get its final name until `end_naming`; False once the study is closed.

        The verdict waits for it, so that every file with a final name is counted.
        """
        with self.lock:
            if self._closed:
                return False
            self._naming += 1
            return True

    def end_naming(self) -> None:
        """Record that an instance has its name and is counted, or failed to get one."""
        with self.lock:
            self._naming -= 1
            self._changed.notify_all()

    def close(self) -> None:
        """Accept no further instance."""
        with self.lock:
            self._closed = True

    def wait_named(self) -> None:
        """Wait until no instance is getting its name, but not for a disk that hangs."""
        with self.lock:
            self._changed.wait_for(lambda: not self._naming, _NAMING_S)

    def take_unreported_bytes(self) -> int:
        """Return the data set bytes that came since the last call."""
        received = self.activity.received_bytes
        news, self._reported_bytes = received - self._reported_bytes, received
        return news
