"""The examples of `docs/guide/python.md`, run in turn against the demonstration PACS."""

import csv
import importlib.util
import re
import socket
import sys
import types
from pathlib import Path

import pytest

from dicom_retrieve_tui.demo.pacs import DemoPacs

_GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "python.md"
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class _Column(list[str]):
    def dropna(self) -> "_Column":
        return _Column(each for each in self if each)


class _DataFrame:
    """As much of a pandas data frame as the guide needs, where pandas is not installed."""

    def __init__(self, rows: list[dict[str, object]]) -> None:
        self._rows = rows

    def __getitem__(self, key: str | list[str]) -> "_Column | _DataFrame":
        if isinstance(key, str):
            return _Column(str(row[key]) for row in self._rows)
        return _DataFrame([{name: row[name] for name in key} for row in self._rows])

    def __str__(self) -> str:
        return "\n".join(" ".join(map(str, row.values())) for row in self._rows)


def _read_csv(path: str, dtype: type) -> _DataFrame:
    assert dtype is str
    with Path(path).open(newline="") as file:
        return _DataFrame([dict(row) for row in csv.DictReader(file)])


@pytest.fixture
def _pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("pandas") is None:
        stand_in = types.ModuleType("pandas")
        vars(stand_in).update(read_csv=_read_csv, DataFrame=_DataFrame)
        monkeypatch.setitem(sys.modules, "pandas", stand_in)


@pytest.mark.usefixtures("_pandas")
def test_every_example_of_the_guide_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        listening = probe.getsockname()[1]
    with DemoPacs() as demo:
        demo.register_destination("RESEARCH", "127.0.0.1", listening)
        uids = [study.study_instance_uid for study in demo.studies]
        first = demo.studies[0].instances[0]
        real = {
            '"1.2.840.113619.2.1.1"': f'"{first.series_instance_uid}"',
            '"1.2.840.113619.2.1"': f'"{uids[0]}"',
            '"1.2.840.113619.2.2"': f'"{uids[1]}"',
            '"pacs.example.org"': f'"{demo.host}"',
            "11112": str(demo.port),
            "listen=11113": f'listen="127.0.0.1:{listening}"',
        }
        Path("uids.csv").write_text("\n".join(["StudyInstanceUID", *uids, ""]))
        blocks = _BLOCK.findall(_GUIDE.read_text())
        assert len(blocks) >= 12
        namespace: dict[str, object] = {"__name__": "guide"}
        for block in blocks:
            for example, value in real.items():
                block = block.replace(example, value)  # noqa: PLW2901
            exec(compile(block, str(_GUIDE), "exec"), namespace)  # noqa: S102

    printed = capsys.readouterr().out
    assert printed.startswith(f"complete\n{uids[0]} complete")
    assert "C-ECHO took" in printed
    with Path("account.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["study_instance_uid"] for row in rows] == uids
    assert {row["verdict"] for row in rows} == {"complete"}
    assert len(list(Path("moved").glob("*.dcm"))) == len(demo.studies[0].instances)
