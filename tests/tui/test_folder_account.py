"""The account of the folder in the application: failures of earlier runs, and counts that stay."""

from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.folder_account import StudyAccount
from dicom_retrieve_tui.model.search import Match
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui.found_columns import requests_for
from dicom_retrieve_tui.tui.snapshot import State
from tests.tui.application import SIZES, Bench, opened
from tests.tui.builders import wanted
from tests.tui.scripted_session import begins, comes, ends, whole

A, B, C = "1.2.840.99.1", "1.2.840.99.2", "1.2.840.99.3"
PACS = "PACS1@pacs.test:104"
ABSENT = "The PACS has nothing that matches these UIDs."


def _absent(uid: str, **more: object) -> StudyAccount:
    values: dict[str, object] = {"verdict": "not found", "reason": ABSENT, "peer": PACS, **more}
    return StudyAccount(study_instance_uid=uid, **values)  # type: ignore[arg-type]


def _earlier(bench: Bench, folder: Path, *studies: StudyAccount) -> None:
    assert bench.accounts is not None
    bench.accounts.earlier[folder] = list(studies)


def _state(bench: Bench, uid: str) -> State | None:
    row = bench.row(uid)
    return row.state if row else None


async def test_failures_of_earlier_runs_are_rows_that_can_be_retried(tmp_path: Path) -> None:
    async with opened(folder=tmp_path) as bench:
        _earlier(bench, tmp_path, *(_absent(f"1.3.{n}") for n in range(12)))
        await bench.start(A)
        await bench.until(lambda: _state(bench, "1.3.11") is State.FAILED)
        await bench.tell(whole(A))
        await bench.until(lambda: not bench.app.jobs.busy)

        await bench.until(lambda: "3 failed 12 · 4 done 1" in bench.text())
        row = bench.row("1.3.0")
        assert row is not None
        assert (row.verdict, row.reason) == (Verdict.NOT_FOUND, ABSENT)
        bench.app.jobs.retry([row.key])
        await bench.until(lambda: len(bench.sessions.opened) == 2)
        assert [each.study_instance_uid for each in bench.session.selections] == ["1.3.0"]


async def test_failures_are_shown_from_the_start_beside_the_offer_to_resume(
    tmp_path: Path,
) -> None:
    unfinished = _absent(C, verdict="unfinished", reason="")
    async with opened(folder=tmp_path, earlier=[_absent(A), unfinished]) as bench:
        await bench.until(lambda: _state(bench, A) is State.FAILED)

        assert bench.row(C) is None
        assert not bench.app.store.begun
        assert not bench.sessions.opened


async def test_a_study_that_is_asked_for_with_other_options_is_one_row(tmp_path: Path) -> None:
    async with opened(folder=tmp_path, earlier=[_absent(A)]) as bench:
        await bench.until(lambda: _state(bench, A) is State.FAILED)
        options = replace(bench.main._retrieve.options, parallel=2)
        bench.app.jobs.add(options, wanted(A))
        await bench.until(lambda: bench.row(A) is None)

        (row,) = bench.main.table.rows
        assert row.key.group == 1


async def test_what_this_session_retrieves_is_not_added_again(tmp_path: Path) -> None:
    async with opened(folder=tmp_path) as bench:
        _earlier(bench, tmp_path, _absent(A), _absent(B))
        await bench.start(A)
        await bench.until(lambda: _state(bench, B) is State.FAILED)

        assert _state(bench, A) in {State.QUEUED, State.RUNNING}


async def test_a_study_that_no_run_has_ended_is_stopped(tmp_path: Path) -> None:
    async with opened(folder=tmp_path) as bench:
        _earlier(bench, tmp_path, _absent(B, verdict="unfinished", reason="", peer="", stored=4))
        await bench.start(A)
        await bench.until(lambda: _state(bench, B) is State.STOPPED)

        row = bench.row(B)
        assert row is not None
        assert (row.done, row.reason) == (4, "a run ended before this study had ended")


