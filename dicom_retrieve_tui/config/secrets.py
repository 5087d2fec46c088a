"""Where secrets come from, a terminal apart: the environment, and a file. None is ever written."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model import pem
from dicom_retrieve_tui.model.secret import Secret
from dicom_retrieve_tui.model.values import USER_BYTES_MAX

PASSPHRASE = "DICOM_RETRIEVE_KEY_PASSPHRASE"  # noqa: S105 - the name of a variable
"""Holds the passphrase of the private key."""
PASSCODE = "DICOM_RETRIEVE_PASSCODE"
"""Holds the passcode of the user; empty, the name alone is sent, and nobody is asked."""


def needs_passphrase(path: Path) -> bool:
    """True if the private key in this file is encrypted; false if there is no such file, too."""
    try:
        return pem.holds_encrypted_key(path.read_text(encoding="latin-1"))
    except OSError:
        return False  # whoever uses the file tells


def passphrase_in(environ: Mapping[str, str]) -> Secret | None:
    """The passphrase, if the environment has it."""
    text = environ.get(PASSPHRASE)
    return Secret(text) if text else None


def passcode_in(path: Path) -> Secret:
    """The passcode in a file, without the end of its line.

    Raises:
        ConfigError: It cannot be read, others could read it, or it holds no passcode.
    """
    where = f"--passcode-file {path}"
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(USER_BYTES_MAX + 3).removesuffix("\n").removesuffix("\r")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"{where}: cannot be read: {reason}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{where}: this is no text in UTF-8.") from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(
            f"{where}: others may read it (mode {stat.S_IMODE(mode):04o}); chmod 600 {path}"
        )
    if not text or "\n" in text or len(text.encode()) > USER_BYTES_MAX:
        raise ConfigError(f"{where}: expected the passcode in one line, and nothing else.")
    return Secret(text)
