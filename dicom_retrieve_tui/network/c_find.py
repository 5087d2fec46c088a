"""C-FIND as SCU. Source: PS3.4 section C.4.1, PS3.7 section 9.1.2."""

from collections.abc import Callable, Iterator, Mapping
from time import monotonic
from typing import NamedTuple

from dicom_retrieve_tui.errors import (
    Cancelled,
    Interrupted,
    OperationFailed,
    PeerError,
    ProtocolError,
)
from dicom_retrieve_tui.model import tags
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.sop_classes import FIND_CLASSES
from dicom_retrieve_tui.model.status import PENDING, SUCCESS, Asked, describe_status
from dicom_retrieve_tui.network import command_set as cs
from dicom_retrieve_tui.network import identifiers
from dicom_retrieve_tui.network.association import Association
from dicom_retrieve_tui.network.command_set import Command
from dicom_retrieve_tui.network.messages import MessageStream
from dicom_retrieve_tui.network.negotiation import Context
from dicom_retrieve_tui.network.timeouts import AnswerGuard

MATCHES_MAX = 5_000_000
"""Of one C-FIND: far more than a user lists at once, and 400 MB to remember."""
_UNIQUE_KEYS = {
    Level.STUDY: tags.STUDY_INSTANCE_UID,
    Level.SERIES: tags.SERIES_INSTANCE_UID,
    Level.IMAGE: tags.SOP_INSTANCE_UID,
}
"""Source: PS3.4 section C.6.2.1."""


def find_context(association: Association) -> Context:
    """Return the context for C-FIND, Study Root if the peer offers it.

    Raises:
        ContextNotAccepted: The peer offers no C-FIND.
    """
    return association.first_context(*FIND_CLASSES, service="C-FIND")


def c_find(
    association: Association,
    context: Context,
    level: Level,
    keys: Mapping[int, str],
    *,
    send_cancel: bool = False,
) -> Iterator[bytes]:
    """Send a C-FIND; yield the encoded identifier of each match as it comes.

    Read the iterator to its end: otherwise the next request receives the remaining responses. The
    time between two reads is not counted against the peer.

    Args:
        send_cancel: Send a C-CANCEL when the user stops, and wait a moment for the final response.

    Raises:
        OperationFailed: The final status is not Success.
        PeerError, Cancelled: No final response came, or more than `MATCHES_MAX` matches.
    """
    seen: set[int] = set()
    message_id = association.next_message_id()
    identifier = identifiers.encode_identifier(level, keys, context.transfer_syntax)
    activity = association.connection.activity

    def on_cancel() -> None:
        _send_cancel(association, context, message_id)

    send_request(
        *(association, context, cs.C_FIND_RQ, message_id, identifier),
        on_cancel=on_cancel if send_cancel else None,
    )
    while True:
        answer = receive_response(association, cs.C_FIND_RSP, message_id, "C-FIND")
        if answer.status not in PENDING:
            break
        if not answer.identifier:
            association.parameters.deviations.note(
                "The PACS sends Pending responses to C-FIND without an identifier."
            )
            continue
        _note(association, level, answer.identifier, seen)
        handed_s = monotonic()
        yield answer.identifier
        kept_s = monotonic() - handed_s
        activity.last_byte_s += kept_s
        activity.last_instance_s += kept_s
    if send_cancel and association.cancel.requested:
        raise Cancelled
    if answer.status != SUCCESS:
        raise status_failure(association, f"C-FIND at the {level} level", answer)
    # The standard has no identifier with Success, but some send their last match with it, and
    # others return our keys.
    if answer.identifier not in {b"", identifier} and _names_one(answer.identifier, level):
        yield answer.identifier


