"""UIDs that break the letter of the standard, as archives hold them: asked for, and noted."""

from pathlib import Path

import pytest

from tests.faults.catalogue import fault
from tests.faults.processes import retrieve_here
from tests.peers.raw_pacs import Instance, RawPacs
from tests.runs import files_in

_SOUND = "1.2.3"
_IRREGULAR = ["1.2.007.1", "1." + "2" * 80, "STUDY-A_1", "1..2", "1.2."]


@pytest.mark.parametrize("study", _IRREGULAR)
@fault(74, user_reads="asked for as it is")
def test_a_study_whose_uids_break_the_rules_is_retrieved_whole(tmp_path: Path, study: str) -> str:
    holdings = [
        Instance(uid, f"{uid}.01", f"{uid}.01.{n}") for uid in (study, _SOUND) for n in "12"
    ]
    table = tmp_path / "list.txt"
    table.write_text(f"{study}\n{_SOUND}\n", encoding="utf-8")

    with RawPacs(holdings) as pacs:
        result = retrieve_here(
            f"pacs://127.0.0.1:{pacs.port}", "--called-aet", "RAW", "--method", "c-get",
            "--uid-list", table, "--output", tmp_path / "out", "--verbose",
        )  # fmt: skip

    assert result.exit_code == 0, result.stderr
    assert len(files_in(tmp_path / "out")) == 4
    assert all(request.key(0x0020000D) in {study, _SOUND} for request in pacs.requests)
    return result.stderr


@fault(74, user_reads="has a wildcard, and would match more than one")
def test_a_uid_that_would_match_more_than_one_study_costs_its_line_alone(tmp_path: Path) -> str:
    table = tmp_path / "list.txt"
    table.write_text(f"1.2.*\n{_SOUND}\n", encoding="utf-8")

    with RawPacs() as pacs:
        result = retrieve_here(
            f"pacs://127.0.0.1:{pacs.port}", "--called-aet", "RAW", "--method", "c-get",
            "--uid-list", table, "--output", tmp_path / "out",
        )  # fmt: skip

    assert result.exit_code == 1
    assert len(files_in(tmp_path / "out")) == 3
    assert all(request.key(0x0020000D) == _SOUND for request in pacs.requests)
    return result.stderr