async def test_another_pacs_is_noted_and_not_retried(tmp_path: Path) -> None:
    async with opened(SIZES["large"], folder=tmp_path) as bench:
        _earlier(bench, tmp_path, _absent(B, peer="OTHER@pacs.test:104"))
        await bench.start(A)
        await bench.until(lambda: "1 study of OTHER@pacs.test:104 not complete" in bench.joined())

        assert bench.row(B) is None


async def test_a_removed_failure_leaves_the_account(tmp_path: Path) -> None:
    async with opened(folder=tmp_path) as bench:
        _earlier(bench, tmp_path, _absent(B))
        await bench.start(A)
        await bench.until(lambda: _state(bench, B) is State.FAILED)
        assert bench.accounts is not None
        row = bench.row(B)
        assert row is not None

        bench.app.jobs.remove([row.key])
        await bench.until(lambda: bench.accounts and bench.accounts.forgotten)
        await bench.tell(whole(A))
        await bench.until(lambda: not bench.app.jobs.busy)
        done = bench.row(A)
        assert done is not None
        bench.app.jobs.remove([done.key])

        assert bench.accounts.forgotten == [(tmp_path, B, True)]


async def test_an_account_that_cannot_be_read_costs_no_retrieval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(SIZES["large"], folder=tmp_path) as bench:

        def refuse(_: Path) -> None:
            raise ConfigError("The journal cannot be read.")

        monkeypatch.setattr(bench.accounts, "failures", refuse)
        await bench.start(A)
        await bench.tell(whole(A))
        await bench.until(lambda: "The journal cannot be read" in bench.text())
        await bench.until(lambda: _state(bench, A) is State.DONE)


async def test_a_retry_does_not_shrink_the_totals(tmp_path: Path) -> None:
    async with opened(folder=tmp_path) as bench:
        await bench.start(A, B)
        missing = (f"{A}.1.3",)
        end = ends(A, Verdict.PARTIAL, stored=2, missing=missing)
        await bench.tell(begins(A), comes(A, 1, 2), end, whole(B))
        await bench.until(lambda: not bench.app.jobs.busy)
        before = bench.app.store.snapshot().totals
        row = bench.row(A)
        assert row is not None

        bench.app.jobs.retry([row.key])
        queued = bench.app.store.snapshot().totals
        await bench.until(lambda: len(bench.sessions.opened) == 2)
        await bench.tell(begins(A)[:1])
        await bench.until(lambda: _state(bench, A) is State.RUNNING)
        started = bench.app.store.snapshot().totals

        await bench.tell(begins(A)[1:], comes(A, 3), ends(A))
        await bench.until(lambda: not bench.app.jobs.busy)
        ended = bench.app.store.snapshot().totals

        for totals in (before, queued, started):
            assert (totals.stored, totals.expected, totals.studies) == (5, 6, 2)
            assert totals.received_bytes == 5000
        assert ended.received_bytes == 6000
        assert (queued.left, queued.exact) == (1, True)


async def test_what_a_search_counted_is_no_guess(tmp_path: Path) -> None:
    def match(uid: str, number: int | None, series: str = "") -> Match:
        return Match(
            level=Level.SERIES if series else Level.STUDY,
            study_instance_uid=uid,
            series_instance_uid=series,
            number_of_instances=number,
        )

    requests = requests_for([match(A, 70), match(B, 5, "1.5"), match(B, 6, "1.6"), match(C, None)])
    assert [each.instances for each in requests] == [70, 11, None]

    async with opened(folder=tmp_path) as bench:
        options = bench.main._retrieve.options
        bench.app.jobs.add(options, requests[:2])

        totals = bench.app.store.snapshot().totals
        assert (totals.expected, totals.left, totals.exact) == (81, 81, True)
        assert wanted(A)[0].instances is None
