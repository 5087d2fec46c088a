"""What the start waits for, and what goes on at rest: told by what is there, not by a clock."""

import os
import sys
from pathlib import Path

from textual.widgets import Input

from tests.tui.application import SIZES, opened
from tests.tui.terminal import Terminal

_NOTING_WHAT_IS_LOADED = """
import gc, sys
from pathlib import Path

from dicom_retrieve_tui.cli.main import main
from dicom_retrieve_tui.tui.app import RetrieveApp

go_on = RetrieveApp.on_ready

def on_ready(app):
    Path(sys.argv[1]).write_text("\\n".join([f"gc: {gc.isenabled()}", *sys.modules]))
    go_on(app)
    app.notify(f"gc: {gc.isenabled()}")

RetrieveApp.on_ready = on_ready
main([])
"""

_OURS = "dicom_retrieve_tui"
_FOR_LATER = (
    *("sqlite3", "pydicom", "pynetdicom", "http.client", "markdown_it", "rich.markdown"),
    *(f"textual.widgets._{name}" for name in ("data_table", "markdown", "text_area")),
    *(f"{_OURS}.{name}" for name in ("demo", "engine", "storage.history")),
    *(f"{_OURS}.network.{name}" for name in ("association", "connection", "study_search", "tls")),
    *(
        f"{_OURS}.tui.screens.{name}"
        for name in ("confirm", "details", "find", "help", "load_list")
    ),
    *(f"{_OURS}.tui.screens.{name}" for name in ("options", "profile", "profiles", "secret")),
)


def test_the_first_frame_waits_for_nothing_that_it_does_not_show(tmp_path: Path) -> None:
    profiles, noted = tmp_path / "profiles.toml", tmp_path / "noted"
    profiles.write_text('[profiles.one]\nhost = "one.test"\n')
    places = {name: str(tmp_path) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    environ = {**os.environ, **places, "DICOM_RETRIEVE_CONFIG": str(profiles)}
    argv = [sys.executable, "-c", _NOTING_WHAT_IS_LOADED, str(noted)]

    with Terminal(argv, (80, 24), environ) as terminal:
        terminal.shows("The queue is empty.", "gc: True")

    collecting, *loaded = noted.read_text().splitlines()
    assert collecting == "gc: False"
    assert [each for each in _FOR_LATER if each in loaded] == []


async def test_at_rest_no_cursor_blinks() -> None:
    async with opened(SIZES["large"]) as bench:
        assert not any(line.cursor_blink for line in bench.main.query(Input))
