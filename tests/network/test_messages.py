"""Any bytes whatever, as PDUs: the reader ends, in an error of ours, with little in its hands."""

import contextlib
import random
import socket
import struct
import tracemalloc
from collections.abc import Sequence
from threading import Thread
from time import monotonic

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_retrieve_tui.errors import AssociationAborted, PeerError, PeerTimeout, ProtocolError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.option_values import MAX_PDU_BYTES
from dicom_retrieve_tui.network import command_set, messages
from dicom_retrieve_tui.network.association import receive_associate_pdu
from dicom_retrieve_tui.network.connection import BUFFER_BYTES, Connection
from dicom_retrieve_tui.network.deviations import Deviations
from dicom_retrieve_tui.network.messages import MessageStream, PeerReleased
from dicom_retrieve_tui.network.negotiation import (
    Proposal,
    decode_acceptance,
    decode_rejection,
    decode_request,
    encode_request,
)
from dicom_retrieve_tui.network.timeouts import within
from tests.peers import wire

_PATIENCE_S = 10.0
_BEYOND_BUFFER_BYTES = 1 << 19
"""What a reader may have in its hands beside the receive buffer."""

_LIMITS = (0, 1, 2, 5, 6, 100, MAX_PDU_BYTES, MAX_PDU_BYTES + 13, 1 << 30, 0xFFFFFFFF)
_LENGTHS = st.one_of(st.sampled_from(_LIMITS), st.integers(0, 300))


def _connected(data: bytes) -> tuple[Connection, socket.socket]:
    """A connection on which `data` comes and then the end; both are to be closed."""
    ours, theirs = socket.socketpair()
    connection = Connection(ours, "PEER")
    connection.guard = within(_PATIENCE_S, "the end of a test", CancelToken())
    theirs.sendall(data)
    theirs.shutdown(socket.SHUT_WR)
    return connection, theirs


def _read_messages(data: bytes, max_pdu_bytes: int = MAX_PDU_BYTES) -> tuple[PeerError, int]:
    """What ended the reading of `data`, and how many bytes data sets had until then."""
    return _read_noting(data, max_pdu_bytes)[:2]


def _read_noting(
    data: bytes, max_pdu_bytes: int = MAX_PDU_BYTES
) -> tuple[PeerError, int, list[str]]:
    """The same, and what was noted."""
    connection, theirs = _connected(data)
    noted: list[str] = []
    stream = MessageStream(connection, 16384, max_pdu_bytes, Deviations(noted.append))
    taken = 0

    def take(pieces: Sequence[memoryview]) -> None:
        nonlocal taken
        taken += sum(map(len, pieces))

    try:
        while True:
            context_id, command = stream.receive_command()
            if command.has_data_set:
                stream.receive_data_set(context_id, take)
    except PeerError as error:
        return error, taken, noted
    finally:
        connection.close()
        theirs.close()


@pytest.mark.parametrize("seed", range(4))
def test_a_data_set_comes_as_it_was_sent_in_whatever_fragments(seed: int) -> None:
    chance = random.Random(seed)
    sent = chance.randbytes(3 * BUFFER_BYTES)
    fragments, at = [], 0
    while at < len(sent):
        end = at + chance.choice([1, 7, 100, 1000, 16372, MAX_PDU_BYTES - 6])
        # An empty PDU has a header of its own, which may come in the place of what was read before.
        fragments.append(wire.pdu(4, b"") * chance.choice([0, 0, 1, 2]))
        fragments.append(wire.p_data(1, 2 if end >= len(sent) else 0, sent[at:end]))
        at = end
    ours, theirs = socket.socketpair()
    connection = Connection(ours, "PEER")
    connection.guard = within(_PATIENCE_S, "the end of a test", CancelToken())
    received = bytearray()

    def send() -> None:
        for fragment in fragments:
            theirs.sendall(fragment)

    def take(pieces: Sequence[memoryview]) -> None:
        received.extend(b"".join(pieces))

    sender = Thread(target=send)
    sender.start()
    try:
        MessageStream(connection, 16384).receive_data_set(1, take)
    finally:
        connection.close()
        sender.join()
        theirs.close()

    assert received == sent


@st.composite
def _pdus(draw: st.DrawFn) -> bytes:
    """A PDU that is nearly right: of any kind, its length true or a lie."""
    body = draw(st.one_of(st.binary(max_size=80), _values(), _commands()))
    kind = draw(st.one_of(st.sampled_from(range(8)), st.integers(0, 255)))
    length = draw(st.one_of(st.just(len(body)), _LENGTHS))
    return struct.pack(">BBL", kind, 0, length) + body


