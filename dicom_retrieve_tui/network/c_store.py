"""One C-STORE sub-operation, received: the same over C-GET and in our own Storage SCP.

Source: PS3.4 annex B.2.2, PS3.7 section 9.1.1.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from time import monotonic

from dicom_retrieve_tui.errors import DiskFailed, InstanceUnfit, ProtocolError, StoreError
from dicom_retrieve_tui.model.dimse import Activity, IncomingInstance, Receiver, StoreRequest
from dicom_retrieve_tui.model.status import (
    CANNOT_UNDERSTAND,
    OUT_OF_RESOURCES,
    SOP_CLASS_NOT_SUPPORTED,
    SUCCESS,
)
from dicom_retrieve_tui.network.command_set import (
    AFFECTED_SOP_CLASS_UID,
    AFFECTED_SOP_INSTANCE_UID,
    Command,
    encode_store_response,
)
from dicom_retrieve_tui.network.messages import MessageStream
from dicom_retrieve_tui.network.negotiation import Context

_LOG = logging.getLogger(__name__)

OBJECT_BYTES_MAX = 1 << 36
"""64 GiB: many times what the largest slide scans have. Something has to end a data set that does
not end by itself, and what is refused fills no disk."""


def receive_instance(
    stream: MessageStream,
    contexts: Mapping[int, Context],
    context_id: int,
    command: Command,
    receiver: Receiver,
) -> None:
    """Receive the data set of a C-STORE request, have it kept, and answer.

    Success is said only after the instance is checked and stands under its final name.

    Raises:
        DiskFailed: No instance can be kept any more; this one was answered 0xA700.
        PeerError, Cancelled: The association cannot go on.
    """
    failure: StoreError | None = None
    incoming: IncomingInstance | None = None
    try:
        incoming = receiver.begin(_request(stream, contexts, context_id, command))
    except StoreError as error:
        failure = error
    own_activity = stream.connection.activity
    activity = incoming.activity if incoming is not None else own_activity
    try:
        stream.connection.activity = activity
        # A small instance comes with its command, before anybody knew whose it is.
        activity.arriving[id(stream)] = activity.last_byte_s = monotonic()
        if command.has_data_set or stream.data_set_follows():
            failure = _take_data_set(stream, context_id, incoming, activity) or failure
        else:
            failure = InstanceUnfit("C-STORE without a data set.", status=CANNOT_UNDERSTAND)
        status = SUCCESS
        if incoming is not None and failure is None:
            try:
                status = incoming.commit()
            except StoreError as error:
                failure = error
    finally:
        activity.arriving.pop(id(stream), None)
        stream.connection.activity = own_activity
        if incoming is not None:
            incoming.discard()
    if failure is not None:
        _LOG.warning("refused an instance: %s", failure)
        status = failure.status if isinstance(failure, InstanceUnfit) else OUT_OF_RESOURCES
    stream.send(context_id, encode_store_response(command, status))
    if isinstance(failure, DiskFailed):
        raise failure


def _take_data_set(
    stream: MessageStream, context_id: int, incoming: IncomingInstance | None, activity: Activity
) -> StoreError | None:
    """Pass the data set on; once that fails, take the rest off the wire all the same.

    Raises:
        ProtocolError: It is larger than any instance is; and all that `receive_data_set` raises.
    """
    failure: StoreError | None = None
    write: Callable[[Sequence[memoryview]], object] = incoming.write if incoming else _drop
    received_bytes = 0

    def guarded(pieces: Sequence[memoryview]) -> None:
        nonlocal failure, write, received_bytes
        size_bytes = sum(map(len, pieces))
        received_bytes += size_bytes
        activity.received_bytes += size_bytes
        if received_bytes > OBJECT_BYTES_MAX:
            raise ProtocolError(
                f"{stream.connection.peer} sent an instance without end: more than "
                f"{OBJECT_BYTES_MAX} bytes."
            )
        try:
            write(pieces)
        except StoreError as error:
            failure, write = error, _drop

    stream.receive_data_set(context_id, guarded)
    return failure


def _drop(_pieces: Sequence[memoryview]) -> None:
    """Nobody keeps it."""


def _request(
    stream: MessageStream, contexts: Mapping[int, Context], context_id: int, command: Command
) -> StoreRequest:
    sop_class_uid = command.text(AFFECTED_SOP_CLASS_UID)
    context = contexts.get(context_id)
    if context is None:
        stream.deviations.note("The PACS sends instances in contexts that were not accepted.")
        context = _context_of(contexts, sop_class_uid)
    if context is None:
        raise InstanceUnfit(
            f"Instance on presentation context {context_id}, which was not accepted.",
            status=SOP_CLASS_NOT_SUPPORTED,
        )
    request = StoreRequest(
        # Some leave the class out, and their presentation context says which it is.
        sop_class_uid=sop_class_uid or context.abstract_syntax,
        sop_instance_uid=command.text(AFFECTED_SOP_INSTANCE_UID),
        transfer_syntax_uid=context.transfer_syntax,
    )
    if not request.sop_instance_uid:
        raise InstanceUnfit("C-STORE request without a SOP Instance UID.", status=CANNOT_UNDERSTAND)
    return request


def _context_of(contexts: Mapping[int, Context], sop_class_uid: str) -> Context | None:
    """A context in which an instance of a class may have been meant to come.

    The data set shows in which transfer syntax it really is.
    """
    return next((cx for cx in contexts.values() if cx.abstract_syntax == sop_class_uid), None)
