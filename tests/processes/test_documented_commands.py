"""Every command in README and guide succeeds, page by page, against the demonstration PACS."""

import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_retrieve_tui.cli.parser import parse_command_line
from dicom_retrieve_tui.cli.parser_base import PROGRAM
from dicom_retrieve_tui.demo.pacs import DemoPacs
from tests.documents import PAGES, ROOT, blocks_of

_PAGE_S = 120
_LISTS = {
    "studies.txt": "{0}\n{1}  # a comment\n",
    "accessions.txt": "ACC0002\n",
    "patients.txt": "DEMO-0002\n",
    "wanted.csv": (
        "PatientID;StudyDate;Modality\nDEMO-0001;;CT\nDEMO-0002;2026-01-01..2026-12-31;\n"
    ),
}


@pytest.fixture(name="pacs", scope="module")
def _pacs() -> Iterator[DemoPacs]:
    with DemoPacs() as pacs:
        yield pacs


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_page_succeed(page: Path, pacs: DemoPacs, tmp_path: Path) -> None:
    commands = "".join(block.commands for block in blocks_of(page) if not block.why_not_run)
    if not commands:
        return
    environment = _reader(tmp_path, pacs, with_profile="profiles add hospital" not in commands)

    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", _against(pacs, commands)],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_PAGE_S,
        check=False,
    )

    assert done.returncode == 0, f"{commands}\n--- ends with {done.returncode}:\n{done.stdout}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_flags_of_commands_that_are_not_run_exist(page: Path) -> None:
    for block in blocks_of(page):
        for command in block.commands.replace("\\\n", " ").splitlines():
            words = shlex.split(command, comments=True)
            if words and words[0] == PROGRAM and block.why_not_run:
                parse_command_line(words[1:])


def _reader(home: Path, pacs: DemoPacs, *, with_profile: bool) -> dict[str, str]:
    """Return the environment of a reader with the command on PATH, some lists, and a profile."""
    folder = home / "bin"
    folder.mkdir()
    command = folder / PROGRAM
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m dicom_retrieve_tui "$@"\n')
    command.chmod(0o755)
    for name, text in _LISTS.items():
        (home / name).write_text(text.format(*(each.study_instance_uid for each in pacs.studies)))
    if with_profile:
        profiles = home / ".config" / PROGRAM / "profiles.toml"
        profiles.parent.mkdir(parents=True)
        profiles.write_text(
            f'[profiles.hospital]\nhost = "127.0.0.1"\nport = {pacs.port}\n'
            'method = "c-get"\noutput = "dicom"\n'
        )
    (home / "dicom").mkdir()
    paths = os.pathsep.join([str(folder), os.environ.get("PATH", "")])
    return {"PATH": paths, "HOME": str(home), "PYTHONPATH": str(ROOT), "TMPDIR": str(home)}


def _against(pacs: DemoPacs, commands: str) -> str:
    """Return the commands with the values of the demonstration PACS for those of the page."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    pacs.register_destination("MY_SCP", "127.0.0.1", port)
    study = pacs.studies[0]
    series = str(study.instances[0].dataset.SeriesInstanceUID)
    values = {
        "pacs.example:11112": f"127.0.0.1:{pacs.port}",
        "--listen 11112": f"--listen 127.0.0.1:{port}",
        "1.2.840.113619.2.1.1": series,
        "1.2.840.113619.2.1": study.study_instance_uid,
        "--patient-id 4711": "--patient-id DEMO-0001",
    }
    for on_page, here in values.items():
        commands = commands.replace(on_page, here)
    return commands
