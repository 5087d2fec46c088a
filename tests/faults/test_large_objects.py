"""One multi-frame object of more than 2 GiB: memory as for a small one, and every byte."""

import struct
import sys
from pathlib import Path

from tests.faults.catalogue import fault
from tests.faults.processes import c_get, retrieve
from tests.interop.command import CommandResult
from tests.peers import wire
from tests.peers.raw_pacs import Conversation, Instance, RawPacs, Request

_MULTI_FRAME = Instance("1.2.3", "1.2.3.1", "1.2.3.1.1")
_BLOCK_BYTES = 1 << 16
_BLOCK = bytes(range(256)) * (_BLOCK_BYTES >> 8)
_SMALL_BLOCKS = 16
_LARGE_BLOCKS = 36_000  # 2.2 GiB, beyond what fits into 31 bits
_GROWTH_KIB_MAX = 100 << 10
_SLOW_DISK_S = 120.0

_MEASURED = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print("peak KiB", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""
"""Between us and the command: a child's peak begins with what its parent had in use."""


class _Streams(RawPacs):
    """Sends one instance whose pixels are the same block over and over."""

    def __init__(self, blocks: int) -> None:
        super().__init__([_MULTI_FRAME])
        self.blocks = blocks
        self.header = _MULTI_FRAME.data + struct.pack("<HHL", 0x7FE0, 0x0010, blocks * _BLOCK_BYTES)

    def on_get(self, conversation: Conversation, request: Request) -> None:
        context_id, command = conversation.store_request(_MULTI_FRAME)
        conversation.send(wire.message(context_id, command))
        conversation.send(wire.p_data(context_id, 0, self.header))
        piece = wire.p_data(context_id, 0, _BLOCK)
        for _ in range(self.blocks - 1):
            conversation.send(piece)
        conversation.send(wire.p_data(context_id, 2, _BLOCK))
        status = conversation.read().number(0x0900)
        self.finish(conversation, request, completed=1, failed=status)


def _retrieved(output: Path, blocks: int) -> tuple[CommandResult, int]:
    """The result and the peak of its memory in KiB; the file is proven, and gone."""
    wrapper = [sys.executable, "-c", _MEASURED]
    with _Streams(blocks) as pacs:
        result = retrieve(*c_get(pacs, output), wrapper=wrapper, timeout_s=_SLOW_DISK_S)
    assert result.exit_code == 0, result.stderr
    path = output / "1.2.3.1.1.dcm"
    try:
        with path.open("rb") as file:
            beginning = file.read(path.stat().st_size - blocks * _BLOCK_BYTES)
            assert beginning.startswith(bytes(128) + b"DICM")
            assert beginning.endswith(pacs.header)
            assert len(beginning) < len(pacs.header) + 1000
            assert all(file.read(_BLOCK_BYTES) == _BLOCK for _ in range(blocks))
    finally:
        path.unlink()
    return result, int(result.stderr.split()[-1])


@fault(34, user_reads="1 instance, 2.36 GB, in ")
def test_an_object_beyond_two_gib_takes_no_more_memory_than_a_small_one(tmp_path: Path) -> str:
    _, small_kib = _retrieved(tmp_path / "small", _SMALL_BLOCKS)

    result, large_kib = _retrieved(tmp_path / "large", _LARGE_BLOCKS)

    assert large_kib - small_kib < _GROWTH_KIB_MAX
    return result.stdout
