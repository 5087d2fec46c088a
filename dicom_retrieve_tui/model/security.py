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

    @property
    def unverified_words(self) -> str:
        """What to say on every run on which nobody's certificate is verified; else empty."""
        if self.verify:
            return ""
        return (
            "--tls-insecure: no certificate is verified, so anybody on the way can read and change "
            "what is sent."
        )
