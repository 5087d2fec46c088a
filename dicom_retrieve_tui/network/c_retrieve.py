"""C-GET and C-MOVE as SCU. Source: PS3.4 sections C.4.2, C.4.3, PS3.7 sections 9.1.3, 9.1.4."""

from time import monotonic

from dicom_retrieve_tui.errors import (
    InstanceUnfit,
    Interrupted,
    PeerError,
    PeerTimeout,
    ProtocolError,
    RequestAborted,
)
from dicom_retrieve_tui.model.dimse import (
    FinalResponse,
    IncomingInstance,
    Receiver,
    RetrieveOperation,
    StoreRequest,
)
from dicom_retrieve_tui.model.sanitize import quoted
from dicom_retrieve_tui.model.status import PENDING, SOP_CLASS_NOT_SUPPORTED
from dicom_retrieve_tui.network import command_set as cs
from dicom_retrieve_tui.network import identifiers
from dicom_retrieve_tui.network.association import Association
from dicom_retrieve_tui.network.c_find import receive_identifier
from dicom_retrieve_tui.network.c_store import receive_instance
from dicom_retrieve_tui.network.command_set import Command
from dicom_retrieve_tui.network.messages import PeerAborted
from dicom_retrieve_tui.network.negotiation import Context
from dicom_retrieve_tui.network.timeouts import AnswerGuard


def c_get(
    association: Association,
    context: Context,
    operation: RetrieveOperation,
    receiver: Receiver,
    *,
    patient_id: str | None,
) -> FinalResponse:
    """Retrieve over this association; hand the instances to `receiver`.

    Args:
        context: The context of C-GET; see `query_models`.
        patient_id: A key to send; None: send none.

    Raises:
        RequestAborted: The peer accepted the context, but aborted at the request.
        DiskFailed: There is no room for instances; the association cannot be used again.
        PeerError, Cancelled: No final response came.
        Interrupted: The same, because the run is held.
    """
    exchange = _Exchange(association, operation, context, receiver, patient_id)
    return exchange.run(cs.C_GET_RQ, cs.C_GET_RSP, {})


def c_move(
    association: Association,
    context: Context,
    operation: RetrieveOperation,
    move_destination: str,
    *,
    patient_id: str | None,
) -> FinalResponse:
    """Have the peer send to `move_destination`, an AE title whose address it knows.

    Args:
        context: The context of C-MOVE; see `query_models`.
        patient_id: A key to send; None: send none.

    Raises:
        PeerError, Cancelled: No final response came.
        Interrupted: The same, because the run is held.
    """
    destination: dict[int, bytes | str | int] = {
        cs.MOVE_DESTINATION: cs.padded_text(move_destination)
    }
    exchange = _Exchange(association, operation, context, REFUSES_ALL, patient_id)
    return exchange.run(cs.C_MOVE_RQ, cs.C_MOVE_RSP, destination)


class _RefusesAll:
    """The receiver of a C-MOVE: its instances do not come on the association of the request."""

    def begin(self, request: StoreRequest) -> IncomingInstance:
        raise InstanceUnfit(
            f"Instance {quoted(request.sop_instance_uid)} came on an association that has no "
            "context for it.",
            status=SOP_CLASS_NOT_SUPPORTED,
        )


REFUSES_ALL: Receiver = _RefusesAll()


