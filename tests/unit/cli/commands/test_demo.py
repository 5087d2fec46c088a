import argparse
import re
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from dicom_retrieve_tui.cli.commands.demo import run_demo
from dicom_retrieve_tui.cli.console import Console, DataStream, MessageStream
from dicom_retrieve_tui.cli.parser import parse_command_line
from dicom_retrieve_tui.cli.parser_base import UsageError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.events import Event
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.verdict import Verdict
from tests.unit.cli.scripted import Stream, study_of, whole_run


@dataclass(frozen=True, slots=True)
class Study:
    study_instance_uid: str
    description: str
    number_of_instances: int = 3


@dataclass(slots=True)
class Pacs:
    ae_title: str = "DEMO_PACS"
    port: int = 4242
    studies: tuple[Study, ...] = (
        Study("1.2.1", "CT chest"),
        Study("1.2.2", "MR head"),
        Study("1.2.3", "US abdomen"),
    )
    destinations: list[tuple[str, str, int]] = field(default_factory=list)
    is_down: bool = False

    def register_destination(self, ae_title: str, host: str, port: int) -> None:
        self.destinations.append((ae_title, host, port))

    @contextmanager
    def open(self) -> Iterator["Pacs"]:
        yield self
        self.is_down = True


class Retrieving:
    """An engine that does what each plan asks, or fails."""

    def __init__(self, verdict: Verdict = Verdict.COMPLETE) -> None:
        self.asked: list[tuple[Sequence[Selection], RetrieveOptions]] = []
        self._verdict = verdict

    def __call__(
        self, selections: Sequence[Selection], options: RetrieveOptions, cancel: CancelToken
    ) -> Iterator[Event]:
        self.asked.append((selections, options))
        uids = [selection.study_instance_uid for selection in selections]
        studies = [study_of(self._verdict, uid=uid, came=3) for uid in uids]
        yield from whole_run(*studies, method=options.method)(selections, options, cancel)


@dataclass(frozen=True, slots=True)
class Demo:
    pacs: Pacs
    engine: Retrieving
    code: int
    out: str
    err: str


def demo(*argv: str, verdict: Verdict = Verdict.COMPLETE) -> Demo:
    pacs, engine, out, err = Pacs(), Retrieving(verdict), Stream(), Stream()
    console = Console(stdin=Stream(), stdout=DataStream(out), stderr=MessageStream(err))
    code = run_demo(arguments(*argv), console, engine, cast("Any", pacs.open))
    return Demo(pacs, engine, code, out.getvalue(), err.getvalue())


def arguments(*argv: str) -> argparse.Namespace:
    return parse_command_line(["demo", *argv])


def test_all_studies_but_one_come_by_c_get_and_that_one_by_c_move(tmp_path: Path) -> None:
    ran = demo("--headless", "--output", str(tmp_path))

    (gotten, by_get), (moved, by_move) = ran.engine.asked
    assert ran.code == 0
    assert [s.study_instance_uid for s in gotten] == ["1.2.1", "1.2.2"]
    assert (by_get.method, by_get.parallel, by_get.listen) == (Method.C_GET, 2, None)
    assert [s.study_instance_uid for s in moved] == ["1.2.3"]
    assert (by_move.method, by_move.listening) == (Method.C_MOVE, True)
    assert by_move.listen is not None
    assert ran.pacs.destinations == [(by_move.move_destination, *by_move.listen)]
    assert str(by_move.peer) == "DEMO_PACS@127.0.0.1:4242"
    assert by_move.output == tmp_path
    assert ran.pacs.is_down


def test_the_summaries_and_the_place_of_the_files_are_on_stdout(tmp_path: Path) -> None:
    ran = demo("--headless", "--output", str(tmp_path))

    assert ran.out.startswith("all 2 studies complete, in ")
    assert "complete: all 3 instances of study 1.2.3" in ran.out
    assert ran.out.endswith(f"The files are in {tmp_path}/\n")
    assert "by C-GET" in ran.err
    assert "by C-MOVE" in ran.err


def test_without_an_output_folder_the_files_go_to_a_new_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    ran = demo("--headless")

    output = ran.engine.asked[0][1].output
    assert output.is_dir()
    assert output.parent == tmp_path


def test_a_demonstration_that_fails_says_so(tmp_path: Path) -> None:
    ran = demo("--headless", "--output", str(tmp_path), verdict=Verdict.PARTIAL)

    assert ran.code == 1
    assert len(ran.engine.asked) == 1


def _interrupt_once_it_is_caught(before: object) -> None:
    pause = threading.Event()
    while signal.getsignal(signal.SIGINT) is before:
        pause.wait(0.005)
    signal.raise_signal(signal.SIGINT)


def test_serving_tells_where_and_what_until_a_signal_comes() -> None:
    before = signal.getsignal(signal.SIGINT)
    hand = threading.Thread(target=_interrupt_once_it_is_caught, args=(before,), daemon=True)
    hand.start()

    ran = demo("--serve")

    hand.join()
    name, host, port = ran.pacs.destinations[0]
    common = (
        "  dicom-retrieve pacs://127.0.0.1:4242 --called-aet DEMO_PACS \\\n"
        "      --study-uid 1.2.1 \\\n"
    )
    assert ran.code == 0
    assert "DEMO_PACS@127.0.0.1:4242" in ran.out
    assert re.search(r"^ +3  1\.2\.2 +MR head$", ran.out, re.MULTILINE)
    assert f"{common}      --method c-get --output study/\n" in ran.out
    assert f"{common}      --move-dest {name} --listen {host}:{port} --output study/\n" in ran.out
    assert ran.engine.asked == []
    assert ran.pacs.is_down


def test_without_a_terminal_the_demonstration_is_headless_and_says_so(tmp_path: Path) -> None:
    ran = demo("--output", str(tmp_path))

    assert ran.code == 0
    assert ran.err.startswith("no terminal for the application: retrieving as with --headless\n")
    assert ran.out.endswith(f"The files are in {tmp_path}/\n")


def test_headless_and_serving_cannot_be_combined() -> None:
    with pytest.raises(UsageError, match="--headless and --serve cannot be combined"):
        demo("--headless", "--serve")
