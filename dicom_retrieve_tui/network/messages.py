"""DIMSE messages over P-DATA: fragments in, fragments out, on one connection.

A deviation that leaves a message readable is noted, and the message is read. The bytes of a data
set go from the connection's buffer straight to the consumer, so an object of any size takes no more
memory than the buffer.
Source: PS3.8 section 9.3.5 and annex E (message control header), PS3.7 section 6.3.
"""

import struct
from collections.abc import Callable, Sequence
from time import monotonic

from dicom_retrieve_tui.errors import AssociationAborted, ProtocolError
from dicom_retrieve_tui.model.option_values import MAX_PDU_BYTES
from dicom_retrieve_tui.network import command_set
from dicom_retrieve_tui.network.command_set import Command
from dicom_retrieve_tui.network.connection import Connection
from dicom_retrieve_tui.network.deviations import Deviations

P_DATA_TF = 0x04
A_RELEASE_RQ = 0x05
A_RELEASE_RP = 0x06
A_ABORT = 0x07

_PDU_HEADER = struct.Struct(">BBL")
_PDV_HEADER = struct.Struct(">LBB")
_P_DATA_HEADER = struct.Struct(">BBLLBB")
_IS_COMMAND = 0x01
_IS_LAST = 0x02

RELEASE_REQUEST = struct.pack(">BBLL", A_RELEASE_RQ, 0, 4, 0)
RELEASE_RESPONSE = struct.pack(">BBLL", A_RELEASE_RP, 0, 4, 0)
USER_ABORT = struct.pack(">BBLBBBB", A_ABORT, 0, 4, 0, 0, 0, 0)

COMMAND_SET_BYTES_MAX = 1 << 16
"""A command set has a few hundred bytes."""

IDENTIFIER_BYTES_MAX = 1 << 22
"""An identifier has a few hundred bytes; a list of failed SOP Instance UIDs may have many."""

_PIECES_MAX = 256
"""Pieces that are written at once; every operating system takes 1,024 or more."""

_PDU_SLACK_BYTES = 12
"""Some peers include the headers of PDU and PDV in the maximum, some do not."""

PDU_BYTES_MAX = 1 << 27
"""Some peers send a whole data set in one PDU, beyond our maximum. It is read in pieces and takes
no memory; a PDU that claims to be larger than this is invalid."""

STRAY_BYTES_MAX = 1 << 22
"""Largest data set without a command: a late identifier."""

_UNSENT_S_MAX = 3.0
"""Wait for a data set that a final response announces, but that may not come."""
_UNSENT_AGAIN_S = 0.3
"""The same wait for a peer that did not send one before."""

_DEFAULT_MAX_PDU_BYTES = 16384
_UNLIMITED_PDU_BYTES = 1 << 17

_LAST_PDU_BYTES_MAX = 32
"""Largest body of a release or an abort; the standard has 4 bytes."""

_ABORT_SOURCES = {0: "by its user", 2: "by its provider"}
_ABORT_REASONS = {
    0: "no reason given",
    1: "unrecognised PDU",
    2: "unexpected PDU",
    4: "unrecognised PDU parameter",
    5: "unexpected PDU parameter",
    6: "invalid PDU parameter value",
}
"""Source: PS3.8 Table 9-26."""


def abort_words(source: int, reason: int) -> str:
    """Return the source and reason of an A-ABORT in words and numbers."""
    return (
        f"{_ABORT_SOURCES.get(source, f'(source {source})')} "
        f"(reason {reason}: {_ABORT_REASONS.get(reason, 'unknown')})"
    )


class PeerAborted(AssociationAborted):
    """The peer sent an A-ABORT."""


class PeerReleased(AssociationAborted):
    """The peer requested a release where a message was expected."""


class _NothingCame(Exception):
    """An announced data set did not begin in time."""


def _drop(_pieces: Sequence[memoryview]) -> None:
    """Drop data before a consumer is set."""


