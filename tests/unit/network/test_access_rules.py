"""Whose addresses may call our Storage SCP."""

from collections.abc import Iterable

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.allowed_callers import AllowedCaller, parse_callers
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.network.access_rules import Callers

_OURS = "192.0.2.1"


def _callers(pacs_host: str, further: Iterable[AllowedCaller] = ()) -> Callers:
    return Callers(pacs_host, further, limit_s=10.0, cancel=CancelToken())


def _allowed(callers: Callers, address: str, ours: str = _OURS) -> bool:
    return callers.address_fault(address, ours) is None


def test_only_the_pacs_may_call_if_nobody_else_is_named() -> None:
    callers = _callers("192.0.2.7")

    assert _allowed(callers, "192.0.2.7")
    assert _allowed(callers, "::ffff:192.0.2.7")
    assert callers.title_fault("192.0.2.7", _OURS, "ANYBODY") is None
    assert callers.address_fault("192.0.2.8", _OURS) == "it is no address of the PACS (192.0.2.7)"
    assert not _allowed(callers, "127.0.0.1", "127.0.0.1")


def test_every_address_of_a_name_counts() -> None:
    callers = _callers("localhost")

    assert _allowed(callers, "127.0.0.1")
    assert not _allowed(callers, "127.0.0.2")


def test_a_pacs_on_this_machine_may_call_by_any_of_its_addresses() -> None:
    callers = _callers("127.0.0.1")

    assert _allowed(callers, _OURS, ours=_OURS)
    assert callers.title_fault(_OURS, _OURS, "ANYBODY") is None
    assert not _allowed(callers, "192.0.2.9", ours=_OURS)


def test_networks_titles_and_scopes() -> None:
    entries = "10.1.2.0/24, A@10.9.0.0/16,B@10.9.0.0/16,[2001:db8::]/32,2001:db8::1"
    callers = _callers(
        "192.0.2.7", parse_callers("--accept-from", entries.replace("[", "").replace("]", ""))
    )

    assert _allowed(callers, "10.1.2.255")
    assert _allowed(callers, "2001:db8::1%eth0")
    assert not _allowed(callers, "10.2.0.1")
    assert callers.title_fault("10.9.1.1", _OURS, "B") is None
    assert callers.title_fault("10.9.1.1", _OURS, "b") == "its AE title is 'b', and not A or B"


def test_a_pacs_of_unknown_name_is_told_by_whoever_calls_it() -> None:
    assert not _allowed(_callers("no-such-host.invalid"), "192.0.2.7")


def test_an_unknown_name_that_was_added_is_told_at_once() -> None:
    with pytest.raises(ConfigError, match=r"--accept-from no-such-host\.invalid: the host"):
        _callers("192.0.2.7", (AllowedCaller("no-such-host.invalid"),))


@pytest.mark.parametrize("text", ["", "10.0.0.0/99", "10.1.2.3,", "a b", "@10.1.2.3", "TITLE@"])
def test_what_names_nobody_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--accept-from"):
        parse_callers("--accept-from", text)
