"""Identify an instance by its data set, or by command and request if the data set has no UIDs.

The C-STORE command names the instance and its class, and our request names the study. A data set
that names another instance or study was not requested; one that names none is kept under the UIDs
of command and request.
"""

from typing import NamedTuple

from dicom_retrieve_tui.dataset.walk_result import WalkResult
from dicom_retrieve_tui.engine.study_state import StudyState
from dicom_retrieve_tui.model import tags
from dicom_retrieve_tui.model.dimse import StoreRequest
from dicom_retrieve_tui.model.sanitize import quoted

_NAMES = {
    tags.SOP_CLASS_UID: "SOP Class UID",
    tags.SOP_INSTANCE_UID: "SOP Instance UID",
    tags.STUDY_INSTANCE_UID: "Study Instance UID",
    tags.SERIES_INSTANCE_UID: "Series Instance UID",
}


class Identity(NamedTuple):
    """The UIDs of an instance, and the values that its file name is made of."""

    study_instance_uid: str
    series_instance_uid: str
    """Empty if neither the data set nor the list has it."""
    values: dict[int, bytes]
    irregular: str
    """How the data set departs from the standard, its UIDs included."""


def stated_uid(walked: WalkResult, tag: int, expected: str) -> str:
    """Return the UID in a data set, the expected one if there are several; empty if none."""
    text = tags.uid_text(walked.values.get(tag, b""))
    if text != expected and any(
        tags.uid_text(value) == expected for value in walked.others.get(tag, ())
    ):
        return expected
    return text


def agreed_identity(
    walked: WalkResult, request: StoreRequest, study: StudyState
) -> Identity | None:
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
    return Identity(study.study_instance_uid, series, values, walked.irregular)


def identity_of(walked: WalkResult, request: StoreRequest, study: StudyState) -> Identity:
    """Return the identity of any other instance that may belong to `study`."""
    known = {
        tags.SOP_CLASS_UID: request.sop_class_uid,
        tags.SOP_INSTANCE_UID: request.sop_instance_uid,
        tags.STUDY_INSTANCE_UID: study.study_instance_uid,
    }
    stated = {tag: stated_uid(walked, tag, uid) for tag, uid in known.items()}
    listed = study.series_of(request.sop_instance_uid)
    series = stated_uid(walked, tags.SERIES_INSTANCE_UID, listed) or listed
    uids = {**stated, **{tag: uid for tag, uid in known.items() if not stated[tag]}}
    uids[tags.SOP_CLASS_UID] = request.sop_class_uid
    uids[tags.SERIES_INSTANCE_UID] = series
    values = {
        **walked.values,
        **{tag: uid.encode("latin-1", "replace") for tag, uid in uids.items()},
    }
    study_uid = uids[tags.STUDY_INSTANCE_UID]
    return Identity(study_uid, series, values, walked.irregular or _fault(walked, request))


def _fault(walked: WalkResult, request: StoreRequest) -> str:
    """Describe the first UID that is missing or wrong."""
    for tag, name in _NAMES.items():
        uid = stated_uid(walked, tag, request.sop_class_uid)
        if not uid:
            return f"its data set has no {name}"
        if tag == tags.SOP_CLASS_UID and uid != request.sop_class_uid:
            return f"its data set is of SOP class {quoted(uid)}, unlike its command"
    return ""
