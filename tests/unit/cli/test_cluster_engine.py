import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui.cli import cluster_engine
from dicom_retrieve_tui.cli.main import main
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.cancel import CancelToken
from tests.runs import get_plan, settings


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [each for each in sys.modules if each.startswith("dicom_retrieve_tui.cluster")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.setitem(sys.modules, "dask", None)
    options = replace(settings(9, tmp_path / "out"), cluster="local:2")
    selections, options = get_plan("1.2.3").on(options)

    with pytest.raises(ConfigError, match=r"dicom-retrieve-tui\[cluster\]"):
        next(cluster_engine.retrieve(selections, options, CancelToken()))

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--cluster", "local:0"), "expected local:1 to local:64"),
        (("--cluster", "local:2", "--shard", "1/2"), "--shard and --cluster cannot be combined"),
        (("--own-folders",), "--own-folders requires --cluster"),
        (("--worker-dest", "a=A:1"), "--worker-dest requires --cluster"),
        (("--cluster", "local:2", "--worker-dest", "a=A:1"), "has no use with --method c-get"),
    ],
)
def test_contradictions_are_refused_before_anything_is_sent(
    flags: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["pacs://127.0.0.1:9", "--method", "c-get", "--study-uid", "1.2.3", *flags]

    assert main(argv) == 1
    assert message in capsys.readouterr().err


def test_a_port_to_listen_on_needs_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["pacs://127.0.0.1:9", "--study-uid", "1.2.3", "--move-dest", "US", "--listen", "11112"]

    assert main([*argv, "--cluster", "local:2"]) == 1
    assert "name the destination of each worker by --worker-dest" in capsys.readouterr().err
