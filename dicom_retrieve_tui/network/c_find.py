"""C-FIND and C-ECHO as SCU. Source: PS3.4 sections C.4.1 and A.4, PS3.7 section 9.1."""

from collections.abc import Callable, Iterator, Mapping
from time import monotonic
from typing import NamedTuple

from dicom_retrieve_tui.errors import Cancelled, OperationFailed, PeerError, ProtocolError
from dicom_retrieve_tui.model import tags
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.sop_classes import FIND_CLASSES, VERIFICATION
from dicom_retrieve_tui.model.status import PENDING, SUCCESS, Asked, describe_status
from dicom_retrieve_tui.network import command_set as cs
from dicom_retrieve_tui.network import identifiers
from dicom_retrieve_tui.network.association import Association
from dicom_retrieve_tui.network.command_set import Command
from dicom_retrieve_tui.network.messages import MessageStream
from dicom_retrieve_tui.network.negotiation import Context
from dicom_retrieve_tui.network.timeouts import AnswerGuard

MATCHES_MAX = 5_000_000
"""Of one C-FIND: far above the studies that anybody lists at once, and 400 MB to remember."""
_UNIQUE_KEYS = {
    Level.STUDY: tags.STUDY_INSTANCE_UID,
    Level.SERIES: tags.SERIES_INSTANCE_UID,
    Level.IMAGE: tags.SOP_INSTANCE_UID,
}
"""Source: PS3.4 section C.6.2.1."""


def c_echo(association: Association) -> float:
    """Send a C-ECHO; returns the round trip in seconds.

    Raises:
        OperationFailed: The answer is not Success.
        PeerError, Cancelled: There is no answer.
    """
    context = association.first_context(VERIFICATION, service="C-ECHO")
    message_id = association.next_message_id()
    started_s = monotonic()
    _ask(association, context, cs.C_ECHO_RQ, message_id, None)
    answer = _answer(association, cs.C_ECHO_RSP, message_id, "C-ECHO")
    if answer.status != SUCCESS:
        raise _failure(association, "C-ECHO", answer)
    return monotonic() - started_s


def find_context(association: Association) -> Context:
    """The context for C-FIND, Study Root if the peer offers it.

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
    """Send a C-FIND; yields the identifier of each match, encoded, as it comes.

    The iterator must be read to its end: the answers that nobody reads would be taken for those of
    the next request. The time that its reader takes is not counted against the peer.

    Args:
        send_cancel: Tell the peer when the user stops, and let it end by itself within the grace.

    Raises:
        OperationFailed: The final status is not Success.
        PeerError, Cancelled: There is no final response, or not within `MATCHES_MAX` matches.
    """
    seen: set[int] = set()
    message_id = association.next_message_id()
    identifier = identifiers.encode_identifier(level, keys, context.transfer_syntax)
    activity = association.connection.activity

    def on_cancel() -> None:
        _send_cancel(association, context, message_id)

    _ask(
        *(association, context, cs.C_FIND_RQ, message_id, identifier),
        on_cancel=on_cancel if send_cancel else None,
    )
    while True:
        answer = _answer(association, cs.C_FIND_RSP, message_id, "C-FIND")
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
        raise _failure(association, f"C-FIND at the {level} level", answer)
    # By the standard no identifier comes with Success; some send their last match with it, and
    # others give our keys back, which match nothing.
    if answer.identifier not in {b"", identifier} and _names_one(answer.identifier, level):
        yield answer.identifier


def _note(association: Association, level: Level, identifier: bytes, seen: set[int]) -> None:
    """Count a new match as progress, but not the same one over and over: some peers never end.

    Raises:
        PeerError: Others are new for ever. No `OperationFailed`, after which the association would
            be used again.
    """
    if (match := hash(identifier)) in seen:
        return
    if len(seen) == MATCHES_MAX:
        raise PeerError(
            f"{association.peer} answered C-FIND at the {level} level with more than "
            f"{MATCHES_MAX:,} matches, and no end of them.",
            next_step="Narrow the search, or ask the PACS administrator whether its lists end.",
        )
    seen.add(match)
    association.connection.activity.last_instance_s = monotonic()


def _names_one(identifier: bytes, level: Level) -> bool:
    """True for the identifier of a match, which has the unique key of its level."""
    unique = _UNIQUE_KEYS[level]
    return bool(identifiers.decode_identifier(identifier, frozenset({unique})).get(unique))


def _ask(
    association: Association,
    context: Context,
    field: int,
    message_id: int,
    identifier: bytes | None,
    *,
    on_cancel: Callable[[], None] | None = None,
) -> None:
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


class _Answer(NamedTuple):
    status: int
    comment: str
    identifier: bytes


def _answer(association: Association, field: int, message_id: int, operation: str) -> _Answer:
    """Wait for the next response to `message_id`; one to no message is taken for that.

    Raises:
        ProtocolError: It is no response, or has no status.
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
            return _Answer(status, command.comment, identifier)


def receive_identifier(
    stream: MessageStream, context_id: int, command: Command, *, pending: bool
) -> bytes:
    """Receive the identifier that comes with a response; empty if there is none.

    A final response that announces an identifier may come without; it is final all the same.

    Raises:
        PeerError, Cancelled: A pending one ended in the middle.
    """
    if not command.has_data_set or (not pending and not command.says_if_data_set):
        return b""
    if not pending and not stream.data_set_follows():
        return b""
    return stream.receive_identifier(context_id)


def _failure(association: Association, operation: str, answer: _Answer) -> OperationFailed:
    return OperationFailed(
        f"{association.peer} answered {operation} with "
        f"{describe_status(answer.status, answer.comment, Asked(operation=operation))}",
        operation=operation,
        status=answer.status,
    )
