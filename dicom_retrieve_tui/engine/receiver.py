"""Receive instances: match each to the study that requested it, check it, name it, emit it.

The same receiver serves C-GET, where the association determines the study, and our Storage SCP,
where only the UIDs do: a PACS may use several associations for one study, and need not name the
C-MOVE that caused them.

The C-STORE command names the instance and its class, and our request names the study. A data set
that names another instance or study was not requested; one that names none is kept under the UIDs
of command and request.
"""

import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import NamedTuple

from dicom_retrieve_tui.dataset.walk_result import WalkResult
from dicom_retrieve_tui.engine.ports import Part, Store
from dicom_retrieve_tui.engine.study_state import FINISHED, StudyState
from dicom_retrieve_tui.errors import DiskFailed, InstanceUnfit, Interrupted
from dicom_retrieve_tui.model import tags
from dicom_retrieve_tui.model.allowed_callers import RefusedCaller
from dicom_retrieve_tui.model.character_sets import decode_text
from dicom_retrieve_tui.model.dimse import Activity, IncomingInstance, Receiver, StoreRequest
from dicom_retrieve_tui.model.events import (
    BytesReceived,
    Event,
    InstanceRefused,
    InstanceSetAside,
    InstanceStored,
    Noted,
)
from dicom_retrieve_tui.model.sanitize import clean_text, quoted
from dicom_retrieve_tui.model.selection import Owner
from dicom_retrieve_tui.model.status import DOES_NOT_MATCH_SOP_CLASS, OUT_OF_RESOURCES
from dicom_retrieve_tui.model.store_records import Placement

_ANYONE = Owner()
_OWNER = frozenset({tags.SPECIFIC_CHARACTER_SET, tags.PATIENT_ID, tags.ACCESSION_NUMBER})
"""Elements that identify the patient and the order of an instance."""
_NAMES = {
    tags.SOP_CLASS_UID: "SOP Class UID",
    tags.SOP_INSTANCE_UID: "SOP Instance UID",
    tags.STUDY_INSTANCE_UID: "Study Instance UID",
    tags.SERIES_INSTANCE_UID: "Series Instance UID",
}
_UID_CHARACTERS_MAX = 64
_REFUSED_CALLERS_MAX = 16
"""Report at most this many refused callers, so that a port scan cannot flood the output."""


class _Identity(NamedTuple):
    """The UIDs of an instance, and the values that its file name is made of."""

    study_instance_uid: str
    series_instance_uid: str
    """Empty if neither the data set nor the list has it."""
    values: dict[int, bytes]
    irregular: str
    """How the data set departs from the standard, its UIDs included."""


