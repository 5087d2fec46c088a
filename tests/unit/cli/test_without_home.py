"""A user that is a number only, as in containers: no HOME, no passwd entry."""

import io
import pwd
from pathlib import Path

import pytest

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.cli.commands import application
from dicom_retrieve_tui.cli.main import main
from dicom_retrieve_tui.config import user_folders
from dicom_retrieve_tui.errors import ConfigError
from tests.interop.command import CommandResult

_NO_PROFILES = "Cannot find the folder of profiles: this user has no home folder. Name a file with"


@pytest.fixture(autouse=True)
def _no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unknown(number: int | str) -> None:
        raise KeyError(number)

    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "DICOM_RETRIEVE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(pwd, "getpwnam", unknown)
    monkeypatch.chdir(tmp_path)


def _run(*argv: str) -> CommandResult:
    out, err = io.StringIO(), io.StringIO()
    code = main(argv, stdin=io.StringIO(), stdout=out, stderr=err)
    assert "Traceback" not in err.getvalue()
    return CommandResult(code, out.getvalue(), err.getvalue())


@pytest.mark.parametrize(
    "argv",
    [
        ("profiles", "list"),
        ("profiles", "path"),
        ("profiles", "add", "here", "pacs://pacs.test"),
        ("profiles", "remove", "here"),
        ("@here", "1.2.3"),
        ("find", "@here", "--all"),
        ("doctor", "@here"),
    ],
)
def test_a_command_that_needs_profiles_says_what_to_set(argv: tuple[str, ...]) -> None:
    result = _run(*argv)

    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert _NO_PROFILES in result.stderr


def test_profiles_are_used_from_a_file_that_is_named() -> None:
    added = _run("profiles", "add", "here", "pacs://pacs.test", "--config", "my.toml")
    assert added.exit_code == 0, added.stderr
    listed = _run("profiles", "list", "--config", "my.toml")
    assert "here" in listed.stdout


@pytest.mark.parametrize(
    "argv", [("--help",), ("completion", "bash"), ("completion", "words", "@")]
)
def test_a_command_that_needs_no_profiles_works(argv: tuple[str, ...]) -> None:
    assert _run(*argv).exit_code == 0


def test_a_path_with_a_home_that_is_not_there_is_refused_and_makes_no_folder(
    tmp_path: Path,
) -> None:
    (tmp_path / "my.toml").write_text('[profiles.here]\nhost = "pacs.test"\noutput = "~/dicom"\n')
    result = _run("@here", "1.2.3", "--method", "c-get", "--config", "my.toml")

    assert result.exit_code == 1
    assert "~/dicom: the home folder is unknown. Set HOME, or give the full path." in (
        result.stderr
    )
    assert [path.name for path in tmp_path.iterdir()] == ["my.toml"]


def test_the_history_says_what_to_set() -> None:
    with pytest.raises(ConfigError, match="Unfinished jobs are not remembered; set HOME"):
        wiring.open_history()


def test_the_application_starts_on_profiles_that_are_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[Path] = []

    def run(profile_store: object, **how: object) -> int:
        started.append(profile_store.path)  # type: ignore[attr-defined]
        assert started[0].parent.is_dir()
        return 0

    monkeypatch.setattr(application, "run_interactive", run)
    monkeypatch.setattr(application, "open_profile_store", _Store)
    args = type("Args", (), {"config": None, "target": None})()
    err = io.StringIO()
    console = type("Around", (), {"environ": {}, "stderr": _Says(err)})()

    assert application.run_on_profiles(args, console) == 0

    assert "Profiles of this session are not kept." in err.getvalue()
    assert not started[0].parent.exists()


class _Store:
    """The profiles of a file, as far as they are needed to start."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def presets(self) -> tuple[list[str], list[str]]:
        return [], []


class _Says:
    """Standard error."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    def write_line(self, text: str) -> None:
        self._stream.write(f"{text}\n")


def test_a_home_folder_is_used_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/user")
    assert user_folders.expanded("~/x") == Path("/home/user/x")
    assert user_folders.config_folder().name == "dicom-retrieve"
