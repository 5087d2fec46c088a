"""What `doctor` tells of the TLS handshake with scripted peers."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.doctor.result import Check, Outcome, Step
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.security import TlsSettings
from tests.peers.certificates import Authority
from tests.peers.raw_pacs import RawPacs
from tests.peers.tls_contexts import pacs_context
from tests.runs import get_plan, settings

both_versions = pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"]
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def _pacs(context: ssl.SSLContext) -> RawPacs:
    pacs = RawPacs()
    pacs.tls = context
    return pacs


def _told(pacs: RawPacs, tls: TlsSettings, output: Path) -> Step:
    given = replace(settings(pacs.port, output), tls=tls)
    findings = wiring.diagnose(None, get_plan().on(given)[1], CancelToken())
    (step,) = [each for each in findings if isinstance(each, Step) and each.check is Check.TLS]
    return step


@both_versions
def test_version_cipher_and_certificate_are_named(
    authority: Authority, version: ssl.TLSVersion, tmp_path: Path
) -> None:
    context = pacs_context(authority.issue("pacs"))
    context.minimum_version = context.maximum_version = version

    with _pacs(context) as pacs:
        step = _told(pacs, authority.settings(), tmp_path)

    assert step.outcome is Outcome.OK
    assert step.found.startswith(f"TLS {version.name[-3:].replace('_', '.')} with ")
    assert "that of pacs (for localhost, 127.0.0.1), issued by Invented Authority" in step.found


@both_versions
def test_it_names_a_certificate_that_is_requests_for_us_at_the_handshake(
    authority: Authority, version: ssl.TLSVersion, tmp_path: Path
) -> None:
    context = pacs_context(authority.issue("pacs"), wants=authority.certificate)
    context.minimum_version = context.maximum_version = version

    with _pacs(context) as pacs:
        step = _told(pacs, authority.settings(), tmp_path)

    assert step.outcome is Outcome.FAILED
    assert "requires a client certificate" in step.found
    assert "--tls-cert" in step.next_step
    assert "tls_cert" in step.keys


def test_it_waits_no_longer_than_a_moment_for_a_peer_that_says_no_more(
    authority: Authority, tmp_path: Path
) -> None:
    context = pacs_context(authority.issue("pacs"))
    context.num_tickets = 0

    with _pacs(context) as pacs:
        step = _told(pacs, authority.settings(), tmp_path)

    assert step.outcome is Outcome.OK


def test_it_warns_of_a_certificate_that_renewal_advice(
    authority: Authority, tmp_path: Path
) -> None:
    with _pacs(pacs_context(authority.issue("pacs", days=10))) as pacs:
        step = _told(pacs, authority.settings(), tmp_path)

    assert step.outcome is Outcome.WARNING
    assert step.next_step == "Ask the administrator of the PACS to renew it: it expires in 9 days."


def test_it_says_that_nobody_is_verified(authority: Authority, tmp_path: Path) -> None:
    with _pacs(pacs_context(authority.issue("pacs"))) as pacs:
        step = _told(pacs, TlsSettings(verify=False), tmp_path)

    assert step.outcome is Outcome.WARNING
    assert "its certificate is not checked (--tls-insecure)" in step.found


def test_a_certificate_of_many_odd_names_stays_one_sentence(
    authority: Authority, tmp_path: Path
) -> None:
    many = ["127.0.0.1", *(f"host{n}.example" for n in range(50))]
    shown = authority.issue("[bold]x\x1b[2J\u202e", many)

    with _pacs(pacs_context(shown)) as pacs:
        step = _told(pacs, authority.settings(), tmp_path)

    assert "that of [bold]x[2J (for 127.0.0.1, host0.example" in step.found
    assert "and 46 more)" in step.found
    assert step.found.isprintable()
