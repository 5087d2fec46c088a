"""Records the state of a run in `run.json` beside its journal, for `status` in another process.

A thread writes the file every other second and each time at once: a reader sees a whole file, and
the run never waits for it. The file is not synced, because only a living run needs it.
"""

import contextlib
import json
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from dicom_retrieve_tui.model.events import Event
from dicom_retrieve_tui.model.run_state import (
    RunIdentity,
    RunState,
    RunTracker,
    run_of,
    run_record,
)
from dicom_retrieve_tui.model.writer import Writer
from dicom_retrieve_tui.storage.lock import boot_id, host_name
from dicom_retrieve_tui.storage.permissions import PRIVATE, Permissions
from dicom_retrieve_tui.storage.writers import JOURNAL, writer_folder

RUN_STATE = "run.json"
EVERY_S = 2.0
_READ_MAX_BYTES = 1 << 22
"""Far more than a run with many associations writes."""


class RunRecorder:
    """Follows the events of one run and records its state. `see` and `close` are for one thread."""

    def __init__(
        self,
        root: Path,
        *,
        peer: str,
        method: str,
        permissions: Permissions = PRIVATE,
        writer: Writer | None = None,
        listed: str = "",
        every_s: float = EVERY_S,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Prepare for a run that holds the lock of the output folder when `begin` is called.

        Args:
            root: The output folder.
            peer: The PACS.
            method: How the run retrieves.
            permissions: Of the file.
            writer: The named writer that the run is; None for a plain run.
            listed: The fingerprint of the list of which the run has a share.
            every_s: Seconds from one writing to the next.
            now: The time of day, with its zone.
        """
        self._path = writer_folder(root, writer) / RUN_STATE
        self._journal = writer_folder(root, writer) / JOURNAL
        self._stays = writer is not None
        self._permissions = permissions
        self._every_s = every_s
        self._now = now
        self._identity = RunIdentity(
            process=os.getpid(),
            host=host_name(),
            boot=boot_id(),
            peer=peer,
            method=method,
            started=now(),
            listed=listed,
        )
        self._tracker = RunTracker(self._identity)
        self._lock = threading.Lock()
        self._settled = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Write the first state and start the thread, once the folder is locked."""
        self._write()
        self._thread = threading.Thread(target=self._keep_writing, name="run-state")
        self._thread.start()

    def see(self, event: Event) -> None:
        """Take an event of the run into account."""
        with self._lock:
            self._tracker.apply(event)

    def settle(self) -> None:
        """End the thread and record the end, while the folder is still locked.

        Without a journal, the file is removed: nothing was retrieved into the folder. That of a
        named writer stays, and tells that it ran.
        """
        self._settled.set()
        if self._thread is not None:
            self._thread.join()
        if self._stays or os.path.exists(self._journal):  # noqa: PTH110 - never raises
            self._write(finished=True)
        else:
            with contextlib.suppress(OSError):
                self._path.unlink()

    def close(self) -> None:
        """Record the last events of the run, unless another run has begun since."""
        self._settled.set()
        last = read_run_state(self._path)
        if last is not None and last.identity == self._identity:
            self._write(finished=True)

    def _keep_writing(self) -> None:
        while not self._settled.wait(self._every_s):
            self._write()

    def _write(self, *, finished: bool = False) -> None:
        """Replace the file; a disk that refuses must not end a retrieval."""
        with self._lock:
            state = self._tracker.state(self._now(), finished=finished)
        text = json.dumps(run_record(state))
        temporary = self._path.with_name(f".{RUN_STATE}.{self._identity.process}")
        try:
            fd = self._permissions.open(temporary, os.O_WRONLY | os.O_TRUNC)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.write(text)
            temporary.replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            self._overwrite(text)

    def _overwrite(self, text: str) -> None:
        """Write into the file that is there: a full disk has no room for another one.

        A reader in that moment finds no state.
        """
        with contextlib.suppress(OSError), self._path.open("r+", encoding="utf-8") as file:
            file.write(text)
            file.truncate()


def read_run_state(path: Path) -> RunState | None:
    """Return the state that a run recorded; None if there is none that can be read."""
    try:
        with path.open(encoding="utf-8") as file:
            return run_of(json.loads(file.read(_READ_MAX_BYTES)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
