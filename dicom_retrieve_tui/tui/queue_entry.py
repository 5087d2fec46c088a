"""An entry of the queue: its request, and its progress from events. Reads no clock."""

from collections import Counter
from dataclasses import dataclass, field, replace

from dicom_retrieve_tui.model.eta import Remaining, Throughput
from dicom_retrieve_tui.model.eta import done as done_by_any_account
from dicom_retrieve_tui.model.forecast import PlannedStudy
from dicom_retrieve_tui.model.progress import StudyProgress
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.study_identity import UNIDENTIFIED, StudyIdentity
from dicom_retrieve_tui.model.study_lookup import Lookup
from dicom_retrieve_tui.model.verdict import GOOD, Verdict
from dicom_retrieve_tui.tui.field_words import in_fields
from dicom_retrieve_tui.tui.snapshot import BAD, Row, RowKey, State
from dicom_retrieve_tui.tui.study_names import screen_verdict

NOT_BEGUN = "not started"


def missed_key(lookup: Lookup) -> str:
    """Return what takes the place of a UID in the row of a line without a study."""
    return f"{lookup.place} {lookup.patient_id} {lookup.study_instance_uid}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRequest:
    """A study to retrieve, and what is known of it in advance."""

    selection: Selection
    identity: StudyIdentity = UNIDENTIFIED
    """As a C-FIND or a table gave it."""
    pacs: str = ""
    """The name of its profile, or its address."""
    instances: int | None = None
    """Instances that a C-FIND or an earlier run counted in what is selected; None if unknown."""
    lookup: Lookup | None = None
    """The line of a list for which the PACS has no study; the selection then names its line."""

    @classmethod
    def of_missed(cls, lookup: Lookup, pacs: str) -> "StudyRequest":
        """Return the request of a line for which no study was found."""
        return cls(
            selection=Selection(study_instance_uid=missed_key(lookup)),
            identity=StudyIdentity(
                patient_id=lookup.patient_id, accession_number=lookup.accession_number
            ),
            pacs=pacs,
            lookup=lookup,
        )

    @property
    def by_accession(self) -> bool:
        """True if the study was, or could not be, looked up by its accession number."""
        if self.lookup is not None:
            return bool(self.lookup.accession_number)
        return bool(self.selection.owner.accession_numbers)

    @property
    def planned(self) -> PlannedStudy:
        """Return what a forecast needs to know."""
        return PlannedStudy(
            study_instance_uid=self.selection.study_instance_uid,
            whole=not self.selection.series,
            instances=self.instances,
            modalities=self.identity.modalities,
        )


@dataclass(frozen=True, slots=True)
class Counted:
    """What there was of a study at the end of an earlier attempt."""

    done: int = 0
    expected: int | None = None
    missing: int = 0
    received_bytes: int = 0
    """Of all earlier attempts, also in earlier runs of the application."""