def _note(association: Association, level: Level, identifier: bytes, seen: set[int]) -> None:
    """Count a new match as progress, but not a repeated one: some peers never end.

    Raises:
        PeerError: There are too many matches. An `OperationFailed` would let the association be
            used again.
    """
    if (match := hash(identifier)) in seen:
        return
    if len(seen) == MATCHES_MAX:
        raise PeerError(
            f"{association.peer} answered C-FIND at the {level} level with more than "
            f"{MATCHES_MAX:,} matches, and does not end.",
            next_step="Narrow the search, or ask the PACS administrator whether its lists end.",
        )
    seen.add(match)
    association.connection.activity.last_instance_s = monotonic()


def _names_one(identifier: bytes, level: Level) -> bool:
    """Return True for the identifier of a match, which has the unique key of its level."""
    unique = _UNIQUE_KEYS[level]
    return bool(identifiers.decode_identifier(identifier, frozenset({unique})).get(unique))


def send_request(
    association: Association,
    context: Context,
    field: int,
    message_id: int,
    identifier: bytes | None,
    *,
    on_cancel: Callable[[], None] | None = None,
) -> None:
    """Send a request, and guard its responses.

    Args:
        field: Command Field (0000,0100).
        identifier: The data set to send; None for a request without one.
        on_cancel: Sends a C-CANCEL.

    Raises:
        Interrupted: The run is held; nothing was sent.
    """
    if association.cancel.interrupted:
        raise Interrupted(mid_request=False)
    command: dict[int, bytes | str | int] = {
        cs.AFFECTED_SOP_CLASS_UID: context.abstract_syntax,
        cs.COMMAND_FIELD: field,
        cs.MESSAGE_ID: message_id,
    }
    if identifier is not None:
        command[cs.PRIORITY] = cs.MEDIUM
    command[cs.COMMAND_DATA_SET_TYPE] = cs.NO_DATA_SET if identifier is None else cs.WITH_DATA_SET
    activity = association.connection.activity
    activity.last_byte_s = activity.last_instance_s = monotonic()
    association.guard_with(
        AnswerGuard(
            association.parameters.timeouts,
            association.cancel,
            activity,
            waiting_for=f"the answer of {association.peer}",
            on_cancel=on_cancel,
        )
    )
    association.stream.send(context.context_id, cs.encode(command), identifier)


def _send_cancel(association: Association, context: Context, message_id: int) -> None:
    command = cs.encode_cancel(message_id)
    association.stream.send(context.context_id, command)


class Response(NamedTuple):
    """One response to a request."""

    status: int
    comment: str
    identifier: bytes


def receive_response(
    association: Association, field: int, message_id: int, operation: str
) -> Response:
    """Wait for the next response to `message_id`, or one that names no message.

    Raises:
        ProtocolError: It is not a response, or has no status.
    """
    stream = association.stream
    while True:
        context_id, command = stream.receive_command()
        status = command.number(cs.STATUS)
        pending = status in PENDING
        identifier = receive_identifier(stream, context_id, command, pending=pending)
        if command.field != field or status is None:
            raise ProtocolError(
                f"{association.peer} did not answer our {operation} with a response."
            )
        if command.number(cs.MESSAGE_ID_RESPONDED_TO) in {message_id, None}:
            return Response(status, command.comment, identifier)


def receive_identifier(
    stream: MessageStream, context_id: int, command: Command, *, pending: bool
) -> bytes:
    """Receive the identifier of a response; empty if there is none.

    A final response may announce an identifier that does not come; it is still final.

    Raises:
        PeerError, Cancelled: The identifier of a pending response is incomplete.
    """
    if not command.has_data_set or (not pending and not command.says_if_data_set):
        return b""
    if not pending and not stream.data_set_follows():
        return b""
    return stream.receive_identifier(context_id)


def status_failure(association: Association, operation: str, answer: Response) -> OperationFailed:
    """Return the error for a final response that is not Success."""
    return OperationFailed(
        f"{association.peer} answered {operation} with "
        f"{describe_status(answer.status, answer.comment, Asked(operation=operation))}",
        operation=operation,
        status=answer.status,
    )
