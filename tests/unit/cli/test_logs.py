"""What `--log-file` writes of texts that it did not choose."""

import logging
from pathlib import Path

import pytest

from dicom_retrieve_tui.cli.logs import logging_to
from dicom_retrieve_tui.model.text import clean_text
from tests.hostile import HOSTILE, odd_characters

_logger = logging.getLogger("dicom_retrieve_tui.somewhere")


@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE)
def test_what_a_peer_said_stays_on_its_line(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    # pytest keeps logs, too, and hands them to another process as UTF-8, which not all are.
    monkeypatch.setattr(logging.getLogger("dicom_retrieve_tui"), "propagate", False)

    with logging_to(log):
        _logger.warning("the PACS said %s", said)
        _logger.error("it could not be read", exc_info=ValueError(said))

    written = log.read_text(encoding="utf-8")
    assert not odd_characters(written)
    (told,) = [line for line in written.splitlines() if "the PACS said" in line]
    assert clean_text(said) in told
