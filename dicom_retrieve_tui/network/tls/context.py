"""TLS as client and as server (Storage SCP): SSL contexts from the user's settings.

Every file is read before anything is sent. Imports `ssl`, so it is imported only if TLS is used.
Source: PS3.15 annex B.12 (BCP 195, RFC 9325).
"""

import contextlib
import socket
import ssl
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError, PeerError, WrongPassphrase, reason_of
from dicom_retrieve_tui.model import security as pem
from dicom_retrieve_tui.model.address import Endpoint, PeerAE
from dicom_retrieve_tui.model.limited_read import SETTINGS_MAX_BYTES, read_at_most
from dicom_retrieve_tui.model.security import TlsSettings
from dicom_retrieve_tui.network.connection import connect
from dicom_retrieve_tui.network.timeouts import Limit
from dicom_retrieve_tui.network.tls.failures import NAME_MISMATCHES, wrong_name
from dicom_retrieve_tui.network.tls.secure_socket import TlsSocket, unreachable

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: forward secrecy and authenticated encryption, as in every cipher of TLS 1.3."""
_CA, _CERTIFICATE, _KEY = "--tls-ca", "--tls-cert", "--tls-key"


def client_context(settings: TlsSettings) -> ssl.SSLContext:
    """Return the context for associations that we request.

    Raises:
        ConfigError: A file cannot be used.
    """
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = settings.verify
    context.verify_mode = ssl.CERT_REQUIRED if settings.verify else ssl.CERT_NONE
    if settings.ca is not None:
        _trust(context, settings.ca)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if settings.certificate is not None:
        _show(context, settings.certificate, settings)
    return context


def server_context(settings: TlsSettings) -> ssl.SSLContext:
    """Return the context for associations with our Storage SCP.

    Raises:
        ConfigError: A file cannot be used, or a certificate of ours is missing.
    """
    if settings.certificate is None:
        raise ConfigError(
            f"TLS with --listen requires {_CERTIFICATE} and {_KEY}: the certificate that our "
            "Storage SCP shows to the PACS."
        )
    context = _context(ssl.PROTOCOL_TLS_SERVER)
    _show(context, settings.certificate, settings)
    if settings.verify and settings.ca is not None:
        _trust(context, settings.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _context(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    return context


def _trust(context: ssl.SSLContext, path: Path) -> None:
    if not pem.holds_certificate(_read(_CA, path)):
        raise _invalid(_CA, path, "it has no certificate; expected a PEM file")
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError as error:
        raise _invalid(_CA, path, _words(error)) from error
    # The file may have the certificate of the PACS instead of its CA's.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


def _show(context: ssl.SSLContext, certificate: Path, settings: TlsSettings) -> None:
    if not pem.holds_certificate(_read(_CERTIFICATE, certificate)):
        raise _invalid(_CERTIFICATE, certificate, "it has no certificate; expected a PEM file")
    flag = _CERTIFICATE if settings.key is None else _KEY
    path = settings.key or certificate
    key = _read(_KEY, path)
    if not pem.holds_key(key):
        hint = f"; set {_KEY}" if settings.key is None else "; expected a PEM file"
        raise _invalid(flag, path, f"it has no private key{hint}")
    encrypted = pem.holds_encrypted_key(key)
    passphrase = settings.key_passphrase
    if encrypted and passphrase is None:
        raise _invalid(flag, path, "the private key needs its passphrase")
    try:
        # Without a password function, OpenSSL would prompt at the terminal.
        context.load_cert_chain(
            certificate, settings.key, lambda: passphrase.reveal() if passphrase else ""
        )
    except (ssl.SSLError, ValueError) as error:
        if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
            problem = f"this is not the private key of the certificate in {certificate}"
            raise _invalid(flag, path, problem) from error
        if encrypted:
            message = f"{flag} {path}: the passphrase is wrong."
            raise WrongPassphrase(message, option=flag) from error
        raise _invalid(flag, path, _words(error)) from error


def _read(flag: str, path: Path) -> str:
    try:
        with path.open(encoding="latin-1") as file:
            return read_at_most(file, SETTINGS_MAX_BYTES)
    except ConfigError as error:
        raise _invalid(flag, path, str(error)) from error
    except OSError as error:
        raise _invalid(flag, path, f"cannot be read: {reason_of(error)}") from error


def _invalid(flag: str, path: Path, problem: str) -> ConfigError:
    return ConfigError(f"{flag} {path}: {problem}.", option=flag, problem=problem)


def _words(error: Exception) -> str:
    reason = getattr(error, "reason", None) or str(error)
    return f"it cannot be used: {reason.replace('_', ' ').lower()}"


class TlsClient:
    """TLS for the associations that we request."""

    def __init__(self, settings: TlsSettings) -> None:
        """Read the certificates.

        Raises:
            ConfigError: A file cannot be used.
        """
        self._context = client_context(settings)
        self._our_certificate = settings.certificate is not None

    def secure(self, sock: socket.socket, peer: PeerAE, guard: Limit) -> "TlsSocket":
        """Make the handshake over a connected socket; close the socket if it fails.

        Raises:
            PeerUnreachable: The handshake failed.
            PeerTimeout, Cancelled: The guard ends the wait.
        """
        host = _certificate_name(peer.endpoint)
        secured = TlsSocket(
            sock, self._context, str(peer), host=host, our_certificate=self._our_certificate
        )
        try:
            secured.handshake(guard)
        except BaseException as error:
            secured.close()
            if not isinstance(error, (OSError, EOFError)):
                raise
            if getattr(error, "verify_code", None) in NAME_MISMATCHES:
                failure = wrong_name(host, self._names_of(peer.endpoint, guard))
            else:
                failure = secured.failure(error)
            raise unreachable(str(peer), failure) from error
        return secured

    def _names_of(self, endpoint: Endpoint, guard: Limit) -> list[str]:
        """Return the hosts of the peer's certificate, by a handshake that ignores its name.

        A refused certificate cannot be read. The chain is verified as before.
        """
        self._context.check_hostname = False
        try:
            with contextlib.closing(connect(endpoint, guard)) as sock:
                secured = TlsSocket(sock, self._context, "", host="", our_certificate=False)
                secured.handshake(guard)
                return secured.peer_names()
        except (PeerError, OSError, EOFError):
            return []
        finally:
            self._context.check_hostname = True


class TlsServer:
    """TLS for the associations with our Storage SCP."""

    def __init__(self, settings: TlsSettings) -> None:
        """Read the certificates.

        Raises:
            ConfigError: A file cannot be used, or a certificate of ours is missing.
        """
        self._context = server_context(settings)

    def wrap(self, sock: socket.socket, peer: str) -> "TlsSocket":
        """Put TLS on a connected socket; the first receive makes the handshake."""
        return TlsSocket(sock, self._context, peer, host=None, our_certificate=True)


def _certificate_name(endpoint: Endpoint) -> str:
    """Return the host without the zone of an IPv6 address and without a final dot."""
    return endpoint.host.partition("%")[0].rstrip(".")
