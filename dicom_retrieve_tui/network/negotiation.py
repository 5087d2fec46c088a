"""Association negotiation: what each side proposes and accepts. Source: PS3.8 section 7.1."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from dicom_retrieve_tui.errors import AssociationRejected, ProtocolError
from dicom_retrieve_tui.model.option_values import MAX_PDU_BYTES
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.security import UserIdentity
from dicom_retrieve_tui.model.sop_classes import (
    COMPRESSED_SYNTAXES,
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    IMAGE_CLASSES,
    IMPLICIT_VR_LITTLE_ENDIAN,
    NATIVE_SYNTAXES,
    OTHER_CLASSES,
    RARE_SYNTAXES,
    STORAGE_CLASSES,
    TRANSFER_SYNTAXES,
    USUAL_CLASSES,
    USUAL_IMAGE_CLASSES,
    VIDEO_CLASSES,
    VIDEO_SYNTAXES,
    classes_of,
    preferred_syntax,
)
from dicom_retrieve_tui.model.uids import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
)
from dicom_retrieve_tui.network import associate_pdu as pdus
from dicom_retrieve_tui.network.associate_pdu import Associate, UserInformation, WireContext

CONTEXTS_MAX = 128
"""Presentation context IDs are the odd numbers from 1 to 255. Source: PS3.8 section 9.3.2.2."""
_WITH_PIXELS = frozenset(IMAGE_CLASSES)


@dataclass(frozen=True, slots=True)
class Proposal:
    """One presentation context to propose: an abstract syntax with one transfer syntax."""

    abstract_syntax: str
    transfer_syntax: str
    as_scp: bool = False
    """Propose the SCP role: the peer sends us instances of this class on our association."""


@dataclass(frozen=True, slots=True)
class Context:
    """One accepted presentation context."""

    context_id: int
    abstract_syntax: str
    transfer_syntax: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """The content of an A-ASSOCIATE-AC."""

    contexts: tuple[Context, ...]
    peer_max_pdu_bytes: int
    """0 means no limit."""
    scp_roles: frozenset[str] = frozenset()
    """Abstract syntaxes for which the peer accepts our SCP role."""
    confirms_user: bool = False
    """True if the peer confirms the user identity; many ignore it."""
    implementation: str = ""
    """The peer's implementation version name, cleaned for the screen."""
    answered: frozenset[int] = frozenset()
    """Presentation context IDs that were accepted or refused; some peers answer only a part."""
    deviations: tuple[str, ...] = ()
    """Deviations of the answer from the standard, in sentences; each costs at most its context."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociateRequest:
    """An A-ASSOCIATE-RQ that came to our Storage SCP."""

    calling_ae_title: str
    called_ae_title: str
    contexts: tuple[Context, ...]
    """The contexts that we accept, each with the best transfer syntax proposed for it."""
    peer_max_pdu_bytes: int
    reply: bytes
    """The A-ASSOCIATE-AC to send."""
    deviations: tuple[str, ...] = ()
    """Deviations of the request from the standard, in sentences; each costs at most its context."""


def encode_request(
    calling_ae_title: str,
    called_ae_title: str,
    proposals: Iterable[Proposal],
    user: UserIdentity | None = None,
    max_pdu_bytes: int = MAX_PDU_BYTES,
) -> bytes:
    """Encode the A-ASSOCIATE-RQ; context IDs are 1, 3, 5 ... in the order of `proposals`."""
    proposed = tuple(proposals)
    request = Associate(
        called_ae_title=called_ae_title,
        calling_ae_title=calling_ae_title,
        contexts=tuple(
            WireContext(2 * number + 1, 0, each.abstract_syntax, (each.transfer_syntax,))
            for number, each in enumerate(proposed)
        ),
        user=_about_us(
            max_pdu_bytes,
            dict.fromkeys(each.abstract_syntax for each in proposed if each.as_scp),
            user,
        ),
    )
    return pdus.encode(pdus.A_ASSOCIATE_RQ, request)


def decode_acceptance(pdu: bytes, proposals: tuple[Proposal, ...]) -> Acceptance:
    """Decode an A-ASSOCIATE-AC that answers `proposals`.

    Contexts count as accepted even without an answer to our role selection: some peers that omit it
    send instances nevertheless. A context with an answer that was not proposed is ignored alone.

    Raises:
        ProtocolError: The bytes are not an A-ASSOCIATE-AC.
    """
    try:
        acceptance = pdus.decode(pdu)
    except ProtocolError as error:
        raise ProtocolError(
            f"The peer sent an A-ASSOCIATE-AC that cannot be read: {error}."
        ) from error
    contexts: dict[int, Context] = {}
    deviations = [_malformed("A-ASSOCIATE-AC", each) for each in acceptance.deviations]
    for answer in acceptance.contexts:
        if answer.result == pdus.ACCEPTANCE:
            context, deviation = _accepted(answer, proposals)
            if context is not None:
                contexts.setdefault(context.context_id, context)
            deviations += filter(None, [deviation])
    return Acceptance(
        contexts=tuple(contexts.values()),
        peer_max_pdu_bytes=acceptance.user.max_pdu_bytes,
        scp_roles=frozenset(acceptance.user.scp_roles),
        confirms_user=acceptance.user.confirms_user,
        implementation=clean_text(acceptance.user.implementation_version_name),
        answered=frozenset(each.context_id for each in acceptance.contexts),
        deviations=tuple(deviations[:_DEVIATIONS_MAX]),
    )


def _malformed(name: str, how: str) -> str:
    return f"The PACS sent an {name} that is malformed: {how}."


def _accepted(answer: WireContext, proposals: tuple[Proposal, ...]) -> tuple[Context | None, str]:
    """Return the context that an answer accepts, None if it is unusable; and its deviation."""
    context_id = answer.context_id
    index = context_id // 2
    if context_id % 2 == 0 or index >= len(proposals):
        return None, (
            f"The PACS accepted presentation context {context_id}, which was not proposed; "
            "it is ignored."
        )
    proposal = proposals[index]
    # Each context proposes a single syntax, so an answer without one means that.
    syntax = answer.transfer_syntaxes[0] if answer.transfer_syntaxes else ""
    context = Context(context_id, proposal.abstract_syntax, proposal.transfer_syntax)
    if syntax == proposal.transfer_syntax:
        return context, ""
    what = f"The PACS accepted presentation context {context_id} ({proposal.abstract_syntax})"
    if not syntax:
        return context, f"{what} without a transfer syntax; it is taken as proposed."
    what += (
        f" with transfer syntax {clean_text(syntax, _UID_CHARACTERS_MAX)}, but "
        f"{proposal.transfer_syntax} was proposed"
    )
    if syntax in (TRANSFER_SYNTAXES if proposal.as_scp else NATIVE_SYNTAXES):
        return replace(context, transfer_syntax=syntax), f"{what}; that is used."
    return None, f"{what}; it is ignored."


_DEVIATIONS_MAX = 8
_UID_CHARACTERS_MAX = 64


def decode_rejection(
    pdu: bytes, *, peer: str, called: str, calling: str, user: UserIdentity | None = None
) -> AssociationRejected:
    """Return the error for an A-ASSOCIATE-RJ, with the next step.

    Args:
        user: The user identity that was sent. The standard has no reason for its refusal.
    """
    result, source, reason = pdus.decode_rejection(pdu)
    words = ", ".join(
        [
            _RESULTS.get(result, "with a result that the standard does not have"),
            _REASONS.get((source, reason), "for a reason that the standard does not have"),
        ]
    )
    evidence = f"(result {result}, source {source}, reason {reason}: {words})"
    hint = _REJECTION_HINTS.get((source, reason), "Ask its administrator why.")
    if user is not None and (source, reason) in _MAY_BE_THE_USER:
        which = "that the passcode is right" if user.passcode else "that it needs no passcode"
        hint = f"It may have refused the user: check that it knows --user, and {which}."
        # Do not retry: some PACS lock a user out after several attempts.
        result = _FOR_GOOD
    return AssociationRejected(
        f"{peer} refused the association {evidence}.",
        next_step=hint.format(calling=calling, called=called),
        result=result,
        source=source,
        reason=reason,
    )


_MAY_BE_THE_USER = frozenset({(1, 1), (2, 1)})
_FOR_GOOD = 1
_RESULTS = {1: "rejected for good", 2: "rejected for now"}
_REASONS = {
    (1, 1): "no reason given",
    (1, 2): "application context name not supported",
    (1, 3): "calling AE title not recognised",
    (1, 7): "called AE title not recognised",
    (2, 1): "no reason given",
    (2, 2): "protocol version not supported",
    (3, 1): "temporary congestion",
    (3, 2): "local limit exceeded",
}
"""By source and reason. Source: PS3.8 Table 9-21."""
_REJECTION_HINTS = {
    (1, 3): "It does not know our AE title {calling}: set --aet to one that it knows, or ask its "
    "administrator to add {calling}.",
    (1, 7): "Its AE title is not {called}: set --called-aet (case matters). Some PACS, as DCMTK's "
    "dcmqrscp, answer the same if they do not know the calling AE title: does it know {calling} "
    "(--aet)?",
    (3, 1): "It is busy: try again later.",
    (3, 2): "It has no association left for us: try again later.",
}


def decode_request(pdu: bytes, max_pdu_bytes: int = MAX_PDU_BYTES) -> AssociateRequest:
    """Decode an A-ASSOCIATE-RQ and accept every context in it that can be read.

    A context without an abstract or a transfer syntax is rejected alone. For several transfer
    syntaxes, see `model.sop_classes.preferred_syntax`.

    Raises:
        ProtocolError: The bytes are not an A-ASSOCIATE-RQ.
    """
    try:
        request = pdus.decode(pdu)
    except ProtocolError as error:
        raise ProtocolError(f"Received an A-ASSOCIATE-RQ that cannot be read: {error}.") from error
    proposed: dict[int, WireContext] = {}
    for context in request.contexts:
        proposed.setdefault(context.context_id, context)
    answers = [_answer(context) for context in proposed.values()]
    pairs = tuple(zip(proposed.values(), answers, strict=True))
    rejected = [answer.context_id for answer in answers if answer.result != pdus.ACCEPTANCE]
    deviations = [_malformed("A-ASSOCIATE-RQ", each) for each in request.deviations]
    deviations += [
        f"The PACS proposed presentation context {number} without a syntax; it is rejected alone."
        for number in rejected
    ]
    reply = Associate(
        # Return the titles unchanged. Source: PS3.8 Table 9-17.
        called_ae_title=request.called_ae_title,
        calling_ae_title=request.calling_ae_title,
        contexts=tuple(answers),
        user=_about_us(max_pdu_bytes),
    )
    return AssociateRequest(
        calling_ae_title=request.calling_ae_title,
        called_ae_title=request.called_ae_title,
        contexts=tuple(
            Context(asked.context_id, asked.abstract_syntax, answer.transfer_syntaxes[0])
            for asked, answer in pairs
            if answer.result == pdus.ACCEPTANCE
        ),
        peer_max_pdu_bytes=request.user.max_pdu_bytes,
        reply=pdus.encode(pdus.A_ASSOCIATE_AC, reply),
        deviations=tuple(deviations[:_DEVIATIONS_MAX]),
    )


def _answer(context: WireContext) -> WireContext:
    """Return our answer to a proposed context."""
    if not context.abstract_syntax:
        result = pdus.NO_ABSTRACT_SYNTAX
    elif not context.transfer_syntaxes:
        result = pdus.NO_TRANSFER_SYNTAX
    else:
        syntax = preferred_syntax(context.transfer_syntaxes)
        return WireContext(context.context_id, pdus.ACCEPTANCE, "", (syntax,))
    # A rejected context needs no syntax, but some peers expect one. Source: PS3.8 Table 9-18.
    return WireContext(context.context_id, result, "", (IMPLICIT_VR_LITTLE_ENDIAN,))


def _about_us(
    max_pdu_bytes: int, scp_roles: Iterable[str] = (), user: UserIdentity | None = None
) -> UserInformation:
    return UserInformation(
        max_pdu_bytes=max_pdu_bytes,
        implementation_class_uid=IMPLEMENTATION_CLASS_UID,
        implementation_version_name=IMPLEMENTATION_VERSION_NAME,
        scp_roles=tuple(scp_roles),
        identity=user,
    )


def transfer_syntaxes(sop_class_uid: str) -> tuple[str, ...]:
    """Return the syntaxes to propose for a class, each in a context of its own.

    Compressed ones are for images only: some archives fail on a structured report in JPEG. An
    unknown class (private or new) may be an image.
    """
    if sop_class_uid in VIDEO_CLASSES:
        return NATIVE_SYNTAXES + COMPRESSED_SYNTAXES + VIDEO_SYNTAXES
    if sop_class_uid in USUAL_IMAGE_CLASSES or sop_class_uid not in OTHER_CLASSES:
        return (*NATIVE_SYNTAXES, *COMPRESSED_SYNTAXES, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)
    return (*NATIVE_SYNTAXES, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)


def all_syntaxes(sop_class_uids: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield contexts for these classes in every transfer syntax, the likeliest first."""
    return ((uid, syntax) for uid in sop_class_uids for syntax in TRANSFER_SYNTAXES)


