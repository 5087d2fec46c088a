"""What a PEM file holds, by its own headings. Pure. Source: RFC 7468, RFC 1421 section 4.6.1.1."""

import re

_CERTIFICATE = "-----BEGIN CERTIFICATE-----"
_KEY = re.compile(r"-----BEGIN (ENCRYPTED |[A-Z]+ )?PRIVATE KEY-----")
_ENCRYPTED = re.compile(r"-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED", re.M)


def holds_certificate(text: str) -> bool:
    """True if there is at least one certificate."""
    return _CERTIFICATE in text


def holds_key(text: str) -> bool:
    """True if there is a private key."""
    return _KEY.search(text) is not None


def holds_encrypted_key(text: str) -> bool:
    """True if the private key cannot be read without its passphrase."""
    return _ENCRYPTED.search(text) is not None