class InstanceReceiver:
    """The receiver of a run, which knows the studies being retrieved. Safe for several threads."""

    def __init__(self, store: Store, emit: Callable[[Event], None]) -> None:
        self.store = store
        self.emit = emit
        self.disk_failure: DiskFailed | None = None
        """The failure of the disk; after it, nothing more can be kept until there is room."""
        self.stored_s = float("-inf")
        """When an instance was last stored, by the monotonic clock."""
        self.wanted_tags = store.wanted_tags | tags.IDENTITY
        self._studies: dict[str, StudyState] = {}
        self._ended_early = False
        """True if the last study was closed because the run is held: what comes now is cut off."""
        self._refused_callers: dict[RefusedCaller, float] = {}
        """When each caller was last refused, in `time.monotonic()` seconds."""
        self._lock = threading.Lock()

    def has_room(self) -> bool:
        """Return True if instances can be kept again; then the failure of the disk is over."""
        if not self.store.has_room():
            return False
        self.disk_failure = None
        return True

    def open(self, study: StudyState) -> None:
        """Accept instances of a study."""
        with self._lock:
            self._studies[study.study_instance_uid] = study
            self._ended_early = False
            if study.selection.owner != _ANYONE:
                self.wanted_tags |= _OWNER
            study.open()

    def close(self, study: StudyState) -> None:
        """Accept no more of them; wait for instances that are getting their names."""
        with self._lock:
            self._studies.pop(study.study_instance_uid, None)
            self._ended_early = study.interrupted
            study.close()
        study.wait_named()
        with self._lock:
            self._report_bytes(study)

    def report_bytes(self) -> None:
        """Emit the bytes that came since the last call, so that a large object shows progress."""
        with self._lock:
            for study in self._studies.values():
                self._report_bytes(study)

    def _report_bytes(self, study: StudyState) -> None:
        if size := study.take_unreported_bytes():
            uid = study.study_instance_uid
            self.emit(BytesReceived(study_instance_uid=uid, size_bytes=size))

    def for_worker(self, study: StudyState, worker: int) -> Receiver:
        """Return the receiver of a worker's association, which brings only instances of `study`."""
        return _StudyReceiver(self, study, worker)

    def begin(self, request: StoreRequest) -> IncomingInstance:
        """Open a file for an instance that comes on an association of our Storage SCP.

        Raises:
            StoreError: No study is being retrieved, or the disk fails.
            Interrupted: The run is held, and the PACS goes on sending.
        """
        with self._lock:
            studies = list(self._studies.values())
            ended_early = self._ended_early
        if all(study.interrupted for study in studies) and (studies or ended_early):
            raise Interrupted
        for study in studies:
            if request.sop_instance_uid in study.expected:
                return _IncomingInstance(self, request, study)
        if not studies:
            raise self.refusal(request, None, "it was not requested", OUT_OF_RESOURCES)
        return _IncomingInstance(self, request, studies[0] if len(studies) == 1 else None)

    @property
    def expecting(self) -> bool:
        """True while a study is open, so that the PACS may call."""
        return bool(self._studies)

    def refuse_caller(self, caller: RefusedCaller) -> None:
        """Record a caller that our Storage SCP refused; emit a note the first time."""
        with self._lock:
            known = caller in self._refused_callers
            if not known and len(self._refused_callers) >= _REFUSED_CALLERS_MAX:
                return
            self._refused_callers[caller] = monotonic()
        if not known:
            self.emit(Noted(study_instance_uid=None, text=str(caller)))

    def refused_callers_since(self, start_s: float) -> tuple[RefusedCaller, ...]:
        """Return the callers that were refused since `start_s`."""
        with self._lock:
            return tuple(
                caller for caller, at_s in self._refused_callers.items() if at_s >= start_s
            )

    def study_of(self, study_uid: str) -> StudyState | None:
        """Return a study that is being retrieved, by its UID."""
        with self._lock:
            return self._studies.get(study_uid)

    def refusal(
        self, request: StoreRequest, study: StudyState | None, reason: str, status: int
    ) -> InstanceUnfit:
        """Return the error that refuses an instance, after emitting the refusal."""
        self.note_refusal(request, study, reason, status)
        return InstanceUnfit(
            f"Instance {quoted(request.sop_instance_uid)} was refused: {reason}.", status=status
        )

    def note_refusal(
        self,
        request: StoreRequest,
        study: StudyState | None,
        reason: str,
        status: int,
        path: str = "",
    ) -> None:
        """Emit that an instance was not kept, and record it for its study."""
        if study is not None:
            study.note_unfit(request.sop_instance_uid, reason)
        self.emit(
            InstanceRefused(
                study_instance_uid=study.study_instance_uid if study else None,
                sop_instance_uid=clean_text(request.sop_instance_uid, _UID_CHARACTERS_MAX),
                status=status,
                reason=reason,
                path=path,
            )
        )


class _StudyReceiver:
    """The receiver of an association on which only instances of one study come."""

    def __init__(self, receiver: InstanceReceiver, study: StudyState, worker: int) -> None:
        self._receiver = receiver
        self._study = study
        self._worker = worker

    def begin(self, request: StoreRequest) -> IncomingInstance:
        return _IncomingInstance(self._receiver, request, self._study, self._worker)


