"""What failed commands wrote, in files beside the journal.

A command may write names of patients, which the log must not have. The output folder holds them
anyway.
"""

import contextlib
import os
from pathlib import Path

from dicom_retrieve_tui.hooks.process import Outcome
from dicom_retrieve_tui.model.option_values import PRIVATE_UMASK

OUTPUT_FOLDER = Path(".dicom-retrieve") / "commands"


def keep_output(root: Path, name: str, outcome: Outcome, umask: int = PRIVATE_UMASK) -> str:
    """Keep the output of a failed command, in place of that of its last failure.

    Args:
        root: The output folder.
        name: Of the file, without its extension; safe as a name.
        outcome: What the command wrote, and whether it failed.
        umask: Permissions to hold back from the file.

    Returns:
        The path of the file, relative to the output folder; empty if there is none.
    """
    relative = OUTPUT_FOLDER / f"{name}.txt"
    path = root / relative
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
        if not (outcome.reason and outcome.output):
            return ""
        path.parent.mkdir(mode=0o777 & ~umask, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        with os.fdopen(os.open(path, flags, 0o666 & ~umask), "wb") as file:
            if outcome.dropped_bytes:
                file.write(b"[%d bytes before this are not kept]\n" % outcome.dropped_bytes)
            file.write(outcome.output)
        return relative.as_posix()
    return ""


def with_output(outcome: Outcome, path: str) -> str:
    """Return why a command failed and where its output is; empty if it succeeded."""
    return f"{outcome.reason} (output: {path})" if outcome.reason and path else outcome.reason
