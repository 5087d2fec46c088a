"""TLS with real peers: Orthanc both ways, DCMTK's storescp, and each refusal in words."""

import json
import re
from pathlib import Path

import pytest

from tests.interop.command import CommandResult, run_cli
from tests.interop.comparison import assert_same_as_peer
from tests.interop.corpus import CT_CHEST
from tests.interop.peers import DRTUI
from tests.interop.process import PeerProcess, free_port
from tests.interop.programs import program
from tests.interop.tls_orthanc import TlsOrthanc, echoes, tool_tls
from tests.peers.certificates import Authority, Issued

pytestmark = pytest.mark.peers

_STUDY = ("--study-uid", CT_CHEST.study_instance_uid)


@pytest.fixture
def orthanc(tls_orthanc: TlsOrthanc) -> TlsOrthanc:
    return tls_orthanc


def _trust(authority: Authority) -> list[object]:
    return ["--tls", "--tls-ca", authority.certificate]


def _show(issued: Issued) -> list[object]:
    return ["--tls-cert", issued.certificate, "--tls-key", issued.key]


def _get(
    orthanc: TlsOrthanc, output: Path, *flags: object, host: str = "127.0.0.1"
) -> CommandResult:
    return run_cli(
        f"pacs://{host}:{orthanc.port}", "--called-aet", orthanc.ae_title, "--method", "c-get",
        *_STUDY, "--output", output, "--timeout", "5", "--retries", "0", *flags,
    )  # fmt: skip


def test_a_study_by_c_get(
    orthanc: TlsOrthanc, authority: Authority, ours: Issued, tmp_path: Path
) -> None:
    done = _get(orthanc, tmp_path, *_trust(authority), *_show(ours))

    assert done.exit_code == 0, done.stderr
    assert_same_as_peer(tmp_path, orthanc, CT_CHEST.sop_instance_uids)


def test_a_study_by_c_move_to_our_own_scp(
    orthanc: TlsOrthanc, authority: Authority, ours: Issued, tmp_path: Path
) -> None:
    done = run_cli(
        f"pacs://localhost:{orthanc.port}", "--called-aet", orthanc.ae_title, "--aet", DRTUI,
        "--move-dest", DRTUI, "--listen", f"127.0.0.1:{orthanc.move_ports[DRTUI]}",
        *_STUDY, "--output", tmp_path, *_trust(authority), *_show(ours),
    )  # fmt: skip

    assert done.exit_code == 0, done.stderr
    assert_same_as_peer(tmp_path, orthanc, CT_CHEST.sop_instance_uids)


