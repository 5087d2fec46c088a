"""What `--log-file` writes of texts that it did not choose."""

import logging
from pathlib import Path

import pytest

from dicom_retrieve_tui.cli.logs import logging_to
from dicom_retrieve_tui.model.sanitize import clean_text
from tests.hostile import HOSTILE, odd_characters

_logger = logging.getLogger("dicom_retrieve_tui.somewhere")


@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE)
def test_what_a_peer_said_stays_on_its_line(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    # pytest keeps logs, too, and hands them to another process as UTF-8, which not all are.
    monkeypatch.setattr(logging.getLogger("dicom_retrieve_tui"), "propagate", False)

    with logging_to(log, pytest.fail):
        _logger.warning("the PACS said %s", said)
        _logger.error("it could not be read", exc_info=ValueError(said))

    written = log.read_text(encoding="utf-8")
    assert not odd_characters(written)
    (told,) = [line for line in written.splitlines() if "the PACS said" in line]
    assert clean_text(said) in told


def test_a_log_on_a_full_disk_is_told_of_once_and_ends_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told: list[str] = []

    with logging_to(Path("/dev/full"), told.append):
        for number in range(3):
            _logger.warning("line %d", number)

    assert told == [
        "--log-file /dev/full: cannot be written: no space left on device; the log is incomplete"
    ]
    assert capsys.readouterr().err == ""
