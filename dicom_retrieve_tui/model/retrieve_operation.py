"""One request of a C-GET or C-MOVE, with what goes along with it through the layers."""

from collections.abc import Callable
from dataclasses import dataclass

from dicom_retrieve_tui.model.activity import Activity
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.dimse import FinalResponse
from dicom_retrieve_tui.model.selection import RetrieveRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to ask the PACS for, and who looks on."""

    request: RetrieveRequest
    patient_id: str | None
    """Patient ID (0010,0020) for the Patient Root model, which wants it."""
    cancel: CancelToken
    """Requested to end this request, and not the others of the run."""
    activity: Activity
    """What the clocks look at; every association that brings instances for it notes its bytes."""
    on_response: Callable[[FinalResponse], None]
    """Told of each pending response."""
    has_come: Callable[[], bool] | None = None
    """True once an instance of this request has come; None if all that comes for the study is of
    this request. For a C-MOVE, whose instances come on associations that others share."""
