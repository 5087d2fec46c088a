"""What is no file in the place of one: it costs that instance, and holds up nobody."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.option_values import FLAT_LAYOUT
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.model.verify_result import Flaw
from dicom_retrieve_tui.storage.verify import verify_folder
from dicom_retrieve_tui.storage.writers import PRIVATE_FOLDER
from tests.peers.raw_pacs import RawPacs, instances
from tests.runs import get_plan, run, settings, verdict_of


@pytest.mark.parametrize("in_the_way", ["folder", "link to nowhere"])
def test_what_stands_in_the_way_of_one_instance_stops_no_other(
    in_the_way: str, tmp_path: Path
) -> None:
    obstacle = tmp_path / "1.2.3.1.2.dcm"
    if in_the_way == "folder":
        obstacle.mkdir()
    else:
        obstacle.symlink_to("nowhere")
    with RawPacs(instances(3)) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.missing) == (Verdict.PARTIAL, ("1.2.3.1.2",))
    assert "came with other content than the file that was there" in finished.reason


@contextmanager
def _pipe_at(place: Path, workshop: Path) -> Iterator[list[str]]:
    """Put a named pipe at `place`; yields what grows whenever somebody opens it to read.

    Who does finds it at its end: without a writer he, and the test, would be held there for ever.
    It has a second name in `workshop`, by which it is found after it was moved.
    """
    pipe = workshop / "pipe"
    os.mkfifo(pipe)
    os.link(pipe, place)
    readers: list[str] = []
    over = threading.Event()

    def let_go() -> None:
        while not over.is_set():
            with pipe.open("wb"):  # waits for a reader
                if not over.is_set():
                    readers.append("read")

    writer = threading.Thread(target=let_go)
    writer.start()
    try:
        yield readers
    finally:
        over.set()
        last = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        writer.join()
        os.close(last)


@pytest.fixture
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workshop")


_NAMES = {
    FLAT_LAYOUT: "1.2.3.1.1.dcm",
    "{PatientID}_{SOPInstanceUID}.dcm": "T-0001_1.2.3.1.1.dcm",
}


@pytest.mark.parametrize("layout", _NAMES)
def test_a_pipe_in_the_place_of_an_instance_is_not_opened(
    layout: str, tmp_path: Path, workshop: Path
) -> None:
    place = tmp_path / _NAMES[layout]
    with RawPacs(instances(1)) as pacs, _pipe_at(place, workshop) as readers:
        given = replace(settings(pacs.port, tmp_path), layout=layout)
        events = run(get_plan(), given)

    finished = verdict_of(events)
    assert (finished.verdict, finished.missing) == (Verdict.FAILED, ("1.2.3.1.1",))
    assert "came with other content than the file that was there" in finished.reason
    assert not readers


def test_a_pipe_in_the_place_of_a_file_that_came_is_set_aside_unopened(
    tmp_path: Path, workshop: Path
) -> None:
    place = tmp_path / "1.2.3.1.2.dcm"
    with RawPacs(instances(3)) as pacs:
        run(get_plan(), settings(pacs.port, tmp_path))
        place.unlink()
        with _pipe_at(place, workshop) as readers:
            (damaged,) = verify_folder(tmp_path, deep=True)
            events = run(get_plan(), settings(pacs.port, tmp_path))

    assert [(each.path, each.flaw) for each in damaged.flawed] == [(place.name, Flaw.DAMAGED)]
    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert place.read_bytes().endswith(pacs.holdings[1].data)
    assert (tmp_path / PRIVATE_FOLDER / "damaged" / f"{place.name}.1").is_fifo()
    assert not readers
