import threading
from pathlib import Path

import pytest

from dicom_retrieve_tui.tui.folders import open_folder, opener, study_folder
from dicom_retrieve_tui.tui.snapshot import RowKey
from tests.tui.application import opened
from tests.tui.builders import options, uids

A, B = uids(2)
UNREACHABLE = "n" * 300
"""`Path.exists` raises for a name that is too long, as for a folder that must not be read."""


def desktop(folder: Path) -> dict[str, str]:
    """A desktop whose opener notes what it is asked to show."""
    program = folder / "xdg-open"
    program.write_text(f'#!/bin/sh\necho "$1" >{folder}/part && mv {folder}/part {folder}/shown\n')
    program.chmod(0o755)
    return {"DISPLAY": ":0", "PATH": f"{folder}:/bin:/usr/bin"}


def until_exists(path: Path) -> None:
    for _ in range(1000):
        if path.exists():
            return
        threading.Event().wait(0.01)
    pytest.fail(f"{path} never came")


def test_the_desktop_is_asked_to_show_the_folder(tmp_path: Path) -> None:
    shown = tmp_path / "a folder; echo"
    shown.mkdir()

    assert open_folder(shown, desktop(tmp_path)) == ""
    until_exists(tmp_path / "shown")
    assert (tmp_path / "shown").read_text() == f"{shown}\n"


def test_there_is_nothing_to_open_over_ssh_or_without_a_desktop(tmp_path: Path) -> None:
    here = desktop(tmp_path)

    assert opener(here)
    assert opener({**here, "SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"}) is None
    assert opener({"PATH": here["PATH"]}) is None
    assert "No desktop" in open_folder(tmp_path, {})
    assert "does not exist yet" in open_folder(tmp_path / "nothing", here)
    assert "does not exist yet" in open_folder(tmp_path / UNREACHABLE, here)


def test_a_study_with_a_folder_of_its_own_is_shown_there(tmp_path: Path) -> None:
    (tmp_path / A).mkdir()

    assert study_folder(options(str(tmp_path)), RowKey(0, A)) == tmp_path / A
    assert study_folder(options(str(tmp_path)), RowKey(0, B)) == tmp_path
    unreachable = tmp_path / UNREACHABLE
    assert study_folder(options(str(unreachable)), RowKey(0, A)) == unreachable


async def test_where_nothing_opens_the_path_is_shown_and_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22")
    async with opened(folder=tmp_path) as bench:
        await bench.pilot.press("escape", "o")
        await bench.until(lambda: "Nothing was retrieved yet." in bench.text())
        bench.main.query_one("#uids").focus()
        await bench.start(A)
        await bench.pilot.press("o")

        await bench.until(lambda: "No desktop to open a folder" in bench.text())
        assert bench.app.clipboard == str(tmp_path)
