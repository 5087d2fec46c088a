"""Several runs that begin and end at once in one output folder."""

import re
import sys
from contextlib import ExitStack, closing
from pathlib import Path

from dicom_retrieve_tui.model.layout import parse_layout
from dicom_retrieve_tui.model.option_values import FLAT_LAYOUT
from dicom_retrieve_tui.storage.folder import OutputFolder
from tests.faults.catalogue import fault
from tests.faults.processes import Command, assert_whole, c_get, retrieve
from tests.interop.command import CommandResult
from tests.peers.raw_pacs import RawPacs, instances

_RUNS = 6
_WHO = re.compile(r"--output \S+: process \d+ is retrieving into this folder\. Wait for it to end")


@fault(75, user_reads=" is retrieving into this folder. Wait for it to end, or choose another")
def test_of_six_runs_each_completes_or_reads_who_has_the_folder(tmp_path: Path) -> str:
    with RawPacs(instances(2)) as pacs:
        for number in range(3):
            output = tmp_path / f"out{number}"
            results = _at_once(c_get(pacs, output))
            losers = [result for result in results if result.exit_code != 0]
            assert len(losers) < _RUNS
            for loser in losers:
                assert loser.exit_code == 1
                assert _WHO.search(loser.stderr), loser.stderr
            assert assert_whole(output, pacs.holdings) == sorted(i.sop for i in pacs.holdings)
            assert not (output / ".dicom-retrieve" / "lock").exists()
        with closing(OutputFolder(output, parse_layout(FLAT_LAYOUT))):
            return retrieve(*c_get(pacs, output)).stderr


def _at_once(order: list[object]) -> list[CommandResult]:
    with ExitStack() as stack:
        commands = [stack.enter_context(Command(*order)) for _ in range(_RUNS)]
        return [command.finish() for command in commands]


def test_a_run_that_is_refused_leaves_report_and_command_to_the_run_that_has_the_folder(
    tmp_path: Path,
) -> None:
    output, report, told = tmp_path / "out", tmp_path / "report.json", tmp_path / "told"
    report.write_text("of the other run")
    script = tmp_path / "tell.py"
    script.write_text(f"open({str(told)!r}, 'w').close()")
    command = f'"{sys.executable}" "{script}"'
    with RawPacs(instances(2)) as pacs, closing(OutputFolder(output, parse_layout(FLAT_LAYOUT))):
        refused = retrieve(
            *c_get(pacs, output), "--report", report, "--on-finish", command, "--json"
        )

    assert refused.exit_code == 1
    assert _WHO.search(refused.stderr)
    assert '"verdict": "failed"' in refused.stdout.splitlines()[-1]
    assert report.read_text() == "of the other run"
    assert not told.exists()
