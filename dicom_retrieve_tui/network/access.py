"""Access control of our Storage SCP: who may call, how many at once, and the log of refusals.

Calls are accepted from the addresses of the PACS and from those of `--accept-from`. An AE title is
only a claim: it can narrow an entry down, but grants nothing. A caller from any other address gets
no answer. Source of the rejections: PS3.8 section 9.3.4.
"""

import ipaddress
import logging
import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from dicom_retrieve_tui.errors import Cancelled, ConfigError, PeerTimeout
from dicom_retrieve_tui.model.allowed_callers import Address, AllowedCaller, Network, RefusedCaller
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.dimse import Receiver
from dicom_retrieve_tui.model.sanitize import clean_text, quoted
from dicom_retrieve_tui.model.sop_classes import VERIFICATION
from dicom_retrieve_tui.network.dns import look_up
from dicom_retrieve_tui.network.negotiation import AssociateRequest
from dicom_retrieve_tui.network.timeouts import within

_LOG = logging.getLogger(__name__)

_RESOLVE_AGAIN_S = 60.0
"""A name may move to another address during a long run."""
_RESOLVE_AGAIN_S_MAX = 5.0
"""New callers wait while names are resolved again."""

PENDING_MAX = 64
PENDING_AN_ADDRESS_MAX = 32
"""Connections without an association yet. A PACS sends its A-ASSOCIATE-RQ within milliseconds, so
beyond these limits the oldest pending connection is dropped."""

ASSOCIATIONS_MAX = 192
ASSOCIATIONS_AN_ADDRESS_MAX = 128
"""Two for each of the 64 C-MOVEs that a run may have under way."""

CONNECTIONS_MAX = ASSOCIATIONS_MAX + PENDING_MAX

_CALLED_TITLE_UNKNOWN = (1, 1, 7)
_CALLING_TITLE_UNKNOWN = (1, 1, 3)
_NOTHING_EXPECTED = (2, 1, 1)
_LIMIT_REACHED = (2, 3, 2)
"""Result, source and reason of an A-ASSOCIATE-RJ. Source: PS3.8 Table 9-21."""


class AccessList:
    """The addresses and AE titles that may call. Safe to use from several threads."""

    def __init__(
        self,
        pacs_host: str,
        further: Iterable[AllowedCaller] = (),
        *,
        limit_s: float,
        cancel: CancelToken,
    ) -> None:
        """Resolve every host name.

        Args:
            pacs_host: The PACS, which may call.
            further: Others that may call.
            limit_s: How long each name may take.
            cancel: Ends the wait.

        Raises:
            ConfigError: A name in `further` is unknown. An unknown PACS is reported when it is
                called.
            Cancelled: `cancel` was requested.
        """
        self._cancel = cancel
        self._entries = (AllowedCaller(pacs_host), *further)
        self._lock = threading.Lock()
        self._addresses: dict[str, list[Address]] = {}
        self._resolve(limit_s)
        for entry in self._entries[1:]:
            if not self._networks(entry):
                raise ConfigError(f"--accept-from {entry}: the host {entry.where!r} is unknown.")

    def address_fault(self, address: str, own_address: str) -> str | None:
        """Return why `address` may not call, as the end of a sentence; None if it may.

        Args:
            own_address: Our address that was called.
        """
        caller = plain_address(address)
        if self._titles(caller, own_address):
            return None
        with self._lock:
            if monotonic() - self._resolved_s > _RESOLVE_AGAIN_S:
                with suppress(Cancelled):
                    self._resolve(_RESOLVE_AGAIN_S_MAX)
        return None if self._titles(caller, own_address) else f"it is not an address of {self}"

    def title_fault(self, address: str, own_address: str, ae_title: str) -> str | None:
        """Return why `ae_title` may not call from an address that may; None if it may."""
        titles = self._titles(plain_address(address), own_address)
        if None in titles or ae_title in titles:
            return None
        known = " or ".join(sorted(title for title in titles if title is not None))
        return f"its AE title is {quoted(ae_title)}, and not {known}"

    def __str__(self) -> str:
        """Return who may call: `the PACS (10.1.2.3)`."""
        pacs, *further = self._entries
        addresses = ", ".join(
            sorted({str(network.network_address) for network in self._networks(pacs)})
        )
        names = [f"the PACS ({addresses or clean_text(pacs.where)})", *map(str, further)]
        return " or ".join(names)

    def _titles(self, caller: Address, own_address: str) -> set[str | None]:
        """Return the AE titles that may call from an address; None stands for any."""
        titles = {e.ae_title for e in self._entries if any(caller in n for n in self._networks(e))}
        # A PACS on this machine may call from any of the machine's addresses.
        if self._pacs_is_local and caller == plain_address(own_address):
            titles.add(None)
        return titles

    def _networks(self, entry: AllowedCaller) -> list[Network]:
        if (network := entry.network) is not None:
            return [network]
        return [ipaddress.ip_network(address) for address in self._addresses.get(entry.where, ())]

    def _resolve(self, limit_s: float) -> None:
        """Resolve every name; one that is not found now keeps the addresses that it had."""
        for entry in self._entries:
            if entry.network is None and (found := self._addresses_of(entry.where, limit_s)):
                self._addresses[entry.where] = found
        pacs = [network.network_address for network in self._networks(self._entries[0])]
        self._pacs_is_local = any(map(_is_local, pacs))
        self._resolved_s = monotonic()

    def _addresses_of(self, host: str, limit_s: float) -> list[Address]:
        """Return all addresses of a host; none if it is unknown or not resolved in time."""
        limit = within(limit_s, f"the address of {host}", self._cancel)
        try:
            found = look_up(host, None, limit)
        except (OSError, UnicodeError, PeerTimeout):
            return []
        return [plain_address(str(address[0])) for _, address in found]


