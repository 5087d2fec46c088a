"""`dicom-retrieve demo`: the embedded PACS, and the real command run against it.

Nothing is retrieved here: this builds orders and hands them to the function that every other order
goes to, so that the demonstration shows the product and not a show.
"""

import argparse
import tempfile
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from dicom_retrieve_tui.cli.check_paths import check_output
from dicom_retrieve_tui.cli.commands.demo_server import (
    CALLING,
    DESTINATION,
    HOST,
    DemoServer,
    DemoStudy,
    offer_destination,
    peer_of,
)
from dicom_retrieve_tui.cli.commands.retrieve import Engine, run_order
from dicom_retrieve_tui.cli.console import Surroundings
from dicom_retrieve_tui.cli.logs import logging_to
from dicom_retrieve_tui.cli.parser_base import PROGRAM, UsageError
from dicom_retrieve_tui.cli.read_options import Options
from dicom_retrieve_tui.cli.signals import Interruption
from dicom_retrieve_tui.exit_codes import OK
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.humanize import folder_text
from dicom_retrieve_tui.model.selection import Plan, Selection
from dicom_retrieve_tui.model.settings import HIERARCHICAL_LAYOUT, Settings

_PARALLEL = 2


OpenPacs = Callable[[], AbstractContextManager[DemoServer]]


def run_demo(
    args: argparse.Namespace,
    around: Surroundings,
    engine: Engine | None = None,
    open_pacs: OpenPacs | None = None,
) -> int:
    """Start the PACS, and retrieve from it or keep it up; returns the exit code.

    Raises:
        ConfigError: The flags cannot be meant.
    """
    if args.headless and args.serve:
        raise UsageError("--headless and --serve exclude each other; give one of them.")
    if args.serve and args.output is not None:
        raise UsageError("--output has no use with --serve, which retrieves nothing.")
    on_screen = not (args.headless or args.serve)
    if on_screen and not around.interactive:
        raise UsageError(
            "demo draws its screen on a terminal, and this is none; give --headless (retrieve "
            "everything) or --serve (keep the PACS up)."
        )
    output = None if args.output is None else check_output(args.output)
    if on_screen:
        return show_demo(around, output)
    with (open_pacs or _demo_pacs)() as pacs:
        if args.serve:
            return _serve(pacs, around)
        return _Headless(pacs, around, engine, verbose=args.verbose).run(output)


def show_demo(around: Surroundings, output: Path | None) -> int:
    """Open the application on a PACS that takes its time and refuses one study once."""
    from dicom_retrieve_tui.cli.commands.demo_application import run_demo_screen  # noqa: PLC0415 - loads textual

    return run_demo_screen(around, output)


def _demo_pacs() -> AbstractContextManager[DemoServer]:
    from dicom_retrieve_tui.demo.pacs import DemoPacs  # noqa: PLC0415 - it loads pynetdicom

    return DemoPacs()


class _Headless:
    """Everything but one study by C-GET, and that one by C-MOVE to ourselves."""

    def __init__(
        self,
        pacs: DemoServer,
        around: Surroundings,
        engine: Engine | None,
        *,
        verbose: bool,
    ) -> None:
        self._pacs = pacs
        self._around = around
        self._engine = engine
        self._verbose = verbose
        self._lasting = True

    def run(self, output: Path | None) -> int:
        self._lasting = output is not None  # else the next run makes another folder
        output = output or Path(tempfile.mkdtemp(prefix="dicom-retrieve-demo-"))
        orders = [selection_of(study) for study in self._pacs.studies]
        by_get, by_move = orders[:-1], orders[-1:]
        self._say(f"a PACS with {len(orders)} studies is up: {peer_of(self._pacs)}")
        code = self._carry_out(self._get_order(by_get, output))
        if code == OK:
            code = self._carry_out(self._move_order(by_move, output))
        if output.exists():
            self._around.stdout.write_lines([f"The files are in {folder_text(output)}"])
        return code

    def _carry_out(self, options: Options) -> int:
        with logging_to(None, self._say):
            return run_order(options, self._around, self._engine)

    def _get_order(self, orders: list[Selection], output: Path) -> Options:
        plan = Plan(selections=tuple(orders), method=Method.C_GET, parallel=_PARALLEL)
        return self._options(plan, self._settings(output))

    def _move_order(self, orders: list[Selection], output: Path) -> Options:
        port = offer_destination(self._pacs)
        plan = Plan(
            selections=tuple(orders),
            method=Method.C_MOVE,
            move_destination=DESTINATION,
            listening=True,
        )
        settings = self._settings(output, listen=(HOST, port))
        return self._options(plan, settings)

    def _options(self, plan: Plan, settings: Settings) -> Options:
        return Options(plan=plan, settings=settings, verbose=self._verbose, lasting=self._lasting)

    def _settings(self, output: Path, listen: tuple[str | None, int] | None = None) -> Settings:
        return Settings(
            peer=peer_of(self._pacs),
            calling_ae_title=CALLING,
            output=output,
            layout=HIERARCHICAL_LAYOUT,
            listen=listen,
        )

    def _say(self, text: str) -> None:
        self._around.stderr.say(text)


def _serve(pacs: DemoServer, around: Surroundings) -> int:
    """Keep the PACS up until a signal comes; stopping it is what it is for, hence exit code 0."""
    port = offer_destination(pacs)
    around.stdout.write_lines(serving_text(pacs, port))
    over = threading.Event()
    with Interruption(on_first=over.set, on_second=lambda: None):
        while not over.wait(0.2):
            pass
    around.stderr.say("the demonstration PACS is down")
    return OK


def serving_text(pacs: DemoServer, destination_port: int) -> list[str]:
    """Where the PACS is, what it holds, and command lines to paste."""
    url = f"pacs://{HOST}:{pacs.port}"
    uid = pacs.studies[0].study_instance_uid
    common = [f"  {PROGRAM} {url} --called-aet {pacs.ae_title} \\", f"      --study-uid {uid} \\"]
    by_move = f"--move-dest {DESTINATION} --listen {HOST}:{destination_port}"
    return [
        f"The demonstration PACS is up, on this machine only: {peer_of(pacs)}",
        "",
        "It holds, with the number of instances:",
        *map(_study_line, pacs.studies),
        "",
        "To fetch a study by C-GET:",
        *common,
        "      --method c-get --output study/",
        "or by C-MOVE:",
        *common,
        f"      {by_move} --output study/",
        "",
        "Ctrl-C ends it.",
    ]


def _study_line(study: DemoStudy) -> str:
    return f"  {study.number_of_instances:>3}  {study.study_instance_uid:<44}  {study.description}"


def selection_of(study: DemoStudy) -> Selection:
    """A whole study."""
    return Selection(study_instance_uid=study.study_instance_uid)
