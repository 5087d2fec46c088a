"""TLS at the command line and in profiles: what is meant, and what secrets may never show in."""

import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from dicom_retrieve_tui.cli.main import main
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import Event
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.security import Secret, TlsSettings, UserIdentity
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.wiring import check_tls
from tests.peers.certificates import Authority, Issued
from tests.unit.cli.scripted import (
    C_GET,
    PACS,
    STUDY,
    Engine,
    Result,
    Stream,
    run,
    study_of,
    whole_run,
)

PHRASE = "correct horse"
has_modes = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits")
TLS = ("--tls", "--tls-ca", "ca.pem")


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    """A certificate whose private key has a passphrase."""
    return Authority(tmp_path_factory.mktemp("authority")).issue("ours", passphrase=PHRASE)


def _engine() -> Engine:
    return whole_run(study_of(Verdict.COMPLETE, came=1))


def _order(*argv: str) -> tuple[Result, RetrieveOptions]:
    engine = _engine()
    result = run(*argv, engine=engine)
    ((_, options),) = engine.asked
    return result, options


def _show(issued: Issued) -> tuple[str, ...]:
    return ("--tls-cert", str(issued.certificate), "--tls-key", str(issued.key))


def test_without_a_flag_there_is_no_tls() -> None:
    assert _order(*C_GET)[1].tls is None


def test_every_flag_of_tls_arrives() -> None:
    flags = (*TLS, "--tls-cert", "us.pem", "--tls-key", "us.key", "--tls-insecure")

    assert _order(*C_GET, *flags)[1].tls == TlsSettings(
        ca=Path("ca.pem"), certificate=Path("us.pem"), key=Path("us.key"), verify=False
    )


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--tls-ca", "ca.pem"), "--tls-ca requires --tls"),
        (("--tls-insecure",), "--tls-insecure requires --tls"),
        (("--no-tls", "--tls-cert", "us.pem"), "--tls-cert requires --tls"),
        (("--tls", "--tls-key", "us.key"), "--tls-key requires --tls-cert"),
    ],
)
def test_flags_that_contradict_each_other_are_told(flags: tuple[str, ...], words: str) -> None:
    engine = _engine()

    result = run(*C_GET, *flags, engine=engine)

    assert (result.code, engine.asked) == (1, [])
    assert words in result.err


def test_to_listen_with_tls_needs_a_certificate() -> None:
    result = run(
        PACS, "--move-dest", "US", "--listen", "11112", "--study-uid", STUDY, *TLS, engine=_engine()
    )

    assert result.code == 1
    assert "--listen with --tls requires --tls-cert and --tls-key" in result.err


