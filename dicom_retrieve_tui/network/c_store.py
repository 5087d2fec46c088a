"""C-STORE as SCP: receive one instance, over C-GET or in our own Storage SCP.

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
"""64 GiB, many times the size of the largest slide scans: limits a data set that does not end."""


def receive_instance(
    stream: MessageStream,
    contexts: Mapping[int, Context],
    context_id: int,
    command: Command,
    receiver: Receiver,
    *,
    respond: Callable[[int, bytes], None] | None = None,
) -> None:
    """Receive the data set of a C-STORE request, hand it to the receiver, and respond.

    The response is Success only after the instance is checked and has its final name.

    Args:
        stream: The association.
        contexts: Its presentation contexts.
        context_id: Of the request.
        command: The request.
        receiver: Keeps the instance.
        respond: Sends the response on a context; None uses the stream.

    Raises:
        DiskFailed: No further instance can be kept; the response to this one was 0xA700.
        PeerError, Cancelled: The association has to end.
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
        # A small instance comes together with its command, before its study is known.
        activity.arriving[id(stream)] = activity.last_byte_s = monotonic()
        if command.has_data_set or stream.data_set_follows():
            failure = _take_data_set(stream, context_id, incoming, activity) or failure
        else:
            failure = InstanceUnfit("C-STORE without a data set.", status=CANNOT_UNDERSTAND)
        if incoming is not None and failure is None:
            try:
                incoming.commit()
            except StoreError as error:
                failure = error
    finally:
        activity.arriving.pop(id(stream), None)
        stream.connection.activity = own_activity
        if incoming is not None:
            incoming.discard()
    status = SUCCESS
    if failure is not None:
        _LOG.warning("refused an instance: %s", failure)
        status = failure.status if isinstance(failure, InstanceUnfit) else OUT_OF_RESOURCES
    (respond or stream.send)(context_id, encode_store_response(command, status))
    if isinstance(failure, DiskFailed):
        raise failure


def _take_data_set(
    stream: MessageStream, context_id: int, incoming: IncomingInstance | None, activity: Activity
) -> StoreError | None:
    """Write the data set; if that fails, receive and drop the rest.

    Raises:
        ProtocolError: It is larger than any instance; and all that `receive_data_set` raises.
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
    """Drop data that is not kept."""


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
        # Some peers omit the class; their presentation context has it.
        sop_class_uid=sop_class_uid or context.abstract_syntax,
        sop_instance_uid=command.text(AFFECTED_SOP_INSTANCE_UID),
        transfer_syntax_uid=context.transfer_syntax,
    )
    if not request.sop_instance_uid:
        raise InstanceUnfit("C-STORE request without a SOP Instance UID.", status=CANNOT_UNDERSTAND)
    return request


def _context_of(contexts: Mapping[int, Context], sop_class_uid: str) -> Context | None:
    """Return a context for a class, for an instance in a context that was not accepted.

    The data set shows its real transfer syntax later.
    """
    return next((cx for cx in contexts.values() if cx.abstract_syntax == sop_class_uid), None)
