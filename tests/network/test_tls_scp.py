"""TLS on the associations that come to our Storage SCP, from scripted peers."""

import socket
import ssl
import threading
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.events import Event
from dicom_retrieve_tui.model.security import TlsSettings
from dicom_retrieve_tui.model.verdict import Verdict
from tests.peers.certificates import Authority
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, Instance, Request, instances
from tests.peers.tls_contexts import pacs_context, scu_context
from tests.runs import files_in, move_plan, run, verdict_of

_SILENT = 5
_PLAIN = 12
_SHUTDOWN_S = 2.0
_TIMEOUT_S = 0.5
"""So long is waited for late instances, after each request that brought none."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that nobody trusts."""
    return Authority(tmp_path_factory.mktemp("stranger"), "Somebody Else")


@pytest.fixture(scope="module")
def ours(authority: Authority) -> TlsSettings:
    return authority.settings(authority.issue("ours"))


def _retrieve(pacs: MovingPacs, tls: TlsSettings | None, output: Path) -> list[Event]:
    return run(move_plan(), replace(pacs.settings(output, timeout_s=_TIMEOUT_S), tls=tls))


class _Pacs(MovingPacs):
    """Speaks TLS, and calls us with `scp_tls`; a call that fails is a sub-operation that fails."""

    def __init__(self, authority: Authority, scp_tls: ssl.SSLContext | None) -> None:
        super().__init__([replace(i, padding_bytes=200_000) for i in instances(2)])
        self.tls = pacs_context(authority.issue("pacs"))
        self.scp_tls = scp_tls
        self.refusals: list[Exception] = []

    def on_move(self, conversation: Conversation, request: Request) -> None:
        try:
            self.send_to_scp(self.holdings)
        except (OSError, EOFError) as error:
            self.refusals.append(error)
        done = 0 if self.refusals else len(self.holdings)
        self.finish(conversation, request, completed=done, failed=len(self.holdings) - done)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_pacs_with_a_certificate_that_we_trust_sends_to_us(
    authority: Authority, ours: TlsSettings, version: ssl.TLSVersion, tmp_path: Path
) -> None:
    context = scu_context(authority.certificate, authority.issue("caller"))
    context.minimum_version = context.maximum_version = version

    with _Pacs(authority, context) as pacs:
        events = _retrieve(pacs, ours, tmp_path)

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(files_in(tmp_path)) == 2


def test_a_caller_without_a_certificate_is_refused_where_we_name_an_authority(
    authority: Authority, ours: TlsSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with _Pacs(authority, scu_context(authority.certificate)) as pacs:
        events = _retrieve(pacs, ours, tmp_path)

    assert verdict_of(events).verdict is Verdict.FAILED
    assert not files_in(tmp_path)
    assert "it sent no certificate, which --tls-ca requires" in caplog.text
    assert "it sent no certificate" in verdict_of(events).reason


def test_a_caller_whose_authority_we_do_not_trust_is_refused(
    authority: Authority,
    stranger: Authority,
    ours: TlsSettings,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rogue = scu_context(authority.certificate, stranger.issue("rogue"))

    with _Pacs(authority, rogue) as pacs:
        events = _retrieve(pacs, ours, tmp_path)

    assert verdict_of(events).verdict is Verdict.FAILED
    assert not files_in(tmp_path)
    assert "its certificate comes from a CA that is not trusted" in caplog.text


def test_a_caller_that_does_not_trust_us_is_told_apart(
    authority: Authority,
    stranger: Authority,
    ours: TlsSettings,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with _Pacs(authority, scu_context(stranger.certificate)) as pacs:
        _retrieve(pacs, ours, tmp_path)

    assert "it does not trust the CA of our certificate" in caplog.text


def test_a_caller_without_tls_is_refused(
    authority: Authority, ours: TlsSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with _Pacs(authority, None) as pacs:
        events = _retrieve(pacs, ours, tmp_path)

    assert pacs.refusals
    assert verdict_of(events).verdict is Verdict.FAILED
    assert not files_in(tmp_path)
    assert "it does not use TLS to send to us. Have the PACS use TLS" in caplog.text


def test_a_caller_with_tls_is_told_apart_where_we_have_none(
    authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with _Pacs(authority, scu_context(authority.certificate)) as pacs:
        pacs.tls = None
        _retrieve(pacs, None, tmp_path)

    assert "uses TLS, and we do not. Add --tls." in caplog.text


class _Besieged(_Pacs):
    """Has strangers on our port: that begin no handshake, that end none, and that know of none."""

    finished_s = 0.0

    def send_to_scp(self, wanted: list[Instance]) -> list[int]:
        where = ("127.0.0.1", self.scp_port)
        strangers = [socket.create_connection(where) for _ in range(2 * _SILENT + _PLAIN)]
        for stranger in strangers[:_SILENT]:
            stranger.sendall(b"\x16\3\1\2\0\1\0\1\xfc\3\3")
        for stranger in strangers[-_PLAIN:]:
            # Half of an A-ASSOCIATE-RQ without TLS; the half is too short to be judged a record.
            stranger.sendall(b"\1\0\0\0")
        self._socks += strangers
        statuses = super().send_to_scp(wanted)
        self.finished_s = monotonic()
        return statuses


def test_silent_callers_keep_nobody_out_and_do_not_hold_up_the_end(
    authority: Authority, ours: TlsSettings, tmp_path: Path
) -> None:
    context = scu_context(authority.certificate, authority.issue("caller"))

    with _Besieged(authority, context) as pacs:
        events = _retrieve(pacs, ours, tmp_path)
        ended_s = monotonic()

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert ended_s - pacs.finished_s < _SHUTDOWN_S
    assert not [t for t in threading.enumerate() if t.name.startswith("storage-scp")]


def test_to_listen_with_tls_we_need_a_certificate(authority: Authority, tmp_path: Path) -> None:
    with (
        _Pacs(authority, None) as pacs,
        pytest.raises(ConfigError, match="requires --tls-cert and --tls-key"),
    ):
        _retrieve(pacs, authority.settings(), tmp_path)

    assert pacs.associations == 0
