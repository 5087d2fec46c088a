"""The flags of TLS and of the user, and the secrets that no flag may carry.

What stands on a command line is in the shell's history, and everybody on the machine can list it.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from dicom_retrieve_tui.cli.console import Surroundings
from dicom_retrieve_tui.config import secrets
from dicom_retrieve_tui.errors import ConfigError, WrongPassphrase
from dicom_retrieve_tui.model.options import parse_flag, parse_user_name
from dicom_retrieve_tui.model.security import Secret, TlsSettings, UserIdentity
from dicom_retrieve_tui.model.settings import Settings

_NEED_TLS = ("tls_ca", "tls_cert", "tls_key", "tls_insecure")
_FURTHER_TRIES = 2
"""Whoever mistypes a passphrase; a passcode is the PACS's to judge."""


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
        name=parse_user_name("--user", args.user), passcode_file=_path(args.passcode_file)
    )


def unlocked(settings: Settings, around: Surroundings) -> Settings:
    """The same settings, with the secrets that they need.

    Raises:
        ConfigError: One is missing, and there is nobody to ask.
    """

    def ask(question: secrets.Question) -> Secret | None:
        hint = f" ({question.hint})" if question.hint else ""
        secret = around.ask_secret(f"{question.what}{hint}: ")
        if question.peer:
            return secret
        for _ in range(_FURTHER_TRIES):
            if secret is None or (fault := _fault_of(settings, secret)) is None:
                break
            around.stderr.say(fault)
            secret = around.ask_secret(f"{question.what}: ")
        return secret

    return secrets.unlocked(settings, around.environ, ask)


def _fault_of(settings: Settings, passphrase: Secret) -> str | None:
    """Say it if that is not the passphrase of the key."""
    from dicom_retrieve_tui.wiring import check_tls  # noqa: PLC0415 - it loads ssl

    if settings.tls is None:
        return None
    try:
        tls = replace(settings.tls, key_passphrase=passphrase)
        check_tls(replace(settings, tls=tls))
    except WrongPassphrase as error:
        return str(error)
    return None


def _yes(args: argparse.Namespace, key: str) -> bool:
    text = getattr(args, key)
    return text is not None and parse_flag(_flag(key), text)


def _flag(key: str) -> str:
    return f"--{key.replace('_', '-')}"


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
