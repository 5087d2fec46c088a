"""Flags that take an open stream by its name, `/dev/fd/3` or `/dev/stderr`, for a file."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_retrieve_tui.cli.logs import logging_to
from dicom_retrieve_tui.model.verdict import Verdict
from tests.unit.cli.scripted import C_GET, run, study_of, whole_run

_logger = logging.getLogger("dicom_retrieve_tui.somewhere")


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe, the one to read from first."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


@pytest.mark.parametrize("flag", ["--report", "--log-file"])
def test_a_stream_that_is_only_read_from_is_refused_at_once(
    flag: str, pipe: tuple[int, int]
) -> None:
    result = run(*C_GET, flag, f"/dev/fd/{pipe[0]}")

    assert result.code == 1
    assert f"{flag} /dev/fd/{pipe[0]}: this stream is open for reading only." in result.err


@pytest.mark.parametrize("flag", ["--report", "--log-file"])
def test_a_stream_that_is_not_open_is_refused_at_once(flag: str) -> None:
    result = run(*C_GET, flag, "/dev/fd/987654")

    assert result.code == 1
    assert f"{flag} /dev/fd/987654: this stream is not open." in result.err


@pytest.mark.parametrize("flag", ["--report", "--log-file"])
def test_a_named_pipe_is_refused_with_what_is_taken(flag: str, tmp_path: Path) -> None:
    named = tmp_path / "pipe"
    os.mkfifo(named)

    result = run(*C_GET, flag, str(named))

    assert result.code == 1
    assert "expected the name of a file, or of an open stream such as /dev/stderr." in result.err


def test_a_log_goes_into_a_pipe_and_leaves_it_open(pipe: tuple[int, int]) -> None:
    log = f"/dev/fd/{pipe[1]}"

    result = run(*C_GET, "--log-file", log, engine=whole_run(study_of(Verdict.COMPLETE, came=3)))

    os.write(pipe[1], b"the end")
    written = os.read(pipe[0], 1 << 20).decode()
    assert result.code == 0
    assert "study_finished" in written
    assert written.endswith("the end")


def test_a_log_goes_behind_what_is_in_the_file_of_a_stream(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w+b", buffering=0) as file:
        file.write(b"before\n")
        with logging_to(Path(f"/dev/fd/{file.fileno()}"), pytest.fail):
            _logger.warning("meanwhile")
        file.write(b"after\n")

    lines = (tmp_path / "file").read_text().splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
    assert "meanwhile" in lines[-2]


def test_a_log_whose_reader_went_away_is_told_of_once_and_ends_nothing() -> None:
    told: list[str] = []
    read_end, write_end = os.pipe()
    with logging_to(Path(f"/dev/fd/{write_end}"), told.append):
        os.close(read_end)
        for number in range(3):
            _logger.warning("line %d", number)
    os.close(write_end)

    assert told == [
        f"--log-file /dev/fd/{write_end}: cannot be written: broken pipe; the log is incomplete"
    ]
