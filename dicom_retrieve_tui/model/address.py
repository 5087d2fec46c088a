"""Addresses of a PACS and of our own listener: `pacs://HOST[:PORT]` and `[HOST:]PORT`."""

import re
from dataclasses import dataclass

from dicom_retrieve_tui.errors import ConfigError

DEFAULT_PORT = 104
"""The well-known port of DICOM. Source: PS3.8 section 9.1.1."""

_SCHEME = "pacs://"
_EXAMPLE = "for example pacs://pacs.example.org:11112"
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
_IPV6 = re.compile(r"\[([0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]+)?)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A host name or address with a port."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerAE:
    """The remote Application Entity, `AET@host:port` as text."""

    ae_title: str
    endpoint: Endpoint

    def __str__(self) -> str:
        return f"{self.ae_title}@{self.endpoint}"


def parse_pacs_url(url: str) -> Endpoint:
    """Parse `pacs://HOST[:PORT]`, an IPv6 host in brackets.

    Raises:
        ConfigError: The URL is invalid; the message names the wrong part.
    """
    if not url.lower().startswith(_SCHEME):
        scheme = url.partition("://")[0] + "://" if "://" in url else None
        found = f"starts with {scheme}" if scheme else "has no scheme"
        problem = f"{found}; a PACS is given as {_SCHEME}HOST[:PORT], {_EXAMPLE}"
        raise ConfigError(f"{url!r} {problem}.", problem=problem)
    rest = url[len(_SCHEME) :].removesuffix("/")
    host, port_text = _split(rest)
    if not is_host(host):
        problem = f"names no host; a PACS is given as {_SCHEME}HOST[:PORT]"
        raise ConfigError(f"{url!r} {problem}.", problem=problem)
    port = DEFAULT_PORT if port_text is None else _port(port_text, repr(url))
    return Endpoint(host=host.strip("[]"), port=port)


def parse_listen(text: str, where: str = "--listen") -> tuple[str | None, int]:
    """Parse `[HOST:]PORT`; the host is None if it is omitted.

    Args:
        where: Names the place in messages.

    Raises:
        ConfigError: The address is invalid.
    """
    host, port_text = (None, text) if ":" not in text else _split(text)
    if port_text is None or (host is not None and not is_host(host)):
        raise ConfigError.of_value(where, text, "expected [HOST:]PORT, for example 11112")
    return (host.strip("[]") if host else None), _port(port_text, where)


def _split(text: str) -> tuple[str, str | None]:
    if text.startswith("["):
        host, bracket, tail = text.partition("]")
        if tail and not tail.startswith(":"):
            # The caller reports the missing host.
            return text, None
        return host + bracket, tail[1:] if tail else None
    host, colon, port = text.partition(":")
    return host, port if colon else None


def is_host(text: str) -> bool:
    """Return True for a host name, an IPv4 address, or an IPv6 address in brackets."""
    return bool(_HOST.fullmatch(text) or _IPV6.fullmatch(text))


def _port(text: str, where: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        problem = f"{text!r} is not a port: expected a number from 1 to 65535"
        raise ConfigError(f"{where}: {problem}.", option=where, problem=problem)
    return int(text)
