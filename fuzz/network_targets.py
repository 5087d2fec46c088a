"""What a peer sends: PDUs, command sets, identifiers, data sets, texts."""

import contextlib
import socket
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from dicom_retrieve_tui.dataset.walk_result import MalformedDataSet, Read, WalkResult
from dicom_retrieve_tui.dataset.walker import walk, walk_bytes
from dicom_retrieve_tui.errors import AssociationRejected, PeerError, PeerTimeout, ProtocolError
from dicom_retrieve_tui.model import tags
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.sop_classes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)
from dicom_retrieve_tui.network import associate_pdu as associate_pdus
from dicom_retrieve_tui.network import command_set
from dicom_retrieve_tui.network.connection import Connection
from dicom_retrieve_tui.network.identifiers import decode_identifier, failed_sop_instance_uids
from dicom_retrieve_tui.network.messages import MessageStream
from dicom_retrieve_tui.network.negotiation import (
    Proposal,
    decode_acceptance,
    decode_rejection,
    decode_request,
)
from dicom_retrieve_tui.network.timeouts import within

_PATIENCE_S = 20.0
_CLEANED_CHARACTERS_MAX = 100
_SYNTAXES = (
    IMPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
)
_WANTED = frozenset({*tags.IDENTITY, tags.PATIENT_ID})
_PROPOSALS = tuple(Proposal("1.2.840.10008.1.1", syntax) for syntax in _SYNTAXES)


def pdus(data: bytes) -> None:
    """A peer's bytes on an association end in an error of ours, however they are cut."""
    ours, theirs = socket.socketpair()
    with contextlib.closing(theirs):
        connection = Connection(ours, "PEER")
        with contextlib.closing(connection):
            connection.guard = within(_PATIENCE_S, "the end of the input", CancelToken())
            theirs.sendall(data)
            theirs.shutdown(socket.SHUT_WR)
            error, taken = _read_messages(MessageStream(connection, 16384))
    assert not isinstance(error, PeerTimeout)
    assert str(error)
    assert taken <= len(data)


def _read_messages(stream: MessageStream) -> tuple[PeerError, int]:
    taken = 0

    def take(pieces: Sequence[memoryview]) -> None:
        nonlocal taken
        taken += sum(map(len, pieces))

    try:
        while True:
            context_id, command = stream.receive_command()
            if command.field == command_set.C_STORE_RQ and command.has_data_set:
                stream.receive_data_set(context_id, take)
            elif command.has_data_set:
                taken += len(stream.receive_identifier(context_id))
    except PeerError as error:
        return error, taken


def associate(data: bytes) -> None:
    """An A-ASSOCIATE PDU is read or refused; what was read is the same when written again."""
    for read in (
        partial(decode_acceptance, proposals=_PROPOSALS),
        decode_request,
        partial(decode_rejection, peer="PEER", called="CALLED", calling="CALLING"),
    ):
        with contextlib.suppress(ProtocolError, AssociationRejected):
            read(data)
    try:
        once = associate_pdus.decode(data)
        written = associate_pdus.encode(associate_pdus.A_ASSOCIATE_RQ, once)
    except ProtocolError:
        return
    unconfirmed = replace(once.user, confirms_user=False)  # of an answer; it is not written
    assert associate_pdus.decode(written) == replace(once, user=unconfirmed, deviations=())


def commands(data: bytes) -> None:
    """A command set is read or refused; nothing in it keeps us from answering."""
    try:
        command = command_set.decode(data)
    except ProtocolError:
        return
    comment = command.comment
    assert comment == clean_text(comment)
    answer = command_set.decode(command_set.encode_store_response(command, 0xA700))
    assert answer.field == command_set.C_STORE_RSP
    assert answer.number(command_set.STATUS) == 0xA700
    uid = command_set.AFFECTED_SOP_INSTANCE_UID
    assert answer.text(uid) == command.text(uid)


def identifiers(data: bytes) -> None:
    """The identifier of a response is read as far as it makes sense."""
    assert decode_identifier(data, _WANTED).keys() <= _WANTED
    failed_sop_instance_uids(data)


def data_sets(data: bytes) -> None:
    """A data set is walked to its exact end or refused, the same from a file as from memory.

    The first byte chooses the transfer syntax.
    """
    if not data:
        return
    syntax, data = _SYNTAXES[data[0] % len(_SYNTAXES)], data[1:]
    whole = _walked(partial(walk_bytes, data, syntax, _WANTED))
    from_file = _walked(partial(walk, _reader(data), len(data), syntax, _WANTED))
    assert from_file == whole


def _reader(data: bytes) -> Read:
    return lambda at, length: data[at : at + length]


def _walked(walk_it: Callable[[], WalkResult]) -> WalkResult | None:
    try:
        return walk_it()
    except MalformedDataSet as error:
        assert str(error)
        return None


def texts(data: bytes) -> None:
    """What a peer says has nothing left that a terminal would obey."""
    cleaned = clean_text(data.decode("utf-8", "surrogateescape"), limit=_CLEANED_CHARACTERS_MAX)
    assert len(cleaned) <= _CLEANED_CHARACTERS_MAX
    assert not {unicodedata.category(each) for each in cleaned} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert clean_text(cleaned, limit=_CLEANED_CHARACTERS_MAX) == cleaned
