"""The part file of an instance that is being received, in `.dicom-retrieve/parts/`.

Bytes are written as received, after file meta of our own; nothing is decoded. The name is a number,
so no text from a peer gets into a path here.
"""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import replace
from zlib import crc32

from dicom_retrieve_tui.dataset.walk_result import MalformedDataSet, WalkResult
from dicom_retrieve_tui.dataset.walker import WINDOW_BYTES, walk
from dicom_retrieve_tui.errors import InstanceUnfit
from dicom_retrieve_tui.model.dimse import StoreRequest
from dicom_retrieve_tui.model.sanitize import quoted
from dicom_retrieve_tui.model.status import CANNOT_UNDERSTAND, OUT_OF_RESOURCES
from dicom_retrieve_tui.platform_files import patiently, read_at, write_pieces
from dicom_retrieve_tui.storage.disk_errors import disk_failed
from dicom_retrieve_tui.storage.file_check import checksum_of, checksum_text
from dicom_retrieve_tui.storage.file_meta import file_header
from dicom_retrieve_tui.storage.free_space import FreeSpace
from dicom_retrieve_tui.storage.permissions import Permissions
from dicom_retrieve_tui.storage.transient import Retrying, is_transient

PART_SUFFIX = ".part"
"""Ends the name of a part file, after its number."""
_COPY_BYTES = 1 << 20
_RETRYING = Retrying()
_NEW_FILE = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)


