"""Why a TLS handshake failed, in words, and what to do about it. Pure.

OpenSSL names what it found itself, and the alert by which the peer said what it found.
Source: RFC 8446 section 6.2 for the alerts, X509_STORE_CTX_get_error(3) for the verdicts.
"""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime

from dicom_retrieve_tui.errors import reason_of
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.network.tls.certificate import listed

RECORD_TYPES = frozenset({0x15, 0x16})
"""Alert and handshake, one of which TLS begins with. Source: RFC 8446 section 5.1."""
NAME_MISMATCHES = frozenset({62, 64})
"""The certificate is for another host name, for another address."""

_EXPIRED, _NOT_YET_VALID, _SELF_SIGNED = 10, 9, 18
_UNKNOWN_AUTHORITY = frozenset({2, 19, 20, 21})


@dataclass(frozen=True, slots=True)
class Failure:
    """One reason."""

    what: str
    """Goes on after "failed: ", without a full stop."""
    advice: str
    """A sentence or two."""
    retryable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What else is known of a handshake that failed."""

    as_server: bool
    """The peer called us."""
    our_certificate: bool
    """We have one to show."""
    first_byte: int | None
    """What the peer began with; None if it sent nothing."""


def explain(error: BaseException, known: Circumstances) -> Failure:
    """The reason behind what the `ssl` module or the socket raised."""
    if known.first_byte is not None and known.first_byte not in RECORD_TYPES:
        return _NO_TLS_CALLER if known.as_server else _NO_TLS
    if isinstance(error, ssl.SSLCertVerificationError):
        return _distrusted(error)
    if not isinstance(error, ssl.SSLError):
        return _lost(error, known)
    return _refused(error, known)


def _refused(error: ssl.SSLError, known: Circumstances) -> Failure:
    """The reason behind an alert, or behind what OpenSSL found apart from the certificate."""
    reason = error.reason or ""
    alert = reason.partition("ALERT_")[2]
    if alert == "HANDSHAKE_FAILURE" and not known.our_certificate:
        return Failure(
            "it found nothing in common with us, or wants a certificate of ours",
            "If it wants one, give it by --tls-cert and --tls-key.",
        )
    if found := _REASONS.get(alert or reason):
        return found
    words = clean_text((alert or reason or str(error)).replace("_", " ").lower(), 80)
    what = f"it sent the alert '{words}'" if alert else words
    return Failure(what, "Its log says more.", retryable=True)


def wrong_name(wanted: str, names: list[str]) -> Failure:
    """The certificate is sound, but for somebody else.

    Args:
        wanted: The host that we asked for.
        names: Those that the certificate is for, as far as they are known.
    """
    whose = f"its certificate is for {listed(names) or 'others'}"
    return Failure(
        f"{whose}, and not for {wanted}",
        "Address the PACS by a name that its certificate has, or have that one issued anew.",
    )


def _distrusted(error: ssl.SSLCertVerificationError) -> Failure:
    """We refuse the peer's certificate."""
    code = error.verify_code
    if code in {_EXPIRED, _NOT_YET_VALID}:
        today = f"{datetime.now(UTC):%Y-%m-%d}"
        word = "has expired" if code == _EXPIRED else "is not valid yet"
        return Failure(
            f"its certificate, or one in its chain, {word} (our clock says {today})",
            "Its administrator has to renew it, unless the clock here is wrong.",
        )
    if code == _SELF_SIGNED:
        return Failure(
            "its certificate is signed by itself, and nobody told us to trust it",
            "If it is the right one, name a file with it by --tls-ca.",
        )
    if code in _UNKNOWN_AUTHORITY:
        return Failure(
            "its certificate comes from an authority that we do not trust",
            "Name a file with the certificate of that authority by --tls-ca.",
        )
    words = clean_text(error.verify_message, 120)
    return Failure(f"its certificate is not acceptable: {words}", "Its administrator has to see.")


def _lost(error: BaseException, known: Circumstances) -> Failure:
    """The connection ended without a word."""
    how = "it closed the connection in the middle of it"
    if isinstance(error, OSError):
        how = f"the connection was lost ({reason_of(error)})"
    if known.as_server:
        return Failure(how, "Its log says why.", retryable=True)
    hint = "" if known.our_certificate else " Some end it so if they want --tls-cert."
    return Failure(how, f"Does this port speak TLS?{hint} Its log says more.", retryable=True)


_NO_TLS = Failure(
    "it does not speak TLS on this port",
    "Ask its administrator for the port that does (many use 2762); without --tls we speak to it "
    "unencrypted.",
)
_NO_TLS_CALLER = Failure(
    "it does not speak TLS to us",
    "Have the PACS send over TLS to this destination; --tls holds for what it sends, too.",
)
_OLD = Failure(
    "it speaks only versions of TLS that are no longer safe",
    "Its administrator can turn on TLS 1.2 or 1.3, which are what we speak.",
)
_OLD_CIPHERS = Failure(
    "it has no cipher in common with us",
    "Its administrator can turn on those with ECDHE and GCM, as BCP 195 wants them.",
)
_WANTS_CERTIFICATE = Failure(
    "it wants a certificate of ours", "Give one by --tls-cert and --tls-key."
)
_NO_CERTIFICATE = Failure(
    "it showed no certificate, and --tls-ca says that it must",
    "Have the PACS show its certificate when it sends to us.",
)
_REFUSED_OURS = "Have its administrator look at what --tls-cert names."
_REASONS = {
    "HANDSHAKE_FAILURE": _OLD_CIPHERS,
    "PROTOCOL_VERSION": _OLD,
    "UNSUPPORTED_PROTOCOL": _OLD,
    "INSUFFICIENT_SECURITY": _OLD_CIPHERS,
    "NO_SHARED_CIPHER": _OLD_CIPHERS,
    "CERTIFICATE_REQUIRED": _WANTS_CERTIFICATE,
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": _NO_CERTIFICATE,
    "UNKNOWN_CA": Failure(
        "it does not trust the authority of our certificate",
        "Have its administrator add that authority, or use a certificate from one that it trusts.",
    ),
    "BAD_CERTIFICATE": Failure("it does not accept our certificate", _REFUSED_OURS),
    "UNSUPPORTED_CERTIFICATE": Failure("it does not accept our kind of certificate", _REFUSED_OURS),
    "CERTIFICATE_UNKNOWN": Failure("it does not accept our certificate", _REFUSED_OURS),
    "CERTIFICATE_REVOKED": Failure("our certificate has been revoked", "Have a new one issued."),
    "CERTIFICATE_EXPIRED": Failure("our certificate has expired", "Have it renewed."),
    "ACCESS_DENIED": Failure("it accepts our certificate, and denies us access", _REFUSED_OURS),
}
"""By the alert's name, or by that of what OpenSSL found."""
