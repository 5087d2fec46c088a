"""TLS on the associations that we request, with scripted peers: agreement, and every refusal."""

import socket
import ssl
import threading
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import AttemptFailed, Event
from dicom_retrieve_tui.model.security import Secret, TlsSettings
from dicom_retrieve_tui.model.verdict import Verdict
from tests.peers import wire
from tests.peers.certificates import Authority
from tests.peers.raw_pacs import Conversation, Instance, RawPacs, instances
from tests.peers.tls_contexts import pacs_context
from tests.runs import files_in, get_plan, of_kind, run, settings, verdict_of

_1_2, _1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
_SOON_S = 0.4
_PASSPHRASE = "open sesame"  # noqa: S105 - it opens nothing but a key of these tests
both_versions = pytest.mark.parametrize("version", [_1_2, _1_3], ids=["1.2", "1.3"])


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that nobody trusts."""
    return Authority(tmp_path_factory.mktemp("stranger"), "Somebody Else")


def _pacs(context: ssl.SSLContext | None, holdings: list[Instance] | None = None) -> RawPacs:
    pacs = RawPacs(holdings)
    pacs.tls = context
    return pacs


def _retrieve(pacs: RawPacs, tls: TlsSettings | None, output: Path) -> list[Event]:
    return run(get_plan(retries=1), replace(settings(pacs.port, output), tls=tls))


def _refusal(pacs: RawPacs, tls: TlsSettings | None, output: Path) -> str:
    """Why it failed, which no further attempt would have healed."""
    events = _retrieve(pacs, tls, output / "out")

    assert verdict_of(events).verdict is Verdict.FAILED
    assert not of_kind(AttemptFailed, events)
    assert not (output / "out").exists()
    return verdict_of(events).reason


@both_versions
def test_a_study_comes_over_tls(
    authority: Authority, version: ssl.TLSVersion, tmp_path: Path
) -> None:
    context = pacs_context(authority.issue("pacs"))
    context.minimum_version = context.maximum_version = version
    holdings = [replace(i, padding_bytes=300_000) for i in instances(20)]

    with _pacs(context, holdings) as pacs:
        events = _retrieve(pacs, authority.settings(), tmp_path)

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(files_in(tmp_path)) == 20


@both_versions
def test_a_pacs_that_wants_our_certificate_gets_it(
    authority: Authority, version: ssl.TLSVersion, tmp_path: Path
) -> None:
    context = pacs_context(authority.issue("pacs"), wants=authority.certificate)
    context.minimum_version = context.maximum_version = version
    ours = authority.issue("ours", passphrase=_PASSPHRASE)
    tls = replace(authority.settings(ours), key_passphrase=Secret(_PASSPHRASE))

    with _pacs(context) as pacs:
        events = _retrieve(pacs, tls, tmp_path)

    assert verdict_of(events).verdict is Verdict.COMPLETE


@both_versions
def test_a_pacs_that_wants_a_certificate_we_do_not_have_is_told(
    authority: Authority, version: ssl.TLSVersion, tmp_path: Path
) -> None:
    context = pacs_context(authority.issue("pacs"), wants=authority.certificate)
    context.minimum_version = context.maximum_version = version

    with _pacs(context) as pacs:
        reason = _refusal(pacs, authority.settings(), tmp_path)

    assert "requires a client certificate" in reason
    assert "--tls-cert and --tls-key" in reason


@both_versions
def test_a_pacs_that_does_not_trust_our_authority_is_told(
    authority: Authority, stranger: Authority, version: ssl.TLSVersion, tmp_path: Path
) -> None:
    context = pacs_context(authority.issue("pacs"), wants=stranger.certificate)
    context.minimum_version = context.maximum_version = version

    with _pacs(context) as pacs:
        reason = _refusal(pacs, authority.settings(authority.issue("ours")), tmp_path)

    assert "does not trust the CA of our certificate" in reason


def test_a_certificate_that_has_expired_is_refused(authority: Authority, tmp_path: Path) -> None:
    with _pacs(pacs_context(authority.issue("old", days=-1))) as pacs:
        reason = _refusal(pacs, authority.settings(), tmp_path)

    assert f"The TLS handshake with RAW@127.0.0.1:{pacs.port} failed: its certificate" in reason
    assert "has expired (our clock says 20" in reason


def test_an_authority_that_we_do_not_trust_is_refused(
    authority: Authority, stranger: Authority, tmp_path: Path
) -> None:
    with _pacs(pacs_context(stranger.issue("pacs"))) as pacs:
        reason = _refusal(pacs, authority.settings(), tmp_path)
        of_the_machine = _refusal(pacs, TlsSettings(), tmp_path)

    assert "comes from a CA that is not trusted. Set --tls-ca" in reason
    assert "--tls-ca" in of_the_machine


def test_a_certificate_for_somebody_else_is_refused_by_name(
    authority: Authority, tmp_path: Path
) -> None:
    shown = authority.issue("other", ["pacs.example", "10.9.8.7"])

    with _pacs(pacs_context(shown)) as pacs:
        reason = _refusal(pacs, authority.settings(), tmp_path)

    assert "its certificate is for pacs.example, 10.9.8.7, and not for 127.0.0.1" in reason


def test_a_certificate_may_itself_be_what_we_trust(authority: Authority, tmp_path: Path) -> None:
    shown = authority.issue("pacs")

    with _pacs(pacs_context(shown)) as pacs:
        events = _retrieve(pacs, TlsSettings(ca=shown.certificate), tmp_path)

    assert verdict_of(events).verdict is Verdict.COMPLETE


def test_without_verification_anybody_is_believed(stranger: Authority, tmp_path: Path) -> None:
    shown = stranger.issue("other", ["pacs.example"], days=-1)

    with _pacs(pacs_context(shown)) as pacs:
        events = _retrieve(pacs, TlsSettings(verify=False), tmp_path)

    assert verdict_of(events).verdict is Verdict.COMPLETE


def test_tls_that_is_no_longer_safe_is_refused(authority: Authority, tmp_path: Path) -> None:
    context = pacs_context(authority.issue("pacs"))
    with warnings.catch_warnings(action="ignore"):
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1

    with _pacs(context) as pacs:
        reason = _refusal(pacs, authority.settings(), tmp_path)

    assert "has only versions of TLS that are no longer safe" in reason


def test_ciphers_that_are_no_longer_safe_are_refused(authority: Authority, tmp_path: Path) -> None:
    context = pacs_context(authority.issue("pacs"))
    context.maximum_version = _1_2
    context.set_ciphers("ECDHE-ECDSA-AES256-SHA384")

    with _pacs(context) as pacs:
        reason = _refusal(pacs, authority.settings(authority.issue("ours")), tmp_path)

    assert "it has no cipher in common with us" in reason


class _SpeaksNoTls(RawPacs):
    """Answers a PDU of a type that it does not know by an A-ABORT."""

    def on_association(self, conversation: Conversation) -> None:
        conversation.sock.recv(4096)
        conversation.send(wire.pdu(wire.A_ABORT))


def test_a_port_that_speaks_no_tls_is_named(authority: Authority, tmp_path: Path) -> None:
    with _SpeaksNoTls() as pacs:
        reason = _refusal(pacs, authority.settings(), tmp_path)

    assert "it does not use TLS on this port" in reason


def test_a_port_that_hangs_up_may_want_tls(authority: Authority, tmp_path: Path) -> None:
    with _pacs(pacs_context(authority.issue("pacs"))) as pacs:
        events = _retrieve(pacs, None, tmp_path)

    assert "know our AE title or address, or want TLS (--tls)" in verdict_of(events).reason


class _Alerts(RawPacs):
    def on_association(self, conversation: Conversation) -> None:
        conversation.read_associate()
        conversation.send(b"\x15\3\1\0\2\2\x46")


def test_a_port_that_answers_by_an_alert_wants_tls(tmp_path: Path) -> None:
    with _Alerts() as pacs:
        reason = _refusal(pacs, None, tmp_path)

    assert f"RAW@127.0.0.1:{pacs.port} uses TLS, and we do not. Add --tls." in reason


class _Stalls(RawPacs):
    """Takes the call, and then does as `stall` says."""

    def __init__(self, stall: Callable[[socket.socket, threading.Event], object]) -> None:
        super().__init__()
        self._stall = stall
        self.called = threading.Event()

    def on_association(self, conversation: Conversation) -> None:
        self.called.set()
        self._stall(conversation.sock, self.stopping)


def _silent(_sock: socket.socket, stopping: threading.Event) -> None:
    stopping.wait()


def _drips(sock: socket.socket, stopping: threading.Event) -> None:
    """Begins a handshake record of some length, a byte at a time."""
    for byte in b"\x16\x03\x03\x40\0\x02\0\x3f\xfc" + bytes(200):
        sock.send(bytes([byte]))
        if stopping.wait(0.02):
            return


@pytest.mark.parametrize("stall", [_silent, _drips])
def test_a_handshake_that_takes_too_long_is_given_up_at_the_connect_timeout(
    stall: Callable[[socket.socket, threading.Event], object],
    authority: Authority,
    tmp_path: Path,
) -> None:
    began_s = monotonic()
    with _Stalls(stall) as pacs:
        given = replace(settings(pacs.port, tmp_path, timeout_s=_SOON_S), tls=authority.settings())
        events = run(get_plan(), given)

    assert monotonic() - began_s < _SOON_S + 1.0
    reason = verdict_of(events).reason
    assert f"s for the TLS handshake with RAW@127.0.0.1:{pacs.port}; " in reason
    assert "Does this port use TLS?" in reason


def test_a_cancel_ends_a_handshake(authority: Authority, tmp_path: Path) -> None:
    cancel = CancelToken()

    def stop() -> None:
        pacs.called.wait()
        cancel.request()

    with _Stalls(_silent) as pacs:
        stopper = threading.Thread(target=stop)
        stopper.start()
        began_s = monotonic()
        given = replace(settings(pacs.port, tmp_path), tls=authority.settings())
        events = run(get_plan(), given, cancel)
        stopper.join()

    assert verdict_of(events).verdict is Verdict.CANCELLED
    assert monotonic() - began_s < 1.5


def _closes(sock: socket.socket, _stopping: threading.Event) -> None:
    sock.recv(5)


def _resets(sock: socket.socket, _stopping: threading.Event) -> None:
    sock.recv(5)
    Conversation(sock).reset()


@pytest.mark.parametrize(
    ("breaks", "words"),
    [(_closes, "it closed the connection"), (_resets, "connection reset by peer")],
)
def test_a_handshake_that_breaks_off_is_tried_again(
    breaks: Callable[[socket.socket, threading.Event], object],
    words: str,
    authority: Authority,
    tmp_path: Path,
) -> None:
    with _Stalls(breaks) as pacs:
        events = _retrieve(pacs, authority.settings(), tmp_path)

    assert len(of_kind(AttemptFailed, events)) == 1
    assert words in verdict_of(events).reason
    assert "Does this port use TLS?" in verdict_of(events).reason


def test_a_file_that_cannot_be_used_is_told_before_anything_is_sent(
    authority: Authority, stranger: Authority, tmp_path: Path
) -> None:
    ours, other = authority.issue("ours"), stranger.issue("other")
    locked = authority.issue("locked", passphrase=_PASSPHRASE)
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    unlocked = TlsSettings(certificate=locked.certificate, key=locked.key)
    cases = {
        TlsSettings(ca=tmp_path / "none.pem"): "none.pem: cannot be read: no such file",
        TlsSettings(ca=Path("/dev/zero")): "--tls-ca /dev/zero: it has more than 20 MB",
        TlsSettings(ca=empty): "--tls-ca .*it has no certificate",
        TlsSettings(certificate=ours.key): "--tls-cert .*it has no certificate",
        TlsSettings(certificate=ours.certificate): "no private key; set --tls-k",
        TlsSettings(certificate=ours.certificate, key=other.key): "is not the private key of",
        TlsSettings(certificate=ours.certificate, key=empty): "--tls-key .*no private key",
        unlocked: "--tls-key .*the private key needs its passphrase",
        replace(unlocked, key_passphrase=Secret("sesame")): "the passphrase is wrong",
    }
    with RawPacs() as pacs:
        for tls, words in cases.items():
            with pytest.raises(ConfigError, match=words) as caught:
                _retrieve(pacs, tls, tmp_path / "out")
            assert "sesame" not in str(caught.value)

        assert pacs.associations == 0
