"""The flags of TLS and of the user, and the secrets that no flag may carry.

What stands on a command line is in the shell's history, and everybody on the machine can list it.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from dicom_retrieve_tui.cli.surroundings import Surroundings
from dicom_retrieve_tui.config.secrets import (
    PASSCODE,
    PASSPHRASE,
    needs_passphrase,
    passcode_in,
    passphrase_in,
)
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model import values
from dicom_retrieve_tui.model.secret import Secret
from dicom_retrieve_tui.model.security import TlsSettings, UserIdentity
from dicom_retrieve_tui.model.settings import Settings

_NEED_TLS = ("tls_ca", "tls_cert", "tls_key", "tls_insecure")


def read_tls(args: argparse.Namespace) -> TlsSettings | None:
    """The rules of TLS; None where there shall be none. No file is read.

    Raises:
        ConfigError: The flags cannot be meant.
    """
    if not _yes(args, "tls"):
        for key in _NEED_TLS:
            if getattr(args, key) is not None:
                raise ConfigError(f"{_flag(key)} has no use without --tls; give both, or neither.")
        return None
    if args.tls_key is not None and args.tls_cert is None:
        raise ConfigError("--tls-key needs --tls-cert, the certificate that it belongs to.")
    if args.listen is not None and args.tls_cert is None:
        raise ConfigError(
            "--listen with --tls needs --tls-cert and --tls-key, the certificate that we show to "
            "the PACS when it sends to us."
        )
    return TlsSettings(
        ca=_path(args.tls_ca),
        certificate=_path(args.tls_cert),
        key=_path(args.tls_key),
        verify=not _yes(args, "tls_insecure"),
    )


def read_user(args: argparse.Namespace) -> UserIdentity | None:
    """In whose name to ask; None for nobody's. No file is read.

    Raises:
        ConfigError: The flags cannot be meant.
    """
    if args.user is None:
        if args.passcode_file is not None:
            raise ConfigError("--passcode-file needs --user, whose passcode it is.")
        return None
    return UserIdentity(
        name=values.user_name("--user", args.user), passcode_file=_path(args.passcode_file)
    )


def unlocked(settings: Settings, around: Surroundings) -> Settings:
    """The same settings, with the secrets that they need.

    Raises:
        ConfigError: One is missing, and there is nobody to ask.
    """
    return _with_passcode(_with_passphrase(settings, around), around)


def _with_passcode(settings: Settings, around: Surroundings) -> Settings:
    """From the file, else the environment, else the terminal; else the name goes alone."""
    user = settings.user
    if user is None:
        return settings
    if user.passcode_file is not None:
        passcode: Secret | None = passcode_in(user.passcode_file)
    elif PASSCODE in around.environ:
        passcode = Secret(around.environ[PASSCODE])
    else:
        passcode = around.ask_secret(f"passcode of {user.name} (none: the name alone): ")
    if passcode is None or not passcode.reveal():
        return settings
    if len(passcode.reveal().encode()) > values.USER_BYTES_MAX:
        raise ConfigError(f"The passcode has more than {values.USER_BYTES_MAX:,} bytes.")
    return replace(settings, user=replace(user, passcode=passcode))


def _with_passphrase(settings: Settings, around: Surroundings) -> Settings:
    tls = settings.tls
    if tls is None or tls.certificate is None:
        return settings
    path = tls.key or tls.certificate
    if not needs_passphrase(path):
        return settings
    passphrase = passphrase_in(around.environ) or around.ask_secret(f"passphrase of {path}: ")
    if passphrase is None:
        raise ConfigError(
            f"--tls-key {path}: the private key needs its passphrase; without a terminal to ask "
            f"at, put it into {PASSPHRASE} in the environment."
        )
    return replace(settings, tls=replace(tls, key_passphrase=passphrase))


def _yes(args: argparse.Namespace, key: str) -> bool:
    text = getattr(args, key)
    return text is not None and values.flag(_flag(key), text)


def _flag(key: str) -> str:
    return f"--{key.replace('_', '-')}"


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
