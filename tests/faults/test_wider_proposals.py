"""Row 79: what no first proposal suits is asked for with wider ones, and with fewer contexts."""

import struct
from dataclasses import dataclass
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.verdict import Verdict
from tests.faults.catalogue import Told, fault
from tests.peers import wire
from tests.peers.raw_pacs import Conversation, Instance, NoContext, RawPacs, Request, instances
from tests.runs import get_plan, run, settings, verdict_of

_JPEG_XL = "1.2.840.10008.1.2.4.110"
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_MPEG4_42_IN_FRAGMENTS = "1.2.840.10008.1.2.4.104.1"
_OCT_ANALYSIS = "1.2.840.10008.5.1.4.1.1.77.1.5.8"
_A_PRIVATE_CLASS = "1.2.826.0.1.3680043.9.9999.1"
_SOP_CLASS_UID = 0x00080016


@dataclass(frozen=True, slots=True)
class _Compressed(Instance):
    """One instance in another transfer syntax than Implicit VR Little Endian."""

    syntax: str = _JPEG_XL

    @property
    def data(self) -> bytes:
        order = ">" if self.syntax == _BIG_ENDIAN else "<"
        values = {
            _SOP_CLASS_UID: self.sop_class,
            0x00080018: self.sop,
            0x0020000D: self.study,
            0x0020000E: self.series,
        }
        return b"".join(
            struct.pack(f"{order}HH2sH", tag >> 16, tag & 0xFFFF, b"UI", len(wire.uid(value)))
            + wire.uid(value)
            for tag, value in values.items()
        )


class _Holds(RawPacs):
    """Sends each instance in its own syntax, and fails it where no context has that."""

    tells_classes = True
    status = 0xB000

    def __init__(self, holdings: list[Instance]) -> None:
        super().__init__(holdings)
        self.proposals: list[list[tuple[str, str]]] = []

    def on_associate(self, conversation: Conversation) -> None:
        proposed = [
            (abstract, syntaxes[0]) for abstract, syntaxes in conversation.contexts.values()
        ]
        self.proposals.append(proposed)
        super().on_associate(conversation)

    def find(self, request: Request) -> list[dict[int, str]]:
        found = super().find(request)
        if self.tells_classes:
            return found
        return [{tag: v for tag, v in row.items() if tag != _SOP_CLASS_UID} for row in found]

    def on_get(self, conversation: Conversation, request: Request) -> None:
        failed = 0
        wanted = [i for i in self.holdings if request.matches(i)]
        for instance in wanted:
            try:
                failed += self._store(conversation, instance) != wire.SUCCESS
            except NoContext:
                failed += 1
        status = self.status if failed else wire.SUCCESS
        conversation.respond(
            request, status, completed=len(wanted) - failed, failed=failed, warning=0
        )

    def _store(self, conversation: Conversation, instance: Instance) -> int:
        syntax = instance.syntax if isinstance(instance, _Compressed) else wire.IMPLICIT
        fitting = [
            number
            for number, (abstract, syntaxes) in conversation.contexts.items()
            if (abstract, syntaxes[0]) == (instance.sop_class, syntax)
        ]
        if not fitting:
            raise NoContext
        _, command = _command(instance)
        conversation.send(wire.message(fitting[0], command, instance.data))
        return conversation.read().number(0x0900)


def _command(instance: Instance) -> tuple[int, bytes]:
    return 0, wire.command(
        sop_class=instance.sop_class,
        field=1,
        message_id=7,
        priority=0,
        data_set_type=1,
        sop_instance=instance.sop,
    )


def _mixed(sop_class: str, syntax: str) -> list[Instance]:
    odd = _Compressed("1.2.3", "1.2.3.1", "1.2.3.1.9", sop_class=sop_class, syntax=syntax)
    return [*instances(3), odd]


