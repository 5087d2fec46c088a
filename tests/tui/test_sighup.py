"""The terminal goes away while something is retrieved: a window is closed, or a line breaks."""

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from dicom_retrieve_tui.demo.instances import DemoStudy
from dicom_retrieve_tui.demo.pacs import DemoPacs
from dicom_retrieve_tui.demo.studies import demo_studies
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.history import History
from tests.tui.terminal import Terminal
from tests.tui.test_terminal import left_whole

_BY_SIZE = sorted(demo_studies(), key=lambda study: len(study.instances))
_SMALL, _LARGEST = _BY_SIZE[1], _BY_SIZE[-1]
_COMMAND = [sys.executable, "-m", "dicom_retrieve_tui"]
_PROFILE = """\
[profiles.here]
host = "{host}"
port = {port}
called_aet = "{title}"
method = "c-get"
output = "{output}"
"""


@pytest.fixture
def pacs() -> Iterator[DemoPacs]:
    """It takes long for its studies."""
    with DemoPacs(studies=demo_studies(), pace_s=1.0) as pacs:
        yield pacs


@pytest.fixture
def environ(pacs: DemoPacs, tmp_path: Path) -> Mapping[str, str]:
    """A user who has one profile."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DICOM_")}
    profiles = tmp_path / "profiles.toml"
    profiles.write_text(
        _PROFILE.format(
            host=pacs.host, port=pacs.port, title=pacs.ae_title, output=tmp_path / "files"
        )
    )
    return {
        **kept,
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "DICOM_RETRIEVE_CONFIG": str(profiles),
    }


def retrieves(terminal: Terminal, tmp_path: Path, study: DemoStudy = _LARGEST) -> None:
    """Ask for a study, and wait until something of it is there."""
    terminal.shows("paste Study Instance UIDs")
    terminal.paste(study.study_instance_uid)
    terminal.shows("1 UID")
    terminal.type("\r")
    terminal.shows("▶")
    terminal.until(lambda: list((tmp_path / "files").rglob("*.dcm")), "an instance")


def verdicts(tmp_path: Path) -> list[Verdict | None]:
    """How the studies ended that are offered the next time."""
    (path,) = (tmp_path / "data").rglob("history.db")
    with closing(History(path)) as history:
        return [study.verdict for job in history.unfinished() for study in job.studies]


def unfinished_files(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "files").rglob("*.part"))


@pytest.mark.parametrize("stalled", [False, True], ids=["a window is closed", "a line breaks"])
def test_what_runs_is_cancelled_and_offered_the_next_time(
    stalled: bool,  # noqa: FBT001 - pytest's
    environ: Mapping[str, str],
    tmp_path: Path,
) -> None:
    with Terminal(_COMMAND, (80, 24), environ) as terminal:
        retrieves(terminal, tmp_path)
        if stalled:
            terminal.stall("jk")

        assert terminal.hang_up() == 130

    assert verdicts(tmp_path) == [Verdict.CANCELLED]
    assert unfinished_files(tmp_path) == []


def test_the_signal_alone_leaves_the_terminal_as_it_was(
    environ: Mapping[str, str], tmp_path: Path
) -> None:
    with Terminal(_COMMAND, (80, 24), environ) as terminal:
        retrieves(terminal, tmp_path)

        terminal.process.send_signal(signal.SIGHUP)

        assert terminal.ends() == 130
        assert left_whole(terminal)

    assert verdicts(tmp_path) == [Verdict.CANCELLED]
    assert unfinished_files(tmp_path) == []


def test_under_nohup_it_goes_on(environ: Mapping[str, str], tmp_path: Path) -> None:
    with Terminal(_COMMAND, (80, 24), environ, ignored=[signal.SIGHUP]) as terminal:
        retrieves(terminal, tmp_path)

        terminal.process.send_signal(signal.SIGHUP)
        terminal.type("p")
        terminal.shows("PAUSED")
        terminal.type("qy")

        assert terminal.ends() == 0


@pytest.mark.parametrize("stalled", [False, True], ids=["a window is closed", "a line breaks"])
def test_under_nohup_what_runs_comes_to_its_end_without_a_terminal(
    stalled: bool,  # noqa: FBT001 - pytest's
    environ: Mapping[str, str],
    tmp_path: Path,
) -> None:
    with Terminal(_COMMAND, (80, 24), environ, ignored=[signal.SIGHUP]) as terminal:
        retrieves(terminal, tmp_path, _SMALL)
        if stalled:
            terminal.stall("jk")

        assert terminal.hang_up() == 0

    assert verdicts(tmp_path) == []
    assert len(list((tmp_path / "files").rglob("*.dcm"))) == len(_SMALL.instances)


def test_what_is_paused_is_offered_the_next_time_where_nobody_can_go_on(
    environ: Mapping[str, str], tmp_path: Path
) -> None:
    with Terminal(_COMMAND, (80, 24), environ, ignored=[signal.SIGHUP]) as terminal:
        retrieves(terminal, tmp_path)
        terminal.type("p")
        terminal.shows("PAUSED")

        assert terminal.hang_up() == 130

    assert verdicts(tmp_path) == [Verdict.CANCELLED]
    assert unfinished_files(tmp_path) == []