def all_contexts() -> Iterator[tuple[str, str]]:
    """Yield thousands of contexts, for every class of the standard, the likeliest first."""
    yield from ((uid, syntax) for uid in STORAGE_CLASSES for syntax in NATIVE_SYNTAXES)
    for syntaxes in (COMPRESSED_SYNTAXES, RARE_SYNTAXES):
        yield from ((uid, syntax) for uid in IMAGE_CLASSES for syntax in syntaxes)
    others = (uid for uid in STORAGE_CLASSES if uid not in _WITH_PIXELS)
    yield from ((uid, syntax) for uid in others for syntax in RARE_SYNTAXES[:2])


def known_contexts(sop_class_uids: Iterable[str]) -> list[tuple[str, str]]:
    """Return class and syntax of every context that instances of these classes may need."""
    return [(uid, syntax) for uid in sop_class_uids for syntax in transfer_syntaxes(uid)]


def guessed_contexts(modalities: frozenset[str]) -> list[tuple[str, str]]:
    """Return contexts to try if the PACS does not return SOP classes, the likeliest first.

    The classes of the modalities come first, in every syntax, then all others uncompressed, then
    the rest: the first hundred, which fit into a proposal, are nearly always enough.
    """
    likely = classes_of(modalities)
    native = [(uid, syntax) for uid in USUAL_CLASSES for syntax in NATIVE_SYNTAXES]
    return list(dict.fromkeys([*known_contexts(likely), *native, *known_contexts(USUAL_CLASSES)]))
