"""Claims on single studies: a study that two writers have is retrieved by one of them at a time.

A claim is a file in the private folder of the output folder, with host, process and heartbeat: see
`heartbeat`. That of a process that is gone is taken over.
"""

import contextlib
import threading
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.storage.heartbeat import Heartbeat
from dicom_retrieve_tui.storage.permissions import PRIVATE, Permissions
from dicom_retrieve_tui.storage.writers import PRIVATE_FOLDER

_CLAIMS = "claims"


class _Held(ConfigError):
    """Another process has the claim."""


class StudyClaims:
    """The claims of one writer. Thread-safe."""

    def __init__(self, root: Path, permissions: Permissions = PRIVATE) -> None:
        """Claim nothing yet.

        Args:
            root: The output folder.
            permissions: Of the files.
        """
        self._folder = root / PRIVATE_FOLDER / _CLAIMS
        self._permissions = permissions
        self._claims: dict[str, Heartbeat] = {}
        self._lock = threading.Lock()

    def take(self, study_instance_uid: str) -> str:
        """Claim a study, unless it is ours already.

        Returns:
            The process that has it, for messages; empty once it is ours.

        Raises:
            OSError: The file cannot be created.
        """
        from hashlib import sha256  # noqa: PLC0415 - it loads OpenSSL; few runs have claims

        with self._lock:
            if study_instance_uid in self._claims:
                return ""
            name = sha256(study_instance_uid.encode()).hexdigest()[:32]
            holder = ""

            def busy(process: str) -> ConfigError:
                nonlocal holder
                holder = process
                return _Held(process)

            while True:
                self._permissions.make_folder(self._folder)
                try:
                    # A worker that is stopped or blocked would keep its studies for ever. If it
                    # goes on, its record of them is older than ours: see `study_rows`.
                    claim = Heartbeat.claim(
                        self._folder / name, self._permissions, busy=busy, from_frozen=True
                    )
                except FileNotFoundError:
                    continue  # another writer removed the folder, which was empty
                except ConfigError:
                    return holder
                self._claims[study_instance_uid] = claim
                return ""

    def release(self, study_instance_uid: str) -> None:
        """Give a study back, after all of it is recorded."""
        with self._lock:
            claim = self._claims.pop(study_instance_uid, None)
        if claim is not None:
            claim.release()

    def close(self) -> None:
        """Give every study back."""
        for uid in tuple(self._claims):
            self.release(uid)
        with contextlib.suppress(OSError):
            self._folder.rmdir()
