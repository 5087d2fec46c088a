"""Where secrets come from: a file, the environment, else a person. None is ever written."""

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError, reason_of
from dicom_retrieve_tui.model import security as pem
from dicom_retrieve_tui.model.limited_read import SETTINGS_MAX_BYTES, read_at_most
from dicom_retrieve_tui.model.options import USER_BYTES_MAX
from dicom_retrieve_tui.model.security import Secret
from dicom_retrieve_tui.model.settings import Settings

PASSPHRASE = "DICOM_RETRIEVE_KEY_PASSPHRASE"  # noqa: S105 - the name of a variable
"""Holds the passphrase of the private key."""
PASSCODE = "DICOM_RETRIEVE_PASSCODE"
"""Holds the passcode of the user; empty, the name alone is sent, and nobody is asked."""


@dataclass(frozen=True, slots=True)
class Question:
    """What only a person can answer; equal ones have the same answer."""

    what: str
    """`passcode of READER`."""
    peer: str = ""
    """The PACS that is to get it; empty where none does."""
    hint: str = ""
    """What becomes of an empty answer; empty where there must be one."""


Ask = Callable[[Question], Secret | None]
"""Asks whoever is there; None where nobody is."""


def unlocked(settings: Settings, environ: Mapping[str, str], ask: Ask) -> Settings:
    """The same settings, with the secrets that they need.

    Raises:
        ConfigError: One is missing, or cannot be meant.
    """
    return _with_passcode(_with_passphrase(settings, environ, ask), environ, ask)


def _with_passcode(settings: Settings, environ: Mapping[str, str], ask: Ask) -> Settings:
    """From the file, else the environment, else a person; else the name goes alone."""
    user = settings.user
    if user is None:
        return settings
    if user.passcode_file is not None:
        passcode: Secret | None = passcode_in(user.passcode_file)
    elif PASSCODE in environ:
        passcode = Secret(environ[PASSCODE])
    else:
        what = f"passcode of {user.name}"
        passcode = ask(Question(what, str(settings.peer), "none: the name alone"))
    if passcode is None or not passcode.reveal():
        return settings
    if len(passcode.reveal().encode()) > USER_BYTES_MAX:
        raise ConfigError(f"The passcode has more than {USER_BYTES_MAX:,} bytes.")
    return replace(settings, user=replace(user, passcode=passcode))


def _with_passphrase(settings: Settings, environ: Mapping[str, str], ask: Ask) -> Settings:
    tls = settings.tls
    if tls is None or tls.certificate is None:
        return settings
    path = tls.key or tls.certificate
    if not needs_passphrase(path):
        return settings
    passphrase = passphrase_in(environ) or ask(Question(f"passphrase of {path}"))
    if passphrase is None:
        raise ConfigError(
            f"--tls-key {path}: the private key needs its passphrase; without a terminal to ask "
            f"at, put it into {PASSPHRASE} in the environment."
        )
    return replace(settings, tls=replace(tls, key_passphrase=passphrase))


def needs_passphrase(path: Path) -> bool:
    """True if the private key in this file is encrypted; false if there is no such file, too."""
    try:
        with path.open(encoding="latin-1") as file:
            return pem.holds_encrypted_key(read_at_most(file, SETTINGS_MAX_BYTES))
    except (OSError, ConfigError):
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
        reason = reason_of(error)
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
