"""Find out whether every worker sees the output folder of the client."""

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError, reason_of
from dicom_retrieve_tui.storage.permissions import Permissions
from dicom_retrieve_tui.storage.writers import PRIVATE_FOLDER

Sees = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class SharedProbe:
    """A file in the output folder with a nonce, while a run lasts."""

    path: str
    nonce: str

    def refuse_unseen(self) -> None:
        """Refuse a worker that does not see the file; called there.

        Raises:
            ConfigError: The file is not there, or another one is.
        """
        if not sees(self.path, self.nonce):
            output = Path(self.path).parent.parent
            raise ConfigError(f"it does not see --output {output}.")


@contextmanager
def shared_probe(
    output: Path,
    permissions: Permissions,
    ask: Callable[[Sees, str, str], dict[str, object]],
    name_of: Callable[[str], str],
) -> Iterator[SharedProbe]:
    """Write a file with a nonce to the folder, and have every worker look for it.

    Args:
        output: The output folder, as an absolute path.
        permissions: Of the folder and the file.
        ask: Calls a function on every worker; returns its results, by address.
        name_of: Names a worker.

    Raises:
        ConfigError: A worker does not see it, or it cannot be written.
    """
    created = not os.path.exists(output)  # noqa: PTH110 - never raises
    path = output / PRIVATE_FOLDER / f"probe-{secrets.token_hex(8)}"
    probe = SharedProbe(str(path), secrets.token_hex(16))
    try:
        _write(path, probe.nonce, permissions)
        _judge(output, ask(sees, probe.path, probe.nonce), name_of)
        yield probe
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        with contextlib.suppress(OSError):  # what the run has left in them keeps them
            path.parent.rmdir()
            if created:
                output.rmdir()


def sees(path: str, nonce: str) -> bool:
    """Return True if the file is here and holds the nonce; called on a worker."""
    try:
        return Path(path).read_text("ascii") == nonce
    except (OSError, UnicodeDecodeError):
        return False


def _write(path: Path, nonce: str, permissions: Permissions) -> None:
    try:
        permissions.make_folder(path.parent)
        with os.fdopen(permissions.create(path, os.O_WRONLY), "w") as file:
            file.write(nonce)
    except OSError as error:
        output = path.parent.parent
        raise ConfigError(f"--output {output}: cannot write there: {reason_of(error)}.") from error


def _judge(output: Path, answers: dict[str, object], name_of: Callable[[str], str]) -> None:
    blind = [name_of(address) for address, answer in answers.items() if answer is not True]
    if blind:
        others = f" (and {len(blind) - 1} more)" if len(blind) > 1 else ""
        raise ConfigError(
            f"--output {output}: the worker {blind[0]}{others} does not see this folder. Choose "
            "one on a file system that all share, or let each worker write to a folder of its own "
            "by --own-folders."
        )
