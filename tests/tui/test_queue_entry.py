import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dicom_retrieve_tui.cli.commands import application as interactive
from dicom_retrieve_tui.cli.commands import demo
from dicom_retrieve_tui.cli.main import main
from dicom_retrieve_tui.config.preferences_file import SettingsFile
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.tui.retrieve_form import read_draft
from tests.unit.cli.scripted import Stream

if TYPE_CHECKING:
    from dicom_retrieve_tui.tui.profile_store import ProfileStore
    from dicom_retrieve_tui.tui.widgets.options_form import Preset

HEADLESS = """
import sys
from dicom_retrieve_tui.cli.main import main
code = main(["demo", "--headless"])
assert not {"textual"} & set(sys.modules)
sys.exit(code)
"""


TERMINAL = Stream(terminal=True)


def test_a_headless_retrieval_loads_no_textual() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HEADLESS], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr


PROFILES = """\
[defaults]
parallel = 2
[profiles.one]
host = "one.test"
method = "auto"
[profiles.two]
host = "::1"
port = 11112
method = "c-move"
move_dest = "US"
layout = "flat"
[profiles.bad]
hots = "bad.test"
"""


@pytest.mark.parametrize(
    ("argv", "names"), [([], ["one", "two"]), (["@two"], ["one", "two"]), (["@bad"], None)]
)
def test_at_a_terminal_the_application_opens_on_the_profiles(
    argv: list[str],
    names: list[str] | None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    given: list[Preset] = []
    chosen: list[str] = []
    file = tmp_path / "profiles.toml"
    file.write_text(PROFILES)
    monkeypatch.setenv("DICOM_RETRIEVE_CONFIG", str(file))
    monkeypatch.setenv("TERM", "xterm")

    def open_on(
        profile_store: "ProfileStore", *, preset: str, settings: SettingsFile, console: object
    ) -> int:
        assert settings.path == tmp_path / "settings.toml"
        given.extend(profile_store.presets()[0])
        chosen.append(preset)
        return 0

    monkeypatch.setattr(interactive, "run_interactive", open_on)
    told = Stream(terminal=True)

    code = main(argv, stdin=TERMINAL, stdout=TERMINAL, stderr=told)

    assert code == (1 if names is None else 0)
    assert chosen == ([] if names is None else [argv[0][1:] if argv else ""])
    assert [preset.name for preset in given] == (names or [])
    assert "did you mean host?" in told.getvalue()
    for preset in given:
        assert read_draft(preset.draft, preset.name).parallel == 2
    if names:
        options = {preset.name: read_draft(preset.draft) for preset in given}
        assert str(options["two"].peer) == "ANY-SCP@[::1]:11112"
        assert options["two"].move_destination == "US"
        assert options["two"].layout == "{SOPInstanceUID}.dcm"
        assert options["one"].method is Method.AUTO


def test_without_arguments_and_without_a_terminal_the_command_asks_for_a_pacs() -> None:
    told = Stream()

    assert main([], stdin=Stream(terminal=True), stdout=Stream(), stderr=told) == 1
    assert "No PACS was named; give it as pacs://HOST[:PORT] or @PROFILE." in told.getvalue()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sets no TERM")
@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_terminal_that_takes_no_control_sequences_gets_no_application(
    term: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    told = Stream(terminal=True)

    assert main([], stdin=TERMINAL, stdout=TERMINAL, stderr=told) == 1
    assert "No PACS was named" in told.getvalue()


def test_the_demonstration_opens_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(demo, "run_demo_screen", lambda *_: 0)

    assert main(["demo"], stdin=TERMINAL, stdout=TERMINAL, stderr=TERMINAL) == 0