class _IncomingInstance:
    """An instance that is being received."""

    def __init__(
        self,
        receiver: InstanceReceiver,
        request: StoreRequest,
        study: StudyState | None,
        worker: int | None = None,
    ) -> None:
        self._receiver = receiver
        self._request = request
        self._study = study
        self._worker = worker
        self.activity = study.activity if study else Activity(last_byte_s=0.0, last_instance_s=0.0)
        try:
            self._part: Part = receiver.store.begin(request)
        except DiskFailed as error:
            receiver.disk_failure = error
            raise
        except InstanceUnfit as error:
            receiver.note_refusal(request, study, str(error), error.status)
            raise

    def write(self, pieces: Sequence[memoryview]) -> None:
        """See `dimse.IncomingInstance`."""
        try:
            self._part.write(pieces)
        except DiskFailed as error:
            self._receiver.disk_failure = error
            raise

    def commit(self) -> None:
        """See `dimse.IncomingInstance`."""
        receiver, request = self._receiver, self._request
        study, identity = self._match(self._check())
        if not study.begin_naming():
            raise receiver.refusal(request, study, FINISHED, OUT_OF_RESOURCES)
        try:
            self._name(study, identity)
        except DiskFailed as error:
            receiver.disk_failure = error
            raise
        except InstanceUnfit as error:
            receiver.note_refusal(request, study, str(error), error.status)
            raise
        finally:
            study.end_naming()

    def _name(self, study: StudyState, identity: _Identity) -> None:
        """Give the instance its final name, count it and emit it."""
        receiver, request = self._receiver, self._request
        placed = receiver.store.place(self._part, identity.values, identity.irregular)
        study_uid, sop_uid = study.study_instance_uid, request.sop_instance_uid
        if placed.placement is Placement.SET_ASIDE:
            study.conflicts[sop_uid] = placed.owner if placed.owner != study_uid else ""
            receiver.emit(
                InstanceSetAside(
                    study_instance_uid=study_uid, sop_instance_uid=sop_uid, path=placed.path
                )
            )
            return
        with study.lock:  # emitted before the study can be closed and judged
            if study.add(sop_uid, identity.series_instance_uid, identity.irregular):
                receiver.stored_s = monotonic()
                study.sizes.add(
                    request.sop_class_uid, identity.series_instance_uid, self._part.size_bytes
                )
                receiver.emit(
                    InstanceStored(
                        study_instance_uid=study_uid,
                        series_instance_uid=identity.series_instance_uid,
                        sop_instance_uid=sop_uid,
                        sop_class_uid=request.sop_class_uid,
                        transfer_syntax_uid=self._part.transfer_syntax_uid,
                        path=placed.path,
                        size_bytes=self._part.size_bytes,
                        worker=self._worker,
                        checksum=placed.checksum,
                        irregular=identity.irregular,
                    )
                )

    def discard(self) -> None:
        """See `dimse.IncomingInstance`."""
        self._part.discard()

    def _check(self) -> WalkResult:
        try:
            return self._part.check(self._receiver.wanted_tags)
        except DiskFailed as error:
            self._receiver.disk_failure = error
            raise
        except InstanceUnfit as error:
            path = self._keep_damaged()
            reason = f"{error} What came is kept as {path}." if path else str(error)
            self._receiver.note_refusal(self._request, self._study, reason, error.status, path)
            raise

    def _keep_damaged(self) -> str:
        """Keep the bytes of a damaged instance if it was requested; return the path or nothing."""
        study = self._study
        if study is None:
            return ""
        listed = study.inventory.listed and self._worker is None
        if listed and self._request.sop_instance_uid not in study.expected:
            return ""
        return self._receiver.store.keep_damaged(self._part)

    def _match(self, walked: WalkResult) -> tuple[StudyState, _Identity]:
        """Find the study that requested this instance.

        Raises:
            InstanceUnfit: None did.
        """
        receiver, request = self._receiver, self._request
        study = self._study_of(walked)
        identity = _agreed_identity(walked, request, study) if study is not None else None
        if study is None or identity is None:
            study, identity = self._identify(walked, study)
        study_uid, series_uid = identity.study_instance_uid, identity.series_instance_uid
        if objection := study.objection(study_uid, series_uid, request.sop_instance_uid):
            if objection != FINISHED:
                study.note_foreign(request.sop_instance_uid)
            raise receiver.refusal(request, study, objection, OUT_OF_RESOURCES)
        owner = study.selection.owner
        if owner != _ANYONE and (objection := owner.objection(*_owner_of(identity.values))):
            raise receiver.refusal(request, study, objection, OUT_OF_RESOURCES)
        return study, identity

    def _identify(
        self, walked: WalkResult, study: StudyState | None
    ) -> tuple[StudyState, _Identity]:
        """Identify an instance whose data set does not agree with command and request.

        Raises:
            InstanceUnfit: It is another instance, or belongs to no study that is retrieved.
        """
        receiver, request = self._receiver, self._request
        sop_uid = _stated_uid(walked, tags.SOP_INSTANCE_UID, request.sop_instance_uid)
        if sop_uid not in {request.sop_instance_uid, ""}:
            reason = f"its data set is instance {quoted(sop_uid)}"
            raise receiver.refusal(request, study, reason, DOES_NOT_MATCH_SOP_CLASS)
        if study is None:
            study_uid = _stated_uid(walked, tags.STUDY_INSTANCE_UID, "")
            reason = f"it belongs to study {quoted(study_uid)}, which was not requested"
            raise receiver.refusal(request, None, reason, OUT_OF_RESOURCES)
        return study, _identity_of(walked, request, study)

    def _study_of(self, walked: WalkResult) -> StudyState | None:
        """Return the study of an instance by its association or data set; None if unknown.

        On an association of our Storage SCP, an instance that names no study must be listed.
        """
        if self._worker is not None:
            return self._study
        expected = self._study.study_instance_uid if self._study else ""
        study_uid = _stated_uid(walked, tags.STUDY_INSTANCE_UID, expected)
        if study_uid and study_uid == expected:
            return self._study
        if study_uid:
            return self._receiver.study_of(study_uid) or self._study
        listed = self._study and self._request.sop_instance_uid in self._study.expected
        return self._study if listed else None


