"""What the raw peer holds: computed, never stored, so that its size costs nothing.

Study `n` is `_ROOT.1nnnnnn`, its one series `.1` below it, its instances `.1.1mmmmmm` below that:
all of one length, so a template with gaps is all it takes to make an answer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from tests.peers import wire

CT_IMAGE = wire.CT_IMAGE
ENHANCED_CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2.1"

_ROOT = "1.2.826.0.1.3680043.8.498.4242"
_STUDY_GAP, _INSTANCE_GAP = "@@@@@@", "######"
_BLOCK_BYTES = 1 << 20
_FRAME_ROWS = 1024
_VRS_OF_LONG_LENGTH = {"OB", "OW"}


@dataclass(frozen=True, slots=True)
class Holdings:
    """So many studies of so many instances, each with so many bytes of pixels."""

    studies: int
    instances: int
    pixel_bytes: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `STUDIES:INSTANCES:PIXEL_BYTES`."""
        studies, instances, pixel_bytes = (int(part) for part in text.split(":"))
        return cls(studies, instances, pixel_bytes)

    def __str__(self) -> str:
        return f"{self.studies}:{self.instances}:{self.pixel_bytes}"

    @property
    def sop_class_uid(self) -> str:
        """Large objects are multi-frame."""
        return ENHANCED_CT_IMAGE if self.pixel_bytes > _FRAME_ROWS else CT_IMAGE

    def study_number(self, study_uid: str) -> int | None:
        """Which study a UID names, or None if it is none of ours."""
        prefix, _, number = study_uid.rpartition(".")
        if prefix != _ROOT or not number.isdecimal():
            return None
        study = int(number) - 1_000_000
        return study if 0 <= study < self.studies else None

    def data_set_size(self) -> int:
        """Bytes of each data set."""
        return len(data_set_head(self)) + self.pixel_bytes


def study_uid(study: object) -> str:
    """Study Instance UID; the number may be the gap of a template."""
    return f"{_ROOT}.1{study:06d}" if isinstance(study, int) else f"{_ROOT}.1{_STUDY_GAP}"


def series_uid(study: object) -> str:
    """Series Instance UID."""
    return f"{study_uid(study)}.1"


def sop_uid(study: object, instance: object) -> str:
    """SOP Instance UID."""
    number = f"{instance:06d}" if isinstance(instance, int) else _INSTANCE_GAP
    return f"{series_uid(study)}.1{number}"


def fill(template: bytes, study: int, instance: int = 0) -> bytes:
    """A template whose UIDs were made with None for the numbers, with the numbers."""
    filled = template.replace(_STUDY_GAP.encode(), b"%06d" % study)
    return filled.replace(_INSTANCE_GAP.encode(), b"%06d" % instance)


def data_set_head(holdings: Holdings) -> bytes:
    """A template of everything up to the pixels, in Explicit VR Little Endian."""
    frame_bytes = 2 * _FRAME_ROWS * _FRAME_ROWS
    small = holdings.pixel_bytes < frame_bytes
    rows, columns = (1, holdings.pixel_bytes // 2) if small else (_FRAME_ROWS, _FRAME_ROWS)
    return b"".join(
        (
            _element(0x0008, 0x0016, "UI", wire.uid(holdings.sop_class_uid)),
            _element(0x0008, 0x0018, "UI", wire.uid(sop_uid(None, None))),
            _element(0x0008, 0x0060, "CS", b"CT"),
            _element(0x0010, 0x0010, "PN", b"Bench^Raw "),
            _element(0x0010, 0x0020, "LO", b"B-raw "),
            _element(0x0020, 0x000D, "UI", wire.uid(study_uid(None))),
            _element(0x0020, 0x000E, "UI", wire.uid(series_uid(None))),
            _element(0x0028, 0x0002, "US", b"\1\0"),
            _element(
                0x0028, 0x0008, "IS", wire.text(str(holdings.pixel_bytes // frame_bytes or 1))
            ),
            _element(0x0028, 0x0010, "US", rows.to_bytes(2, "little")),
            _element(0x0028, 0x0011, "US", columns.to_bytes(2, "little")),
            _element(0x0028, 0x0100, "US", b"\x10\0"),
            _element(0x7FE0, 0x0010, "OW", b"", holdings.pixel_bytes),
        )
    )


def _element(group: int, number: int, vr: str, value: bytes, size: int | None = None) -> bytes:
    """One element; `size` instead of the value's own length if the value follows later."""
    length = len(value) if size is None else size
    head = group.to_bytes(2, "little") + number.to_bytes(2, "little") + vr.encode()
    if vr in _VRS_OF_LONG_LENGTH:
        return head + b"\0\0" + length.to_bytes(4, "little") + value
    return head + length.to_bytes(2, "little") + value


def pixel_block() -> bytes:
    """The pixels of every instance are this, over and over, cut where they end."""
    return bytes(range(251)) * (_BLOCK_BYTES // 251 + 1)


def data_set(holdings: Holdings, study: int, instance: int) -> Iterator[bytes]:
    """One whole data set, piece by piece."""
    yield fill(data_set_head(holdings), study, instance)
    block, left = pixel_block(), holdings.pixel_bytes
    while left:
        yield block[:left]
        left -= min(left, len(block))
