"""`dicom-retrieve demo`: the embedded PACS, and the ordinary command or application run on it.

Retrievals from the demonstration PACS take the same way as any other.
"""

import argparse
import contextlib
import os
import shutil
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicom_retrieve_tui.cli.commands.retrieve import Engine, run_retrieval
from dicom_retrieve_tui.cli.console import Console
from dicom_retrieve_tui.cli.logs import logging_to
from dicom_retrieve_tui.cli.parser_base import PROGRAM, UsageError
from dicom_retrieve_tui.cli.paths import check_output
from dicom_retrieve_tui.cli.read_options import RetrieveCommand
from dicom_retrieve_tui.cli.signals import Interruption
from dicom_retrieve_tui.config.preferences_file import SettingsFile, settings_path
from dicom_retrieve_tui.config.profiles_file import ProfileBook, profiles_path
from dicom_retrieve_tui.config.user_folders import lasting_temporary_folder, temporary_folder
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.exit_codes import OK
from dicom_retrieve_tui.model.address import Endpoint, PeerAE
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.humanize import folder_text
from dicom_retrieve_tui.model.option_values import HIERARCHICAL, HIERARCHICAL_LAYOUT
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from dicom_retrieve_tui.demo.pacs import DemoPacs

    OpenPacs = Callable[[], AbstractContextManager[DemoPacs]]

_HOST = "127.0.0.1"
_CALLING = "DEMO_SCU"
_DESTINATION = "DEMO_SCP"
_PARALLEL = 2
_PACE_S = 0.15
"""Between two instances in the application, so that the user can watch."""
_OFFERED = 4
"""Studies whose UIDs the application offers; F3 finds the others."""
_BUSY = 2
"""Index of the study that the PACS refuses once in the application, to show a failure."""

# ruff: noqa: PLC0415 - the PACS loads pynetdicom, and the application Textual


def run_demo(
    args: argparse.Namespace,
    console: Console,
    engine: Engine | None = None,
    open_pacs: "OpenPacs | None" = None,
) -> int:
    """Start the PACS, and retrieve from it or keep it running; return the exit code.

    Raises:
        ConfigError: The flags are invalid or contradictory.
    """
    if args.headless and args.serve:
        raise UsageError("--headless and --serve cannot be combined.")
    if args.serve and args.output is not None:
        raise UsageError("--output cannot be combined with --serve, which retrieves nothing.")
    on_screen = not (args.headless or args.serve)
    if on_screen and not console.interactive:
        console.stderr.write_line("no terminal for the application: retrieving as with --headless")
        on_screen = False
    output = None if args.output is None else check_output(Path(args.output))
    if on_screen:
        return run_demo_screen(console, output)
    with (open_pacs or _demo_pacs)() as pacs:
        if args.serve:
            return _serve(pacs, console)
        return _Headless(pacs, console, engine, verbose=args.verbose).run(output)


def _demo_pacs() -> "AbstractContextManager[DemoPacs]":
    from dicom_retrieve_tui.demo.pacs import DemoPacs

    return DemoPacs()


class _Headless:
    """Retrieves all studies but one by C-GET, and that one by C-MOVE to our Storage SCP."""

    def __init__(
        self, pacs: "DemoPacs", console: Console, engine: Engine | None, *, verbose: bool
    ) -> None:
        self._pacs = pacs
        self._console = console
        self._engine = engine
        self._verbose = verbose
        self._lasting = True

    def run(self, output: Path | None) -> int:
        self._lasting = output is not None  # else the next run makes another folder
        output = output or lasting_temporary_folder()
        studies = self._pacs.studies
        selections = [Selection(study_instance_uid=each.study_instance_uid) for each in studies]
        by_get, by_move = selections[:-1], selections[-1:]
        self._console.stderr.write_line(
            f"a PACS with {len(studies)} studies is running: {_peer(self._pacs)}"
        )
        code = self._retrieve(self._get_options(by_get, output))
        if code == OK:
            code = self._retrieve(self._move_options(by_move, output))
        if os.path.exists(output):  # noqa: PTH110 - never raises
            self._console.stdout.write_lines([f"The files are in {folder_text(output)}"])
        return code

    def _retrieve(self, options: RetrieveCommand) -> int:
        with logging_to(None, self._console.stderr.write_line):
            return run_retrieval(options, self._console, self._engine)

    def _get_options(self, selections: list[Selection], output: Path) -> RetrieveCommand:
        return self._command(selections, output, method=Method.C_GET, parallel=_PARALLEL)

    def _move_options(self, selections: list[Selection], output: Path) -> RetrieveCommand:
        port = _register_destination(self._pacs)
        return self._command(
            selections,
            output,
            method=Method.C_MOVE,
            move_destination=_DESTINATION,
            listen=(_HOST, port),
        )

    def _command(
        self, selections: list[Selection], output: Path, **options: Any
    ) -> RetrieveCommand:
        retrieval = RetrieveOptions(
            peer=_peer(self._pacs),
            calling_ae_title=_CALLING,
            output=output,
            layout=HIERARCHICAL_LAYOUT,
            retries=0,
            **options,
        )
        return RetrieveCommand(
            selections=tuple(selections),
            retrieval=retrieval,
            verbose=self._verbose,
            lasting=self._lasting,
        )


