"""A FUSE file system that passes everything to a folder, except for calls that are to fail.

    unshare --mount python -m tests.faults.lacking_disk FAULTS FOLDER MOUNTPOINT COMMAND...

mounts FOLDER at MOUNTPOINT for the command alone and returns its exit code. FAULTS are separated by
commas: `link:EPERM` lets every link fail, `write:EIO@3` every write from the third on,
`write:EIO@3-4` the third and the fourth. `mmap:ENODEV` forbids shared mappings, `kind:sshfs` mounts
as `fuse.sshfs`, `mode:0755` shows these permissions for every file, `statfs:0` counts no space.

It speaks the protocol of /dev/fuse itself (linux/fuse.h, 7.31), one request after the other.
"""

# ruff: noqa: PTH101, PTH102, PTH104, PTH106, PTH108, PTH116, PTH208

import ctypes
import errno
import os
import stat
import struct
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

_IN, _OUT, _ATTR = struct.Struct("<IIQQIIIHH"), struct.Struct("<IiQ"), struct.Struct("<6Q10I")
_ENTRY, _ATTR_HEAD = struct.Struct("<4Q2I"), struct.Struct("<QII")
_REQUEST_BYTES = (1 << 20) + 4096
_WRITE_BYTES_MAX = 1 << 17
_POSIX_LOCKS, _FLOCK_LOCKS, _BIG_WRITES, _ATOMIC_TRUNC = 1 << 1, 1 << 10, 1 << 5, 1 << 3
_DIRECT_IO = 1
_ROOT = 1
_SET_MODE, _SET_SIZE, _SET_TIMES = 1, 8, 16 | 32
_GETATTR_FH, _LOCK_IS_FLOCK = 1, 1
_OPEN_FLAGS = ~(os.O_NOFOLLOW | os.O_CREAT | os.O_EXCL)
_NO_ANSWER = frozenset({2, 36, 42})  # FORGET, INTERRUPT, BATCH_FORGET


@dataclass
class Faults:
    """Which calls fail, from which time on."""

    numbers: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)

    @classmethod
    def parse(cls, text: str) -> Self:
        faults = cls()
        for each in filter(None, text.split(",")):
            name, _, rest = each.partition(":")
            number, _, span = rest.partition("@")
            first, _, last = span.partition("-")
            faults.numbers[name] = (number, int(first or 1), int(last or sys.maxsize))
        return faults

    def value(self, name: str, otherwise: str = "") -> str:
        return self.numbers.get(name, (otherwise, 0, 0))[0]

    def check(self, name: str) -> None:
        """Raise the error that this call is to end with."""
        if name not in self.numbers:
            return
        self.calls[name] += 1
        number, first, last = self.numbers[name]
        if first <= self.calls[name] <= last:
            raise OSError(getattr(errno, number), number)


