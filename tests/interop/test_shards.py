"""Shards of one list, as processes of their own, into one folder from Orthanc."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.shard import Shard
from tests.interop.command import PYTHON, CommandResult, run_cli
from tests.interop.orthanc import Orthanc
from tests.interop.small_studies import names_of, small_studies

pytestmark = pytest.mark.peers

_STUDIES = [f"2.25.99{number:03}" for number in range(40)]
_INSTANCES = 5
_FILLING_BYTES = 10_000
_SLOWLY = ("--max-rate", "100kB/s")
"""Some seconds for a shard, so that it can be killed in its middle."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """An Orthanc with small studies."""
    orthanc = Orthanc(tmp_path_factory.mktemp("orthanc"), {})
    orthanc.start()
    try:
        orthanc.take_zip(small_studies(_STUDIES, _INSTANCES, _FILLING_BYTES))
        yield orthanc
    finally:
        orthanc.stop()


class _Shards:
    """Runs shards of the list of all studies, and one folder for them."""

    def __init__(self, orthanc: Orthanc, folder: Path) -> None:
        self.output = folder / "out"
        self._list = folder / "list.txt"
        self._list.write_text("\n".join(_STUDIES))
        self._argv = [f"pacs://127.0.0.1:{orthanc.port}", "--called-aet", orthanc.ae_title]
        self._argv += ["--method", "c-get", "--uid-list", str(self._list)]
        self._argv += ["--output", str(self.output)]

    def start(self, *flags: str, **environ: str) -> subprocess.Popen[str]:
        """Start a retrieval with these flags, and these further variables of the environment."""
        argv = [*PYTHON, "-m", "dicom_retrieve_tui", *self._argv, "--json", *flags]
        pipe = subprocess.PIPE
        env = os.environ | environ
        return subprocess.Popen(argv, stdout=pipe, stderr=pipe, text=True, env=env)

    def run(self, *flags: str) -> CommandResult:
        """Run a retrieval with these flags to its end."""
        return run_cli(*self._argv, *flags)

    def status(self) -> CommandResult:
        """Return the status of the folder."""
        return run_cli("status", self.output)

    def kill_in_its_middle(self, *flags: str) -> None:
        """Start a retrieval, and kill it once some instances of it are named."""
        process = self.start(*flags, *_SLOWLY)
        assert process.stdout is not None
        stored = 0
        for line in process.stdout:
            stored += json.loads(line)["event"] == "instance_stored"
            if stored == _INSTANCES + 2:
                break
        process.kill()
        process.communicate()
        assert process.returncode < 0

    def assert_whole(self) -> None:
        """The account is that of a plain run: every file once, and whole."""
        assert sorted(file.name for file in self.output.rglob("*.dcm")) == names_of(
            _STUDIES, _INSTANCES
        )
        status = self.status()
        assert status.exit_code == 0, status.stdout
        instances = len(_STUDIES) * _INSTANCES
        assert f"{len(_STUDIES)} of {len(_STUDIES)} complete" in status.stdout
        assert f"{instances} of {instances} here (100 %)" in status.stdout
        assert run_cli("verify", self.output, "--deep").exit_code == 0
        assert not (self.output / "failed-studies.txt").exists()
        assert not list(self.output.rglob("*.part"))


@pytest.fixture
def shards(archive: Orthanc, tmp_path: Path) -> _Shards:
    return _Shards(archive, tmp_path)


def _share(number: int, count: int) -> list[str]:
    return [uid for uid in _STUDIES if Shard(number, count).has(uid)]


def test_four_shards_of_which_one_is_killed_and_one_never_started(shards: _Shards) -> None:
    others = [shards.start("--shard", f"{number}/4") for number in (1, 4)]
    shards.kill_in_its_middle("--shard", "2/4")
    for other in others:
        other.communicate(timeout=60)
        assert other.returncode == 0

    status = shards.status()
    assert status.exit_code == 1
    assert "gone        shard 2 of 4: process " in status.stdout
    assert "never ran   shard 3 of 4" in status.stdout
    assert "unfinished: shard 3 of 4 has not run" in status.stdout

    again = shards.run("--shard", "2/4")
    assert again.exit_code == 0, again.stderr
    assert "of an earlier run found again" in again.stdout
    assert shards.status().exit_code == 1
    assert shards.run("--shard", "3/4").exit_code == 0
    shards.assert_whole()


def test_the_number_of_shards_changes_after_a_kill(shards: _Shards) -> None:
    assert shards.run("--shard", "1/4").exit_code == 0
    shards.kill_in_its_middle("--shard", "2/4")

    three = [shards.start("--shard", f"{number}/3") for number in (1, 2, 3)]
    for shard in three:
        shard.communicate(timeout=60)

    assert [shard.returncode for shard in three] == [0, 0, 0]
    shards.assert_whole()


def test_a_plain_run_finishes_what_shards_left(shards: _Shards) -> None:
    assert shards.run("--shard", "1/4").exit_code == 0
    shards.kill_in_its_middle("--shard", "2/4")

    plain = shards.run()

    assert plain.exit_code == 0, plain.stderr
    kept = int(plain.stdout.split(" instances of an earlier run")[0].split()[-1])
    assert kept >= len(_share(1, 4)) * _INSTANCES
    shards.assert_whole()


def test_shards_and_other_runs_refuse_each_other(shards: _Shards) -> None:
    running = shards.start("--shard", "1/2", *_SLOWLY)
    try:
        assert running.stdout is not None
        running.stdout.readline()

        refused = [shards.run(*flags) for flags in ((), ("--shard", "1/2"), ("--shard", "1/3"))]

        for each in refused:
            assert each.exit_code == 1
            holder = f"process {running.pid} is retrieving shard 1 of 2 into this folder."
            assert holder in each.stderr
        assert shards.run("--shard", "2/2").exit_code == 0
        assert "1 of 2 shards retrieves from" in shards.status().stdout
    finally:
        running.kill()
        running.communicate()


def test_the_merged_report_has_the_studies_of_all_shards(shards: _Shards, tmp_path: Path) -> None:
    auto = ("--shard", "auto", "--shards", "3")
    for shard in [shards.start(*auto, JOB_COMPLETION_INDEX=str(index)) for index in range(3)]:
        shard.communicate(timeout=60)
    report = tmp_path / "report.json"

    assert run_cli("status", shards.output, "--report", report).exit_code == 0

    merged = json.loads(report.read_text())
    assert (merged["verdict"], merged["exit_code"], merged["shards"]) == ("complete", 0, 3)
    assert [each["study_instance_uid"] for each in merged["studies"]] == _STUDIES
    assert {each["stored"] for each in merged["studies"]} == {_INSTANCES}