def _doctor(orthanc: TlsOrthanc, *flags: object) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit code, and each step by what it looked at."""
    done = run_cli(
        "doctor", f"pacs://localhost:{orthanc.port}", "--called-aet", orthanc.ae_title,
        "--method", "c-get", "--json", *flags,
    )  # fmt: skip
    told = map(json.loads, done.stdout.splitlines())
    return done.exit_code, {each["check"]: each for each in told if each["event"] == "step"}


def test_doctor_tells_what_the_handshake_came_to(
    orthanc: TlsOrthanc, authority: Authority, ours: Issued
) -> None:
    code, steps = _doctor(orthanc, *_trust(authority), *_show(ours), CT_CHEST.study_instance_uid)

    assert code == 0
    assert list(steps)[1:4] == ["connection", "tls", "association"]
    assert steps["tls"]["outcome"] == "ok"
    assert re.fullmatch(
        r"TLS 1\.[23] with [A-Z0-9_-]*GCM[A-Z0-9_-]* within [0-9.]+ ms; its certificate is that of "
        r"orthanc \(for localhost, 127\.0\.0\.1\), issued by Invented Authority, expires "
        r"20..-..-..\.",
        steps["tls"]["found"],
    )
    assert steps["c_get_instance"]["outcome"] == "ok"


def test_doctor_tells_who_refuses_whom_in_the_handshake(
    orthanc: TlsOrthanc, authority: Authority, ours: Issued, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path / "stranger", "Somebody Else")
    cases: list[tuple[list[object], str, str]] = [
        (_trust(authority), "requires a client certificate", "--tls-cert"),
        (
            [*_trust(authority), *_show(stranger.issue("rogue"))],
            "trust the CA of our",
            "add",
        ),
        ([*_trust(stranger), *_show(ours)], "comes from a CA that is not trusted", "--tls-ca"),
    ]
    for flags, words, what_to_do in cases:
        code, steps = _doctor(orthanc, *flags)
        assert code == 1
        assert list(steps)[-1] == "tls"
        assert steps["tls"]["outcome"] == "failed"
        assert words in steps["tls"]["found"]
        assert what_to_do in steps["tls"]["next_step"]

    code, steps = _doctor(orthanc, "--tls", "--tls-insecure", *_show(ours))
    assert (code, steps["tls"]["outcome"]) == (0, "warning")
    assert "its certificate is not checked" in steps["tls"]["found"]


def test_each_refusal_is_told_in_words(
    orthanc: TlsOrthanc, authority: Authority, ours: Issued, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path / "stranger", "Somebody Else")
    cases = [
        (_trust(authority), "requires a client certificate"),
        ([*_trust(authority), *_show(stranger.issue("rogue"))], "trust the CA of our"),
        ([*_trust(stranger), *_show(ours)], "comes from a CA that is not trusted"),
        ([], "want TLS (--tls)"),
    ]
    told = {}
    for flags, words in cases:
        done = _get(orthanc, tmp_path / "out", *flags)
        assert done.exit_code == 1
        told[words] = done.stdout

    assert {words: text for words, text in told.items() if words not in text} == {}
    assert not (tmp_path / "out").exists()


def test_a_search_over_tls_finds_what_is_there(
    orthanc: TlsOrthanc, authority: Authority, ours: Issued
) -> None:
    keys = ("--called-aet", orthanc.ae_title, "--patient-id", CT_CHEST.patient_id, "--json")

    done = run_cli(
        "find", f"pacs://127.0.0.1:{orthanc.port}", *keys, *_trust(authority), *_show(ours)
    )
    unencrypted = run_cli("find", f"pacs://127.0.0.1:{orthanc.port}", *keys)

    assert done.exit_code == 0, done.stderr
    (found,) = [each for each in done.json_lines() if each["event"] == "study_found"]
    assert found["study_instance_uid"] == CT_CHEST.study_instance_uid
    assert unencrypted.exit_code == 1
    assert "want TLS (--tls)" in unencrypted.stderr


def test_an_insecure_run_says_so(orthanc: TlsOrthanc, ours: Issued, tmp_path: Path) -> None:
    done = _get(orthanc, tmp_path, "--tls", "--tls-insecure", *_show(ours))

    assert done.exit_code == 0, done.stderr
    assert "--tls-insecure: certificates are not verified" in done.stderr


@pytest.mark.parametrize(
    ("hosts", "days", "words"),
    [
        (["pacs.example"], 365, "its certificate is for pacs.example, and not for 127.0.0.1"),
        (["127.0.0.1"], -1, "has expired (our clock says 20"),
    ],
)
def test_a_bad_certificate_of_dcmtk_is_told_in_words(
    hosts: list[str], days: int, words: str, authority: Authority, tmp_path: Path
) -> None:
    shown = authority.issue("bad", hosts, days=days)
    port = free_port()
    argv = [program("storescp"), *tool_tls(authority, shown), "-ic", "--fork", str(port)]
    scp = PeerProcess(argv, tmp_path / "log")
    try:
        scp.start(lambda: echoes(port, "ANY-SCP", authority, shown))
        done = run_cli(
            f"pacs://127.0.0.1:{port}", "--method", "c-get", *_STUDY,
            "--output", tmp_path / "out", "--retries", "0", *_trust(authority),
        )  # fmt: skip
    finally:
        scp.stop()

    assert done.exit_code == 1
    assert words in done.stdout
