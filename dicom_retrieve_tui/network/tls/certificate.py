"""What a TLS handshake came to, in words. Pure, and without `ssl`, which is slow to load."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.sanitize import clean_text

_NAME_CHARACTERS_MAX = 80
_HOSTS_MAX = 5
_SOON_DAYS = 30
"""Administrators want some notice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Of the peer's certificate, what people ask about."""

    subject: str
    issuer: str
    hosts: tuple[str, ...]
    """Names and addresses that it is for; empty if it names none apart from its subject."""
    expires: datetime

    def __str__(self) -> str:
        shown = listed(self.hosts)
        whose = f"{self.subject} (for {shown})" if shown else self.subject
        by = "itself" if self.issuer == self.subject else self.issuer
        return f"that of {whose}, issued by {by}, and good until {self.expires:%Y-%m-%d}"

    def runs_out(self, now: datetime) -> str:
        """A sentence if it is time to renew it, else empty."""
        left = self.expires - now
        if left.days >= _SOON_DAYS:
            return ""
        days = count(max(left.days, 0), "day")
        return f"Its administrator has to renew it: it runs out in {days}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What both sides agreed on."""

    version: str
    """`TLSv1.3`."""
    cipher: str
    certificate: Certificate | None
    """None where none is verified."""

    def __str__(self) -> str:
        return f"{self.version.replace('v', ' ')} with {self.cipher}"


def read_certificate(decoded: Mapping[str, Any], expires_s: float) -> Certificate:
    """The certificate that `ssl.SSLSocket.getpeercert` gives of a peer that was verified.

    Args:
        expires_s: Its `notAfter`, seconds since 1970.
    """
    return Certificate(
        subject=_whose(decoded.get("subject", ())),
        issuer=_whose(decoded.get("issuer", ())),
        hosts=tuple(str(name) for _, name in decoded.get("subjectAltName", ())),
        expires=datetime.fromtimestamp(expires_s, UTC),
    )


def _whose(distinguished_name: Iterable[Iterable[tuple[str, str]]]) -> str:
    """The common name, or whatever else there is."""
    parts = {key: value for rdn in distinguished_name for key, value in rdn}
    name = parts.get("commonName") or ", ".join(parts.values()) or "nobody by name"
    return clean_text(name, _NAME_CHARACTERS_MAX)


def listed(hosts: Sequence[str]) -> str:
    """The hosts that a certificate is for, as many as a sentence holds."""
    shown = ", ".join(clean_text(host, _NAME_CHARACTERS_MAX) for host in hosts[:_HOSTS_MAX])
    more = len(hosts) - _HOSTS_MAX
    return f"{shown} and {more} more" if more > 0 else shown
