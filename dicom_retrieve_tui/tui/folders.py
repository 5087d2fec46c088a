"""Shows a folder in whatever the user's desktop has for it."""

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
    """Where a study's files are: in a folder of their own, if the layout makes one."""
    output = options.output.absolute()
    own = output / key.study_instance_uid
    return own if own.is_dir() else output


def open_folder(folder: Path, environ: Mapping[str, str] = os.environ) -> str:
    """Ask the desktop to show it; returns why that cannot be, else an empty text."""
    if not folder.is_dir():
        return "The folder is not there yet"
    if (program := opener(environ)) is None:
        return "There is no desktop here to open a folder"
    # It outlives us, and says nothing on our screen.
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
    """The program that shows folders; None where there is none, or nobody before its screen."""
    if environ.get("SSH_CONNECTION"):
        return None
    if sys.platform == "win32":
        return shutil.which("explorer")
    if sys.platform == "darwin":
        return shutil.which("open")
    if not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")):
        return None
    return shutil.which("xdg-open", path=environ.get("PATH"))
