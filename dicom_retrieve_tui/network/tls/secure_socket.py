"""A TLS socket between a TCP socket and a connection.

OpenSSL reads and writes memory buffers, not the socket: the socket keeps its short timeouts, so
that every wait calls its guard, and one `recv` can bring many records.
"""

import contextlib
import socket
import ssl
from time import monotonic
from typing import Any

from dicom_retrieve_tui.errors import AssociationAborted, PeerError, PeerUnreachable
from dicom_retrieve_tui.network.connection import QUICKACK, untouched
from dicom_retrieve_tui.network.timeouts import TICK_S, Guard
from dicom_retrieve_tui.network.tls.certificate import HandshakeResult, read_certificate
from dicom_retrieve_tui.network.tls.failures import Circumstances, Failure, explain

_RECEIVE_BYTES = 1 << 17
"""Room for eight of the largest records."""
_VERDICT_S = 1.0


class TlsSocket:
    """A TCP socket under TLS; satisfies `connection.Transport`. Not thread-safe."""

    def __init__(
        self,
        sock: socket.socket,
        context: ssl.SSLContext,
        peer: str,
        *,
        host: str | None,
        our_certificate: bool,
    ) -> None:
        """Prepare TLS; nothing is sent before `handshake`.

        Args:
            peer: Names the peer in messages.
            host: The host that its certificate must be for; None if the peer called us.
            our_certificate: True if we have a certificate.
        """
        self._sock = sock
        self._peer = peer
        self._as_server = host is None
        self._our_certificate = our_certificate
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=host is None, server_hostname=host or None
        )
        self._received = untouched(_RECEIVE_BYTES)
        self._unsent = memoryview(b"")
        self._over = False
        self._first_byte: int | None = None
        sock.settimeout(TICK_S)

    @property
    def version(self) -> str:
        """`TLSv1.3`, for logs."""
        return self._tls.version() or "no TLS"

    def handshake(self, guard: Guard) -> None:
        """Make the TLS handshake.

        Raises:
            OSError: It failed (`ssl.SSLError`), or the TCP connection was lost.
            EOFError: The peer closed the connection.
            PeerTimeout, Cancelled: The guard ends the wait.
        """
        while True:
            guard(monotonic())
            with contextlib.suppress(TimeoutError):
                self._flush()
                if self._step():
                    return
                if not self._receive():
                    raise EOFError

    def failure(self, error: BaseException) -> Failure:
        """Return why `handshake` raised `error`."""
        return explain(error, self._circumstances)

    def wait_for_verdict(self, guard: Guard) -> None:
        """Wait a moment for the verdict on our certificate: TLS 1.3 has it after the handshake.

        A peer that accepts us may send nothing; most send a session ticket.

        Raises:
            PeerError: The peer does not accept us.
            Cancelled: The user stopped.
        """
        until_s = monotonic() + _VERDICT_S
        while self.version == "TLSv1.3" and (now_s := monotonic()) < until_s:
            guard(now_s)
            with contextlib.suppress(TimeoutError):
                try:
                    came = self._receive()
                except TimeoutError:
                    raise
                except OSError as error:
                    raise unreachable(self._peer, self.failure(error)) from error
                self._decrypt(memoryview(bytearray(1)))
                if not came:
                    raise unreachable(self._peer, self.failure(EOFError()))
                return

    def result(self) -> HandshakeResult:
        """Return the result of the handshake."""
        cipher = self._tls.cipher()
        decoded: dict[str, Any] = self._tls.getpeercert() or {}
        certificate = None
        if decoded:
            expires_s = ssl.cert_time_to_seconds(decoded["notAfter"])
            certificate = read_certificate(decoded, expires_s)
        return HandshakeResult(
            version=self.version, cipher=cipher[0] if cipher else "", certificate=certificate
        )

    def peer_names(self) -> list[str]:
        """Return the hosts of the peer's certificate; empty if it was not verified."""
        certificate = self.result().certificate
        return list(certificate.hosts) if certificate else []

    def recv_into(self, buffer: memoryview, /) -> int:
        """Receive decrypted bytes, once their whole record has come; see `Transport`.

        Raises:
            PeerError: The peer ended TLS, or does not use TLS.
        """
        self._flush()
        got = self._decrypt(buffer)
        if not got and not self._over:
            self._receive()
            got = self._decrypt(buffer)
            if not got and not self._over:
                self._flush()
                # A part of a record came: let the caller call its guard.
                raise TimeoutError
        if not got and not self._established:
            raise unreachable(self._peer, self.failure(EOFError()))
        return got

    def send(self, data: memoryview, /) -> int:
        """Encrypt and send; see `Transport`. The last bytes may be sent by the next call."""
        self._flush()
        taken = self._tls.write(data)
        with contextlib.suppress(TimeoutError):
            self._flush()
        return taken

    def settimeout(self, value: float | None, /) -> None:
        """See `Transport`."""
        self._sock.settimeout(value)

    def setsockopt(self, level: int, name: int, value: int, /) -> None:
        """See `Transport`."""
        self._sock.setsockopt(level, name, value)

    def shutdown(self, how: int, /) -> None:
        """Send the TLS closure if possible, and shut both directions down."""
        with contextlib.suppress(OSError):
            self._tls.unwrap()
        with contextlib.suppress(OSError):
            self._flush()
        self._sock.shutdown(how)

    def close(self) -> None:
        """See `Transport`."""
        self._sock.close()

    @property
    def _established(self) -> bool:
        return self._tls.version() is not None

    @property
    def _circumstances(self) -> Circumstances:
        return Circumstances(
            as_server=self._as_server,
            our_certificate=self._our_certificate,
            first_byte=self._first_byte,
        )

    def _step(self) -> bool:
        """Continue the handshake with the bytes received; return True if it is done."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except ssl.SSLError:
            with contextlib.suppress(OSError):
                self._flush()  # sends the alert
            raise
        with contextlib.suppress(TimeoutError):
            self._flush()
        return True

    def _decrypt(self, buffer: memoryview) -> int:
        """Decrypt received bytes into `buffer`; return 0 without a whole record."""
        read, got, size = self._tls.read, 0, len(buffer)
        try:
            while got < size:
                # With a buffer it returns a count; typeshed is wrong.
                count: int = read(size - got, buffer[got:])  # type: ignore[assignment]
                if not count:
                    self._over = True
                    break
                got += count
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLEOFError:
            self._over = True
        except ssl.SSLError as error:
            self._over = True
            with contextlib.suppress(OSError):
                self._flush()  # sends the alert
            if not got:
                raise self._ended(error) from error
        return got

    def _ended(self, error: ssl.SSLError) -> PeerError:
        """Return the error for an end of TLS, in TLS 1.3 perhaps the verdict on our certificate."""
        failure = explain(error, self._circumstances)
        if failure.retryable and self._established:
            return AssociationAborted(f"Lost the TLS connection to {self._peer}: {failure.what}.")
        return unreachable(self._peer, failure)

    def _receive(self) -> int:
        """Receive bytes from the network, waiting at most `TICK_S`."""
        count = self._sock.recv_into(self._received)
        if QUICKACK is not None:
            # As in `Connection`.
            with contextlib.suppress(OSError):
                self._sock.setsockopt(socket.IPPROTO_TCP, QUICKACK, 1)
        if not count:
            self._incoming.write_eof()
            return 0
        if self._first_byte is None:
            self._first_byte = self._received[0]
        return self._incoming.write(self._received[:count])

    def _flush(self) -> None:
        """Send all encrypted bytes."""
        while True:
            while self._unsent:
                self._unsent = self._unsent[self._send() :]
            if not self._outgoing.pending:
                return
            self._unsent = memoryview(self._outgoing.read())

    def _send(self) -> int:
        try:
            return self._sock.send(self._unsent)
        except TimeoutError:
            raise
        except OSError:
            self._raise_last_alert()
            raise

    def _raise_last_alert(self) -> None:
        """Raise `PeerError` if the peer sent an alert before the connection broke."""
        if not self._over:
            with contextlib.suppress(OSError):
                self._receive()
            self._decrypt(memoryview(bytearray(1)))


def unreachable(peer: str, failure: Failure) -> PeerUnreachable:
    """Return the error for a peer with which TLS failed."""
    return PeerUnreachable(
        f"The TLS handshake with {peer} failed: {failure.what}.",
        next_step=failure.advice,
        retryable=failure.retryable,
        reason=failure.what,
    )
