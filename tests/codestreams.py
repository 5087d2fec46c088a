"""The first bytes of compressed pixel data of each kind, written by hand."""

import struct


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def jpeg(frame: int, parameter: int, *, comment: bytes = b"") -> bytes:
    """A JPEG or JPEG-LS codestream with a marker for its kind, one component, and a scan."""
    frame_header = struct.pack(">BHHB3B", 8, 16, 16, 1, 1, 0x11, 0)
    scan = bytes([1, 1, 0, parameter, 63, 0])
    return b"".join(
        [
            b"\xff\xd8",
            _segment(0xFE, comment),
            _segment(frame, frame_header),
            _segment(0xDA, scan),
            b"entropy coded bytes",
            b"\xff\xd9",
        ]
    )


def jpeg_2000(*, reversible: bool, high_throughput: bool = False) -> bytes:
    """A JPEG 2000 codestream up to its coding style."""
    size = struct.pack(">HLLLLLLLLH3B", 0x4000 if high_throughput else 0, 16, 16, 0, 0, 16, 16, 0,
                       0, 1, 7, 1, 1)  # fmt: skip
    capability = _segment(0x50, struct.pack(">LH", 1 << 17, 0)) if high_throughput else b""
    style = bytes([0, 0, 0, 1, 0, 5, 4, 4, 0x40 if high_throughput else 0, int(reversible)])
    return b"\xff\x4f" + _segment(0x51, size) + capability + _segment(0x52, style) + b"\xff\x90"


def rle(segments: int = 1) -> bytes:
    """An RLE frame with some empty segments."""
    offsets = [64 + 2 * number for number in range(segments)]
    return struct.pack("<16L", segments, *offsets, *[0] * (15 - segments)) + b"\x80\0" * segments


KINDS = {
    "jpeg-baseline": (jpeg(0xC0, 0), "1.2.840.10008.1.2.4.50"),
    "jpeg-extended": (jpeg(0xC1, 0), "1.2.840.10008.1.2.4.51"),
    "jpeg-progressive": (jpeg(0xC2, 0), "1.2.840.10008.1.2.4.55"),
    "jpeg-lossless": (jpeg(0xC3, 6), "1.2.840.10008.1.2.4.57"),
    "jpeg-lossless-first-order": (jpeg(0xC3, 1), "1.2.840.10008.1.2.4.70"),
    "jpeg-comment": (jpeg(0xC3, 1, comment=b"\xff\xc0" * 2000), "1.2.840.10008.1.2.4.70"),
    "jpeg-ls-lossless": (jpeg(0xF7, 0), "1.2.840.10008.1.2.4.80"),
    "jpeg-ls-near": (jpeg(0xF7, 3), "1.2.840.10008.1.2.4.81"),
    "jpeg-2000-reversible": (jpeg_2000(reversible=True), "1.2.840.10008.1.2.4.90"),
    "jpeg-2000-irreversible": (jpeg_2000(reversible=False), "1.2.840.10008.1.2.4.91"),
    "htj2k-reversible": (
        jpeg_2000(reversible=True, high_throughput=True), "1.2.840.10008.1.2.4.201",
    ),
    "htj2k-irreversible": (
        jpeg_2000(reversible=False, high_throughput=True), "1.2.840.10008.1.2.4.203",
    ),
    "jp2": (
        b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(60) + jpeg_2000(reversible=True),
        "1.2.840.10008.1.2.4.90",
    ),
    "jpeg-xl": (b"\xff\x0a" + b"codestream", "1.2.840.10008.1.2.4.112"),
    "jpeg-xl-boxed": (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(20), "1.2.840.10008.1.2.4.112"),
    "rle": (rle(), "1.2.840.10008.1.2.5"),
    "rle-three": (rle(3), "1.2.840.10008.1.2.5"),
    "mpeg2-main": (b"\0\0\1\xb3\x2d\x02\x40" + bytes(20), "1.2.840.10008.1.2.4.100"),
    "mpeg2-high": (b"\0\0\1\xb3\x78\x04\x38" + bytes(20), "1.2.840.10008.1.2.4.101"),
    "h264": (b"\0\0\0\1\x67\x64\0\x29" + bytes(20), "1.2.840.10008.1.2.4.102"),
    "hevc": (b"\0\0\0\1\x40\1\x0c" + bytes(20), "1.2.840.10008.1.2.4.107"),
}  # fmt: skip
"""By kind: the codestream, and the transfer syntax that it is of."""

UNKNOWN = (
    b"",
    b"no codestream at all",
    bytes(500),
    b"\xff\xd8\xff\xd9",
    b"\xff\xd8" + _segment(0xDA, b"\1\1\0\0\0\0"),
    b"\xff\x4f\xff\x51",
    struct.pack("<16L", 16, *range(64, 79)),
    struct.pack("<16L", 2, 64, 64, *[0] * 13),
    b"\0\0\0\1\x61" + bytes(20),
)
"""What no syntax is named for."""
