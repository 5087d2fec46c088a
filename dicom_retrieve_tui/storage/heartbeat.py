"""A claim on a folder where the file system has no locks, or where other hosts may not see them.

A file that can be created only once names the host and the process; a thread renews it every few
seconds. Who finds it can judge it: on the same machine by the process, from elsewhere by the time
since it was renewed, measured by the clock of the file system. An abandoned claim is taken over.

Unlike a lock, this has gaps: a run that was stopped for longer than `STALE_S` and goes on finds out
only when it next renews its claim.
"""

import contextlib
import json
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import time
from typing import Self

from dicom_retrieve_tui.errors import ConfigError, FolderInUse
from dicom_retrieve_tui.platform_files import rename_exclusively, shown
from dicom_retrieve_tui.storage.permissions import PRIVATE, Permissions

HEARTBEAT = "heartbeat"
"""The file's name in the private folder."""
BEAT_S = 10.0
STALE_S = 60.0
"""Time without a heartbeat after which a claim from another machine is abandoned."""
Busy = Callable[[str], ConfigError]
"""Makes the error for what another run has, from a noun phrase for its process."""
_TRIES_MAX = 100
_CONTENT_BYTES_MAX = 4096
_PROCESSES = Path("/proc")
_ENDED = frozenset("ZX")
"""States of a process that has ended, and whose parent has not taken note."""
_START_FIELD = 19
"""Place of the start time after the name of the process. Source: proc(5), `stat`, field 22."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The process that holds a claim."""

    host: str
    boot: str
    """Boot of the machine and namespace of its processes: a number means a process only there."""
    process: int
    started: str
    """Start time of the process: numbers are used again."""
    nonce: str
    """Random, so that two claims of one process differ."""

    def __str__(self) -> str:
        """Return a noun phrase for messages."""
        return f"process {self.process} on host {self.host}"

    @property
    def is_here(self) -> bool:
        """True if its process can be looked up on this machine."""
        ours = us()
        return (self.host, self.boot) == (ours.host, ours.boot) and bool(self.boot)

    @property
    def runs(self) -> bool:
        """True if its process, which is of this machine, still runs."""
        if self.process == os.getpid():
            return self.started == _start_of(self.process)
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return False
        except OSError:
            pass  # of another user
        return self.started == _start_of(self.process)


def us() -> Owner:
    """Return this process as the owner of a new claim."""
    process = os.getpid()
    return Owner(
        host=socket.gethostname() or "unknown",
        boot=_boot(),
        process=process,
        started=_start_of(process),
        nonce=os.urandom(8).hex(),
    )


def _boot() -> str:
    """Return what identifies the boot and the process namespace; empty if the system has none."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except (OSError, ValueError):  # only Linux has the files
        return ""


def _start_of(process: int) -> str:
    try:
        text = (_PROCESSES / str(process) / "stat").read_text("ascii", "replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] in _ENDED else fields[_START_FIELD]


class Heartbeat:
    """A claim, renewed from `claim` to `release`."""

    def __init__(self, path: Path, owner: Owner, beat_s: float) -> None:
        self._path = path
        self._owner = owner
        self._beat_s = beat_s
        self._ended = threading.Event()
        self.lost_to = ""
        """Who took the claim over while this process was stopped; empty if it is ours."""
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    @classmethod
    def claim(
        cls,
        path: Path,
        permissions: Permissions = PRIVATE,
        beat_s: float = BEAT_S,
        *,
        busy: Busy | None = None,
        from_frozen: bool = False,
    ) -> Self:
        """Claim the folder of `path`, or take over an abandoned claim.

        Args:
            path: The file of the claim.
            permissions: Of the file.
            beat_s: Seconds from one renewal to the next.
            busy: Returns the error for the process that holds it.
            from_frozen: Also take a claim that was not renewed for `STALE_S` over from a process
                of this machine that still exists: it is stopped, or blocked.

        Raises:
            ConfigError: Another run holds it; the message names the process.
            OSError: The file cannot be created.
        """
        owner, busy = us(), busy or busy_folder(path.parent.parent)
        content = json.dumps(asdict(owner)).encode()
        for _ in range(_TRIES_MAX):
            try:
                fd = permissions.create(path, os.O_WRONLY)
            except FileExistsError:
                _remove_abandoned(path, permissions, busy, from_frozen=from_frozen)
                continue
            try:
                os.write(fd, content)
            finally:
                os.close(fd)
            return cls(path, owner, beat_s)
        raise _in_use(busy, None)

    def release(self) -> None:
        """Remove the claim, if it is still ours."""
        self._ended.set()
        self._thread.join()
        with contextlib.suppress(OSError):
            if _read(self._path) == self._owner:
                self._path.unlink()

    def _beat(self) -> None:
        while not self._ended.wait(self._beat_s) and not self.lost_to:
            with contextlib.suppress(OSError):  # the share is away; the next beat may succeed
                self._renew()

    def _renew(self) -> None:
        """Write the claim again, which sets its time by the clock of the file system."""
        try:
            found = _read(self._path)
        except FileNotFoundError:
            self.lost_to = "another run, which has ended,"
            return
        if found != self._owner:
            self.lost_to = str(found) if found else "another run"
            return
        fd = os.open(self._path, os.O_WRONLY)
        try:
            os.write(fd, json.dumps(asdict(self._owner)).encode())
        finally:
            os.close(fd)


def is_claimed(path: Path) -> bool:
    """Return True if a run holds the claim at `path`, by this machine's clock. Never raises."""
    try:
        owner, renewed_s = _read(path), path.stat().st_mtime
    except OSError:
        return False
    if owner is not None and owner.is_here:
        return owner.runs
    return abs(time() - renewed_s) < 2 * STALE_S


