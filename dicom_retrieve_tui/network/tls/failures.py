"""Reasons for failed TLS handshakes, and what to do about them.

OpenSSL names its own reason or the alert of the peer.
Source: RFC 8446 section 6.2 for the alerts, X509_STORE_CTX_get_error(3) for the verdicts.
"""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime

from dicom_retrieve_tui.errors import reason_of
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.network.tls.certificate import listed

RECORD_TYPES = frozenset({0x15, 0x16})
"""Record types of alert and handshake, with which TLS begins. Source: RFC 8446 section 5.1."""
NAME_MISMATCHES = frozenset({62, 64})
"""Verification errors: the certificate is for another host name, or another address."""

_EXPIRED, _NOT_YET_VALID, _SELF_SIGNED = 10, 9, 18
_UNKNOWN_CA = frozenset({2, 19, 20, 21})


@dataclass(frozen=True, slots=True)
class Failure:
    """The reason why a handshake failed."""

    what: str
    """The reason, to follow "failed: ", without a full stop."""
    advice: str
    """What to do, in one or two sentences."""
    retryable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """Further facts about a failed handshake."""

    as_server: bool
    """True if the peer called us."""
    our_certificate: bool
    """True if we have a certificate."""
    first_byte: int | None
    """The first byte from the peer; None if it sent nothing."""


def explain(error: BaseException, known: Circumstances) -> Failure:
    """Return the reason for an error of the `ssl` module or the socket."""
    if known.first_byte is not None and known.first_byte not in RECORD_TYPES:
        return _NO_TLS_CALLER if known.as_server else _NO_TLS
    if isinstance(error, ssl.SSLCertVerificationError):
        return _not_verified(error)
    if not isinstance(error, ssl.SSLError):
        return _lost(error, known)
    return _refused(error, known)


def _refused(error: ssl.SSLError, known: Circumstances) -> Failure:
    """Return the reason for an alert, or for an error of OpenSSL other than verification."""
    reason = error.reason or ""
    alert = reason.partition("ALERT_")[2]
    if alert == "HANDSHAKE_FAILURE" and not known.our_certificate:
        return Failure(
            "it has no cipher in common with us, or requires a client certificate",
            "If it requires one, set --tls-cert and --tls-key.",
        )
    if found := _REASONS.get(alert or reason):
        return found
    words = clean_text((alert or reason or str(error)).replace("_", " ").lower(), 80)
    what = f"it sent the alert '{words}'" if alert else words
    return Failure(what, "See its log.", retryable=True)


def wrong_name(wanted: str, names: list[str]) -> Failure:
    """Return the failure for a valid certificate of another host.

    Args:
        wanted: The host that we called.
        names: The hosts of the certificate, if known.
    """
    whose = f"its certificate is for {listed(names) or 'another host'}"
    return Failure(
        f"{whose}, and not for {wanted}",
        "Call the PACS by a name in its certificate, or have the certificate reissued.",
    )


def _not_verified(error: ssl.SSLCertVerificationError) -> Failure:
    """Return why we refuse the peer's certificate."""
    code = error.verify_code
    if code in {_EXPIRED, _NOT_YET_VALID}:
        today = f"{datetime.now(UTC):%Y-%m-%d}"
        word = "has expired" if code == _EXPIRED else "is not valid yet"
        return Failure(
            f"its certificate, or one in its chain, {word} (our clock says {today})",
            "Ask the administrator of the PACS to renew it, or correct the clock of this machine.",
        )
    if code == _SELF_SIGNED:
        return Failure(
            "its certificate is self-signed and not trusted",
            "If it is the right one, set --tls-ca to a file with it.",
        )
    if code in _UNKNOWN_CA:
        return Failure(
            "its certificate comes from a CA that is not trusted",
            "Set --tls-ca to a file with the certificate of that CA.",
        )
    words = clean_text(error.verify_message, 120)
    return Failure(
        f"its certificate is not valid: {words}",
        "Ask the administrator of the PACS to check the certificate.",
    )


def _lost(error: BaseException, known: Circumstances) -> Failure:
    """Return the failure for a connection that ended without an alert."""
    how = "it closed the connection during the handshake"
    if isinstance(error, OSError):
        how = f"the connection was lost ({reason_of(error)})"
    if known.as_server:
        return Failure(how, "See its log.", retryable=True)
    hint = "" if known.our_certificate else " Some PACS do this if they require --tls-cert."
    return Failure(how, f"Does this port use TLS?{hint} See its log.", retryable=True)


_NO_TLS = Failure(
    "it does not use TLS on this port",
    "Ask its administrator for the TLS port (often 2762), or remove --tls to connect unencrypted.",
)
_NO_TLS_CALLER = Failure(
    "it does not use TLS to send to us",
    "Have the PACS use TLS for this destination; --tls is for what it sends, too.",
)
_OLD = Failure(
    "it has only versions of TLS that are no longer safe",
    "Ask its administrator to enable TLS 1.2 or 1.3.",
)
_OLD_CIPHERS = Failure(
    "it has no cipher in common with us",
    "Ask its administrator to enable ciphers with ECDHE and GCM (BCP 195).",
)
_WANTS_CERTIFICATE = Failure("it requires a client certificate", "Set --tls-cert and --tls-key.")
_NO_CERTIFICATE = Failure(
    "it sent no certificate, which --tls-ca requires",
    "Have the PACS use its certificate when it sends to us.",
)
_REFUSED_OURS = "Ask its administrator to check the certificate of --tls-cert."
_REASONS = {
    "HANDSHAKE_FAILURE": _OLD_CIPHERS,
    "PROTOCOL_VERSION": _OLD,
    "UNSUPPORTED_PROTOCOL": _OLD,
    "INSUFFICIENT_SECURITY": _OLD_CIPHERS,
    "NO_SHARED_CIPHER": _OLD_CIPHERS,
    "CERTIFICATE_REQUIRED": _WANTS_CERTIFICATE,
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": _NO_CERTIFICATE,
    "UNKNOWN_CA": Failure(
        "it does not trust the CA of our certificate",
        "Ask its administrator to add that CA, or use a certificate from a CA that it trusts.",
    ),
    "BAD_CERTIFICATE": Failure("it does not accept our certificate", _REFUSED_OURS),
    "UNSUPPORTED_CERTIFICATE": Failure("it does not accept our kind of certificate", _REFUSED_OURS),
    "CERTIFICATE_UNKNOWN": Failure("it does not accept our certificate", _REFUSED_OURS),
    "CERTIFICATE_REVOKED": Failure("our certificate has been revoked", "Have a new one issued."),
    "CERTIFICATE_EXPIRED": Failure("our certificate has expired", "Have it renewed."),
    "ACCESS_DENIED": Failure("it accepts our certificate, but denies access", _REFUSED_OURS),
}
"""By the name of the alert or of OpenSSL's reason."""