@st.composite
def _values(draw: st.DrawFn) -> bytes:
    """Presentation data values, each with a length that is true or a lie."""
    parts = []
    for payload in draw(st.lists(st.binary(max_size=40), max_size=4)):
        size = draw(st.one_of(st.just(len(payload) + 2), _LENGTHS))
        flags = draw(st.sampled_from([0, 1, 2, 3, 255]))
        parts.append(struct.pack(">LBB", size, draw(st.sampled_from([1, 3])), flags) + payload)
    return b"".join(parts)


@st.composite
def _commands(draw: st.DrawFn) -> bytes:
    """A presentation data value with a command set that is nearly right."""
    fields: dict[str, wire.Value] = {
        name: draw(st.one_of(st.integers(0, 0xFFFF), st.binary(max_size=12), st.just("1.2.3")))
        for name in draw(st.sets(st.sampled_from(["sop_class", "field", "data_set_type"])))
    }
    command = draw(st.one_of(st.just(wire.command(**fields)), st.binary(max_size=60)))
    return struct.pack(">LBB", len(command) + 2, 1, 3) + command


_STREAMS = st.one_of(
    st.binary(max_size=200),
    st.lists(_pdus(), max_size=8).map(b"".join),
    _pdus().map(lambda pdu: pdu * 9),
)


@settings(deadline=None, max_examples=75, derandomize=True)
@given(_STREAMS)
def test_any_bytes_are_read_to_an_error_of_ours(data: bytes) -> None:
    error, taken = _read_messages(data)

    assert not isinstance(error, PeerTimeout)
    assert str(error)
    assert taken <= len(data)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(_STREAMS)
def test_no_bytes_make_the_reader_hold_more_than_its_buffer(data: bytes) -> None:
    tracemalloc.start()
    try:
        _read_messages(data)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak_bytes < BUFFER_BYTES + _BEYOND_BUFFER_BYTES


@pytest.mark.parametrize("length", [messages.PDU_BYTES_MAX + 1, 1 << 30, 0xFFFFFFFF])
def test_a_pdu_longer_than_any_data_set_ends_the_reading_at_its_header(length: int) -> None:
    error, _ = _read_messages(struct.pack(">BBL", 4, 0, length))

    assert isinstance(error, ProtocolError)
    assert str(error) == f"PEER announced a PDU of {length} bytes; we allowed {MAX_PDU_BYTES}."


def test_a_pdu_longer_than_we_allowed_is_noted_and_read() -> None:
    data = bytes(20_000)

    error, taken, noted = _read_noting(wire.p_data(1, 3, _STORE) + wire.p_data(1, 2, data), 4096)

    assert isinstance(error, AssociationAborted)
    assert taken == len(data)
    assert noted == ["The PACS sends PDUs larger than the 4,096 bytes that we allowed."]


@pytest.mark.parametrize("size", [95, 1 << 30])
def test_a_value_that_does_not_fit_into_its_pdu_ends_the_reading(size: int) -> None:
    error, _ = _read_messages(struct.pack(">BBLLBB", 4, 0, 98, size, 1, 3) + bytes(92))

    assert isinstance(error, ProtocolError)
    assert f"presentation data value of {size} bytes in a PDU that has 98 left" in str(error)


_ECHO = wire.command(sop_class="1.2", field=0x30, message_id=1, data_set_type=0x0101)
_STORE = wire.command(sop_class="1.2", field=1, message_id=1, data_set_type=1)


def _value(payload: bytes, flags: int) -> bytes:
    return struct.pack(">LBB", len(payload) + 2, 1, flags) + payload


@pytest.mark.parametrize(
    ("data", "taken", "words"),
    [
        (wire.p_data(1, 2, b"data"), 0, "belong to no message"),
        (wire.message(1, _STORE) + wire.p_data(3, 2, b"data"), 4, "another presentation context"),
        (wire.p_data(1, 3, _STORE) + wire.p_data(1, 0, b"da"), 2, "without their last fragment"),
        (wire.message(1, _STORE), 0, "without their last fragment"),
        (wire.p_data(1, 3, _ECHO + b"\0\0\0"), 0, "elements of other groups"),
        (wire.pdu(4, bytes(4) + _value(_ECHO, 3)), 0, "without content"),
        (wire.pdu(4, b"\0\0\0\1\1" + _value(_ECHO, 3)), 0, "without content"),
        (wire.pdu(4, _value(_ECHO, 3) + bytes(5)), 0, "without content"),
        (wire.pdu(4, bytes(3)), 0, "without content"),
    ],
)
def test_a_small_disorder_is_noted_and_what_follows_is_read(
    data: bytes, taken: int, words: str
) -> None:
    before_the_end = wire.message(1, _ECHO) + wire.pdu(7)

    error, read, noted = _read_noting(data + before_the_end)

    assert isinstance(error, messages.PeerAborted)
    assert read == taken
    assert [words in each for each in noted] == [True]


