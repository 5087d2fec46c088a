"""Callers of our Storage SCP: those that the user allows, and those that were refused."""

import ipaddress
from dataclasses import dataclass

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.address import is_host
from dicom_retrieve_tui.model.uids import ae_title_fault

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class AllowedCaller:
    """One entry of `--accept-from`: `[AET@]ADDRESS`, `[AET@]NETWORK` or `[AET@]HOST`."""

    where: str
    """An address, a network such as 10.1.2.0/24, or a host name."""
    ae_title: str | None = None
    """The only calling AE title allowed from there; None: any."""

    def __str__(self) -> str:
        return self.where if self.ae_title is None else f"{self.ae_title}@{self.where}"

    @property
    def network(self) -> Network | None:
        """The network, or None for a host name."""
        try:
            return ipaddress.ip_network(self.where, strict=False)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class RefusedCaller:
    """A caller that our Storage SCP refused, and that may have been the PACS."""

    address: str
    reason: str
    """Why it was refused, as the end of a sentence."""
    advice: str
    """What to do if the call was legitimate, as a sentence."""

    @property
    def found(self) -> str:
        """The refusal as a sentence."""
        return f"Our Storage SCP refused a call from {self.address}: {self.reason}."

    def __str__(self) -> str:
        return f"{self.found} {self.advice}"


def parse_callers(where: str, text: str) -> tuple[AllowedCaller, ...]:
    """Parse the entries of `--accept-from`, separated by commas.

    Args:
        where: Names the place in messages.

    Raises:
        ConfigError: An entry is invalid.
    """
    return tuple(_parse(where, entry.strip()) for entry in text.split(","))


def _parse(where: str, text: str) -> AllowedCaller:
    title, at, rest = text.rpartition("@")
    if at and (fault := ae_title_fault(title)) is not None:
        raise ConfigError.of_value(where, text, f"{title!r} {fault}")
    caller = AllowedCaller(rest.strip("[]"), title if at else None)
    if caller.network is None and not is_host(caller.where):
        raise ConfigError.of_value(
            where,
            text,
            "expected an address, a network such as 10.1.2.0/24, or a host name; several with "
            "commas between them",
        )
    return caller
