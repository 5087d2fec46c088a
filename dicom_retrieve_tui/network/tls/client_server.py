"""TLS as client, for associations that we request, and as server, for our Storage SCP.

Imports `ssl`, so it is imported only if TLS is used.
Source: PS3.15 annex B.12 (BCP 195, RFC 9325).
"""

import contextlib
import socket

from dicom_retrieve_tui.errors import PeerError
from dicom_retrieve_tui.model.address import Endpoint, PeerAE
from dicom_retrieve_tui.model.security import TlsSettings
from dicom_retrieve_tui.network.connection import connect
from dicom_retrieve_tui.network.timeouts import Limit
from dicom_retrieve_tui.network.tls.context import client_context, server_context
from dicom_retrieve_tui.network.tls.failures import NAME_MISMATCHES, wrong_name
from dicom_retrieve_tui.network.tls.secure_socket import TlsSocket, unreachable


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
            ConfigError: A file cannot be used, or there is no certificate to show.
        """
        self._context = server_context(settings)

    def wrap(self, sock: socket.socket, peer: str) -> "TlsSocket":
        """Put TLS on a connected socket; the first receive makes the handshake."""
        return TlsSocket(sock, self._context, peer, host=None, our_certificate=True)


def _certificate_name(endpoint: Endpoint) -> str:
    """Return the host without the zone of an IPv6 address and without a final dot."""
    return endpoint.host.partition("%")[0].rstrip(".")
