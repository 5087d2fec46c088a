"""C-ECHO as SCU. Source: PS3.4 annex A.4, PS3.7 section 9.1.5."""

from time import monotonic

from dicom_retrieve_tui.model.sop_classes import VERIFICATION
from dicom_retrieve_tui.model.status import SUCCESS
from dicom_retrieve_tui.network import command_set as cs
from dicom_retrieve_tui.network.association import Association
from dicom_retrieve_tui.network.c_find import receive_response, send_request, status_failure


def c_echo(association: Association) -> float:
    """Send a C-ECHO; return the round trip in seconds.

    Raises:
        OperationFailed: The answer is not Success.
        PeerError, Cancelled: No answer came.
    """
    context = association.first_context(VERIFICATION, service="C-ECHO")
    message_id = association.next_message_id()
    started_s = monotonic()
    send_request(association, context, cs.C_ECHO_RQ, message_id, None)
    answer = receive_response(association, cs.C_ECHO_RSP, message_id, "C-ECHO")
    if answer.status != SUCCESS:
        raise status_failure(association, "C-ECHO", answer)
    return monotonic() - started_s