def _serve(pacs: "DemoPacs", console: Console) -> int:
    """Keep the PACS running until a signal comes, which is its ordinary end: exit code 0."""
    port = _register_destination(pacs)
    console.stdout.write_lines(_serving_text(pacs, port))
    over = threading.Event()
    with Interruption(on_first=over.set, on_second=lambda: None):
        while not over.wait(0.2):
            pass
    console.stderr.write_line("the demonstration PACS has stopped")
    return OK


def _serving_text(pacs: "DemoPacs", destination_port: int) -> list[str]:
    """Return the address of the PACS, its studies, and command lines to paste."""
    url = f"pacs://{_HOST}:{pacs.port}"
    uid = pacs.studies[0].study_instance_uid
    common = [f"  {PROGRAM} {url} --called-aet {pacs.ae_title} \\", f"      --study-uid {uid} \\"]
    by_move = f"--move-dest {_DESTINATION} --listen {_HOST}:{destination_port}"
    return [
        f"The demonstration PACS is running, for this machine only: {_peer(pacs)}",
        "",
        "Its studies, with the number of instances:",
        *(
            f"  {each.number_of_instances:>3}  {each.study_instance_uid:<44}  {each.description}"
            for each in pacs.studies
        ),
        "",
        "To retrieve a study by C-GET:",
        *common,
        "      --method c-get --output study/",
        "or by C-MOVE:",
        *common,
        f"      {by_move} --output study/",
        "",
        "Ctrl-C stops it.",
    ]


def _peer(pacs: "DemoPacs") -> PeerAE:
    return PeerAE(ae_title=pacs.ae_title, endpoint=Endpoint(host=_HOST, port=pacs.port))


def _register_destination(pacs: "DemoPacs") -> int:
    """Register `DEMO_SCP` with the PACS, at a free port; return the port.

    The PACS must know it before our Storage SCP listens.
    """
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port = int(probe.getsockname()[1])
    pacs.register_destination(_DESTINATION, _HOST, port)
    return port


def run_demo_screen(console: Console, output: Path | None) -> int:
    """Run the application on a slow PACS that refuses one study once; return the exit code.

    Changes of profiles and settings go to temporary files.
    """
    from dicom_retrieve_tui.cli.commands.application import open_profile_store, run_interactive
    from dicom_retrieve_tui.demo.archive import demo_archive
    from dicom_retrieve_tui.demo.pacs import DemoPacs

    folder = output or lasting_temporary_folder()
    studies = demo_archive()
    uids = [study.study_instance_uid for study in studies[:_OFFERED]]
    with (
        temporary_folder() as temporary,
        DemoPacs(studies=studies, busy_once=[uids[_BUSY]], pace_s=_PACE_S) as pacs,
    ):
        port = _register_destination(pacs)
        profiles = temporary / "profiles.toml"
        settings = settings_path(profiles)
        with contextlib.suppress(OSError, ConfigError):
            shutil.copy(settings_path(profiles_path(None, console.environ)), settings)
        save_demo_profiles(profiles, pacs, folder, port)
        code = run_interactive(
            open_profile_store(profiles),
            console=console,
            settings=SettingsFile(settings),
            preset="demo",
            text="\n".join(uids),
            remember=False,
            guide=True,
        )
    if folder.exists():
        console.stdout.write_lines([f"The files are in {folder_text(folder)}"])
    return code


def save_demo_profiles(path: Path, pacs: "DemoPacs", folder: Path, port: int) -> None:
    """Save two profiles: the PACS by C-GET, and by C-MOVE to our Storage SCP.

    They retry nothing, so that the user can press `r` for the study that is refused once.
    """
    common = {
        "host": pacs.host,
        "port": str(pacs.port),
        "called_aet": pacs.ae_title,
        "aet": _CALLING,
        "method": "c-get",
        "output": str(folder),
        "layout": HIERARCHICAL,
        "parallel": "2",
        "retries": "0",
    }
    by_move = {"method": "c-move", "move_dest": _DESTINATION, "listen": f"{pacs.host}:{port}"}
    book = ProfileBook.load(path)
    book.put("demo", common)
    book.put("demo-move", {**common, **by_move})
    book.save()
