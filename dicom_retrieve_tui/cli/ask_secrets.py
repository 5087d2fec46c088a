"""Ask for secrets at the terminal; no flag carries one.

A command line is in the shell's history, and every user of the machine can list it.
"""

from dataclasses import replace

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.cli.console import Console
from dicom_retrieve_tui.config import secrets
from dicom_retrieve_tui.errors import WrongPassphrase
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.security import Secret

_FURTHER_TRIES = 2
"""Extra attempts at a passphrase. A wrong passcode is reported by the PACS, not here."""


def unlocked(options: RetrieveOptions, console: Console) -> RetrieveOptions:
    """Return the same options with the secrets that they need.

    Raises:
        ConfigError: A secret is missing, and standard input is not a terminal.
    """

    def ask(question: secrets.Question) -> Secret | None:
        hint = f" ({question.hint})" if question.hint else ""
        secret = console.ask_secret(f"{question.what}{hint}: ")
        if question.peer:
            return secret
        for _ in range(_FURTHER_TRIES):
            if secret is None or (fault := _fault_of(options, secret)) is None:
                break
            console.stderr.write_line(fault)
            secret = console.ask_secret(f"{question.what}: ")
        return secret

    return secrets.unlocked(options, console.environ, ask)


def _fault_of(options: RetrieveOptions, passphrase: Secret) -> str | None:
    """Return why the passphrase does not open the key, or None if it does."""
    if options.tls is None:
        return None
    try:
        wiring.check_tls(replace(options, tls=replace(options.tls, key_passphrase=passphrase)))
    except WrongPassphrase as error:
        return str(error)
    return None
