"""Which addresses may call our Storage SCP: those of the PACS, and what `--accept-from` adds.

An AE title is what a caller says of itself; it can narrow an entry down, but opens nothing.
"""

import ipaddress
import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from time import monotonic

from dicom_retrieve_tui.errors import Cancelled, ConfigError, PeerTimeout
from dicom_retrieve_tui.model.allowed_callers import Address, AllowedCaller, Network
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.sanitize import clean_text, quoted
from dicom_retrieve_tui.network.dns import look_up
from dicom_retrieve_tui.network.timeouts import within

_LOOK_UP_AGAIN_S = 60.0
"""A name may move to another address during a long run."""
_AGAIN_MAX_S = 5.0
"""Nobody is let in or turned away meanwhile whose address is not known yet."""


class Callers:
    """Knows who may call. Safe to use from several threads."""

    def __init__(
        self,
        pacs_host: str,
        further: Iterable[AllowedCaller] = (),
        *,
        limit_s: float,
        cancel: CancelToken,
    ) -> None:
        """Look up every name.

        Args:
            pacs_host: The PACS, which may call.
            further: Who else may.
            limit_s: How long each name may take.
            cancel: Ends the wait.

        Raises:
            ConfigError: A name in `further` is unknown. Whoever calls the PACS tells of that one's.
            Cancelled: `cancel` was requested.
        """
        self._cancel = cancel
        self._entries = (AllowedCaller(pacs_host), *further)
        self._lock = threading.Lock()
        self._addresses: dict[str, list[Address]] = {}
        self._look_up(limit_s)
        for each in self._entries[1:]:
            if not self._networks(each):
                raise ConfigError(f"--accept-from {each}: the host {each.where!r} is unknown.")

    def address_fault(self, address: str, ours: str) -> str | None:
        """Say why nobody may call from `address`, as the end of a sentence; None if one may.

        Args:
            ours: The address of ours that was called.
        """
        caller = plain_address(address)
        if self._titles(caller, ours):
            return None
        with self._lock:
            if monotonic() - self._looked_up_s > _LOOK_UP_AGAIN_S:
                with suppress(Cancelled):
                    self._look_up(_AGAIN_MAX_S)
        return None if self._titles(caller, ours) else f"it is no address of {self}"

    def title_fault(self, address: str, ours: str, ae_title: str) -> str | None:
        """Say why `ae_title` may not call from an address that may; None if it may."""
        titles = self._titles(plain_address(address), ours)
        if None in titles or ae_title in titles:
            return None
        known = " or ".join(sorted(title for title in titles if title is not None))
        return f"its AE title is {quoted(ae_title)}, and not {known}"

    def __str__(self) -> str:
        """Whose addresses may call: `the PACS (10.1.2.3)`."""
        pacs, *further = self._entries
        found = ", ".join(
            sorted({str(network.network_address) for network in self._networks(pacs)})
        )
        named = [f"the PACS ({found or clean_text(pacs.where)})", *map(str, further)]
        return " or ".join(named)

    def _titles(self, caller: Address, ours: str) -> set[str | None]:
        """The AE titles that may call from an address; None stands for any."""
        titles = {e.ae_title for e in self._entries if any(caller in n for n in self._networks(e))}
        if self._on_this_machine and caller == plain_address(ours):
            titles.add(None)  # the PACS, too, by whichever of this machine's addresses
        return titles

    def _networks(self, entry: AllowedCaller) -> list[Network]:
        if (network := entry.network) is not None:
            return [network]
        return [ipaddress.ip_network(address) for address in self._addresses.get(entry.where, ())]

    def _look_up(self, limit_s: float) -> None:
        """Find the addresses of every name; one that is unknown just now keeps those it had."""
        for each in self._entries:
            if each.network is None and (found := self._addresses_of(each.where, limit_s)):
                self._addresses[each.where] = found
        pacs = [network.network_address for network in self._networks(self._entries[0])]
        self._on_this_machine = any(map(_is_ours, pacs))
        self._looked_up_s = monotonic()

    def _addresses_of(self, host: str, limit_s: float) -> list[Address]:
        """All that a host name stands for; nothing if it is unknown, or nobody tells in time."""
        patience = within(limit_s, f"the address of {host}", self._cancel)
        try:
            found = look_up(host, None, patience)
        except (OSError, UnicodeError, PeerTimeout):
            return []
        return [plain_address(str(address[0])) for _, address in found]


def plain_address(text: str) -> Address:
    """An address without the scope of its interface, IPv4 as IPv4."""
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return address if mapped is None else mapped


def _is_ours(address: Address) -> bool:
    """True for an address of this machine: what we send there comes from there."""
    if address.is_loopback:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 1))  # only picks a route: nothing is sent
            return plain_address(probe.getsockname()[0]) == address
    except OSError:
        return False