def test_a_stray_data_set_without_an_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "STRAY_BYTES_MAX", 4096)

    error, _ = _read_messages(wire.p_data(1, 0, bytes(1000)) * 5)

    assert isinstance(error, ProtocolError)
    assert "a piece of a data set where a command was due" in str(error)


def test_a_command_set_without_an_end_is_cut_off() -> None:
    piece = wire.p_data(1, 1, bytes(16000))

    error, _ = _read_messages(piece * 5)

    assert isinstance(error, ProtocolError)
    assert "a command set of more than 65536 bytes" in str(error)


def test_an_identifier_without_an_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "IDENTIFIER_BYTES_MAX", 4096)
    connection, theirs = _connected(wire.p_data(1, 0, bytes(1000)) * 5)
    try:
        with pytest.raises(ProtocolError, match="an identifier over 4096 bytes"):
            MessageStream(connection, 0).receive_identifier(1)
    finally:
        connection.close()
        theirs.close()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (wire.p_data(1, 1, _ECHO[:9]) + wire.p_data(1, 2, _ECHO[9:]), "command set that is mixed"),
        (wire.p_data(1, 3, _ECHO[:-1]), "garbage at byte"),
        (wire.p_data(1, 3, _ECHO + b"\0\0\1"), "ends inside an element"),
        (wire.p_data(1, 3, b"\x08\0\x18\0" + bytes(4)), "it has no command field"),
        (wire.pdu(0x99), "a PDU of type 0x99 out of place"),
        (wire.pdu(1, bytes(68)), "a PDU of type 0x01 out of place"),
        (wire.pdu(7, bytes(50)), "a PDU of type 0x07 out of place"),
    ],
)
def test_what_is_out_of_place_is_named(data: bytes, words: str) -> None:
    error, _ = _read_messages(wire.message(1, _ECHO) + data)

    assert isinstance(error, ProtocolError)
    assert words in str(error)


def test_a_message_in_pieces_of_any_size_is_put_together() -> None:
    command = b"".join(wire.p_data(1, 1, _STORE[at : at + 1]) for at in range(len(_STORE)))
    empty = wire.p_data(1, 0, b"") + wire.pdu(4, b"")
    data = command + wire.p_data(1, 3, b"") + empty + wire.p_data(1, 0, b"ab") + empty

    error, taken = _read_messages(data + wire.p_data(1, 2, b"c") + wire.pdu(5))

    assert isinstance(error, PeerReleased)
    assert taken == 3


def test_the_end_of_the_connection_is_named_wherever_it_comes() -> None:
    whole = wire.message(1, _STORE, b"data")

    for size in range(len(whole) + 1):
        error, _ = _read_messages(whole[:size])
        assert isinstance(error, AssociationAborted)
        assert "closed the connection" in str(error)


@settings(deadline=None, max_examples=75, derandomize=True)
@given(st.binary(max_size=100))
def test_any_command_set_is_read_or_refused(data: bytes) -> None:
    try:
        command = command_set.decode(data)
    except ProtocolError:
        return
    assert command.number(command_set.STATUS) in {None, *range(0x10000)}
    assert isinstance(command.text(command_set.AFFECTED_SOP_INSTANCE_UID), str)
    assert command_set.encode_store_response(command, 0)


_REQUEST = encode_request("US", "THEM", [Proposal("1.2.840.10008.1.1", "1.2.840.10008.1.2")])


@st.composite
def _damaged_requests(draw: st.DrawFn) -> bytes:
    """An A-ASSOCIATE-RQ with some of its bytes changed, and perhaps its end lost."""
    data = bytearray(_REQUEST)
    for at in draw(st.lists(st.integers(0, len(data) - 1), max_size=4)):
        data[at] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))]) if draw(st.booleans()) else bytes(data)


@settings(deadline=None, max_examples=75, derandomize=True)
@given(st.one_of(st.binary(max_size=200), _damaged_requests()))
def test_any_bytes_of_an_association_are_read_or_refused(pdu: bytes) -> None:
    for decode in (decode_request, lambda data: decode_acceptance(data, ())):
        with contextlib.suppress(ProtocolError):
            decode(pdu)
    assert decode_rejection(pdu, peer="PEER", called="THEM", calling="US").source >= 0


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.one_of(st.binary(max_size=100), _pdus()))
def test_any_bytes_before_an_association_are_read_or_refused(data: bytes) -> None:
    connection, theirs = _connected(data)
    started_s = monotonic()
    try:
        with contextlib.suppress(ProtocolError, AssociationAborted):
            kind, pdu = receive_associate_pdu(connection)
            assert pdu[0] == kind
            assert len(pdu) <= len(data)
    finally:
        connection.close()
        theirs.close()
    assert monotonic() - started_s < _PATIENCE_S