class _Exchange:
    """One request, its pending responses and sub-operations, until the final response."""

    def __init__(
        self,
        association: Association,
        operation: RetrieveOperation,
        context: Context,
        receiver: Receiver,
        patient_id: str | None,
    ) -> None:
        self._association = association
        self._operation = operation
        self._context = context
        self._receiver = receiver
        self._patient_id = patient_id
        self._message_id = association.next_message_id()
        self._guard: AnswerGuard | None = None
        """None until the request is sent."""
        self._stray_final: FinalResponse | None = None
        """A final response with a Message ID that we did not send."""

    def run(
        self, request_field: int, response_field: int, extra: dict[int, bytes | str | int]
    ) -> FinalResponse:
        association, operation, context = self._association, self._operation, self._context
        command = cs.encode(
            {
                cs.AFFECTED_SOP_CLASS_UID: context.abstract_syntax,
                cs.COMMAND_FIELD: request_field,
                cs.MESSAGE_ID: self._message_id,
                **extra,
                cs.PRIORITY: cs.MEDIUM,
                cs.COMMAND_DATA_SET_TYPE: cs.WITH_DATA_SET,
            }
        )
        keys = identifiers.retrieve_keys(operation.request, self._patient_id)
        identifier = identifiers.encode_identifier(
            operation.request.level, keys, context.transfer_syntax
        )
        if operation.cancel.interrupted:
            raise Interrupted(mid_request=False)
        association.connection.activity = operation.activity
        answered_before = association.stream.received_commands
        try:
            with operation.activity.request(monotonic()):
                self._guard = self._new_guard(request_field)
                association.guard_with(self._guard)
                association.stream.send(context.context_id, command, identifier)
                while True:
                    if (final := self._next(response_field)) is not None:
                        return final
        except PeerAborted as error:
            answered = association.stream.received_commands > answered_before
            failure = error if answered else RequestAborted(error.found)
            failure.mid_request = True
            raise failure from error
        except PeerTimeout as error:
            if self._stray_final is not None:
                # Nothing followed it, so it answers our request.
                return self._stray_final
            error.mid_request = True
            raise
        except PeerError as error:
            error.mid_request = True
            raise

    def _new_guard(self, request_field: int) -> AnswerGuard:
        association, operation = self._association, self._operation
        return AnswerGuard(
            association.parameters.timeouts,
            association.cancel,
            operation.activity,
            waiting_for=f"the answer of {association.peer}",
            on_cancel=self._send_cancel,
            heard_s=self._heard_s if request_field == cs.C_GET_RQ else self._heard_of_move_s,
            receiving=lambda: id(association.stream) in operation.activity.arriving,
        )

    def _next(self, response_field: int) -> FinalResponse | None:
        """Handle one message; return it if it is the final response."""
        stream = self._association.stream
        context_id, command = stream.receive_command()
        if command.field == cs.C_STORE_RQ:
            receive_instance(
                stream,
                self._association.contexts,
                context_id,
                command,
                self._receiver,
                respond=self._respond,
            )
            return None
        pending = command.number(cs.STATUS) in PENDING
        identifier = receive_identifier(stream, context_id, command, pending=pending)
        if command.field != response_field:
            raise ProtocolError(
                f"{self._association.peer} sent a message with command field "
                f"{_hex(command.field)} where {_hex(response_field)} was due."
            )
        response = self._response(command, identifier)
        if command.number(cs.MESSAGE_ID_RESPONDED_TO) not in {self._message_id, None}:
            if response.status not in PENDING:
                self._stray_final = response
            # The right response may follow.
            return None
        if response.status in PENDING:
            self._operation.on_response(response)
            return None
        return response

    def _response(self, command: Command, identifier: bytes) -> FinalResponse:
        status = command.number(cs.STATUS)
        if status is None:
            raise ProtocolError(f"{self._association.peer} sent a response without a status.")
        failed = identifiers.failed_sop_instance_uids(identifier)
        if identifier and not failed and status not in PENDING:
            self._association.parameters.deviations.note(
                "The PACS sends a list of failed instances that cannot be read."
            )
        return FinalResponse(
            status=status,
            remaining=command.number(cs.REMAINING),
            completed=command.number(cs.COMPLETED),
            failed=command.number(cs.FAILED),
            warning=command.number(cs.WARNING),
            failed_sop_instance_uids=failed,
            comment=command.comment,
        )

    def _heard_s(self) -> float:
        return self._association.connection.last_byte_s

    def _heard_of_move_s(self) -> float:
        """Return when anything came: a C-MOVE may have no responses while its instances come."""
        has_come = self._operation.has_come
        if has_come is None or has_come():
            return self._operation.activity.last_byte_s
        return self._association.connection.last_byte_s

    def _respond(self, context_id: int, response: bytes) -> None:
        """Answer a C-STORE, with a C-CANCEL behind it if the request is interrupted.

        Both go in one segment: a PACS that looks for a C-CANCEL between two instances finds it.
        """
        messages = [(context_id, response)]
        if self._guard is not None and self._guard.owes_cancel:
            messages.append((self._context.context_id, cs.encode_cancel(self._message_id)))
            self._guard.cancel_sent()
        self._association.stream.send_together(messages)

    def _send_cancel(self) -> None:
        command = cs.encode_cancel(self._message_id)
        self._association.stream.send(self._context.context_id, command)


def _hex(number: int | None) -> str:
    return "none" if number is None else f"0x{number:04X}"
