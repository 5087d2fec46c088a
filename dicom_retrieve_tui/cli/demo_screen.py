"""`dicom-retrieve demo` at a terminal: the application on the embedded PACS, ready to start."""

import tempfile
from pathlib import Path

from dicom_retrieve_tui.cli.demo import free_port
from dicom_retrieve_tui.cli.interactive import run_interactive
from dicom_retrieve_tui.cli.surroundings import Surroundings
from dicom_retrieve_tui.config.profiles_file import profiles_path
from dicom_retrieve_tui.config.settings_file import SettingsFile, settings_path
from dicom_retrieve_tui.demo.pacs import DemoPacs
from dicom_retrieve_tui.demo.studies import demo_studies
from dicom_retrieve_tui.model.wording import folder_text
from dicom_retrieve_tui.tui.form import defaults
from dicom_retrieve_tui.tui.widgets.options_form import Preset

_PACE_S = 0.15
_BUSY = 2
"""Which study is refused at first: one that a person sees fail while others come."""


def run_demo_screen(around: Surroundings, output: Path | None) -> int:
    """Be the application until the user leaves it; returns the exit code."""
    folder = output or Path(tempfile.mkdtemp(prefix="dicom-retrieve-demo-"))
    studies = demo_studies()
    uids = [study.study_instance_uid for study in studies]
    with DemoPacs(studies=studies, busy_once=[uids[_BUSY]], pace_s=_PACE_S) as pacs:
        port = free_port()
        pacs.register_destination("DEMO_SCP", pacs.host, port)
        code = run_interactive(
            demo_presets(pacs, folder, port),
            settings=SettingsFile(settings_path(profiles_path(None, around.environ))),
            text="\n".join(uids),
            remember=False,
        )
    if folder.exists():
        around.stdout.write_lines([f"The files are in {folder_text(folder)}"])
    return code


def demo_presets(pacs: DemoPacs, folder: Path, port: int) -> list[Preset]:
    """Two profiles: the same PACS by C-GET, and by C-MOVE to ourselves.

    They try nothing again by themselves, so that the study which is refused once stays for `r`.
    """
    common = {
        **defaults(),
        "pacs": f"{pacs.host}:{pacs.port}",
        "called_ae_title": pacs.ae_title,
        "calling_ae_title": "DEMO_SCU",
        "folder": str(folder),
        "parallel": "2",
        "retries": "0",
    }
    by_move = {"method": "c-move", "destination": "DEMO_SCP", "listen": f"{pacs.host}:{port}"}
    return [Preset("demo", common), Preset("demo-move", {**common, **by_move})]
