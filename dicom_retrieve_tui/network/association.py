"""Associations that we request: open, use, release or abort. Source: PS3.8 sections 7 and 9."""

import contextlib
import logging
import socket
import struct
from dataclasses import dataclass, field
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Self

from dicom_retrieve_tui.errors import (
    AssociationAborted,
    Cancelled,
    ContextNotAccepted,
    Interrupted,
    OperationFailed,
    PeerError,
    PeerTimeout,
    PeerUnreachable,
    ProtocolError,
)
from dicom_retrieve_tui.model.address import PeerAE
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import QueryModel
from dicom_retrieve_tui.model.option_values import MAX_PDU_BYTES
from dicom_retrieve_tui.model.security import UserIdentity
from dicom_retrieve_tui.model.sop_classes import SERVICE_CLASSES
from dicom_retrieve_tui.network import associate_pdu as associate_pdus
from dicom_retrieve_tui.network import messages
from dicom_retrieve_tui.network.connection import Connection, connect
from dicom_retrieve_tui.network.deviations import Deviations
from dicom_retrieve_tui.network.messages import MessageStream, PeerReleased
from dicom_retrieve_tui.network.negotiation import (
    Acceptance,
    Context,
    Proposal,
    decode_acceptance,
    decode_rejection,
    encode_request,
)
from dicom_retrieve_tui.network.timeouts import Guard, Timeouts, within

if TYPE_CHECKING:
    from dicom_retrieve_tui.network.rate_limit import RateLimiter
    from dicom_retrieve_tui.network.tls.context import TlsClient
    from dicom_retrieve_tui.network.tls.secure_socket import TlsSocket

