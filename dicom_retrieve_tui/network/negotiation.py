"""A-ASSOCIATE: what we propose, what was accepted; pynetdicom encodes and decodes the PDUs.

Source: PS3.8 section 9.3; role selection PS3.7 annex D.3.3.4.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydicom import config as pydicom_config
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
)
from pynetdicom.presentation import PresentationContext, build_context, build_role

from dicom_retrieve_tui.errors import AssociationRejected, ProtocolError
from dicom_retrieve_tui.model.implementation import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
)

# pydicom would warn on stderr of every UID that a peer gets wrong; what comes of one is our affair.
pydicom_config.settings.reading_validation_mode = pydicom_config.IGNORE

MAX_PDU_BYTES = 1 << 17
"""Largest PDU that we let a peer send; larger ones were not faster."""

CONTEXTS_MAX = 128
"""Presentation context IDs are the odd numbers from 1 to 255. Source: PS3.8 section 9.3.2.2."""

_APPLICATION_CONTEXT_NAME = "1.2.840.10008.3.1.1.1"
_ACCEPTANCE = 0

_DECODING_ERRORS = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    NotImplementedError,
    AssertionError,
    struct.error,
)
"""What pynetdicom raises on bytes that are no A-ASSOCIATE; it has no error of its own for it."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One presentation context to propose: an abstract syntax with one transfer syntax."""

    abstract_syntax: str
    transfer_syntax: str
    as_scp: bool = False
    """We take the SCP role: the peer sends us instances of this class on our association."""


@dataclass(frozen=True, slots=True)
class Context:
    """One accepted presentation context."""

    context_id: int
    abstract_syntax: str
    transfer_syntax: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What an A-ASSOCIATE-AC granted us."""

    contexts: tuple[Context, ...]
    peer_max_pdu_bytes: int
    """0 means no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociateRequest:
    """An A-ASSOCIATE-RQ that came to our Storage SCP."""

    calling_ae_title: str
    called_ae_title: str
    contexts: tuple[Context, ...]
    """The contexts that we accept, each with the first transfer syntax proposed for it."""
    peer_max_pdu_bytes: int
    reply: bytes
    """The A-ASSOCIATE-AC to send."""


def encode_request(
    calling_ae_title: str, called_ae_title: str, proposals: Iterable[Proposal]
) -> bytes:
    """Build the A-ASSOCIATE-RQ PDU; context IDs are 1, 3, 5 ... in the order of `proposals`."""
    contexts: list[PresentationContext] = []
    roles: dict[str, SCP_SCU_RoleSelectionNegotiation] = {}
    for number, proposal in enumerate(proposals):
        context = build_context(proposal.abstract_syntax, [proposal.transfer_syntax])
        context.context_id = 2 * number + 1
        contexts.append(context)
        if proposal.as_scp:
            roles[proposal.abstract_syntax] = build_role(proposal.abstract_syntax, scp_role=True)
    primitive = _primitive(calling_ae_title, called_ae_title)
    primitive.presentation_context_definition_list = contexts
    primitive.user_information = [*_user_information(), *roles.values()]
    return bytes(A_ASSOCIATE_RQ(primitive).encode())


def decode_acceptance(pdu: bytes, proposals: tuple[Proposal, ...]) -> Acceptance:
    """Read an A-ASSOCIATE-AC that answers `proposals`.

    Contexts count as accepted whether or not the peer answered our role selection: some that send
    instances all the same leave the answer out.

    Raises:
        ProtocolError: The bytes are no A-ASSOCIATE-AC, or accept what was not proposed.
    """
    try:
        decoded = A_ASSOCIATE_AC()
        decoded.decode(pdu)
        primitive = decoded.to_primitive()
        results = [
            (int(cx.context_id or 0), cx.result, cx.transfer_syntax)
            for cx in primitive.presentation_context_definition_results_list
        ]
        max_pdu_bytes = int(primitive.maximum_length_received or 0)
    except _DECODING_ERRORS as error:
        raise ProtocolError(
            f"The peer sent an A-ASSOCIATE-AC that cannot be read: {error}"
        ) from error
    contexts = []
    for context_id, result, syntaxes in results:
        if result != _ACCEPTANCE:
            continue
        index = context_id // 2
        if context_id % 2 == 0 or index >= len(proposals) or not syntaxes:
            raise ProtocolError(f"The peer accepted context {context_id}, which was not proposed.")
        proposal = proposals[index]
        if str(syntaxes[0]) != proposal.transfer_syntax:
            raise ProtocolError(
                f"The peer accepted context {context_id} with transfer syntax {syntaxes[0]}, "
                f"but {proposal.transfer_syntax} was proposed."
            )
        contexts.append(Context(context_id, proposal.abstract_syntax, proposal.transfer_syntax))
    return Acceptance(contexts=tuple(contexts), peer_max_pdu_bytes=max_pdu_bytes)


