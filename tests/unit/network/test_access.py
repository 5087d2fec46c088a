"""Access control of our Storage SCP: addresses, AE titles and connection limits."""

from collections.abc import Iterable

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.allowed_callers import AllowedCaller, parse_callers
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.network import access
from dicom_retrieve_tui.network.access import AccessList, CallerConnection, ConnectionLimits

_OURS = "192.0.2.1"


def _access_list(pacs_host: str, further: Iterable[AllowedCaller] = ()) -> AccessList:
    return AccessList(pacs_host, further, limit_s=10.0, cancel=CancelToken())


def _allowed(access_list: AccessList, address: str, ours: str = _OURS) -> bool:
    return access_list.address_fault(address, ours) is None


def test_only_the_pacs_may_call_without_accept_from() -> None:
    access_list = _access_list("192.0.2.7")

    assert _allowed(access_list, "192.0.2.7")
    assert _allowed(access_list, "::ffff:192.0.2.7")
    assert access_list.title_fault("192.0.2.7", _OURS, "ANYBODY") is None
    assert (
        access_list.address_fault("192.0.2.8", _OURS)
        == "it is not an address of the PACS (192.0.2.7)"
    )
    assert not _allowed(access_list, "127.0.0.1", "127.0.0.1")


def test_every_address_of_a_name_counts() -> None:
    access_list = _access_list("localhost")

    assert _allowed(access_list, "127.0.0.1")
    assert not _allowed(access_list, "127.0.0.2")


def test_a_pacs_on_this_machine_may_call_by_any_of_its_addresses() -> None:
    access_list = _access_list("127.0.0.1")

    assert _allowed(access_list, _OURS, ours=_OURS)
    assert access_list.title_fault(_OURS, _OURS, "ANYBODY") is None
    assert not _allowed(access_list, "192.0.2.9", ours=_OURS)


def test_networks_titles_and_scopes() -> None:
    entries = "10.1.2.0/24, A@10.9.0.0/16,B@10.9.0.0/16,[2001:db8::]/32,2001:db8::1"
    access_list = _access_list(
        "192.0.2.7", parse_callers("--accept-from", entries.replace("[", "").replace("]", ""))
    )

    assert _allowed(access_list, "10.1.2.255")
    assert _allowed(access_list, "2001:db8::1%eth0")
    assert not _allowed(access_list, "10.2.0.1")
    assert access_list.title_fault("10.9.1.1", _OURS, "B") is None
    assert access_list.title_fault("10.9.1.1", _OURS, "b") == "its AE title is 'b', and not A or B"


def test_an_unknown_pacs_is_no_error_here() -> None:
    assert not _allowed(_access_list("no-such-host.invalid"), "192.0.2.7")


def test_an_unknown_host_in_accept_from_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"--accept-from no-such-host\.invalid: the host"):
        _access_list("192.0.2.7", (AllowedCaller("no-such-host.invalid"),))


@pytest.mark.parametrize("text", ["", "10.0.0.0/99", "10.1.2.3,", "a b", "@10.1.2.3", "TITLE@"])
def test_an_invalid_entry_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--accept-from"):
        parse_callers("--accept-from", text)


@pytest.fixture(autouse=True)
def _low_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "PENDING_MAX", 4)
    monkeypatch.setattr(access, "PENDING_AN_ADDRESS_MAX", 2)
    monkeypatch.setattr(access, "ASSOCIATIONS_MAX", 3)
    monkeypatch.setattr(access, "ASSOCIATIONS_AN_ADDRESS_MAX", 2)
    monkeypatch.setattr(access, "CONNECTIONS_MAX", 7)


def _register(limits: ConnectionLimits, *addresses: str) -> list[CallerConnection]:
    registered = [limits.register(address) for address in addresses]
    return [each for each in registered if each is not None]


def test_the_oldest_pending_connection_of_an_address_is_dropped() -> None:
    assert not any(each.dropped for each in _register(ConnectionLimits(), "b", "a", "a"))

    limits = ConnectionLimits()
    others, one, two, three = _register(limits, "b", "a", "a", "a")
    assert [others.dropped, one.dropped, two.dropped, three.dropped] == [
        False, True, False, False,
    ]  # fmt: skip


def test_the_oldest_pending_connection_is_dropped() -> None:
    registered = _register(ConnectionLimits(), "a", "b", "c", "d", "e")

    assert [each.address for each in registered if each.dropped] == ["a"]


def test_an_association_is_not_dropped() -> None:
    limits = ConnectionLimits()
    (associated,) = _register(limits, "a")
    assert limits.associate(associated)
    _register(limits, "a", "a", "a")

    assert not associated.dropped


def test_associations_are_counted_by_address_and_in_all() -> None:
    limits = ConnectionLimits()
    one, two, three, other, last = _register(limits, "a", "a", "b", "c", "a")
    assert limits.associate(one)
    assert limits.associate(two)
    assert not limits.associate(last)
    assert limits.associate(three)
    assert not limits.associate(other)

    limits.remove(one)
    assert limits.associate(other)


def test_beyond_the_limit_no_connection_is_registered() -> None:
    limits = ConnectionLimits()

    assert len(_register(limits, *"abcdefgh")) == 7
