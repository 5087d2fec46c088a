"""How an association is protected, and as whom we ask: plain values, files not yet read."""

from dataclasses import dataclass
from pathlib import Path

from dicom_retrieve_tui.model.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """TLS for every association, those that we request and those that come to our Storage SCP."""

    ca: Path | None = None
    """Certificates of the authorities that we trust, PEM; None: those that this machine trusts.
    Where it is given, our Storage SCP wants a certificate from one of them."""
    certificate: Path | None = None
    """Our own, PEM, with the chain that leads to its authority."""
    key: Path | None = None
    """Its private key, PEM; None: it is in the same file."""
    key_passphrase: Secret | None = None
    verify: bool = True
    """False: whoever answers is believed, and whoever calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserIdentity:
    """The user in whose name we ask. Source: PS3.7 section D.3.3.7."""

    name: str
    passcode_file: Path | None = None
    """Where the passcode comes from, if it is a file."""
    passcode: Secret | None = None
    """None: the name alone is sent."""
