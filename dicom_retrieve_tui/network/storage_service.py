"""What our Storage SCP does with one caller, from its first byte to its last.

Which study an instance belongs to is the receiver's business: a PACS may use several associations
for one study. Source: PS3.4 annex B, PS3.8 section 9.1.2.
"""

import contextlib
import logging
import socket
from typing import TYPE_CHECKING

from dicom_retrieve_tui.errors import (
    Cancelled,
    PeerError,
    PeerTimeout,
    PeerUnreachable,
    ProtocolError,
    StoreError,
)
from dicom_retrieve_tui.model.allowed_callers import RefusedCaller
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.network import associate_pdu as associate_pdus
from dicom_retrieve_tui.network import command_set as cs
from dicom_retrieve_tui.network import messages
from dicom_retrieve_tui.network.access_control import Admission, Reception, Refused
from dicom_retrieve_tui.network.association import receive_associate_pdu
from dicom_retrieve_tui.network.c_store import receive_instance
from dicom_retrieve_tui.network.connection import Connection
from dicom_retrieve_tui.network.connection_limits import Visitor
from dicom_retrieve_tui.network.deviations import Deviations
from dicom_retrieve_tui.network.messages import MessageStream, PeerReleased
from dicom_retrieve_tui.network.negotiation import AssociateRequest, decode_request
from dicom_retrieve_tui.network.refused_calls import Refusals
from dicom_retrieve_tui.network.timeouts import TICK_S, Guard, Timeouts, within

if TYPE_CHECKING:
    from dicom_retrieve_tui.network.tls.client_server import TlsServer

_LOG = logging.getLogger(__name__)
_ASSOCIATE_S_MAX = 10.0
"""A PACS sends its A-ASSOCIATE-RQ at once; only a stranger takes longer."""


class StorageService:
    """Serves one caller after the other, or several at once, each in a thread of its own."""

    def __init__(
        self,
        receiver: Reception,
        timeouts: Timeouts,
        admission: Admission,
        *,
        tls: "TlsServer | None",
        max_pdu_bytes: int,
        refusals: Refusals,
        deviations: Deviations,
        stop: CancelToken,
    ) -> None:
        """Prepare to serve.

        Args:
            admission: Says who gets an association.
            tls: Whoever calls must speak TLS; None: must not.
            max_pdu_bytes: Largest PDU that a caller may send.
            refusals: Told of whoever is sent away.
            deviations: Where to note what a caller does against the standard.
            stop: Ends all that is under way.
        """
        self._receiver = receiver
        self._timeouts = timeouts
        self._tls = tls
        self._max_pdu_bytes = max_pdu_bytes
        self._admission = admission
        self._refusals = refusals
        self._deviations = deviations
        self._stop = stop

    def serve(self, sock: socket.socket, peer: str, visitor: Visitor) -> None:
        """Deal with one connection from its first byte to its last, and close it."""
        connection = Connection(self._tls.wrap(sock, peer) if self._tls else sock, peer)
        try:
            ours = _own_address(sock)
            self._admission.check_address(visitor, ours)
            stream, request = self._associate(connection, visitor, ours)
            self._receive(stream, request)
        except PeerReleased:
            _LOG.debug("%s released its association", connection.peer)
        except Refused as refusal:
            self._refusals.add(visitor.address, str(refusal))
            if refusal.rejection is not None:
                _say(connection, associate_pdus.encode_rejection(*refusal.rejection))
        except (PeerError, StoreError, Cancelled) as error:
            # Where we ended it, the peer is not to be blamed.
            self._break_off(connection, visitor, Cancelled() if self._stop.requested else error)
        finally:
            connection.close()

    def _break_off(
        self, connection: Connection, visitor: Visitor, why: PeerError | StoreError | Cancelled
    ) -> None:
        if isinstance(why, PeerUnreachable):  # it is the PACS by its address, but TLS failed
            reason = why.found.rpartition(" failed: ")[2].removesuffix(".")
            self._receiver.refuse_caller(RefusedCaller(visitor.address, reason, why.next_step))
        self._refusals.add(visitor.address, str(why) or "we stopped", peer=connection.peer)
        _say(connection, messages.USER_ABORT)

    def _associate(
        self, connection: Connection, visitor: Visitor, ours: str
    ) -> tuple[MessageStream, AssociateRequest]:
        """Receive and accept an A-ASSOCIATE-RQ."""
        limit_s = min(_ASSOCIATE_S_MAX, self._timeouts.acse_s)
        patience = within(limit_s, "an A-ASSOCIATE-RQ", self._stop)

        def guard(now_s: float) -> None:
            patience(now_s)
            if visitor.sent_away:
                raise Refused("it kept silent, and others came")

        connection.guard = guard
        kind, pdu = receive_associate_pdu(connection)
        if kind != associate_pdus.A_ASSOCIATE_RQ:
            raise ProtocolError(f"{connection.peer} began with a PDU of type 0x{kind:02X}.")
        request = decode_request(pdu, self._max_pdu_bytes)
        self._admission.admit(request, visitor, ours)
        connection.peer = f"{clean_text(request.calling_ae_title)}@{connection.peer}"
        _LOG.debug("%s opened an association with %d contexts", connection.peer,
                   len(request.contexts))  # fmt: skip
        for deviation in request.deviations:
            self._deviations.note(deviation)
        connection.guard = self._idle_guard(connection)
        connection.send(request.reply)
        stream = MessageStream(
            connection, request.peer_max_pdu_bytes, self._max_pdu_bytes, self._deviations
        )
        return stream, request

    def _receive(self, stream: MessageStream, request: AssociateRequest) -> None:
        contexts = {context.context_id: context for context in request.contexts}
        while True:
            context_id, command = stream.receive_command()
            if command.field == cs.C_STORE_RQ:
                receive_instance(stream, contexts, context_id, command, self._receiver)
            elif command.field == cs.C_ECHO_RQ:
                stream.send(context_id, _echo_response(command))
            else:
                raise ProtocolError(
                    f"{stream.connection.peer} asked our Storage SCP for something else."
                )

    def _idle_guard(self, connection: Connection) -> Guard:
        """A PACS may pause between instances, and some never release; none may stay for ever."""

        def guard(now_s: float) -> None:
            if self._stop.requested:
                raise Cancelled
            silent_s = now_s - connection.last_byte_s
            if silent_s > self._timeouts.first_s:
                waiting_for = f"the next instance from {connection.peer}"
                raise PeerTimeout(
                    f"Waited {silent_s:.0f} s for {waiting_for}.",
                    waiting_for=waiting_for,
                    waited_s=silent_s,
                )

        return guard


def _own_address(sock: socket.socket) -> str:
    try:
        return str(sock.getsockname()[0])
    except OSError as error:
        raise Refused("it has gone") from error


def _say(connection: Connection, pdu: bytes) -> None:
    """A last word, if the connection still takes it."""
    connection.guard = within(TICK_S, "room for a last word", CancelToken())
    with contextlib.suppress(PeerError):
        connection.send(pdu)


def _echo_response(request: cs.Command) -> bytes:
    return cs.encode(
        {
            cs.AFFECTED_SOP_CLASS_UID: request.text(cs.AFFECTED_SOP_CLASS_UID),
            cs.COMMAND_FIELD: cs.C_ECHO_RSP,
            cs.MESSAGE_ID_RESPONDED_TO: request.number(cs.MESSAGE_ID) or 0,
            cs.COMMAND_DATA_SET_TYPE: cs.NO_DATA_SET,
            cs.STATUS: 0x0000,
        }
    )