def test_the_passphrase_comes_from_the_environment_and_shows_nowhere(
    locked: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DICOM_RETRIEVE_KEY_PASSPHRASE", PHRASE)

    result, options = _order(*C_GET, *TLS, *_show(locked), "-v")

    assert options.tls is not None
    assert options.tls.key_passphrase == Secret(PHRASE)
    assert PHRASE not in repr(options) + result.out + result.err


def test_without_anybody_to_ask_a_missing_passphrase_is_told(
    locked: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DICOM_RETRIEVE_KEY_PASSPHRASE", raising=False)
    engine = _engine()

    result = run(*C_GET, *TLS, *_show(locked), engine=engine)

    assert (result.code, engine.asked) == (1, [])
    assert "put it into DICOM_RETRIEVE_KEY_PASSPHRASE in the environment" in result.err


@pytest.mark.parametrize(
    ("typed", "code"),
    [(["wrong", PHRASE], 0), (["wrong", "worse", PHRASE], 0), (["wrong", "worse", "no"], 1)],
)
def test_a_passphrase_that_was_mistyped_is_asked_for_twice_more(
    typed: list[str], code: int, locked: Issued, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DICOM_RETRIEVE_KEY_PASSPHRASE", raising=False)
    monkeypatch.setattr("getpass.getpass", lambda _prompt: typed.pop(0))
    authority = Authority(tmp_path).certificate
    err = Stream(terminal=True)

    got = main(
        [*C_GET, "--tls", "--tls-ca", str(authority), *_show(locked), "-v"],
        stdin=Stream(terminal=True),
        stdout=Stream(),
        stderr=err,
        retrieve=_tells_of_tls,
    )

    assert (got, typed) == (code, [])
    assert "the passphrase is wrong" in err.getvalue()
    assert not any(each in err.getvalue() for each in ("worse", PHRASE))


def _tells_of_tls(
    selections: Sequence[Selection], options: RetrieveOptions, cancel: CancelToken
) -> Iterator[Event]:
    """Read the files of TLS first, as the engine does."""
    check_tls(options)
    return _engine()(selections, options, cancel)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "profiles.toml"
    path.write_text(
        '[defaults]\ntls_ca = "~/ca.pem"\n'
        '[profiles.safe]\nhost = "pacs.test"\nmethod = "c-get"\ntls = true\n'
        '[profiles.plain]\nhost = "pacs.test"\nmethod = "c-get"\n'
    )
    monkeypatch.setenv("DICOM_RETRIEVE_CONFIG", str(path))
    for name in ("HOME", "USERPROFILE"):  # the latter is Windows'
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return path


@pytest.mark.usefixtures("file")
def test_a_profile_says_that_there_is_tls(tmp_path: Path) -> None:
    assert _order("@safe", STUDY)[1].tls == TlsSettings(ca=tmp_path / "ca.pem")


@pytest.mark.usefixtures("file")
def test_without_tls_what_is_saved_for_it_waits() -> None:
    assert _order("@plain", STUDY)[1].tls is None
    assert _order("@safe", STUDY, "--no-tls")[1].tls is None


def test_saved_files_are_found_from_everywhere(file: Path, tmp_path: Path) -> None:
    result = run("profiles", "add", "new", PACS, "--method", "c-get", *TLS)

    assert result.code == 0, result.err
    saved = tomllib.loads(file.read_text())["profiles"]["new"]
    assert (saved["tls"], saved["tls_ca"]) == (True, str(tmp_path / "ca.pem"))
    run("profiles", "add", "new", "--no-tls", "--replace")
    assert "tls = false" in file.read_text()


def _user_of(*argv: str) -> UserIdentity | None:
    return _order(*C_GET, *argv)[1].user


def test_the_passcode_comes_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "passcode"
    path.write_text(f"{PHRASE}\n")
    path.chmod(0o600)
    monkeypatch.setenv("DICOM_RETRIEVE_PASSCODE", "another")

    by_file = _user_of("--user", "mrs.test", "--passcode-file", str(path))
    by_environment = _user_of("--user", "mrs.test")
    monkeypatch.setenv("DICOM_RETRIEVE_PASSCODE", "")

    assert by_file == UserIdentity(name="mrs.test", passcode_file=path, passcode=Secret(PHRASE))
    assert by_environment == UserIdentity(name="mrs.test", passcode=Secret("another"))
    assert _user_of("--user", "mrs.test") == UserIdentity(name="mrs.test")


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        pytest.param(
            PHRASE, 0o640, "others may read it (mode 0640); run: chmod 600", marks=has_modes
        ),
        pytest.param(
            PHRASE, 0o604, "others may read it (mode 0604); run: chmod 600", marks=has_modes
        ),
        ("", 0o600, "expected the passcode in one line"),
        ("one\ntwo\n", 0o600, "expected the passcode in one line"),
        ("x" * 2000, 0o600, "expected the passcode in one line"),
    ],
)
def test_a_passcode_file_that_will_not_do_is_refused(
    content: str, mode: int, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "passcode"
    path.write_text(content)
    path.chmod(mode)
    engine = _engine()

    result = run(*C_GET, "--user", "me", "--passcode-file", str(path), engine=engine)

    assert (result.code, engine.asked) == (1, [])
    assert words in result.err
    assert PHRASE not in result.err


def test_a_passcode_is_no_argument_and_in_no_profile(file: Path) -> None:
    flag = run(*C_GET, "--user", "me", "--passcode", PHRASE)
    file.write_text('[profiles.a]\nhost = "h"\nuser = "me"\npasscode = "open"\n')
    profile = run("@a", STUDY)

    assert flag.code == profile.code == 1
    assert "did you mean --passcode-file?" in flag.err
    assert "[profiles.a] passcode: a profile holds no passcode" in profile.err


def test_a_passcode_file_needs_a_user() -> None:
    assert "--passcode-file requires --user" in run(*C_GET, "--passcode-file", "x").err


def test_no_report_or_event_tells_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICOM_RETRIEVE_PASSCODE", PHRASE)
    report, log = tmp_path / "report.json", tmp_path / "run.log"

    result, _ = _order(
        *C_GET,
        "--user",
        "mrs.test",
        "--json",
        "-v",
        "--report",
        str(report),
        "--log-file",
        str(log),
    )

    assert report.exists()
    assert log.exists()
    assert PHRASE not in result.out + result.err + report.read_text() + log.read_text()


def test_a_search_without_verification_says_so() -> None:
    result = run("find", "pacs://127.0.0.1:1", "--all", "--tls", "--tls-insecure", "--timeout", "1")

    assert result.code == 1
    assert "--tls-insecure: certificates are not verified" in result.err