_LOG = logging.getLogger(__name__)
_PDU_HEADER = struct.Struct(">BBL")
_TLS_RECORDS = frozenset({(0x15, 3), (0x16, 3)})
"""The first bytes of a TLS alert and handshake. Source: RFC 8446 section 5.1."""
ASSOCIATE_BYTES_MAX = 1 << 18
"""128 contexts with a role each take about 30 KB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationParameters:
    """The parameters of every association of a run: peer, AE titles, timeouts, security."""

    peer: PeerAE
    calling_ae_title: str
    timeouts: Timeouts
    cancel: CancelToken
    tls: "TlsClient | None" = None
    """None: unencrypted."""
    user: UserIdentity | None = None
    """User identity to send; None: none."""
    query_model: QueryModel = QueryModel.AUTO
    max_pdu_bytes: int = MAX_PDU_BYTES
    """Largest PDU that the peer may send us."""
    deviations: Deviations = field(default_factory=Deviations)
    """Deviations of the peer from the standard, noted by every association."""
    rate_limiter: "RateLimiter | None" = None
    """Limits what all associations receive together; None: no limit, now and later."""


class Association:
    """An established association in which we are the requestor.

    One thread uses it, one request at a time.
    """

    def __init__(
        self,
        parameters: AssociationParameters,
        connection: Connection,
        acceptance: Acceptance,
        proposed: int,
    ) -> None:
        self.parameters = parameters
        self.cancel = parameters.cancel
        """Cancels the current request; each request may set its own."""
        self.peer = str(parameters.peer)
        self.connection = connection
        self.stream = MessageStream(
            connection,
            acceptance.peer_max_pdu_bytes,
            parameters.max_pdu_bytes,
            parameters.deviations,
        )
        self.contexts = {context.context_id: context for context in acceptance.contexts}
        self.proposed_count = proposed
        self.peer_max_pdu_bytes = acceptance.peer_max_pdu_bytes
        self.acceptance = acceptance
        self._message_id = 0

    @classmethod
    def request(cls, parameters: AssociationParameters, proposals: tuple[Proposal, ...]) -> Self:
        """Connect and negotiate.

        Raises:
            PeerUnreachable: The TCP connection or the TLS handshake failed.
            AssociationRejected: The peer refuses the association.
            AssociationAborted, ProtocolError: It ended otherwise.
            PeerTimeout, Cancelled: It took too long, or the user stopped.
        """
        try:
            return cls._negotiate(parameters, proposals)
        except PeerError as error:
            error.unassociated = True
            raise

    @classmethod
    def _negotiate(cls, parameters: AssociationParameters, proposals: tuple[Proposal, ...]) -> Self:
        peer, timeouts, cancel = parameters.peer, parameters.timeouts, parameters.cancel
        tls = parameters.tls
        transport = _open_tcp(parameters) if tls is None else open_tls(parameters, tls)
        connection = Connection(transport, str(peer))
        if parameters.rate_limiter is not None:
            parameters.rate_limiter.attach(connection)
        try:
            connection.guard = within(
                timeouts.acse_s,
                f"the answer of {peer} to our A-ASSOCIATE-RQ",
                cancel,
                ask="Is it a DICOM port?",
            )
            connection.send(
                encode_request(
                    parameters.calling_ae_title,
                    peer.ae_title,
                    proposals,
                    parameters.user,
                    parameters.max_pdu_bytes,
                )
            )
            acceptance = decode_acceptance(_receive_answer(connection, parameters), proposals)
        except BaseException as error:
            _abandon(connection, politely=not isinstance(error, PeerReleased))
            raise
        for deviation in acceptance.deviations:
            parameters.deviations.note(deviation)
        if parameters.user is not None and not acceptance.confirms_user:
            _LOG.info("%s does not confirm the user identity", peer)
        _LOG.debug(
            "association with %s: %d of %d contexts accepted, maximum PDU %d bytes",
            peer, len(acceptance.contexts), len(proposals), acceptance.peer_max_pdu_bytes,
        )  # fmt: skip
        return cls(parameters, connection, acceptance, len(proposals))

    @property
    def offers_storage(self) -> bool:
        """True if a context for a storage class was accepted."""
        return any(cx.abstract_syntax not in SERVICE_CLASSES for cx in self.contexts.values())

    def context_for(self, abstract_syntax: str) -> Context | None:
        """Return the first accepted context for an abstract syntax, or None."""
        return next(
            (cx for cx in self.contexts.values() if cx.abstract_syntax == abstract_syntax), None
        )

    def first_context(self, *abstract_syntaxes: str, service: str) -> Context:
        """Return the accepted context of the first of `abstract_syntaxes` that has one.

        Raises:
            ContextNotAccepted: No context was accepted; the message names `service`.
        """
        for abstract_syntax in abstract_syntaxes:
            if context := self.context_for(abstract_syntax):
                return context
        model = self.parameters.query_model
        if model is QueryModel.AUTO or len(abstract_syntaxes) == 1:
            raise ContextNotAccepted(f"{self.peer} does not offer {service}.")
        raise ContextNotAccepted(
            f"{self.peer} does not offer {service} in the query model {model}.",
            next_step="Try --query-model auto.",
        )

    def next_message_id(self) -> int:
        """Return a Message ID (0000,0110) that is not in use on this association."""
        self._message_id = self._message_id % 0xFFFF + 1
        return self._message_id

    @staticmethod
    def usable_after(error: BaseException) -> bool:
        """Return True if the association can be used after an error: no request is open."""
        if isinstance(error, Interrupted):
            return not error.mid_request
        return isinstance(error, (OperationFailed, ContextNotAccepted))

    def guard_with(self, guard: Guard) -> None:
        """Use `guard` for every wait from now on."""
        self.connection.guard = guard

    def release(self) -> None:
        """Release, or abort if the peer does not answer. Never raises.

        All requests are finished by then, so a peer that does not answer changes no result.
        """
        if self.cancel.insisted:
            self.abort()
            return
        timeouts = self.parameters.timeouts
        limit_s = timeouts.cancel_grace_s if self.cancel.requested else timeouts.release_s
        waiting_for = f"{self.peer} to answer our A-RELEASE-RQ"
        self.connection.guard = within(limit_s, waiting_for, CancelToken())
        try:
            self.connection.send(messages.RELEASE_REQUEST)
            # Messages that were sent before the answer come first.
            while True:
                context_id, command = self.stream.receive_command()
                if command.has_data_set:
                    self.stream.receive_data_set(context_id, lambda _pieces: None)
        except PeerReleased:
            self.connection.close()
        except (PeerError, Cancelled) as error:
            _LOG.debug("no answer to A-RELEASE-RQ: %s", error)
            self.abort()

    def abort(self) -> None:
        """Send A-ABORT if the connection still takes it, and close. Never raises."""
        _abandon(self.connection, politely=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.release()
        else:
            self.abort()


def open_tls(parameters: AssociationParameters, tls: "TlsClient") -> "TlsSocket":
    """Open a TCP connection with TLS on it, both within the connect timeout.

    Raises:
        PeerUnreachable: The TCP connection or the TLS handshake failed.
        PeerTimeout, Cancelled: It took too long, or the user stopped.
    """
    peer, began_s = parameters.peer, monotonic()
    sock = _open_tcp(parameters)
    handshake_limit = within(
        parameters.timeouts.connect_s,
        f"the TLS handshake with {peer}",
        parameters.cancel,
        ask="Does this port use TLS?",
        since_s=began_s,
    )
    secured = tls.secure(sock, peer, handshake_limit)
    _LOG.debug("%s with %s", secured.result(), peer)
    return secured


def _open_tcp(parameters: AssociationParameters) -> socket.socket:
    connecting = within(
        parameters.timeouts.connect_s,
        f"a TCP connection to {parameters.peer.endpoint}",
        parameters.cancel,
        ask="Is the address right, and does a firewall drop what we send?",
    )
    return connect(parameters.peer.endpoint, connecting)


def _abandon(connection: Connection, *, politely: bool) -> None:
    if politely:
        connection.guard = within(0.5, "room for an A-ABORT", CancelToken())
        with contextlib.suppress(AssociationAborted, PeerTimeout):
            connection.send(messages.USER_ABORT)
    connection.close()


def _receive_answer(connection: Connection, parameters: AssociationParameters) -> bytes:
    """Return the A-ASSOCIATE-AC; raise an error for any other answer."""
    try:
        kind, pdu = receive_associate_pdu(connection)
    except AssociationAborted as error:
        tls = "do not accept our certificate" if parameters.tls else "want TLS (--tls)"
        raise AssociationAborted(
            f"{error.found.removesuffix('.')}, instead of an answer to our A-ASSOCIATE-RQ.",
            next_step=f"Some PACS do this if they do not know our AE title or address, or {tls}.",
        ) from error
    if kind == associate_pdus.A_ASSOCIATE_AC:
        return pdu
    peer = str(parameters.peer)
    if kind == associate_pdus.A_ASSOCIATE_RJ:
        raise decode_rejection(
            pdu,
            peer=peer,
            called=parameters.peer.ae_title,
            calling=parameters.calling_ae_title,
            user=parameters.user,
        )
    if kind == messages.A_ABORT:
        source, reason = pdu[8:10].ljust(2, b"\0")
        raise AssociationAborted(
            f"{peer} aborted the association {messages.abort_words(source, reason)} instead of "
            "accepting it.",
            next_step="See its log; some PACS do this if they do not know our AE title.",
        )
    raise ProtocolError(
        f"{peer} answered our A-ASSOCIATE-RQ with a PDU of type 0x{kind:02X}: is it a DICOM port?"
    )


def receive_associate_pdu(connection: Connection) -> tuple[int, bytes]:
    """Receive one A-ASSOCIATE PDU; return its type and its bytes.

    Raises:
        ProtocolError: It claims to be larger than any A-ASSOCIATE PDU.
        PeerUnreachable: The peer uses TLS.
    """
    connection.fill(_PDU_HEADER.size)
    kind, reserved, length = _PDU_HEADER.unpack_from(connection.view, connection.pos)
    if (kind, reserved) in _TLS_RECORDS:
        raise PeerUnreachable(
            f"{connection.peer} uses TLS, and we do not.",
            next_step="Add --tls.",
            retryable=False,
        )
    if length > ASSOCIATE_BYTES_MAX:
        raise ProtocolError(
            f"{connection.peer} announced {length} bytes where an A-ASSOCIATE PDU was due: "
            "is it a DICOM port?"
        )
    whole = _PDU_HEADER.size + length
    connection.fill(whole)
    pdu = bytes(connection.view[connection.pos : connection.pos + whole])
    connection.pos += whole
    return kind, pdu
