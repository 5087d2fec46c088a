"""Rows 74 to 78: a malformed detail loses only itself, and is noted."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.events import Noted
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.network import messages
from tests.faults.catalogue import Told, fault
from tests.peers import wire
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, Instance, RawPacs, Request
from tests.peers.raw_scu import RawScu
from tests.runs import files_in, get_plan, move_plan, of_kind, run, settings, verdict_of

_FIND = 0x20


def _complete(pacs: RawPacs, output: Path, noted: str, *, timeout_s: float = 10.0) -> Told:
    """All of the study comes in one C-GET, and the detail is noted once."""
    with pacs:
        events = run(get_plan(), settings(pacs.port, output, timeout_s=timeout_s))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(files_in(output)) == len(pacs.holdings)
    assert len(pacs.retrievals) == 1
    assert [note.minor for note in of_kind(Noted, events) if noted in note.text] == [True]
    return events


def _item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


def _answer(context_id: int, *items: bytes, result: int = 0) -> bytes:
    return _item(0x21, bytes([context_id, 0, result, 0]) + b"".join(items))


class _AnswersOneContext(RawPacs):
    """Answers the last context of each association in its own way."""

    def __init__(self, answer: str) -> None:
        super().__init__()
        self.answer = answer

    def on_associate(self, conversation: Conversation) -> None:
        last = max(conversation.contexts)
        odd = {
            "even": _answer(last + 1),
            "never proposed": _answer(251 if last < 251 else 2),
            "no syntax": _answer(last),
            "an unknown syntax": _answer(last, _item(0x40, b"1.2.3.4")),
            "no ID": _item(0x21, b"\0"),
            "cut short": _answer(last, b"\x40\0\0\x63"),
        }[self.answer]
        conversation.accept(instead={last: odd})


@fault(64, user_reads="presentation context")
@pytest.mark.parametrize(
    ("answer", "noted"),
    [
        ("even", "which was not proposed; it is ignored"),
        ("never proposed", "presentation context 251, which was not proposed"),
        ("no syntax", "without a transfer syntax; it is taken as proposed"),
        ("an unknown syntax", "with transfer syntax 1.2.3.4, but"),
        ("no ID", "a presentation context without an ID"),
        ("cut short", "item 0x40 claims 99 bytes where 0 are left"),
    ],
)
def test_one_odd_answer_costs_no_other_context(answer: str, noted: str, tmp_path: Path) -> Told:
    with _AnswersOneContext(answer) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert any(noted in note.text and note.minor for note in of_kind(Noted, events))
    return events


class _ReadsExplicit(Conversation):
    """Reads identifiers in Explicit VR, and no others."""

    def read_identifier(self, data: bytes) -> dict[int, bytes]:
        found, at = {}, 0
        while at < len(data):
            group, number, vr, length = struct.unpack_from("<HH2sH", data, at)
            assert vr.isalpha()
            found[group << 16 | number] = data[at + 8 : at + 8 + length]
            at += 8 + length
        return found


class _AcceptsExplicit(RawPacs):
    """Accepts all contexts in Explicit VR, those of its services included."""

    def on_association(self, conversation: Conversation) -> None:
        super().on_association(_ReadsExplicit(conversation.sock))

    def on_associate(self, conversation: Conversation) -> None:
        explicit = _item(0x40, wire.EXPLICIT.encode())
        proposed = conversation.contexts
        conversation.accept(instead={each: _answer(each, explicit) for each in proposed})


@fault(64, user_reads="with transfer syntax 1.2.840.10008.1.2.1, but")
def test_a_query_context_in_explicit_vr_is_used(tmp_path: Path) -> Told:
    with _AcceptsExplicit() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    return events


class _ProposesNoSyntax(MovingPacs):
    """Proposes a context without a transfer syntax beside the one that it sends in."""

    def call_scp(self, wanted: list[Instance]) -> RawScu:
        nothing = _item(0x20, b"\7\0\0\0" + _item(0x30, b"1.2.840.10008.5.1.4.1.1.4"))
        scu = RawScu(self.scp_port, [wire.CT_IMAGE], items=nothing)
        self.called.append(scu)
        return scu


@fault(64, user_reads="proposed presentation context 7 without a syntax; it is rejected alone")
def test_our_storage_scp_rejects_one_context_alone(tmp_path: Path) -> Told:
    with _ProposesNoSyntax() as pacs:
        events = run(move_plan(), pacs.settings(tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(pacs.retrievals) == 1
    return events


class _Foreign(Conversation):
    """Puts an element of another group behind every command."""

    def send(self, data: bytes) -> None:
        if data[:1] == b"\4" and data[11] == 3:
            size = struct.unpack_from(">L", data, 6)[0]
            command, rest = data[12 : 10 + size], data[10 + size :]
            data = wire.p_data(data[10], 3, command + wire.element(9, 0x10, b"ACME")) + rest
        super().send(data)


class _SendsForeignElements(RawPacs):
    def on_association(self, conversation: Conversation) -> None:
        super().on_association(_Foreign(conversation.sock))


@fault(65, user_reads="command sets with elements of other groups")
def test_a_private_element_in_a_command_set_is_passed_over(tmp_path: Path) -> Told:
    return _complete(_SendsForeignElements(), tmp_path, "elements of other groups")


class _SendsExplicitCommands(RawPacs):
    """Ends its C-FINDs with a command set in Explicit VR."""

    def on_find(self, conversation: Conversation, request: Request) -> None:
        for match in self.find(request):
            conversation.respond(request, wire.PENDING, wire.data_set(match))
        numbers = {0x0100: 0x8020, 0x0120: request.number(0x0110), 0x0800: 0x0101, 0x0900: 0}
        command = b"".join(
            struct.pack("<HH2sHH", 0, number, b"US", 2, value) for number, value in numbers.items()
        )
        conversation.send(wire.message(request.context_id, command))


@fault(65, user_reads="command sets with elements in Explicit VR")
def test_a_command_set_in_explicit_vr_is_read(tmp_path: Path) -> Told:
    return _complete(_SendsExplicitCommands(), tmp_path, "elements in Explicit VR")


_COUNTS = frozenset({0x00201208, 0x00201209})
"""Numbers of instances of a study and of a series."""


class _OddMatches(RawPacs):
    """Sends something else before the first match of every C-FIND."""

    counts = True

    def odd(self, conversation: Conversation, request: Request) -> None:
        conversation.respond(request, wire.PENDING)

    def find(self, request: Request) -> list[dict[int, str]]:
        found = super().find(request)
        if not self.counts:
            found = [{tag: v for tag, v in row.items() if tag not in _COUNTS} for row in found]
        return found

    def on_find(self, conversation: Conversation, request: Request) -> None:
        self.odd(conversation, request)
        super().on_find(conversation, request)


class _SendsGarbageMatches(_OddMatches):
    def odd(self, conversation: Conversation, request: Request) -> None:
        if request.level == "IMAGE":
            conversation.respond(request, wire.PENDING, b"\xff\xff\x01")


@fault(66, user_reads="Pending responses to C-FIND without an identifier")
def test_a_pending_response_without_an_identifier_is_a_sign_of_life(tmp_path: Path) -> Told:
    return _complete(_OddMatches(), tmp_path, "without an identifier")


@fault(66, user_reads="left out")
def test_a_match_that_cannot_be_read_costs_nothing_where_the_counts_agree(tmp_path: Path) -> Told:
    return _complete(_SendsGarbageMatches(), tmp_path, "such answers are left out")


@fault(66, user_reads="unverified: 1 answer to C-FIND without a UID, or that cannot be read")
def test_without_counts_a_match_that_cannot_be_read_may_be_an_instance(tmp_path: Path) -> Told:
    with _SendsGarbageMatches() as pacs:
        pacs.counts = False
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.UNVERIFIED
    assert verdict_of(events).stored == len(pacs.holdings)
    return events


_ODD_IDENTIFIERS: dict[str, Callable[[bytes], bytes]] = {
    "trailing zeros": lambda data: data + bytes(2),
    "group 0002": lambda data: wire.element(2, 0x10, wire.uid("1.2.840.10008.1.2")) + data,
    "a stray item end": lambda data: data + struct.pack("<HHL", 0xFFFE, 0xE00D, 0),
    "the same element twice": lambda data: data + wire.element(8, 0x52, b"SERIES"),
    "a length beyond its end": lambda data: data + struct.pack("<HHL", 0x20, 0x4000, 99),
}


class _SendsOddIdentifiers(RawPacs):
    def __init__(self, deviation: str) -> None:
        super().__init__()
        self.deviation = _ODD_IDENTIFIERS[deviation]

    def on_find(self, conversation: Conversation, request: Request) -> None:
        for match in self.find(request):
            conversation.respond(request, wire.PENDING, self.deviation(wire.data_set(match)))
        conversation.respond(request, wire.SUCCESS)


@fault(66, user_reads="complete")
@pytest.mark.parametrize("deviation", _ODD_IDENTIFIERS)
def test_what_can_be_read_of_an_odd_identifier_counts(deviation: str, tmp_path: Path) -> Told:
    with _SendsOddIdentifiers(deviation) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(pacs.retrievals) == 1
    return events


class _StoresOddly(RawPacs):
    """Sends the data sets of its C-STOREs as the test says."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way

    def on_get(self, conversation: Conversation, request: Request) -> None:
        for instance in self.holdings:
            context_id, command = conversation.store_request(instance)
            data = instance.data
            sent = {
                "one large PDU": wire.p_data(context_id, 2, data + _trailing(300_000)),
                "another context": wire.p_data(context_id + 2, 2, data),
                "no context": wire.p_data(context_id, 2, data),
                "empty values": wire.pdu(4, bytes(8)) + wire.p_data(context_id, 2, data),
            }[self.way]
            command_id = 253 if self.way == "no context" else context_id
            conversation.send(wire.p_data(command_id, 3, command) + sent)
            assert conversation.read().number(0x0900) == wire.SUCCESS
        self.finish(conversation, request, completed=len(self.holdings))


