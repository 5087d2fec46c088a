"""Opens a folder in the file manager of the desktop."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.tui.snapshot import RowKey


def study_folder(options: RetrieveOptions, key: RowKey) -> Path:
    """Return the folder of a study if the layout makes one, else the output folder."""
    output = options.output.absolute()
    # A row without a study has no UID, but a text.
    own = output / key.study_instance_uid.replace(os.sep, "_")
    return own if os.path.isdir(own) else output  # noqa: PTH112 - never raises


def open_folder(folder: Path, environ: Mapping[str, str] = os.environ) -> str:
    """Open a folder on the desktop; return why that failed, or an empty text."""
    if not os.path.isdir(folder):  # noqa: PTH112 - never raises
        return "The folder does not exist yet"
    if (program := opener(environ)) is None:
        return "No desktop to open a folder"
    # It outlives us, and must not write to our screen.
    process = subprocess.Popen(  # noqa: S603 - the desktop's own program
        [program, str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    threading.Thread(target=process.wait, name="opener", daemon=True).start()
    return ""


def opener(environ: Mapping[str, str]) -> str | None:
    """Return the program that opens folders; None without a desktop, or over SSH."""
    if environ.get("SSH_CONNECTION"):
        return None
    if sys.platform == "win32":
        return shutil.which("explorer")
    if sys.platform == "darwin":
        return shutil.which("open")
    if not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")):
        return None
    return shutil.which("xdg-open", path=environ.get("PATH"))