class Disk:
    """The file system; every file is known by a descriptor, so that a rename changes nothing."""

    def __init__(self, folder: str, faults: Faults) -> None:
        self._faults = faults
        self._nodes = {_ROOT: os.open(folder, os.O_PATH)}
        self._ids: dict[tuple[int, int], int] = {}
        self._lookups: Counter[int] = Counter()
        self._next = _ROOT
        self._operations: dict[int, Callable[[int, bytes], bytes]] = {
            1: self._lookup, 3: self._getattr, 4: self._setattr, 9: self._mkdir, 10: self._unlink,
            11: self._rmdir, 12: self._rename, 13: self._link, 14: self._open, 15: self._read,
            16: self._write, 17: self._statfs, 18: self._release, 20: self._fsync,
            25: self._flush, 26: self._init, 27: self._opendir, 28: self._readdir,
            29: self._release, 30: self._fsyncdir, 32: self._setlk, 33: self._setlk,
            35: self._create, 2: self._forget, 36: self._ignore, 42: self._forget_all,
        }  # fmt: skip

    def serve(self, device: int) -> None:
        """Answer requests until the file system is unmounted."""
        while True:
            try:
                request = os.read(device, _REQUEST_BYTES)
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return
                continue  # the request was withdrawn
            _, code, unique, node, *_ = _IN.unpack_from(request)
            number, answer = 0, b""
            try:
                operation = self._operations[code]
                answer = operation(node, request[_IN.size :])
            except KeyError:
                number = errno.ENOSYS
            except OSError as error:
                number = error.errno or errno.EIO
            if code not in _NO_ANSWER:
                head = _OUT.pack(_OUT.size + len(answer), -number, unique)
                os.write(device, head + answer)

    def _path(self, node: int, name: bytes = b"") -> str:
        path = f"/proc/self/fd/{self._nodes[node]}"
        return f"{path}/{os.fsdecode(name)}" if name else path

    def _attributes(self, found: os.stat_result) -> bytes:
        mode = found.st_mode
        if permissions := self._faults.value("mode"):
            mode = stat.S_IFMT(mode) | int(permissions, 8)
        times = [found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns]
        return _ATTR.pack(
            found.st_ino, found.st_size, found.st_blocks, *(t // 10**9 for t in times),
            *(t % 10**9 for t in times), mode, found.st_nlink, found.st_uid, found.st_gid, 0, 4096,
            0,
        )  # fmt: skip

    def _entry(self, node: int, name: bytes) -> bytes:
        fd = os.open(self._path(node, name), os.O_PATH | os.O_NOFOLLOW)
        found = os.fstat(fd)
        key = (found.st_dev, found.st_ino)
        if key in self._ids:
            os.close(fd)
        else:
            self._next += 1
            self._ids[key], self._nodes[self._next] = self._next, fd
        number = self._ids[key]
        self._lookups[number] += 1
        return _ENTRY.pack(number, 0, 0, 0, 0, 0) + self._attributes(found)

    def _forget(self, node: int, body: bytes) -> bytes:
        self._drop(node, struct.unpack_from("<Q", body)[0])
        return b""

    def _forget_all(self, node: int, body: bytes) -> bytes:
        (number,) = struct.unpack_from("<I", body)
        for at in range(number):
            self._drop(*struct.unpack_from("<QQ", body, 8 + 16 * at))
        return b""

    def _drop(self, node: int, lookups: int) -> None:
        self._lookups[node] -= lookups
        if self._lookups[node] <= 0 and node != _ROOT:
            fd = self._nodes.pop(node)
            found = os.fstat(fd)
            del self._ids[found.st_dev, found.st_ino], self._lookups[node]
            os.close(fd)

    def _ignore(self, node: int, body: bytes) -> bytes:
        return b""

    def _init(self, node: int, body: bytes) -> bytes:
        flags = _BIG_WRITES | _ATOMIC_TRUNC
        flags |= _FLOCK_LOCKS if self._faults.value("flock") else 0
        flags |= _POSIX_LOCKS if self._faults.value("lock") else 0
        return struct.pack("<IIIIHHIIHHI28x", 7, 31, 1 << 17, flags, 0, 0, _WRITE_BYTES_MAX, 1, 0,
                           0, 0)  # fmt: skip

    def _lookup(self, node: int, body: bytes) -> bytes:
        self._faults.check("lookup")
        return self._entry(node, body.rstrip(b"\0"))

    def _getattr(self, node: int, body: bytes) -> bytes:
        self._faults.check("getattr")
        flags, _, fd = struct.unpack_from("<IIQ", body)
        found = os.fstat(fd if flags & _GETATTR_FH else self._nodes[node])
        return _ATTR_HEAD.pack(0, 0, 0) + self._attributes(found)

    def _setattr(self, node: int, body: bytes) -> bytes:
        valid, size, mode = *struct.unpack_from("<I12xQ", body), *struct.unpack_from("<I", body, 68)
        path = self._path(node)
        if valid & _SET_MODE:
            self._faults.check("chmod")
            os.chmod(path, mode)
        if valid & _SET_SIZE:
            self._faults.check("truncate")
            os.truncate(path, size)
        if valid & _SET_TIMES:
            os.utime(path)
        return _ATTR_HEAD.pack(0, 0, 0) + self._attributes(os.stat(path))

    def _mkdir(self, node: int, body: bytes) -> bytes:
        self._faults.check("mkdir")
        mode, name = struct.unpack_from("<I", body)[0], body[8:].rstrip(b"\0")
        os.mkdir(self._path(node, name), mode)
        return self._entry(node, name)

    def _unlink(self, node: int, body: bytes) -> bytes:
        self._faults.check("unlink")
        os.unlink(self._path(node, body.rstrip(b"\0")))
        return b""

    def _rmdir(self, node: int, body: bytes) -> bytes:
        os.rmdir(self._path(node, body.rstrip(b"\0")))
        return b""

    def _rename(self, node: int, body: bytes) -> bytes:
        self._faults.check("rename")
        old, new = body[8:].rstrip(b"\0").split(b"\0")
        to = struct.unpack_from("<Q", body)[0]
        os.rename(self._path(node, old), self._path(to, new))
        return b""

    def _link(self, node: int, body: bytes) -> bytes:
        self._faults.check("link")
        (old,), name = struct.unpack_from("<Q", body), body[8:].rstrip(b"\0")
        # With a folder's descriptor, Python follows the link below /proc.
        os.link(self._path(old), self._path(node, name), src_dir_fd=self._nodes[_ROOT])
        return self._entry(node, name)

    def _open(self, node: int, body: bytes) -> bytes:
        self._faults.check("open")
        flags = struct.unpack_from("<I", body)[0] & _OPEN_FLAGS
        return self._opened(os.open(self._path(node), flags))

    def _opened(self, fd: int) -> bytes:
        return struct.pack("<QII", fd, _DIRECT_IO if self._faults.value("mmap") else 0, 0)

    def _create(self, node: int, body: bytes) -> bytes:
        self._faults.check("create")
        (flags, mode), name = struct.unpack_from("<II", body), body[16:].rstrip(b"\0")
        fd = os.open(self._path(node, name), flags | os.O_CREAT, mode)
        return self._entry(node, name) + self._opened(fd)

    def _read(self, node: int, body: bytes) -> bytes:
        self._faults.check("read")
        fd, offset, size = struct.unpack_from("<QQI", body)
        return os.pread(fd, size, offset)

    def _write(self, node: int, body: bytes) -> bytes:
        self._faults.check("write")
        fd, offset, size = struct.unpack_from("<QQI", body)
        return struct.pack("<II", os.pwrite(fd, body[40 : 40 + size], offset), 0)

    def _statfs(self, node: int, body: bytes) -> bytes:
        found = os.statvfs(self._path(node))
        blocks = (found.f_blocks, found.f_bfree, found.f_bavail)
        if self._faults.value("statfs") == "0":
            blocks = (0, 0, 0)
        sizes = (found.f_bsize, found.f_namemax, found.f_frsize)
        return struct.pack("<5Q4I24x", *blocks, found.f_files, found.f_ffree, *sizes, 0)

    def _flush(self, node: int, body: bytes) -> bytes:
        self._faults.check("close")
        return b""

    def _release(self, node: int, body: bytes) -> bytes:
        os.close(struct.unpack_from("<Q", body)[0])
        return b""

    def _fsync(self, node: int, body: bytes) -> bytes:
        self._faults.check("fsync")
        return b""

    def _fsyncdir(self, node: int, body: bytes) -> bytes:
        self._faults.check("fsyncdir")
        return b""

    def _setlk(self, node: int, body: bytes) -> bytes:
        flags = struct.unpack_from("<I", body, 40)[0]
        self._faults.check("flock" if flags & _LOCK_IS_FLOCK else "lock")
        return b""

    def _opendir(self, node: int, body: bytes) -> bytes:
        return struct.pack("<QII", os.open(self._path(node), os.O_RDONLY), 0, 0)

    def _readdir(self, node: int, body: bytes) -> bytes:
        fd, offset, size = struct.unpack_from("<QQI", body)
        answer = b""
        for number, name in list(enumerate(sorted(os.listdir(fd)), 1))[offset:]:
            encoded = os.fsencode(name)
            entry = struct.pack("<QQII", number, number, len(encoded), 0) + encoded
            entry += bytes(-len(entry) % 8)
            if len(answer) + len(entry) > size:
                break
            answer += entry
        return answer


def main(faults_text: str, folder: str, mountpoint: str, *command: str) -> int:
    """Mount, run the command, and return its exit code."""
    faults = Faults.parse(faults_text)
    device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    subtype = faults.value("kind", "lacking")
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions"
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = (b"server:/share", os.fsencode(mountpoint), f"fuse.{subtype}".encode(), 0)
    if libc.mount(*arguments, options.encode()):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), mountpoint)
    serving = threading.Thread(target=Disk(folder, faults).serve, args=(device,), daemon=True)
    serving.start()
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    # At once: a thread that still reads the device would delay the end.
    os._exit(main(*sys.argv[1:]))
