import re

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.address import Endpoint, PeerAE, parse_listen, parse_pacs_url


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("pacs://pacs.example.org", "pacs.example.org", 104),
        ("pacs://pacs.example.org:11112", "pacs.example.org", 11112),
        ("PACS://10.0.0.1:4242/", "10.0.0.1", 4242),
        ("pacs://my_pacs-2:65535", "my_pacs-2", 65535),
        ("pacs://x:1", "x", 1),
        ("pacs://[::1]:11112", "::1", 11112),
        ("pacs://[::1]", "::1", 104),
        ("pacs://[fe80::1%eth0]:104", "fe80::1%eth0", 104),
    ],
)
def test_a_url_is_read(url: str, host: str, port: int) -> None:
    assert parse_pacs_url(url) == Endpoint(host=host, port=port)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://pacs:80", "starts with http://; a PACS is given as pacs://HOST[:PORT]"),
        ("ftp://pacs", "starts with ftp://"),
        ("pacs.example.org", "has no scheme"),
        ("", "has no scheme"),
        ("pacs://", "names no host"),
        ("pacs://:104", "names no host"),
        ("pacs://::1", "names no host"),
        ("pacs://[::1", "names no host"),
        ("pacs://[]:104", "names no host"),
        ("pacs://[pacs]:104", "names no host"),
        ("pacs://-pacs", "names no host"),
        ("pacs://user@pacs", "names no host"),
        ("pacs://pacs/path", "names no host"),
        ("pacs://pa cs", "names no host"),
        ("pacs://pacs:", "'' is not a port"),
        ("pacs://pacs:0", "'0' is not a port"),
        ("pacs://pacs:65536", "'65536' is not a port"),
        ("pacs://pacs:dicom", "'dicom' is not a port"),
        ("pacs://pacs:-1", "'-1' is not a port"),
        ("pacs://pacs:1:2", "'1:2' is not a port"),
        ("pacs://pacs:\u0661", "is not a port"),
        ("pacs://[::1]11112", "names no host"),
    ],
)
def test_a_bad_url_is_refused_in_one_sentence(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        parse_pacs_url(url)

    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("11112", (None, 11112)),
        ("127.0.0.1:104", ("127.0.0.1", 104)),
        ("pacs.example.org:4242", ("pacs.example.org", 4242)),
        ("[::]:11112", ("::", 11112)),
    ],
)
def test_an_address_to_listen_on_is_read(text: str, address: tuple[str | None, int]) -> None:
    assert parse_listen(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "x", "0", "65536", ":11112", "host:", "host", "::1", "[::1]", "[::1]104", "1 2", "h:1:2"],
)
def test_a_bad_address_to_listen_on_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^--listen.*\.$"):
        parse_listen(text)


def test_a_bad_port_to_listen_on_is_quoted_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_listen("0", "--listen")

    assert str(caught.value) == "--listen: '0' is not a port: expected a number from 1 to 65535."


def test_addresses_print_as_people_write_them() -> None:
    peer = PeerAE(ae_title="ORTHANC", endpoint=Endpoint(host="::1", port=4242))

    assert str(peer) == "ORTHANC@[::1]:4242"
    assert str(Endpoint(host="pacs", port=104)) == "pacs:104"