def _owner_of(values: dict[int, bytes]) -> tuple[str, str]:
    """Return the Patient ID and the Accession Number of a data set, empty where it has none."""
    character_set = tags.uid_text(values.get(tags.SPECIFIC_CHARACTER_SET, b""))
    patient_id, accession_number = (
        decode_text(values.get(tag, b""), character_set).strip()
        for tag in (tags.PATIENT_ID, tags.ACCESSION_NUMBER)
    )
    return patient_id, accession_number


def _stated_uid(walked: WalkResult, tag: int, expected: str) -> str:
    """Return the UID in a data set, the expected one if there are several; empty if none."""
    text = tags.uid_text(walked.values.get(tag, b""))
    if text != expected and any(
        tags.uid_text(value) == expected for value in walked.others.get(tag, ())
    ):
        return expected
    return text


def _agreed_identity(
    walked: WalkResult, request: StoreRequest, study: StudyState
) -> _Identity | None:
    """Return the identity if the data set agrees with command and request, as most do."""
    values = walked.values
    try:
        agrees = (
            tags.uid_text(values[tags.SOP_INSTANCE_UID]) == request.sop_instance_uid
            and tags.uid_text(values[tags.SOP_CLASS_UID]) == request.sop_class_uid
            and tags.uid_text(values[tags.STUDY_INSTANCE_UID]) == study.study_instance_uid
            and not walked.others
        )
        series = tags.uid_text(values[tags.SERIES_INSTANCE_UID])
    except KeyError:
        return None
    if not (agrees and series):
        return None
    return _Identity(study.study_instance_uid, series, values, walked.irregular)


def _identity_of(walked: WalkResult, request: StoreRequest, study: StudyState) -> _Identity:
    """Return the identity of any other instance that may belong to `study`."""
    known = {
        tags.SOP_CLASS_UID: request.sop_class_uid,
        tags.SOP_INSTANCE_UID: request.sop_instance_uid,
        tags.STUDY_INSTANCE_UID: study.study_instance_uid,
    }
    stated = {tag: _stated_uid(walked, tag, uid) for tag, uid in known.items()}
    listed = study.series_of(request.sop_instance_uid)
    series = _stated_uid(walked, tags.SERIES_INSTANCE_UID, listed) or listed
    uids = {**stated, **{tag: uid for tag, uid in known.items() if not stated[tag]}}
    uids[tags.SOP_CLASS_UID] = request.sop_class_uid
    uids[tags.SERIES_INSTANCE_UID] = series
    values = {
        **walked.values,
        **{tag: uid.encode("latin-1", "replace") for tag, uid in uids.items()},
    }
    study_uid = uids[tags.STUDY_INSTANCE_UID]
    return _Identity(study_uid, series, values, walked.irregular or _fault(walked, request))


def _fault(walked: WalkResult, request: StoreRequest) -> str:
    """Describe the first UID that is missing or wrong."""
    for tag, name in _NAMES.items():
        uid = _stated_uid(walked, tag, request.sop_class_uid)
        if not uid:
            return f"its data set has no {name}"
        if tag == tags.SOP_CLASS_UID and uid != request.sop_class_uid:
            return f"its data set is of SOP class {quoted(uid)}, unlike its command"
    return ""