class MessageStream:
    """Sends and receives DIMSE messages on an established association."""

    def __init__(
        self,
        connection: Connection,
        peer_max_pdu_bytes: int,
        max_pdu_bytes: int = MAX_PDU_BYTES,
        deviations: Deviations | None = None,
    ) -> None:
        """Use the maximum PDU lengths of both sides.

        Args:
            deviations: Deviations of the peer from the standard are noted there.
        """
        self.deviations = deviations or Deviations()
        self.connection = connection
        self._max_pdu_bytes = max_pdu_bytes
        self._fragment_bytes = (peer_max_pdu_bytes or _UNLIMITED_PDU_BYTES) - 6
        if self._fragment_bytes < 2:
            self._fragment_bytes = _DEFAULT_MAX_PDU_BYTES
        self.received_commands = 0
        """Number of command sets received."""
        self._pdu_left = 0
        self._pdv_left = 0
        self._pdv_context = 0
        self._pdv_flags = 0
        self._held = False
        """True if the header of the next fragment was read, but not its payload."""
        self._pieces: list[memoryview] = []
        """Pieces of the current data set in the receive buffer that were not written yet."""
        self._write: Callable[[Sequence[memoryview]], object] = _drop

    def send(self, context_id: int, command: bytes, data_set: bytes | None = None) -> None:
        """Send one message in PDUs of at most the peer's maximum length."""
        pdus = self._fragments(context_id, command, _IS_COMMAND)
        if data_set is not None:
            pdus += self._fragments(context_id, data_set, 0)
        self.connection.send(b"".join(pdus))

    def send_together(self, commands: Sequence[tuple[int, bytes]]) -> None:
        """Send several messages without data sets at once, each with its presentation context."""
        pdus = [pdu for each in commands for pdu in self._fragments(*each, _IS_COMMAND)]
        self.connection.send(b"".join(pdus))

    def _fragments(self, context_id: int, data: bytes, kind: int) -> list[bytes]:
        step = self._fragment_bytes
        pdus = []
        for at in range(0, len(data), step):
            part = data[at : at + step]
            flags = kind | (_IS_LAST if at + step >= len(data) else 0)
            size = len(part)
            header = _P_DATA_HEADER.pack(P_DATA_TF, 0, size + 6, size + 2, context_id, flags)
            pdus.append(header + part)
        return pdus

    def receive_command(self) -> tuple[int, Command]:
        """Wait for the next command set; return it with its presentation context ID.

        Raises:
            PeerReleased: The peer requested a release; the response has been sent.
            AssociationAborted, PeerTimeout, Cancelled: The wait ended.
            ProtocolError: The peer sent something else.
        """
        self._next_fragment()
        if not self._pdv_flags & _IS_COMMAND:
            self._skip_stray_data_set()
        context_id = self._pdv_context
        data = self._take_fragment(b"")
        while not self._pdv_flags & _IS_LAST:
            self._next_fragment()
            if not self._pdv_flags & _IS_COMMAND:
                raise ProtocolError("Received a command set that is mixed with something else.")
            data = self._take_fragment(data)
        self.received_commands += 1
        command = command_set.decode(data)
        if command.deviation:
            self.deviations.note(f"The PACS sends command sets with {command.deviation}.")
        return context_id, command

    def _skip_stray_data_set(self) -> None:
        """Drop a data set without a command, up to the next fragment of a command.

        It may be one that a response announced, and that came too late.

        Raises:
            ProtocolError: It does not end.
        """
        self.deviations.note(
            "The PACS sends data sets that belong to no message; they are ignored."
        )
        connection, skipped_bytes = self.connection, 0
        while not self._pdv_flags & _IS_COMMAND:
            skipped_bytes += self._pdv_left
            if skipped_bytes > STRAY_BYTES_MAX:
                raise ProtocolError("Received a piece of a data set where a command was due.")
            while self._pdv_left:
                connection.fill(1)
                take = min(self._pdv_left, connection.have - connection.pos)
                connection.pos += take
                self._pdv_left -= take
            self._next_fragment()

    def _take_fragment(self, before: bytes) -> bytes:
        size = self._pdv_left
        if len(before) + size > COMMAND_SET_BYTES_MAX:
            raise ProtocolError(
                f"Received a command set of more than {COMMAND_SET_BYTES_MAX} bytes."
            )
        connection = self.connection
        connection.fill(size)
        pos = connection.pos
        connection.pos = pos + size
        self._pdv_left = 0
        return before + bytes(connection.view[pos : pos + size])

    def receive_data_set(
        self, context_id: int, write: Callable[[Sequence[memoryview]], object]
    ) -> None:
        """Pass the data set of the last command to `write`, as it comes.

        Each call has the pieces that came together, one for each fragment. They are views into the
        receive buffer, valid only during the call.

        Raises:
            AssociationAborted, PeerTimeout, Cancelled: It is incomplete.
            ProtocolError: Something else came in the middle of it.
        """
        connection = self.connection
        self._write, self._pieces = write, []
        while True:
            self._next_fragment()
            if self._pdv_flags & _IS_COMMAND:
                self.deviations.note("The PACS sends data sets without their last fragment.")
                self._held = True
                self._hand_on()
                return
            if self._pdv_context != context_id:
                self.deviations.note(
                    "The PACS sends data sets in another presentation context than their commands."
                )
            left = self._pdv_left
            while left:
                if connection.pos == connection.have or len(self._pieces) == _PIECES_MAX:
                    self._fill(1)
                pos = connection.pos
                take = min(left, connection.have - pos)
                self._pieces.append(connection.view[pos : pos + take])
                connection.pos = pos + take
                left -= take
            self._pdv_left = 0
            if self._pdv_flags & _IS_LAST:
                self._hand_on()
                return

    def data_set_follows(self) -> bool:
        """Wait for the first fragment of a data set that may not come; return True if it does.

        False if something else comes, the peer ends the association, or nothing comes for some
        seconds: after the last response to a request, only the data set is lost.

        Raises:
            PeerTimeout, Cancelled: The wait ended.
        """
        patience_s = _UNSENT_AGAIN_S if self.deviations.announces_in_vain else _UNSENT_S_MAX
        connection, guard = self.connection, self.connection.guard
        until_s = monotonic() + patience_s

        def wait(now_s: float) -> None:
            guard(now_s)
            if now_s > until_s:
                raise _NothingCame

        connection.guard = wait
        try:
            self._next_fragment()
            self._held = True
            if not self._pdv_flags & _IS_COMMAND:
                return True
        except (_NothingCame, AssociationAborted):
            pass
        finally:
            connection.guard = guard
        self.deviations.announces_in_vain = True
        self.deviations.note("The PACS announces data sets that it does not send.")
        return False

    def _fill(self, need: int) -> None:
        """Have at least `need` unread bytes; they may overwrite bytes that were read before."""
        self._hand_on()
        self.connection.fill(need)

    def _hand_on(self) -> None:
        if pieces := self._pieces:
            self._pieces = []
            self._write(pieces)

    def receive_identifier(self, context_id: int) -> bytes:
        """Receive a small data set.

        Raises:
            ProtocolError: It is larger than any identifier; and all that `receive_data_set`
                raises.
        """
        identifier = bytearray()

        def collect(pieces: Sequence[memoryview]) -> None:
            for piece in pieces:
                identifier.extend(piece)
            if len(identifier) > IDENTIFIER_BYTES_MAX:
                raise ProtocolError(f"Received an identifier over {IDENTIFIER_BYTES_MAX} bytes.")

        self.receive_data_set(context_id, collect)
        return bytes(identifier)

    def _next_fragment(self) -> None:
        """Move to the payload of the next presentation data value."""
        if self._held:
            self._held = False
            return
        connection = self.connection
        while True:
            while self._pdu_left < _PDV_HEADER.size:
                self._skip(self._pdu_left)
                self._next_p_data()
            if connection.have - connection.pos < 6:
                self._fill(6)
            size, self._pdv_context, self._pdv_flags = _PDV_HEADER.unpack_from(
                connection.view, connection.pos
            )
            if size >= 2 and size + 4 <= self._pdu_left:
                break
            if size + 4 > self._pdu_left:
                raise ProtocolError(
                    f"Received a presentation data value of {size} bytes in a PDU that has "
                    f"{self._pdu_left} left."
                )
            self._skip(size + 4)
        connection.pos += 6
        self._pdu_left -= size + 4
        self._pdv_left = size - 2

    def _skip(self, length: int) -> None:
        """Skip bytes of a PDU that are not part of a presentation data value."""
        if length:
            self.deviations.note("The PACS sends presentation data values without content.")
            self._fill(length)
            self.connection.pos += length
            self._pdu_left -= length

    def _next_p_data(self) -> None:
        connection = self.connection
        while True:
            if connection.have - connection.pos < 6:
                self._fill(6)
            kind, _, length = _PDU_HEADER.unpack_from(connection.view, connection.pos)
            connection.pos += 6
            if kind != P_DATA_TF:
                raise self._interruption(kind, length)
            if length > self._max_pdu_bytes + _PDU_SLACK_BYTES:
                self._allow(length)
            if length:
                self._pdu_left = length
                return

    def _allow(self, length: int) -> None:
        """Note a PDU that exceeds our maximum.

        Raises:
            ProtocolError: It is larger than any data set.
        """
        if length > PDU_BYTES_MAX:
            raise ProtocolError(
                f"{self.connection.peer} announced a PDU of {length} bytes; "
                f"we allowed {self._max_pdu_bytes}."
            )
        self.deviations.note(
            f"The PACS sends PDUs larger than the {self._max_pdu_bytes:,} bytes that we allowed."
        )

    def _interruption(self, kind: int, length: int) -> AssociationAborted | ProtocolError:
        """Return the error for a PDU other than P-DATA."""
        connection = self.connection
        if length <= _LAST_PDU_BYTES_MAX and kind in {A_RELEASE_RQ, A_RELEASE_RP, A_ABORT}:
            connection.fill(length)
            body = bytes(connection.view[connection.pos : connection.pos + length])
            source, reason = body[2:4].ljust(2, b"\0")
            connection.pos += length
            if kind == A_ABORT:
                return PeerAborted(
                    f"{connection.peer} aborted the association {abort_words(source, reason)}."
                )
            if kind == A_RELEASE_RQ:
                connection.send(RELEASE_RESPONSE)
                return PeerReleased(f"{connection.peer} released the association early.")
            return PeerReleased(f"{connection.peer} answered a release.")
        return ProtocolError(f"{connection.peer} sent a PDU of type 0x{kind:02X} out of place.")
