"""The TLS of scripted peers, made with the `ssl` module alone."""

import ssl
from pathlib import Path

from tests.peers.certificates import Issued


def pacs_context(shown: Issued, *, wants: Path | None = None) -> ssl.SSLContext:
    """For a PACS that shows a certificate.

    Args:
        wants: The authority from which it wants one of ours.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown.certificate, shown.key)
    if wants is not None:
        context.load_verify_locations(wants)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def scu_context(trusts: Path, shown: Issued | None = None) -> ssl.SSLContext:
    """For whoever calls our Storage SCP."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(trusts)
    if shown is not None:
        context.load_cert_chain(shown.certificate, shown.key)
    return context
