"""Find the query model in which a PACS serves C-GET and C-MOVE, and whether it needs a Patient ID.

Study Root is tried first, because it needs no Patient ID. Some archives offer C-FIND in one model
and the retrieval in the other, and some offer both and serve one. Source: PS3.4 section C.6.
"""

from collections.abc import Callable
from dataclasses import dataclass

from dicom_retrieve_tui.errors import ContextNotAccepted, OperationFailed
from dicom_retrieve_tui.model import tags
from dicom_retrieve_tui.model.choices import Level, QueryModel
from dicom_retrieve_tui.model.dimse import FinalResponse, RetrieveOperation
from dicom_retrieve_tui.model.sop_classes import PATIENT_ROOT_CLASSES, STUDY_ROOT_FIND
from dicom_retrieve_tui.model.status import meaning_of
from dicom_retrieve_tui.network.association import Association
from dicom_retrieve_tui.network.c_find import c_find, find_context
from dicom_retrieve_tui.network.identifiers import decode_identifier
from dicom_retrieve_tui.network.negotiation import Context

_MODEL_STATUSES = frozenset({0x0120, 0x0122, 0xA900})
"""Missing attribute, SOP class not supported, identifier does not match the SOP class."""

Ask = Callable[[Context, str | None], FinalResponse]
"""Makes a request in a context, with a Patient ID or without."""


@dataclass(frozen=True, slots=True)
class _Way:
    """A query model, and whether to send the Patient ID."""

    abstract_syntax: str
    with_patient_id: bool


class QueryModels:
    """Makes the requests of one worker in the query model that the PACS serves."""

    def __init__(self) -> None:
        """Start without knowledge of the PACS."""
        self._served: dict[str, _Way] = {}
        """By service."""
        self._patient: tuple[str, str | None] = ("", None)
        """Study Instance UID and Patient ID of the last study whose ID was looked up."""

    def ask(
        self,
        association: Association,
        operation: RetrieveOperation,
        classes: tuple[str, ...],
        service: str,
        ask: Ask,
    ) -> FinalResponse:
        """Make a request; repeat it in the other model if the PACS refuses it for its query model.

        Args:
            classes: The SOP classes of the service, the preferred model first.
            service: Its name, for messages.

        Raises:
            ContextNotAccepted: The PACS offers the service in neither model.
            OperationFailed: The PACS needs a Patient ID that is unknown.
            PeerError, Cancelled: `ask` raised it.
        """
        preferred = association.first_context(*classes, service=service)
        usual, *others = self._ways(association, preferred, classes, service)
        patient_id = self._patient_id(association, operation) if usual.with_patient_id else None
        before_bytes = operation.activity.received_bytes
        first = ask(association.context_for(usual.abstract_syntax) or preferred, patient_id)
        if not _is_for_the_model(first) or operation.activity.received_bytes > before_bytes:
            self._served[service] = usual
            return first
        if usual.abstract_syntax in PATIENT_ROOT_CLASSES and not patient_id:
            raise _wants_patient_id(association, service, first)
        for way in others:
            context = association.context_for(way.abstract_syntax)
            if context is None or not (patient_id := self._patient_id(association, operation)):
                continue
            final = ask(context, patient_id)
            if not _is_for_the_model(final):
                self._served[service] = way
                return final
        # Do not try the others again.
        self._served[service] = usual
        return first

    def _ways(
        self, association: Association, preferred: Context, classes: tuple[str, ...], service: str
    ) -> list[_Way]:
        served = self._served.get(service)
        if served is not None and association.context_for(served.abstract_syntax):
            return [served]
        if association.parameters.query_model is not QueryModel.AUTO:
            return [_first_way(preferred)]
        ways = [_first_way(preferred), *(_Way(uid, with_patient_id=True) for uid in classes)]
        return list(dict.fromkeys(ways))

    def _patient_id(self, association: Association, operation: RetrieveOperation) -> str | None:
        """Return the Patient ID of a study, by C-FIND if it is unknown; or None."""
        if operation.patient_id:
            return operation.patient_id
        study_uid = operation.request.study_instance_uid
        if self._patient[0] != study_uid:
            self._patient = (study_uid, _find_patient_id(association, study_uid))
        return self._patient[1]


def _is_for_the_model(final: FinalResponse) -> bool:
    """Return True for a refusal that another query model or a Patient ID may avoid."""
    return final.status in _MODEL_STATUSES and not final.completed


def _first_way(context: Context) -> _Way:
    uid = context.abstract_syntax
    return _Way(uid, with_patient_id=uid in PATIENT_ROOT_CLASSES)


def _find_patient_id(association: Association, study_uid: str) -> str | None:
    found: str | None = None
    asked = {tags.STUDY_INSTANCE_UID: study_uid, tags.PATIENT_ID: ""}
    try:
        context = find_context(association)
        if context.abstract_syntax in PATIENT_ROOT_CLASSES:
            # The inventory has asked already.
            return None
        for match in c_find(association, context, Level.STUDY, asked):
            values = decode_identifier(match, frozenset(asked))
            if values.get(tags.STUDY_INSTANCE_UID, study_uid) in {study_uid, ""}:
                found = found or values.get(tags.PATIENT_ID)
    except (ContextNotAccepted, OperationFailed):
        return None
    return found


def _wants_patient_id(
    association: Association, service: str, final: FinalResponse
) -> OperationFailed:
    is_listed = association.context_for(STUDY_ROOT_FIND) is not None
    return OperationFailed(
        f"The PACS ended the retrieval with {meaning_of(final.status, final.comment)}. It serves "
        f"{service} in the Patient Root model, which needs a Patient ID, and C-FIND returned none.",
        next_step="Give the study a Patient ID in the PACS." if is_listed else "",
        operation=service,
        status=final.status,
    )
