"""TLS settings, user identity and secrets: plain values. What a PEM file contains.

Source: PS3.7 section D.3.3.7, RFC 7468, RFC 1421 section 4.6.1.1.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

_CERTIFICATE = "-----BEGIN CERTIFICATE-----"
_KEY = re.compile(r"-----BEGIN (ENCRYPTED |[A-Z]+ )?PRIVATE KEY-----")
_ENCRYPTED = re.compile(r"-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED", re.M)


class Secret:
    """A passcode or passphrase that appears in no repr, log, report or traceback."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(...)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # Both are our user's; a comparison in constant time would load OpenSSL at every start.
        return self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """TLS for every association: those that we request and those to our Storage SCP."""

    ca: Path | None = None
    """Trusted CA certificates, PEM; None: the system store. If set, our Storage SCP requires a
    certificate from one of these CAs."""
    certificate: Path | None = None
    """Our certificate, PEM, with the chain to its CA."""
    key: Path | None = None
    """Its private key, PEM; None: it is in the same file."""
    key_passphrase: Secret | None = None
    verify: bool = True
    """False: accept any certificate, or none from a caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserIdentity:
    """The user identity that an association request carries."""

    name: str
    passcode_file: Path | None = None
    """The file that the passcode comes from, if any."""
    passcode: Secret | None = None
    """None: send the name alone."""


def holds_certificate(pem: str) -> bool:
    """Return True if a PEM text has a certificate."""
    return _CERTIFICATE in pem


def holds_key(pem: str) -> bool:
    """Return True if a PEM text has a private key."""
    return _KEY.search(pem) is not None


def holds_encrypted_key(pem: str) -> bool:
    """Return True if the private key of a PEM text needs a passphrase."""
    return _ENCRYPTED.search(pem) is not None
