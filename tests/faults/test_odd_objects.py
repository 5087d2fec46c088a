"""Instances of classes, syntaxes and shapes that could make a careless reader fall over."""

import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.events import InstanceStored
from dicom_retrieve_tui.model.verdict import Verdict
from tests.faults.catalogue import Told, fault
from tests.peers import wire
from tests.peers.raw_pacs import Conversation, Instance, NoContext, RawPacs, Request
from tests.runs import files_in, get_plan, of_kind, run, settings, verdict_of
from tests.unit.encoded import DEFLATED, EXPLICIT, UNDEFINED, explicit, implicit, item, sequence

_PRIVATE_CLASS = "1.2.826.0.1.3680043.9.3811.4.1"
_PIXEL_DATA = 0x7FE00010
_ONE = Instance("1.2.3", "1.2.3.1", "1.2.3.1.1", sop_class=_PRIVATE_CLASS)
_IDENTITY = b"".join(
    explicit(tag, "UI", wire.uid(uid))
    for tag, uid in [(0x00080016, _ONE.sop_class), (0x00080018, _ONE.sop),
                     (0x0020000D, _ONE.study), (0x0020000E, _ONE.series)]
)  # fmt: skip
_MIB = 1 << 20


class _Holds(RawPacs):
    """Holds one instance of a private class, which it sends once, with the bytes given."""

    def __init__(self, syntax: str, data: bytes) -> None:
        super().__init__([_ONE])
        self.syntax, self.data = syntax, data
        self.statuses: list[int] = []

    def on_get(self, conversation: Conversation, request: Request) -> None:
        if self.statuses:
            raise NoContext
        (context_id,) = [
            n for n, context in conversation.contexts.items()
            if context == (_PRIVATE_CLASS, [self.syntax])
        ]  # fmt: skip
        command = wire.command(
            sop_class=_PRIVATE_CLASS, field=1, message_id=7, priority=0, data_set_type=1,
            sop_instance=_ONE.sop,
        )  # fmt: skip
        conversation.send(wire.message(context_id, command, self.data))
        self.statuses.append(conversation.read().number(0x0900))
        self.finish(conversation, request, completed=1)


@contextmanager
def _memory_below(limit_bytes: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < limit_bytes


def _deflated(*pieces: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    data = b"".join([*map(stream.compress, pieces), stream.flush()])
    return data + b"\0" * (len(data) % 2)


def _bomb(inflated_mib: int) -> bytes:
    """A deflated data set with so many MiB of zeros as its pixels."""
    header = explicit(_PIXEL_DATA, "OW", b"", length=inflated_mib * _MIB)
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    start = stream.compress(_IDENTITY + header) + stream.flush(zlib.Z_FULL_FLUSH)
    # After a full flush the stream begins anew, so that one piece stands for all the others.
    piece = stream.compress(bytes(_MIB)) + stream.flush(zlib.Z_FULL_FLUSH)
    data = start + piece * inflated_mib + stream.flush()
    return data + b"\0" * (len(data) % 2)


def _nested(depth: int) -> bytes:
    inner = explicit(0x00080060, "CS", b"CT")
    for _ in range(depth):
        inner = sequence(0x00081140, item(inner))
    return _IDENTITY + inner


_IN_DEFINED_ITEMS = implicit(0xFFFEE000, implicit(0xFFFEE000, b"\0" * 70000) * 3)


@pytest.mark.parametrize(
    ("syntax", "data"),
    [
        (wire.IMPLICIT, _ONE.data),
        (EXPLICIT, _IDENTITY + explicit(_PIXEL_DATA, "OW", b"\1\2" * 50000)),
        (EXPLICIT, _nested(64)),
        (EXPLICIT, _IDENTITY + explicit(0x00091010, "SQ", _IN_DEFINED_ITEMS)),
        (EXPLICIT, _IDENTITY + explicit(0x7FE10010, "UN", bytes(range(256)))),
        (DEFLATED, _deflated(_IDENTITY, explicit(_PIXEL_DATA, "OW", bytes(1000)))),
        (DEFLATED, _bomb(200)),
        (
            "1.2.840.10008.1.2.4.91",
            _IDENTITY
            + explicit(_PIXEL_DATA, "OB", b"", length=UNDEFINED)
            + implicit(0xFFFEE000, b"")
            + implicit(0xFFFEE000, b"no JPEG 2000 at all " * 9000)
            + implicit(0xFFFEE0DD, b""),
        ),
    ],
    ids=["implicit", "explicit", "deep", "defined", "private", "deflated", "inflates", "jpeg"],
)
@fault(33, user_reads="complete")
def test_a_private_class_is_kept_as_it_was_sent_whatever_its_syntax(
    tmp_path: Path, syntax: str, data: bytes
) -> Told:
    with _Holds(syntax, data) as pacs, _memory_below(8 * _MIB + 4 * len(data)):
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert pacs.statuses == [0]
    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert [e.transfer_syntax_uid for e in of_kind(InstanceStored, events)] == [syntax]
    content = (tmp_path / "1.2.3.1.1.dcm").read_bytes()
    assert content.endswith(data)
    assert content[:132] == bytes(128) + b"DICM"
    return events


def _refused(output: Path, syntax: str, data: bytes) -> Told:
    with _Holds(syntax, data) as pacs, _memory_below(8 * _MIB + 4 * len(data)):
        events = run(get_plan(), settings(pacs.port, output))

    assert pacs.statuses == [0xC000]
    assert verdict_of(events).verdict is Verdict.FAILED
    (kept,) = files_in(output)
    assert kept.startswith(".dicom-retrieve/damaged/")
    return events


@fault(33, user_reads="data set inflates beyond 1073741824 bytes")
def test_a_deflated_bomb_is_refused_without_being_inflated_in_memory(tmp_path: Path) -> Told:
    return _refused(tmp_path, DEFLATED, _bomb(1100))


@pytest.mark.parametrize("depth", [65, 20_000])
@fault(33, user_reads="sequences are nested deeper than 64")
def test_sequences_nested_without_end_are_refused(tmp_path: Path, depth: int) -> Told:
    return _refused(tmp_path, EXPLICIT, _nested(depth))
