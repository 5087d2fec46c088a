"""Read secrets from a file or the environment, or ask the user. They are never written."""

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError, reason_of
from dicom_retrieve_tui.model import security as pem
from dicom_retrieve_tui.model.limited_read import SETTINGS_MAX_BYTES, read_at_most
from dicom_retrieve_tui.model.option_values import USER_BYTES_MAX
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.security import Secret

PASSPHRASE = "DICOM_RETRIEVE_KEY_PASSPHRASE"  # noqa: S105 - the name of a variable
"""Holds the passphrase of the private key."""
PASSCODE = "DICOM_RETRIEVE_PASSCODE"
"""Holds the passcode of the user. If it is empty, only the name is sent, without a question."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question to the user; equal questions have the same answer."""

    what: str
    """`passcode of READER`."""
    peer: str = ""
    """The PACS that gets the answer; empty if none does."""
    hint: str = ""
    """What an empty answer means; empty if an answer is required."""


Ask = Callable[[Question], Secret | None]
"""Asks the user; returns None if that is not possible."""


def unlocked(options: RetrieveOptions, environ: Mapping[str, str], ask: Ask) -> RetrieveOptions:
    """Return the same options with the secrets that they need.

    Raises:
        ConfigError: A secret is missing or invalid.
    """
    return _with_passcode(_with_passphrase(options, environ, ask), environ, ask)


def _with_passcode(
    options: RetrieveOptions, environ: Mapping[str, str], ask: Ask
) -> RetrieveOptions:
    """Take the passcode from the file, the environment or the user; without one, send the name."""
    user = options.user
    if user is None:
        return options
    if user.passcode_file is not None:
        passcode: Secret | None = passcode_in(user.passcode_file)
    elif PASSCODE in environ:
        passcode = Secret(environ[PASSCODE])
    else:
        what = f"passcode of {user.name}"
        passcode = ask(Question(what, str(options.peer), "none: the name alone"))
    if passcode is None or not passcode.reveal():
        return options
    if len(passcode.reveal().encode()) > USER_BYTES_MAX:
        raise ConfigError(f"The passcode has more than {USER_BYTES_MAX:,} bytes.")
    return replace(options, user=replace(user, passcode=passcode))


def _with_passphrase(
    options: RetrieveOptions, environ: Mapping[str, str], ask: Ask
) -> RetrieveOptions:
    tls = options.tls
    if tls is None or tls.certificate is None:
        return options
    path = tls.key or tls.certificate
    if not needs_passphrase(path):
        return options
    passphrase = passphrase_in(environ) or ask(Question(f"passphrase of {path}"))
    if passphrase is None:
        raise ConfigError(
            f"--tls-key {path}: the private key needs its passphrase; without a terminal to ask "
            f"at, put it into {PASSPHRASE} in the environment.",
            option="--tls-key",
        )
    return replace(options, tls=replace(tls, key_passphrase=passphrase))


def needs_passphrase(path: Path) -> bool:
    """Return true if the private key in this file is encrypted; false if the file is missing."""
    try:
        with path.open(encoding="latin-1") as file:
            return pem.holds_encrypted_key(read_at_most(file, SETTINGS_MAX_BYTES))
    except (OSError, ConfigError):
        return False  # the code that loads the key reports this


def passphrase_in(environ: Mapping[str, str]) -> Secret | None:
    """Return the passphrase from the environment, or None."""
    text = environ.get(PASSPHRASE)
    return Secret(text) if text else None


def passcode_in(path: Path) -> Secret:
    """Return the passcode in a file, without the end of its line.

    Raises:
        ConfigError: The file cannot be read, is readable by others, or holds no passcode.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(USER_BYTES_MAX + 3).removesuffix("\n").removesuffix("\r")
    except OSError as error:
        reason = reason_of(error)
        raise _invalid(path, f"cannot be read: {reason}") from error
    except UnicodeDecodeError as error:
        raise _invalid(path, "this is not text in UTF-8") from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        mode_text = f"{stat.S_IMODE(mode):04o}"
        raise _invalid(path, f"others may read it (mode {mode_text}); run: chmod 600 {path}")
    if not text or "\n" in text or len(text.encode()) > USER_BYTES_MAX:
        raise _invalid(path, "expected the passcode in one line, and nothing else")
    return Secret(text)


def _invalid(path: Path, problem: str) -> ConfigError:
    option = "--passcode-file"
    return ConfigError(f"{option} {path}: {problem}.", option=option, problem=problem)