class PartFile:
    """The file of one instance that is being received."""

    def __init__(
        self,
        path: str,
        request: StoreRequest,
        permissions: Permissions,
        free_space: FreeSpace,
        retrying: Retrying = _RETRYING,
    ) -> None:
        """Create the part file.

        Args:
            path: A text, because making a `Path` for each instance takes time.
            retrying: Repeats calls that fail for a moment.

        Raises:
            DiskFailed: The file cannot be created.
        """
        self.path = path
        self.request = request
        self.transfer_syntax_uid = request.transfer_syntax_uid
        """As negotiated; after `check`, the syntax in which the data set can be read."""
        self._permissions = permissions
        self._free_space = free_space
        self._retrying = retrying
        self._header = file_header(request)
        self._head = b""
        self._data_set_bytes = 0
        self._crc = crc32(self._header)
        self._repeated = False
        """True if a write had to be repeated."""
        self.moved = False
        """True once the file has another name, and there is nothing to discard."""
        try:
            self._fd = retrying(lambda: permissions.create(path, _NEW_FILE))
        except OSError as error:
            raise disk_failed(error, path, "create a file") from error

    @property
    def size_bytes(self) -> int:
        """Size of the whole file."""
        return len(self._header) + self._data_set_bytes

    @property
    def is_empty(self) -> bool:
        """True if nothing was received."""
        return not self._data_set_bytes

    @property
    def checksum(self) -> str:
        """Checksum of the whole file, computed from what was received, not from the disk."""
        return checksum_text(self._crc)

    def write(self, pieces: Sequence[memoryview]) -> None:
        """Append to the data set.

        Raises:
            DiskFailed: The disk cannot be written, or has no space beyond what stays free.
        """
        size_bytes = sum(map(len, pieces))
        self._free_space.require(size_bytes)
        try:
            if self._data_set_bytes:
                self._write_patiently(pieces, size_bytes, self.size_bytes)
            else:
                self._head = _first_bytes(pieces)
                whole_bytes = len(self._header) + size_bytes
                self._write_patiently([self._header, *pieces], whole_bytes, 0)
        except OSError as error:
            raise disk_failed(error, self.path, "write a file") from error
        self._data_set_bytes += size_bytes
        crc = self._crc
        for piece in pieces:  # crc32 lets other threads run, unless a piece is tiny
            crc = crc32(piece, crc)
        self._crc = crc

    def _write_patiently(
        self, pieces: Sequence[bytes | memoryview], size_bytes: int, offset: int
    ) -> None:
        """Write at an offset, the end of the file; again from there if that fails for a moment."""
        try:
            self._write_all(pieces, size_bytes)
        except OSError as error:
            if not is_transient(error):
                raise
            self._retrying(lambda: self._write_again_at(offset, pieces, size_bytes))
            self._repeated = True

    def _write_again_at(
        self, offset: int, pieces: Sequence[bytes | memoryview], size_bytes: int
    ) -> None:
        os.lseek(self._fd, offset, os.SEEK_SET)
        self._write_all(pieces, size_bytes)

    def _write_all(self, pieces: Sequence[bytes | memoryview], size_bytes: int) -> None:
        written = write_pieces(self._fd, pieces)
        if written < size_bytes:  # a nearly full disk writes a part before it fails
            left = memoryview(b"".join(pieces))[written:]
            while left:
                left = left[os.write(self._fd, left) :]

    def check(self, wanted: frozenset[int]) -> WalkResult:
        """Walk the data set to its exact end; return the raw values of the `wanted` elements.

        If it can be read only in another transfer syntax than that of its presentation context,
        the file is written again with that syntax in its file meta.

        Raises:
            InstanceUnfit: The data set is cut short or damaged.
            DiskFailed: The file cannot be read back.
        """
        start, head = len(self._header), self._head

        def read(offset: int, length: int) -> bytes:
            if offset + length <= len(head):  # enough for most instances
                return head[offset : offset + length]
            return self._retrying(lambda: read_at(self._fd, length, start + offset))

        syntax = self.request.transfer_syntax_uid
        try:
            if self._repeated and checksum_of(self.path) != self.checksum:
                raise InstanceUnfit(
                    f"Instance {quoted(self.request.sop_instance_uid)} was not written whole: the "
                    "disk failed for a moment.",
                    status=OUT_OF_RESOURCES,
                )
            walked = walk(read, self._data_set_bytes, syntax, wanted)
            if walked.transfer_syntax_uid != syntax or walked.start:
                self._write_again(walked)
        except MalformedDataSet as error:
            raise InstanceUnfit(
                f"Instance {quoted(self.request.sop_instance_uid)} is damaged: {error}.",
                status=CANNOT_UNDERSTAND,
            ) from error
        except OSError as error:
            raise disk_failed(error, self.path, "read a file back") from error
        return walked

    def _write_again(self, walked: WalkResult) -> None:
        """Write the data set again, after file meta that matches it.

        Raises:
            OSError: The disk cannot be written.
        """
        request = replace(self.request, transfer_syntax_uid=walked.transfer_syntax_uid)
        header, start = file_header(request), len(self._header) + walked.start
        end = self.size_bytes
        path = f"{self.path}.again"
        self._free_space.require(len(header) + end - start)
        fd = self._permissions.create(path, _NEW_FILE)
        try:
            with os.fdopen(os.dup(fd), "wb") as file:
                crc = crc32(header)
                file.write(header)
                for at in range(start, end, _COPY_BYTES):
                    piece = read_at(self._fd, min(_COPY_BYTES, end - at), at)
                    file.write(piece)
                    crc = crc32(piece, crc)
        except BaseException:
            os.close(fd)
            with contextlib.suppress(OSError):
                os.unlink(path)  # noqa: PTH108 - a text
            raise
        # Windows renames no open file, so that the part gets another name instead.
        replaced, self.path = self.path, path
        os.close(self._fd)
        self._fd, self._header, self._crc = fd, header, crc
        self._data_set_bytes = end - start
        self.transfer_syntax_uid = walked.transfer_syntax_uid
        with contextlib.suppress(OSError):
            os.unlink(replaced)  # noqa: PTH108 - a text

    def close(self) -> None:
        """Close the file; do not remove it."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def discard(self) -> None:
        """Remove the file, unless it has got its final name. Never raises."""
        if self.moved:
            return
        with contextlib.suppress(OSError):
            self.close()
        with contextlib.suppress(OSError):
            patiently(lambda: os.unlink(self.path))  # noqa: PTH108 - a text


def _first_bytes(pieces: Sequence[memoryview]) -> bytes:
    """Return the first bytes of the data set, enough to walk most instances."""
    first = b""
    for piece in pieces:
        first += piece[: WINDOW_BYTES - len(first)]
        if len(first) == WINDOW_BYTES:
            break
    return first
