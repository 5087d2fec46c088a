"""Certificate and result of a TLS handshake. Does not import `ssl`, which is slow to load."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.sanitize import clean_text

_NAME_CHARACTERS_MAX = 80
_HOSTS_MAX = 5
_SOON_DAYS = 30
"""Warn this many days before a certificate expires."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The peer's certificate."""

    subject: str
    issuer: str
    hosts: tuple[str, ...]
    """Host names and addresses of the certificate; empty if it has only a subject."""
    expires: datetime

    def __str__(self) -> str:
        shown = listed(self.hosts)
        whose = f"{self.subject} (for {shown})" if shown else self.subject
        by = "itself" if self.issuer == self.subject else self.issuer
        return f"that of {whose}, issued by {by}, expires {self.expires:%Y-%m-%d}"

    def renewal_advice(self, now: datetime) -> str:
        """Return a sentence if the certificate expires soon, else an empty text."""
        left = self.expires - now
        if left.days >= _SOON_DAYS:
            return ""
        days = count(max(left.days, 0), "day")
        return f"Ask the administrator of the PACS to renew it: it expires in {days}."


@dataclass(frozen=True, slots=True, kw_only=True)
class HandshakeResult:
    """The result of a TLS handshake."""

    version: str
    """`TLSv1.3`."""
    cipher: str
    certificate: Certificate | None
    """None if it was not verified."""

    def __str__(self) -> str:
        return f"{self.version.replace('v', ' ')} with {self.cipher}"


def read_certificate(decoded: Mapping[str, Any], expires_s: float) -> Certificate:
    """Return the certificate in the form of `ssl.SSLSocket.getpeercert`.

    Args:
        expires_s: Its `notAfter`, seconds since 1970.
    """
    return Certificate(
        subject=_name_of(decoded.get("subject", ())),
        issuer=_name_of(decoded.get("issuer", ())),
        hosts=tuple(str(name) for _, name in decoded.get("subjectAltName", ())),
        expires=datetime.fromtimestamp(expires_s, UTC),
    )


def _name_of(distinguished_name: Iterable[Iterable[tuple[str, str]]]) -> str:
    """Return the common name of a distinguished name, or its other parts."""
    parts = {key: value for rdn in distinguished_name for key, value in rdn}
    name = parts.get("commonName") or ", ".join(parts.values()) or "an unnamed subject"
    return clean_text(name, _NAME_CHARACTERS_MAX)


def listed(hosts: Sequence[str]) -> str:
    """Return the first hosts of a certificate, for a sentence."""
    shown = ", ".join(clean_text(host, _NAME_CHARACTERS_MAX) for host in hosts[:_HOSTS_MAX])
    more = len(hosts) - _HOSTS_MAX
    return f"{shown} and {more} more" if more > 0 else shown
