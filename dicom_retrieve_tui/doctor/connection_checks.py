"""Checks of the connection to a PACS: host name, TCP, TLS, association, C-ECHO."""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING

from dicom_retrieve_tui.doctor.result import Check, Outcome, Step
from dicom_retrieve_tui.errors import ConfigError, ContextNotAccepted, OperationFailed
from dicom_retrieve_tui.model.address import Endpoint
from dicom_retrieve_tui.model.sop_classes import IMPLICIT_VR_LITTLE_ENDIAN, VERIFICATION
from dicom_retrieve_tui.network.association import Association, AssociationParameters, open_tls
from dicom_retrieve_tui.network.c_echo import c_echo
from dicom_retrieve_tui.network.connection import connect
from dicom_retrieve_tui.network.dns import address_towards, resolve
from dicom_retrieve_tui.network.negotiation import Proposal
from dicom_retrieve_tui.network.peer import query_retrieve
from dicom_retrieve_tui.network.timeouts import Limit, within

if TYPE_CHECKING:
    from dicom_retrieve_tui.network.tls.context import TlsClient

_ECHO = (Proposal(VERIFICATION, IMPLICIT_VR_LITTLE_ENDIAN),)


class ConnectionChecks:
    """Checks of the connection to one PACS; each method makes one and returns what it found.

    Each raises `PeerError` or `ConfigError` if the check fails, and `Cancelled`.
    """

    def __init__(self, parameters: AssociationParameters) -> None:
        self._parameters = parameters
        self.own_address = ""
        """Our address towards the PACS; empty while unknown."""
        self.offered: frozenset[str] = frozenset()
        """Abstract syntaxes of the services that the PACS accepts; empty before `association`."""

    def name(self) -> Step:
        """Resolve the host name."""
        endpoint = self._parameters.peer.endpoint
        found = resolve(endpoint, self._patience(f"the address of {endpoint.host}"))
        hosts = list(dict.fromkeys(str(address[0]) for _, address in found))
        self.own_address = self._own_address(Endpoint(host=hosts[0], port=endpoint.port))
        if hosts == [endpoint.host]:
            return Step.ok(Check.HOST, f"{endpoint.host} is an address.")
        return Step.ok(Check.HOST, f"{endpoint.host} is {', '.join(hosts)}.")

    def connection(self) -> Step:
        """Open a TCP connection."""
        endpoint = self._parameters.peer.endpoint
        started_s = monotonic()
        with connect(endpoint, self._patience(f"a TCP connection to {endpoint}")) as sock:
            elapsed_s = monotonic() - started_s
            self.own_address = str(sock.getsockname()[0])
        return Step.ok(
            Check.CONNECTION, f"{endpoint} accepts a connection within {_ms(elapsed_s)}."
        )

    def tls(self, client: "TlsClient") -> Step:
        """Make the TLS handshake."""
        started_s = monotonic()
        with closing(open_tls(self._parameters, client)) as secured:
            elapsed_s = monotonic() - started_s
            secured.wait_for_verdict(self._patience(f"the verdict of {self._parameters.peer}"))
            handshake_result = secured.result()
        how = f"{handshake_result} within {_ms(elapsed_s)}"
        if handshake_result.certificate is None:
            return Step(
                check=Check.TLS,
                outcome=Outcome.WARNING,
                found=f"{how}; its certificate is not checked (--tls-insecure).",
                next_step="Others on the network may read or change everything: set --tls-ca.",
                keys=("tls_insecure", "tls_ca"),
            )
        soon = handshake_result.certificate.renewal_advice(datetime.now(UTC))
        return Step(
            check=Check.TLS,
            outcome=Outcome.WARNING if soon else Outcome.OK,
            found=f"{how}; its certificate is {handshake_result.certificate}.",
            next_step=soon,
        )

    def association(self) -> Step:
        """Negotiate an association."""
        with Association.request(
            self._parameters, query_retrieve(self._parameters.query_model)
        ) as association:
            self.offered = frozenset(cx.abstract_syntax for cx in association.contexts.values())
            acceptance = association.acceptance
        limit_bytes = acceptance.peer_max_pdu_bytes
        limit = f"PDUs up to {limit_bytes:,} bytes" if limit_bytes else "PDUs of any length"
        software = f"{acceptance.implementation}, " if acceptance.implementation else ""
        calling = self._parameters.calling_ae_title
        return Step.ok(
            Check.ASSOCIATION, f"{self._parameters.peer} accepts {calling} ({software}{limit})."
        )

    def echo(self) -> Step:
        """Send a C-ECHO, which a retrieval does not need."""
        try:
            with Association.request(self._parameters, _ECHO) as association:
                round_trip_s = c_echo(association)
        except (ContextNotAccepted, OperationFailed) as error:
            return Step(
                check=Check.ECHO,
                outcome=Outcome.WARNING,
                found=error.found,
                next_step="A retrieval does not need C-ECHO.",
            )
        answered = Step.ok(Check.ECHO, f"Answered within {_ms(round_trip_s)}.")
        return replace(answered, round_trip_s=round_trip_s)

    def _own_address(self, towards: Endpoint) -> str:
        try:
            return address_towards(towards, self._patience(f"the address of {towards.host}"))
        except ConfigError:
            return ""

    def _patience(self, waiting_for: str) -> Limit:
        return within(self._parameters.timeouts.connect_s, waiting_for, self._parameters.cancel)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