@dataclass(slots=True)
class Entry:
    """The state behind one row."""

    key: RowKey
    number: int
    wanted: StudyRequest
    delivering: bool = False
    """True if instances go to another SCP: only the PACS counts them."""
    study: StudyProgress | None = None
    """None until a worker starts it."""
    verdict: Verdict | None = None
    """Set by us if no worker will."""
    reason: str = ""
    recalled: bool = False
    """True while it only shows what an earlier run left in the folder."""
    before: Counted = Counted()
    """Counts from before the current attempt, which hold until the PACS has listed the study
    again: totals do not shrink because a study is retried."""
    started_s: float = 0.0
    ended_s: float | None = None
    due_s: float = 0.0
    """When the next attempt starts."""
    heard_s: float = 0.0
    """When something was last received."""
    heard_bytes: int = -1
    instances: Throughput | None = None
    """None unless it runs: of a million entries few do."""
    series: Counter[str] | None = None
    """Instances received in this attempt, by Series Instance UID; None until there are any."""
    identity: StudyIdentity = field(init=False)

    def __post_init__(self) -> None:
        """Begin with the identity that the request has."""
        self.identity = self.wanted.identity

    def renew(self, wanted: StudyRequest) -> None:
        """Queue it again."""
        self.before = Counted(self.done, self.expected, received_bytes=self._received_bytes)
        self.wanted, self.study, self.verdict, self.reason = wanted, None, None, ""
        self.identity = wanted.identity | self.identity
        self.ended_s, self.recalled = None, False

    def note_stored(self, stored_bytes: int) -> None:
        """Note what earlier runs left in the folder, unless this one has received some of it."""
        if not self._received_bytes:
            self.before = replace(self.before, received_bytes=stored_bytes)

    def start(self, study: StudyProgress, now_s: float) -> None:
        """Note that a worker has started it."""
        self.before = replace(self.before, received_bytes=self._received_bytes)
        self.study, self.started_s, self.ended_s = study, now_s, None
        self.verdict, self.reason = None, ""
        self.heard_s, self.heard_bytes, self.instances = now_s, -1, Throughput()
        self.series = None

    def store(self, series_instance_uid: str) -> None:
        """Count a received instance."""
        if self.series is None:
            self.series = Counter()
        self.series[series_instance_uid] += 1

    def finish(self, now_s: float) -> None:
        """Note that a worker has finished it."""
        self.ended_s, self.instances = now_s, None

    def give_up(self, verdict: Verdict, reason: str) -> None:
        """Set a verdict, because no worker will."""
        self.verdict, self.reason = verdict, reason

    @property
    def state(self) -> State:
        """The state for the screen."""
        verdict = self.final
        if verdict is not None:
            if verdict in GOOD:
                return State.DONE
            return State.STOPPED if verdict is Verdict.CANCELLED else State.FAILED
        if self.study is None:
            return State.QUEUED
        return State.RETRYING if self.study.waiting else State.RUNNING

    @property
    def done(self) -> int:
        """Instances proven on disk or, if they go elsewhere, sent by the PACS's counters."""
        study = self.study
        if study is None:
            return self.before.done
        done = done_by_any_account(study) if self.delivering else study.stored
        listed = study.inventoried or study.verdict is not None
        return done if listed else max(done, self.before.done)

    @property
    def expected(self) -> int | None:
        """Instances that the PACS lists, or listed or counted before; None if unknown."""
        known = self.study.expected if self.study is not None else None
        counts = (known, self.before.expected, self.wanted.instances)
        return next((count for count in counts if count is not None), None)

    @property
    def _received_bytes(self) -> int:
        """What came in all attempts."""
        return self.before.received_bytes + (self.study.received_bytes if self.study else 0)

    @property
    def outcome(self) -> str:
        """The verdict and its reason, in one line."""
        reason = self.reason or (self.study.reason if self.study else "")
        word = screen_verdict(self.final) if self.final else ""
        if (lookup := self.wanted.lookup) is not None:
            return f"line {lookup.line}: {word}: {reason}"
        return f"{word}: {reason}" if reason else word

    @property
    def final(self) -> Verdict | None:
        """The verdict; None if there is none yet."""
        if self.verdict is not None or self.study is None:
            return self.verdict
        return self.study.verdict

    def sample(self, now_s: float) -> None:
        """Note the rate; called several times a second while it runs."""
        study = self.study
        if study is None or self.instances is None:
            return
        self.instances.add(now_s, self.done - study.present)
        came = study.received_bytes + study.stored
        if came != self.heard_bytes:
            self.heard_s, self.heard_bytes = now_s, came

    def row(self, now_s: float) -> Row:
        """Return the row for the screen."""
        state, wanted = self.state, self.wanted
        row = Row(
            key=self.key,
            number=self.number,
            state=state,
            level=wanted.selection.level,
            part=wanted.selection.part,
            identity=self.identity,
            by_accession=wanted.by_accession,
            pacs=wanted.pacs,
            sought=wanted.lookup.place if wanted.lookup else "",
            done=self.done,
            expected=self.expected,
            failed=self.before.missing if state in BAD else 0,
            earlier_bytes=self.before.received_bytes,
            verdict=self.final,
            reason=in_fields(self.reason),
        )
        return row if self.study is None else self._with_progress(row, self.study, now_s)

    def _with_progress(self, row: Row, study: StudyProgress, now_s: float) -> Row:
        """Return the row of a study that has started in this session."""
        running = row.state is State.RUNNING
        rate = self.instances.rate if running and self.instances is not None else None
        left = None if row.expected is None else max(row.expected - row.done, 0)
        return replace(
            row,
            failed=self._failed(study),
            received_bytes=study.received_bytes,
            instances_per_s=rate,
            eta_s=Remaining(left, exact=True).eta_s(rate) if left else None,
            quiet_s=int(now_s - self.heard_s) if running else 0,
            retry_in_s=max(round(self.due_s - now_s), 0) if row.state is State.RETRYING else 0,
            held=study.held,
            elapsed_s=max((self.ended_s or now_s) - self.started_s, 0.0),
            reason=in_fields(self.reason or study.reason),
        )

    def _failed(self, study: StudyProgress) -> int:
        if study.verdict is None:
            return study.refused
        if study.verdict in GOOD:
            return 0
        return len(study.missing) or max((self.expected or 0) - self.done, 0)