def decode_rejection(pdu: bytes, *, peer: str, called: str, calling: str) -> AssociationRejected:
    """Read an A-ASSOCIATE-RJ into the error that names it and the next step."""
    _, _, _, _, result, source, reason = struct.unpack(">BBLBBBB", pdu[:10].ljust(10, b"\0"))
    decoded = A_ASSOCIATE_RJ()
    try:
        decoded.decode(pdu)
        words = f"{decoded.result_str}, {decoded.source_str}: {decoded.reason_str}"
    except _DECODING_ERRORS:
        words = "with numbers that the standard does not know"
    evidence = f"(result {result}, source {source}, reason {reason}: {words})"
    hint = _REJECTION_HINTS.get((source, reason), "Ask its administrator why.")
    return AssociationRejected(
        f"{peer} refused the association {evidence}. "
        + hint.format(calling=calling, called=called),
        result=result,
        source=source,
        reason=reason,
    )


_REJECTION_HINTS = {
    (1, 3): "It does not know our AE title {calling}: set --aet to one that it knows, or ask its "
    "administrator to add {calling}.",
    (1, 7): "It does not answer to the AE title {called}: set --called-aet (case matters).",
    (3, 1): "It is busy: try again later, with a lower --parallel.",
    (3, 2): "It has no association left for us: try again later, with a lower --parallel.",
}
"""By source and reason. Source: PS3.8 Table 9-21."""


def decode_request(pdu: bytes) -> AssociateRequest:
    """Read an A-ASSOCIATE-RQ and accept every context in it with its first transfer syntax.

    Only Storage SCUs have business with our SCP, and they list the syntax they hold first.

    Raises:
        ProtocolError: The bytes are no A-ASSOCIATE-RQ.
    """
    try:
        decoded = A_ASSOCIATE_RQ()
        decoded.decode(pdu)
        primitive = decoded.to_primitive()
        proposed = [
            Context(int(cx.context_id or 0), str(cx.abstract_syntax), str(cx.transfer_syntax[0]))
            for cx in primitive.presentation_context_definition_list
        ]
        reply = _encode_acceptance(primitive)
        return AssociateRequest(
            calling_ae_title=str(primitive.calling_ae_title).strip(),
            called_ae_title=str(primitive.called_ae_title).strip(),
            contexts=tuple(proposed),
            peer_max_pdu_bytes=int(primitive.maximum_length_received or 0),
            reply=reply,
        )
    except _DECODING_ERRORS as error:
        raise ProtocolError(f"Received an A-ASSOCIATE-RQ that cannot be read: {error}") from error


def _encode_acceptance(request: A_ASSOCIATE) -> bytes:
    results = []
    for proposed in request.presentation_context_definition_list:
        context = PresentationContext()
        context.context_id = proposed.context_id
        context.abstract_syntax = proposed.abstract_syntax
        context.transfer_syntax = [proposed.transfer_syntax[0]]
        context.result = _ACCEPTANCE
        results.append(context)
    primitive = _primitive(request.calling_ae_title, request.called_ae_title)
    primitive.result = _ACCEPTANCE
    primitive.result_source = 1
    primitive.presentation_context_definition_results_list = results
    primitive.user_information = _user_information()
    return bytes(A_ASSOCIATE_AC(primitive).encode())


def _primitive(calling_ae_title: str, called_ae_title: str) -> A_ASSOCIATE:
    primitive = A_ASSOCIATE()
    primitive.application_context_name = _APPLICATION_CONTEXT_NAME
    primitive.calling_ae_title = calling_ae_title
    primitive.called_ae_title = called_ae_title
    return primitive


def _user_information() -> list[Any]:
    """What both sides of our associations say; a list of pynetdicom's user information items."""
    length = MaximumLengthNotification()
    length.maximum_length_received = MAX_PDU_BYTES
    implementation = ImplementationClassUIDNotification()
    implementation.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    return [length, implementation, version]