def _trailing(size: int) -> bytes:
    """A last element of this size."""
    return wire.element(0x7FE0, 0x10, bytes(size))


@fault(67, user_reads="The PACS sends")
@pytest.mark.parametrize(
    ("way", "noted"),
    [
        ("one large PDU", "PDUs larger than the 131,072 bytes that we allowed"),
        ("another context", "data sets in another presentation context than their commands"),
        ("no context", "instances in contexts that were not accepted"),
        ("empty values", "presentation data values without content"),
    ],
)
def test_an_instance_that_is_sent_oddly_is_kept(way: str, noted: str, tmp_path: Path) -> Told:
    return _complete(_StoresOddly(way), tmp_path, noted)


class _AnnouncesInVain(RawPacs):
    """Ends its answers with a data set that it does not send, and then does as the test says."""

    operations = frozenset({0x20, 0x10})

    def __init__(self, then: str = "waits") -> None:
        super().__init__()
        self.then = then

    def finish(
        self, conversation: Conversation, request: Request, *, completed: int, failed: int = 0
    ) -> None:
        self._end(conversation, request, completed=completed, failed=failed)

    def on_find(self, conversation: Conversation, request: Request) -> None:
        for match in self.find(request):
            conversation.respond(request, wire.PENDING, wire.data_set(match))
        self._end(conversation, request)

    def _end(self, conversation: Conversation, request: Request, **counters: int) -> None:
        announced = {} if self.then == "does not say" else {"data_set_type": 1}
        command = wire.command(
            sop_class=request.command[0x0002],
            field=request.number(0x0100) | 0x8000,
            responding_to=request.number(0x0110),
            status=0,
            **announced,
            **counters,
        )
        conversation.send(wire.message(request.context_id, command))
        if self.then == "hangs up" and request.number(0x0100) == 0x10:
            raise EOFError
        if self.then == "releases" and request.number(0x0100) == 0x10:
            conversation.send(wire.pdu(wire.A_RELEASE_RQ))
            wire.receive_pdu(conversation.sock)
            raise EOFError


@fault(68, user_reads="announces data sets that it does not send")
@pytest.mark.parametrize("then", ["waits", "hangs up", "releases"])
def test_a_final_response_counts_without_its_data_set(
    then: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Told:
    monkeypatch.setattr(messages, "_UNSENT_S_MAX", 0.3)
    return _complete(_AnnouncesInVain(then), tmp_path, "announces data sets")


@fault(68, user_reads="complete")
def test_a_final_response_that_does_not_say_if_a_data_set_follows_has_none(tmp_path: Path) -> Told:
    with _AnnouncesInVain("does not say") as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(pacs.retrievals) == 1
    return events
