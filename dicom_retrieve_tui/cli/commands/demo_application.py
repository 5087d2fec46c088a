"""`dicom-retrieve demo` at a terminal: the application on the embedded PACS, ready to start."""

import contextlib
import shutil
import tempfile
from pathlib import Path

from dicom_retrieve_tui.cli.commands.application import open_profile_store, run_interactive
from dicom_retrieve_tui.cli.commands.demo_server import CALLING, DESTINATION, offer_destination
from dicom_retrieve_tui.cli.console import Surroundings
from dicom_retrieve_tui.config.preferences_file import SettingsFile, settings_path
from dicom_retrieve_tui.config.profiles_file import ProfileBook, profiles_path
from dicom_retrieve_tui.demo.pacs import DemoPacs
from dicom_retrieve_tui.demo.studies import demo_studies
from dicom_retrieve_tui.model.humanize import folder_text
from dicom_retrieve_tui.model.options import HIERARCHICAL

_PACE_S = 0.15
_BUSY = 2
"""Which study is refused at first: one that a person sees fail while others come."""


def run_demo_screen(around: Surroundings, output: Path | None) -> int:
    """Be the application until the user leaves it; returns the exit code.

    Profiles and settings are changed in files that go with the demonstration.
    """
    folder = output or Path(tempfile.mkdtemp(prefix="dicom-retrieve-demo-"))
    studies = demo_studies()
    uids = [study.study_instance_uid for study in studies]
    with (
        tempfile.TemporaryDirectory(prefix="dicom-retrieve-demo-") as saved,
        DemoPacs(studies=studies, busy_once=[uids[_BUSY]], pace_s=_PACE_S) as pacs,
    ):
        port = offer_destination(pacs)
        profiles = Path(saved) / "profiles.toml"
        settings = settings_path(profiles)
        with contextlib.suppress(OSError):
            shutil.copy(settings_path(profiles_path(None, around.environ)), settings)
        save_demo_profiles(profiles, pacs, folder, port)
        code = run_interactive(
            open_profile_store(profiles),
            around=around,
            settings=SettingsFile(settings),
            preset="demo",
            text="\n".join(uids),
            remember=False,
        )
    if folder.exists():
        around.stdout.write_lines([f"The files are in {folder_text(folder)}"])
    return code


def save_demo_profiles(path: Path, pacs: DemoPacs, folder: Path, port: int) -> None:
    """Save two profiles: the same PACS by C-GET, and by C-MOVE to ourselves.

    They try nothing again by themselves, so that the study which is refused once stays for `r`.
    """
    common = {
        "host": pacs.host,
        "port": str(pacs.port),
        "called_aet": pacs.ae_title,
        "aet": CALLING,
        "method": "c-get",
        "output": str(folder),
        "layout": HIERARCHICAL,
        "parallel": "2",
        "retries": "0",
    }
    by_move = {"method": "c-move", "move_dest": DESTINATION, "listen": f"{pacs.host}:{port}"}
    book = ProfileBook.load(path)
    book.put("demo", common)
    book.put("demo-move", {**common, **by_move})
    book.save()
