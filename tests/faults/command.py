"""The command in this process, at a terminal, against a peer of the test's own."""

import io
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from dicom_retrieve_tui.cli.main import main
from tests.runs import STUDY


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Result:
    code: int
    summary: str
    """What stands on stdout, its lines run together."""
    narration: str
    """What stands on stderr, with the escape sequences of the live display."""


def c_get_at_terminal(port: int, output: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    """Have the command retrieve the study of the tests by C-GET."""
    monkeypatch.setenv("TERM", "xterm")
    out, err = io.StringIO(), _Terminal()
    code = main(
        [
            f"pacs://127.0.0.1:{port}",
            *("--called-aet", "RAW", "--method", "c-get", "--study-uid", STUDY),
            *("--output", str(output), "--verbose"),
        ],
        stdin=io.StringIO(),
        stdout=out,
        stderr=err,
    )
    return Result(code, re.sub(r"\s+", " ", out.getvalue()), err.getvalue())