def owner_of(path: Path) -> str:
    """Return who holds the claim at `path`, for messages. Never raises."""
    try:
        owner = _read(path)
    except OSError:
        owner = None
    return str(owner) if owner else "another process"


def _remove_abandoned(
    path: Path, permissions: Permissions, busy: Busy, *, from_frozen: bool
) -> None:
    """Remove a claim that was abandoned.

    Raises:
        ConfigError: It was not.
    """
    try:
        owner = _read(path)
        if _is_alive(path, owner, permissions, from_frozen=from_frozen):
            raise _in_use(busy, owner)
        # Renamed first: of two runs that judge it, one does so, and sees what it has renamed.
        aside = path.with_name(f"{path.name}.{os.urandom(4).hex()}")
        path.rename(aside)
    except FileNotFoundError:
        return  # released meanwhile
    try:
        if (renamed := _read(aside)) != owner:
            if not rename_exclusively(str(aside), str(path)) and not path.exists():
                aside.rename(path)
            raise _in_use(busy, renamed)
    finally:
        with contextlib.suppress(OSError):
            aside.unlink()


def _is_alive(
    path: Path, owner: Owner | None, permissions: Permissions, *, from_frozen: bool
) -> bool:
    if owner is not None and owner.is_here and not (from_frozen and owner.runs):
        return owner.runs
    # Both times come from the file system, so that the clocks of the hosts do not matter.
    other = path.with_name(f"{path.name}.{os.urandom(4).hex()}")
    fd = permissions.create(other, os.O_WRONLY)
    try:
        try:
            os.write(fd, b"now")
        finally:
            os.close(fd)
        now_s = other.stat().st_mtime
    finally:
        with contextlib.suppress(OSError):
            other.unlink()
    return now_s - path.stat().st_mtime < STALE_S


def _read(path: Path) -> Owner | None:
    """Return the owner of a claim; None if it is not written yet, or damaged.

    Opened again each time: NFS then asks its server and not its cache.

    Raises:
        OSError: The file cannot be read.
    """
    fd = os.open(path, os.O_RDONLY)
    try:
        content = os.read(fd, _CONTENT_BYTES_MAX)
    finally:
        os.close(fd)
    try:
        values = json.loads(content)
        return Owner(**values)
    except (ValueError, TypeError):
        return None


def _in_use(busy: Busy, owner: Owner | None) -> ConfigError:
    error = busy(str(owner) if owner else "another process")
    return FolderInUse(f"{error} If it was killed on another host, wait {STALE_S:.0f} s.")


def busy_folder(root: Path, what: str = "into this folder", rest: str = "") -> Busy:
    """Return what makes the error for an output folder that another run has.

    Args:
        root: The output folder.
        what: What the other run retrieves.
        rest: A further sentence.
    """

    def busy(holder: str) -> ConfigError:
        return FolderInUse(
            f"--output {shown(root)}: {holder} is retrieving {what}. Wait for it to end, or choose "
            f"another folder.{rest}"
        )

    return busy