@fault(69, user_reads="complete")
@pytest.mark.parametrize(
    ("sop_class", "syntax", "tells_classes"),
    [
        (wire.CT_IMAGE, _JPEG_XL, True),
        (wire.CT_IMAGE, _BIG_ENDIAN, True),
        (wire.CT_IMAGE, _MPEG4_42_IN_FRAGMENTS, False),
        (_OCT_ANALYSIS, _JPEG_XL, True),
        (_OCT_ANALYSIS, wire.EXPLICIT, False),
        (_OCT_ANALYSIS, _JPEG_XL, False),
        (_A_PRIVATE_CLASS, _JPEG_XL, True),
    ],
)
def test_whatever_the_standard_has_is_asked_for(
    sop_class: str, syntax: str, *, tells_classes: bool, tmp_path: Path
) -> Told:
    with _Holds(_mixed(sop_class, syntax)) as pacs:
        pacs.tells_classes = tells_classes
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert max(map(len, pacs.proposals)) <= 128
    return events


@fault(69, user_reads="complete")
def test_a_success_that_leaves_something_out_is_followed_up_for_the_listed_classes(
    tmp_path: Path,
) -> Told:
    with _Holds(_mixed(wire.CT_IMAGE, _JPEG_XL)) as pacs:
        pacs.status = wire.SUCCESS
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    return events


@fault(69, user_reads="partial")
def test_what_no_context_brings_is_tried_in_all_of_them_for_one_study_of_a_run(
    tmp_path: Path,
) -> Told:
    unknown = "1.2.3.4.5"
    holdings = [
        Instance(study, f"{study}.1", f"{study}.1.1") if n == 0 else
        _Compressed(study, f"{study}.1", f"{study}.1.2", syntax=unknown)
        for study in ("1.2.3", "1.2.4")
        for n in range(2)
    ]  # fmt: skip
    with _Holds(holdings) as pacs:
        events = run(get_plan("1.2.3", "1.2.4"), settings(pacs.port, tmp_path))

    assert verdict_of(events, "1.2.3").missing == ("1.2.3.1.2",)
    assert verdict_of(events, "1.2.4").missing == ("1.2.4.1.2",)
    of_one = sum(r.key(0x0020000D) == "1.2.3" for r in pacs.retrievals)
    of_other = sum(r.key(0x0020000D) == "1.2.4" for r in pacs.retrievals)
    assert of_other < 12 < of_one < 80
    return events


class _RefusesMany(_Holds):
    """Takes no association with more contexts than it likes."""

    limit = 40

    def on_associate(self, conversation: Conversation) -> None:
        if len(conversation.contexts) > self.limit:
            self.refuse(conversation)
            raise EOFError
        super().on_associate(conversation)

    def refuse(self, conversation: Conversation) -> None:
        conversation.send(wire.pdu(3, bytes([0, 1, 1, 1])))


class _AbortsAtMany(_RefusesMany):
    def refuse(self, conversation: Conversation) -> None:
        conversation.send(wire.pdu(7))


class _HangsUpAtMany(_RefusesMany):
    def refuse(self, conversation: Conversation) -> None:
        conversation.sock.close()


class _AnswersTheFirst(_RefusesMany):
    """Answers the first contexts, and leaves the others out."""

    def on_associate(self, conversation: Conversation) -> None:
        first = dict(list(conversation.contexts.items())[: self.limit])
        conversation.contexts = first
        super().on_associate(conversation)


_MR, _US = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.6.1"


@fault(69, user_reads="complete")
@pytest.mark.parametrize("peer", [_RefusesMany, _AbortsAtMany, _HangsUpAtMany, _AnswersTheFirst])
def test_an_archive_that_takes_few_contexts_gets_few_at_a_time(
    peer: type[_RefusesMany], tmp_path: Path
) -> Told:
    holdings = [
        *_mixed(_US, _JPEG_XL),
        Instance("1.2.3", "1.2.3.2", "1.2.3.2.1", sop_class=_MR),
        Instance("1.2.3", "1.2.3.3", "1.2.3.3.1", sop_class="1.2.840.10008.5.1.4.1.1.128"),
    ]
    with peer(holdings) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    return events
