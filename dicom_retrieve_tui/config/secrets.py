"""Where secrets come from, a terminal apart: the environment. None is ever written."""

from collections.abc import Mapping
from pathlib import Path

from dicom_retrieve_tui.model import pem
from dicom_retrieve_tui.model.secret import Secret

PASSPHRASE = "DICOM_RETRIEVE_KEY_PASSPHRASE"  # noqa: S105 - the name of a variable
"""Holds the passphrase of the private key."""


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