def plain_address(text: str) -> Address:
    """Parse an address; drop the scope of its interface, and return mapped IPv4 as IPv4."""
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return address if mapped is None else mapped


def _is_local(address: Address) -> bool:
    """Return True for an address of this machine: a route to it starts at the same address."""
    if address.is_loopback:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            # A datagram socket only picks its route: nothing is sent.
            probe.connect((str(address), 1))
            return plain_address(probe.getsockname()[0]) == address
    except OSError:
        return False


@dataclass(eq=False, slots=True)
class CallerConnection:
    """One incoming connection, as the limits count it."""

    address: str
    associated: bool = False
    dropped: bool = False
    """True if it exceeded a limit; the thread that serves it checks this."""


class ConnectionLimits:
    """Limits of pending connections and associations, in total and per address.

    Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[CallerConnection, None] = {}
        """In the order in which they came."""

    def register(self, address: str) -> CallerConnection | None:
        """Register a connection; return None if the limit is reached."""
        with self._lock:
            if len(self._open) >= CONNECTIONS_MAX:
                return None
            connection = CallerConnection(address)
            self._open[connection] = None
            pending = [each for each in self._open if not (each.associated or each.dropped)]
            same_address = [each for each in pending if each.address == address]
            if len(same_address) > PENDING_AN_ADDRESS_MAX:
                same_address[0].dropped = True
            elif len(pending) > PENDING_MAX:
                pending[0].dropped = True
            return connection

    def associate(self, connection: CallerConnection) -> bool:
        """Count a connection as an association; return False if the limit is reached."""
        with self._lock:
            associated = [each for each in self._open if each.associated]
            same_address = sum(each.address == connection.address for each in associated)
            connection.associated = (
                len(associated) < ASSOCIATIONS_MAX and same_address < ASSOCIATIONS_AN_ADDRESS_MAX
            )
            return connection.associated

    def remove(self, connection: CallerConnection) -> None:
        """Forget a connection that was closed."""
        with self._lock:
            self._open.pop(connection, None)


class ScpReceiver(Receiver, Protocol):
    """Takes instances from callers of our Storage SCP while any are expected."""

    @property
    def expecting(self) -> bool:
        """True while a request waits for instances."""

    def refuse_caller(self, caller: RefusedCaller) -> None:
        """Note a refused caller that may have been the PACS."""


class CallRefused(Exception):
    """The caller gets no association."""

    def __init__(self, reason: str, rejection: tuple[int, int, int] | None = None) -> None:
        super().__init__(reason)
        self.rejection = rejection
        """Result, source and reason to answer; None: close without an answer."""


class AccessControl:
    """Decides whether a caller gets an association."""

    def __init__(
        self,
        receiver: ScpReceiver,
        access_list: AccessList,
        limits: ConnectionLimits,
        ae_title: str,
    ) -> None:
        """Combine the rules.

        Args:
            receiver: Knows whether instances are expected, and notes refused callers.
            access_list: Who may call.
            limits: How many may.
            ae_title: Our AE title, by which a caller must call us.
        """
        self._receiver = receiver
        self._access_list = access_list
        self._limits = limits
        self._ae_title = ae_title

    def check_address(self, connection: CallerConnection, own_address: str) -> None:
        """Check the address of a caller, before anything is read.

        Args:
            own_address: Our address that was called.

        Raises:
            CallRefused: The address may not call.
        """
        address = connection.address
        if (fault := self._access_list.address_fault(address, own_address)) is not None:
            advice = f"If it belongs to the archive, add --accept-from {address}."
            self._receiver.refuse_caller(RefusedCaller(address, fault, advice))
            raise CallRefused(fault)

    def admit(
        self, request: AssociateRequest, connection: CallerConnection, own_address: str
    ) -> None:
        """Check an A-ASSOCIATE-RQ and count the association.

        Args:
            own_address: Our address that was called.

        Raises:
            CallRefused: The caller gets no association.
        """
        self._check_titles(request, connection, own_address)
        if not (self._receiver.expecting or _only_verifies(request)):
            raise CallRefused("no instance is expected now", _NOTHING_EXPECTED)
        if not self._limits.associate(connection):
            raise CallRefused("it has as many associations as it may have", _LIMIT_REACHED)

    def _check_titles(
        self, request: AssociateRequest, connection: CallerConnection, own_address: str
    ) -> None:
        called, calling = request.called_ae_title, request.calling_ae_title
        address = connection.address
        if called != self._ae_title:
            fault = f"it called {quoted(called)}, and we are {self._ae_title}"
            advice = "The PACS's entry for our address needs the AE title of --move-dest."
            rejection = _CALLED_TITLE_UNKNOWN
        elif (wrong := self._access_list.title_fault(address, own_address, calling)) is not None:
            fault, rejection = wrong, _CALLING_TITLE_UNKNOWN
            advice = "If it belongs to the archive, add its AE title to --accept-from."
        else:
            return
        self._receiver.refuse_caller(RefusedCaller(address, fault, advice))
        raise CallRefused(fault, rejection)


def _only_verifies(request: AssociateRequest) -> bool:
    """Return True for a C-ECHO, by which an administrator tests whether we can be reached."""
    return {context.abstract_syntax for context in request.contexts} <= {VERIFICATION}


class RefusalLog:
    """Logs each kind of refusal once per address, and how often it was repeated when closed."""

    _KINDS_MAX = 256

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._repeated: dict[tuple[str, str], int] = {}

    def add(self, address: str, reason: str, peer: str = "") -> None:
        """Log a refusal, unless the same was logged before.

        Args:
            peer: Names the caller if more than its address is known.
        """
        kind = (address, reason.replace(peer, "") if peer else reason)
        with self._lock:
            if kind in self._repeated:
                self._repeated[kind] += 1
                return
            if len(self._repeated) >= self._KINDS_MAX:
                return
            self._repeated[kind] = 0
        _LOG.warning("association from %s ended: %s", peer or address, reason)

    def close(self) -> None:
        """Log how often each refusal was repeated."""
        for (address, reason), times in self._repeated.items():
            if times:
                _LOG.warning(
                    "association from %s ended: %s (%d more times)", address, reason, times
                )
