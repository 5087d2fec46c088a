"""Our A-ASSOCIATE PDUs say to pynetdicom what we mean, and its PDUs say the same to us."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE, MaximumLengthNotification
from pynetdicom.presentation import PresentationContext, build_context

from dicom_retrieve_tui.errors import ProtocolError
from dicom_retrieve_tui.model.option_values import MAX_PDU_BYTES
from dicom_retrieve_tui.model.uids import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
)
from dicom_retrieve_tui.network import associate_pdu as pdus
from dicom_retrieve_tui.network.negotiation import (
    Context,
    Proposal,
    decode_acceptance,
    decode_rejection,
    decode_request,
    encode_request,
)

_UIDS = st.lists(st.integers(0, 10**9), min_size=2, max_size=6).map(
    lambda parts: "1.2." + ".".join(map(str, parts))
)
_TITLES = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\\"),
    min_size=1,
    max_size=16,
)
_PROPOSALS = st.lists(st.builds(Proposal, _UIDS, _UIDS, st.booleans()), min_size=1, max_size=128)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(_TITLES, _TITLES, _PROPOSALS)
def test_pynetdicom_reads_in_our_request_what_we_propose(
    calling: str, called: str, proposals: list[Proposal]
) -> None:
    decoded = A_ASSOCIATE_RQ()
    decoded.decode(encode_request(calling, called, proposals))
    request = decoded.to_primitive()

    assert (request.calling_ae_title, request.called_ae_title) == (calling, called)
    user = decoded.user_information
    assert user is not None
    assert user.implementation_version_name == IMPLEMENTATION_VERSION_NAME
    assert request.application_context_name == "1.2.840.10008.3.1.1.1"
    assert request.maximum_length_received == MAX_PDU_BYTES
    assert request.implementation_class_uid == IMPLEMENTATION_CLASS_UID
    assert [
        (cx.context_id, cx.abstract_syntax, cx.transfer_syntax)
        for cx in request.presentation_context_definition_list
    ] == [
        (2 * number + 1, each.abstract_syntax, [each.transfer_syntax])
        for number, each in enumerate(proposals)
    ]
    assert {(uid, role.scu_role, role.scp_role) for uid, role in user.role_selection.items()} == {
        (each.abstract_syntax, 0, 1) for each in proposals if each.as_scp
    }


@settings(deadline=None, max_examples=40, derandomize=True)
@given(_PROPOSALS, st.integers(0, 2**32 - 1), st.data())
def test_we_read_in_pynetdicoms_acceptance_what_it_grants(
    proposals: list[Proposal], max_pdu_bytes: int, data: st.DataObject
) -> None:
    results = data.draw(
        st.lists(st.integers(0, 4), min_size=len(proposals), max_size=len(proposals))
    )
    primitive = _primitive(max_pdu_bytes)
    primitive.result, primitive.result_source = 0, 1
    primitive.presentation_context_definition_results_list = [
        _answered(number, proposal, result)
        for number, (proposal, result) in enumerate(zip(proposals, results, strict=True))
    ]

    acceptance = decode_acceptance(A_ASSOCIATE_AC(primitive).encode(), tuple(proposals))

    assert acceptance.peer_max_pdu_bytes == max_pdu_bytes
    assert acceptance.contexts == tuple(
        Context(2 * number + 1, each.abstract_syntax, each.transfer_syntax)
        for number, each in enumerate(proposals)
        if results[number] == 0
    )


def test_both_sides_are_told_the_length_that_was_chosen() -> None:
    request, reply = A_ASSOCIATE_RQ(), A_ASSOCIATE_AC()
    request.decode(encode_request("US", "THEM", [Proposal("1.2.3", "1.2.4")], max_pdu_bytes=8192))
    asked = request.to_primitive()
    reply.decode(decode_request(request.encode(), max_pdu_bytes=4096).reply)

    assert asked.maximum_length_received == 8192
    assert reply.to_primitive().maximum_length_received == 4096


def test_pynetdicom_reads_in_our_acceptance_what_it_proposed() -> None:
    primitive = _primitive(16384)
    contexts = [build_context("1.2.3", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"])]
    contexts[0].context_id = 7
    primitive.presentation_context_definition_list = contexts

    request = decode_request(A_ASSOCIATE_RQ(primitive).encode())
    reply = A_ASSOCIATE_AC()
    reply.decode(request.reply)
    answer = reply.to_primitive()

    assert (request.calling_ae_title, request.called_ae_title) == ("US", "THEM")
    assert request.contexts == (Context(7, "1.2.3", "1.2.840.10008.1.2.1"),)
    assert request.peer_max_pdu_bytes == 16384
    assert (answer.calling_ae_title, answer.called_ae_title) == ("US", "THEM")
    assert answer.maximum_length_received == MAX_PDU_BYTES
    assert [
        (cx.context_id, cx.result, cx.transfer_syntax)
        for cx in answer.presentation_context_definition_results_list
    ] == [(7, 0, ["1.2.840.10008.1.2.1"])]


@pytest.mark.parametrize(
    ("source", "reason"), [(1, 1), (1, 2), (1, 3), (1, 7), (2, 1), (2, 2), (3, 1), (3, 2)]
)
@pytest.mark.parametrize("result", [1, 2])
def test_a_rejection_is_told_in_the_words_of_the_standard(
    result: int, source: int, reason: int
) -> None:
    pdu = struct.pack(">BxLxBBB", pdus.A_ASSOCIATE_RJ, 4, result, source, reason)
    theirs = A_ASSOCIATE_RJ()
    theirs.decode(pdu)

    error = decode_rejection(pdu, peer="THEM@here:1", called="THEM", calling="US")

    assert (error.result, error.source, error.reason) == (result, source, reason)
    assert theirs.reason_str.lower() in str(error).lower()
    assert ("for good" if result == 1 else "for now") in str(error)


def test_a_rejection_with_numbers_of_its_own_is_told_all_the_same() -> None:
    error = decode_rejection(b"\3\0\0\0\0\4\0\x09\x08", peer="P", called="T", calling="U")

    assert "result 9, source 8, reason 0" in str(error)
    assert "that the standard does not have" in str(error)


def test_padding_and_unknown_items_are_passed_over() -> None:
    proposal = Proposal("1.2.3", "1.2.840.10008.1.2")
    item = b"\x40\0\0\x12" + b"1.2.840.10008.1.2\0"
    context = b"\x21\0" + struct.pack(">H", 4 + len(item)) + b"\1\0\0\0" + item
    unknown = b"\x99\0\0\2xx"
    user = b"\x50\0\0\x0e" + unknown + b"\x51\0\0\4\0\0\x40\0"

    acceptance = decode_acceptance(_acceptance(unknown + context + user), (proposal,))

    assert acceptance.contexts == (Context(1, "1.2.3", "1.2.840.10008.1.2"),)
    assert acceptance.peer_max_pdu_bytes == 0x4000


_PROPOSED = (
    Proposal("1.2.3", "1.2.840.10008.1.2", as_scp=True),
    Proposal("1.2.4", "1.2.840.10008.1.2.1"),
)
_GOOD = b"\x21\0\0\x19\x01\0\0\0\x40\0\0\x11" + b"1.2.840.10008.1.2"


@pytest.mark.parametrize(
    ("items", "words"),
    [
        (b"\x21\0\0", "ends inside an item"),
        (b"\x21\0\0\x09\3\0\0\0", "item 0x21 claims 9 bytes where 4 are left"),
        (b"\x21\0\0\x09\3\0\0\0\x40\0\0\x05x", "item 0x40 claims 5 bytes where 1 are left"),
        (b"\x21\0\0\2\1\0", "a presentation context without an ID"),
        (b"\x50\0\0\6\x51\0\0\2\0\0", "maximum length has 2 bytes"),
        (b"\x21\0\0\4\4\0\0\0", "accepted presentation context 4, which was not proposed"),
        (b"\x21\0\0\4\x63\0\0\0", "accepted presentation context 99, which was not proposed"),
        (b"\x21\0\0\x0d\3\0\0\0\x40\0\0\x05\x1b[2J.", "with transfer syntax [2J."),
        (b"\x21\0\0\4\3\0\0\0", "without a transfer syntax; it is taken as proposed"),
    ],
)
def test_an_odd_answer_loses_only_its_own_context(items: bytes, words: str) -> None:
    acceptance = decode_acceptance(_acceptance(_GOOD + items), _PROPOSED)

    assert acceptance.contexts[0] == Context(1, "1.2.3", "1.2.840.10008.1.2")
    (deviation,) = [each for each in acceptance.deviations if words in each]
    assert deviation.isprintable()


def test_a_length_that_cannot_be_read_is_taken_for_the_least_that_all_take() -> None:
    assert (
        decode_acceptance(_acceptance(b"\x50\0\0\6\x51\0\0\2\0\0"), ()).peer_max_pdu_bytes == 16384
    )


@pytest.mark.parametrize("length", [0, 73])
def test_an_acceptance_that_ends_before_its_items_is_refused(length: int) -> None:
    with pytest.raises(ProtocolError, match=f"ends after {length} of at least 74 bytes"):
        decode_acceptance(_acceptance(b"")[:length], _PROPOSED)


def test_a_context_answered_twice_counts_once() -> None:
    acceptance = decode_acceptance(_acceptance(_GOOD + _GOOD), _PROPOSED)

    assert acceptance.contexts == (Context(1, "1.2.3", "1.2.840.10008.1.2"),)


def test_of_a_storage_context_the_syntax_that_the_peer_names_holds() -> None:
    other = b"\x21\0\0\x1b\1\0\0\0\x40\0\0\x13" + b"1.2.840.10008.1.2.1"

    acceptance = decode_acceptance(_acceptance(other), _PROPOSED)

    assert acceptance.contexts == (Context(1, "1.2.3", "1.2.840.10008.1.2.1"),)
    assert "that is used" in acceptance.deviations[0]


def test_of_a_query_context_no_compressed_syntax_will_do() -> None:
    other = b"\x21\0\0\x1e\3\0\0\0\x40\0\0\x16" + b"1.2.840.10008.1.2.4.50"

    acceptance = decode_acceptance(_acceptance(other), _PROPOSED)

    assert acceptance.contexts == ()
    assert "was proposed; it is ignored" in acceptance.deviations[0]


@settings(deadline=None, max_examples=150, derandomize=True)
@given(st.binary(max_size=40), st.just(0x21) | st.integers(0, 255), st.integers(0, 2))
def test_no_odd_context_costs_another(body: bytes, kind: int, at: int) -> None:
    """Whatever an item holds, as long as its own length is true."""
    odd = struct.pack(">BxH", kind, len(body)) + body
    second = _GOOD.replace(b"\x21\0\0\x19\x01", b"\x21\0\0\x19\x05")
    items = [_GOOD, second]
    items.insert(at, odd)
    proposals = (*_PROPOSED, Proposal("1.2.5", "1.2.840.10008.1.2", as_scp=True))

    contexts = decode_acceptance(_acceptance(b"".join(items)), proposals).contexts

    own = body[:1] in {b"\1", b"\5"}  # it answers for the same context, and may come first
    assert own or {cx.context_id for cx in contexts} >= {1, 5}


@pytest.mark.parametrize(("answer", "confirmed"), [(b"\x59\0\0\2\0\0", True), (b"", False)])
def test_an_acceptance_says_whether_the_user_was_taken_note_of(
    *, answer: bytes, confirmed: bool
) -> None:
    user = answer + b"\x51\0\0\4\0\0\x40\0"
    items = b"\x50\0" + struct.pack(">H", len(user)) + user

    assert decode_acceptance(_acceptance(items), ()).confirms_user is confirmed


def test_a_request_cannot_make_us_accept_a_context_without_a_syntax() -> None:
    request = _request(
        pdus.WireContext(1, 0, "1.2.4", ("1.2.840.10008.1.2",)),
        pdus.WireContext(3, 0, "1.2.3", ()),
        pdus.WireContext(5, 0, "", ("1.2.840.10008.1.2",)),
    )

    read = decode_request(request)
    reply = A_ASSOCIATE_AC()
    reply.decode(read.reply)

    assert read.contexts == (Context(1, "1.2.4", "1.2.840.10008.1.2"),)
    assert [(cx.context_id, cx.result) for cx in reply.presentation_context] == [
        (1, 0),
        (3, 4),
        (5, 3),
    ]
    assert len(read.deviations) == 2


def test_our_storage_scp_takes_the_syntax_that_loses_nothing() -> None:
    request = _request(
        pdus.WireContext(1, 0, "1.2.4", ("1.2.840.10008.1.2.2", "1.2.840.10008.1.2")),
        pdus.WireContext(1, 0, "1.2.5", ("1.2.840.10008.1.2.1",)),
    )

    assert decode_request(request).contexts == (Context(1, "1.2.4", "1.2.840.10008.1.2"),)


def _request(*contexts: pdus.WireContext) -> bytes:
    return pdus.encode(
        pdus.A_ASSOCIATE_RQ,
        pdus.Associate(
            called_ae_title="US",
            calling_ae_title="THEM",
            contexts=contexts,
            user=pdus.UserInformation(),
        ),
    )


def _primitive(max_pdu_bytes: int) -> A_ASSOCIATE:
    primitive = A_ASSOCIATE()
    primitive.application_context_name = "1.2.840.10008.3.1.1.1"
    primitive.calling_ae_title, primitive.called_ae_title = "US", "THEM"
    length = MaximumLengthNotification()
    length.maximum_length_received = max_pdu_bytes
    primitive.user_information = [length]
    return primitive


def _answered(number: int, proposal: Proposal, result: int) -> PresentationContext:
    context = PresentationContext()
    context.context_id = 2 * number + 1
    context.abstract_syntax = proposal.abstract_syntax
    context.transfer_syntax = [proposal.transfer_syntax]
    context.result = result
    return context


def _acceptance(items: bytes) -> bytes:
    body = struct.pack(">H2x16s16s32x", 1, b"THEM".ljust(16), b"US".ljust(16)) + items
    return struct.pack(">BxL", pdus.A_ASSOCIATE_AC, len(body)) + body
