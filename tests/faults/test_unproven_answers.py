"""Answers of C-FIND that do not prove what they answer: keys ignored, all matches in one row."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faults.catalogue import fault
from tests.faults.processes import retrieve_here
from tests.interop.command import CommandResult
from tests.peers.raw_pacs import Instance, RawPacs, Request
from tests.runs import files_in

_ACCESSION, _PATIENT, _STUDY, _SERIES = 0x00080050, 0x00100020, 0x0020000D, 0x0020000E
_STUDY_COUNTS = (0x00201206, 0x00201208)
_SERIES_COUNT = 0x00201209
_MODALITIES = 0x00080061
_COUNTS = {*_STUDY_COUNTS, _SERIES_COUNT, _MODALITIES}
_STUDIES = ("1.2.3", "1.2.4", "1.2.5")
_FLAGS = {"--accession-list": "A1", "--patient-list": "P1"}


def _holdings(studies: Sequence[str] = _STUDIES) -> list[Instance]:
    return [Instance(uid, f"{uid}.{s}", f"{uid}.{s}.1") for uid in studies for s in (1, 2)]


class _IgnoresKeys(RawPacs):
    """Matches by UIDs alone; of the other keys it returns what a test lets it."""

    returned: dict[int, Sequence[str]]
    """What each study has, in the order of their UIDs; the rest is empty."""

    def find(self, request: Request) -> list[dict[int, str]]:
        rows = super().find(request)
        for row in rows:
            for tag in (_ACCESSION, _PATIENT):
                if tag in request.identifier:
                    values = self.returned.get(tag, ("", "", ""))
                    row[tag] = values[_STUDIES.index(row[_STUDY])]
        return rows


class _Folds(RawPacs):
    """Answers with one row for all matches as soon as a count is asked for."""

    def find(self, request: Request) -> list[dict[int, str]]:
        rows = super().find(request)
        counts = {tag: str(len(rows) * 2) for tag in _COUNTS & request.identifier.keys()}
        if not counts:
            return rows
        if _MODALITIES in counts:
            counts[_MODALITIES] = "CT\\MR"
        return [row | counts for row in rows[:1]]


def _look_up(pacs: RawPacs, folder: Path, flag: str, text: str) -> CommandResult:
    table = folder / "list.txt"
    table.write_text(text, encoding="utf-8")
    return retrieve_here(
        f"pacs://127.0.0.1:{pacs.port}", "--called-aet", "RAW", "--method", "c-get",
        flag, table, "--output", folder / "out",
    )  # fmt: skip


def _find(pacs: RawPacs, *keys: str) -> CommandResult:
    return retrieve_here("find", f"pacs://127.0.0.1:{pacs.port}", "--called-aet", "RAW", *keys)


@pytest.mark.parametrize("held", [1, 3])
@pytest.mark.parametrize("flag", _FLAGS)
@fault(71, user_reads="that was asked for, so it may have ignored it")
def test_nothing_is_retrieved_for_a_key_that_no_answer_returns(
    tmp_path: Path, flag: str, held: int
) -> str:
    with _IgnoresKeys(_holdings(_STUDIES[:held])) as pacs:
        pacs.returned = {}
        result = _look_up(pacs, tmp_path, flag, f"{_FLAGS[flag]}\n")

    assert result.exit_code == 1
    assert not pacs.retrievals
    assert files_in(tmp_path / "out") == []
    assert "Study Instance UID (--study-uid)" in result.stderr
    return result.stderr


@pytest.mark.parametrize("returned", ["a1", "A10", "0A1", "A", "A*", "A1^^^X"])
@fault(71, user_reads="has no study with accession number 'A1'; it answered with others")
def test_a_key_that_is_returned_otherwise_is_another(tmp_path: Path, returned: str) -> str:
    with _IgnoresKeys(_holdings()) as pacs:
        pacs.returned = {_ACCESSION: (returned, "X", "X")}
        result = _look_up(pacs, tmp_path, "--accession-list", "A1\n")

    assert result.exit_code == 1
    assert not pacs.retrievals
    return result.stderr


@pytest.mark.parametrize("returned", ["A1", " A1 ", "A0\\A1"])
def test_padding_and_further_numbers_do_not_hide_the_one_that_was_asked_for(
    tmp_path: Path, returned: str
) -> None:
    with _IgnoresKeys(_holdings()) as pacs:
        pacs.returned = {_ACCESSION: ("X", returned, "")}
        result = _look_up(pacs, tmp_path, "--accession-list", "A1\n")

    # The third study proves nothing, so there may be another one.
    assert result.exit_code == 1
    assert [request.key(_STUDY) for request in pacs.retrievals] == ["1.2.4"]
    assert "there may be more studies with accession number 'A1'" in result.stderr


@pytest.mark.parametrize("keys", [("--accession", "A1"), ("--patient-id", "P*")])
@fault(71, user_reads="3 answers left out. Ask for the study by its Study Instance UID")
def test_find_lists_nothing_for_a_key_that_no_answer_returns(keys: tuple[str, str]) -> str:
    with _IgnoresKeys(_holdings()) as pacs:
        pacs.returned = {}
        result = _find(pacs, *keys, "--uids")

    assert (result.exit_code, result.stdout) == (1, "")
    return result.stderr


def test_find_lists_what_returns_the_key_and_doubts_the_rest() -> None:
    with _IgnoresKeys(_holdings()) as pacs:
        pacs.returned = {_ACCESSION: ("A1", "A2", "")}
        result = _find(pacs, "--accession", "A1", "--uids")

    assert (result.exit_code, result.stdout) == (1, "1.2.3\n")
    assert "there may be more" in result.stderr


@fault(73, user_reads="3 studies")
def test_one_row_for_all_studies_is_not_all_that_find_lists() -> str:
    with _Folds(_holdings()) as pacs:
        result = _find(pacs, "--all", "--uids")

    assert (result.exit_code, result.stdout.split()) == (0, list(_STUDIES))
    first, again = pacs.requests
    assert first.identifier.keys() - again.identifier.keys() >= set(_STUDY_COUNTS)
    return result.stderr


@pytest.mark.parametrize(("modality", "listed"), [("CT", list(_STUDIES)), ("MR", [])])
def test_one_row_for_all_studies_of_a_modality_is_taken_apart(
    modality: str, listed: list[str]
) -> None:
    with _Folds(_holdings()) as pacs:
        result = _find(pacs, "--modality", modality, "--uids")

    assert result.stdout.split() == listed


@fault(73, user_reads="6 series")
def test_one_row_for_all_series_of_a_study_is_not_all_that_find_lists() -> str:
    with _Folds(_holdings()) as pacs:
        result = _find(pacs, "--all", "--level", "series", "--uids")

    assert result.exit_code == 0
    assert len(result.stdout.split()) == 2 + 2 * 6
    return result.stderr


@fault(73, user_reads="1 line: 3 studies found")
def test_a_patient_is_looked_up_without_counts(tmp_path: Path) -> str:
    with _Folds(_holdings()) as pacs:
        result = _look_up(pacs, tmp_path, "--patient-list", "T-0001\n")

    asked = pacs.requests[0].identifier.keys()
    assert asked == {0x00080052, _STUDY, _PATIENT, _ACCESSION}
    return result.stderr


def test_a_unique_key_costs_no_further_question() -> None:
    with _Folds(_holdings()) as pacs:
        result = _find(pacs, "--study-uid", "1.2.4", "--uids")

    assert (result.exit_code, result.stdout) == (0, "1.2.4\n")
    assert len(pacs.requests) == 1


def test_a_pacs_that_really_has_one_study_is_believed() -> None:
    with _Folds(_holdings(_STUDIES[:1])) as pacs:
        result = _find(pacs, "--all")

    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 2
    assert len(pacs.requests) == 2
