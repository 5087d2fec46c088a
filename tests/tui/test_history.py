"""What one run of the application leaves, and what the next one makes of it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from textual.widgets import Input

from dicom_retrieve_tui.model.events import StudyRemoved
from dicom_retrieve_tui.model.folder_account import UNFINISHED, StudyAccount
from dicom_retrieve_tui.model.selection import Selection, join
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.history import History
from dicom_retrieve_tui.tui.queue_entry import StudyRequest
from dicom_retrieve_tui.tui.retrieve_form import read_draft
from tests.sessions import selections
from tests.tui.application import SIZES, Bench, opened, preset
from tests.tui.builders import uids
from tests.tui.history import memory_of
from tests.tui.scripted_session import begins, ends, whole

A, B, C = uids(3)


async def leave(history: History, folder: Path) -> None:
    """Ask for three studies, and go when two have ended and one is in hand."""
    async with opened(folder=folder, job_history=memory_of(history)) as bench:
        await bench.start(A, B, C)
        await bench.tell(whole(A), whole(B), begins(C))
        await bench.until(lambda: (row := bench.row(C)) and row.expected == 3)


def asked(bench: Bench) -> list[str]:
    return [each.study_instance_uid for each in bench.session.selections]


async def _stop_and_fail(history: History, folder: Path) -> None:
    """Stop a study after one of three instances, and resume it while the PACS is gone."""
    async with opened(folder=folder, job_history=memory_of(history)) as bench:
        await bench.start(A)
        await bench.tell(begins(A), ends(A, Verdict.CANCELLED, stored=1))
        await bench.until(lambda: not bench.app.jobs.busy)
    async with opened(job_history=memory_of(history)) as bench:
        await bench.pilot.press("enter")
        await bench.until(lambda: bench.sessions.opened)
        gone = ends(A, Verdict.FAILED, stored=1, expected=None, reason="Cannot reach pacs.test")
        await bench.tell(begins(A)[:1], gone)
        await bench.until(lambda: not bench.app.jobs.busy)
        totals = bench.app.store.snapshot().totals
        assert (totals.stored, totals.expected, totals.missing) == (1, 3, 2)


async def test_what_failed_in_another_folder_is_shown_after_a_restart_and_retried(
    history: History, tmp_path: Path
) -> None:
    await _stop_and_fail(history, tmp_path)
    async with opened(job_history=memory_of(history)) as bench:
        await bench.until(lambda: (row := bench.row(A)) and row.verdict is Verdict.FAILED)
        row = bench.row(A)
        assert row is not None
        assert (row.done, row.expected, row.failed) == (1, 3, 2)
        assert "left unfinished" not in bench.text()
        assert [job.verdicts for job in history.past_jobs()] == [
            {Verdict.FAILED: 1},
            {Verdict.CANCELLED: 1},
        ]
        bench.app.jobs.retry([row.key])
        await bench.until(lambda: bench.sessions.opened)
        assert asked(bench) == [A]
        assert bench.session.options.output == tmp_path
        await bench.tell(whole(A))
        await bench.until(lambda: not bench.app.jobs.busy)
    assert history.failed() == []


async def test_a_failure_in_the_folder_of_the_form_has_the_count_of_an_earlier_run(
    history: History, tmp_path: Path
) -> None:
    await _stop_and_fail(history, tmp_path)
    failed = StudyAccount(
        study_instance_uid=A, verdict="failed", reason="Cannot reach pacs.test", stored=1
    )
    async with opened(folder=tmp_path, job_history=memory_of(history), earlier=[failed]) as bench:
        await bench.until(lambda: bench.row(A))
        row = bench.row(A)
        assert row is not None
        assert (row.done, row.expected, row.failed) == (1, 3, 2)
        assert row.reason == "Cannot reach pacs.test"
        assert len(bench.main.table.rows) == 1


async def test_what_the_command_has_completed_since_is_not_shown_as_failed(
    history: History, tmp_path: Path
) -> None:
    await _stop_and_fail(history, tmp_path)
    async with opened(job_history=memory_of(history)) as bench:
        await bench.until(lambda: bench.row(A))
        row = bench.row(A)
        assert row is not None
        assert bench.accounts is not None
        bench.accounts.whole.add(A)
        bench.app.store.forget([row.key])
        bench.app.jobs.recall_failed()
        assert bench.app.store.state_of(row.key) is None


async def test_a_waiting_study_that_was_stopped_is_offered_at_the_next_start(
    history: History, tmp_path: Path
) -> None:
    async with opened(folder=tmp_path, job_history=memory_of(history)) as bench:
        await bench.start(A, B)
        await bench.tell(begins(A))
        await bench.until(lambda: (row := bench.row(A)) and row.expected == 3)
        await bench.pilot.press("j", "x")
        await bench.tell([StudyRemoved(study_instance_uid=B)], ends(A))
        await bench.until(lambda: not bench.app.jobs.busy)
    async with opened(job_history=memory_of(history)) as bench:
        await bench.pilot.press("enter")
        await bench.until(lambda: bench.sessions.opened)
        assert asked(bench) == [B]
        await bench.tell(whole(B))


async def test_a_failed_study_that_is_removed_is_not_shown_again_but_stays_on_record(
    history: History, tmp_path: Path
) -> None:
    await _stop_and_fail(history, tmp_path)
    async with opened(job_history=memory_of(history)) as bench:
        await bench.until(lambda: bench.row(A))
        row = bench.row(A)
        assert row is not None
        bench.app.jobs.remove([row.key])
    assert history.failed() == []
    assert {Verdict.FAILED: 1} in [job.verdicts for job in history.past_jobs()]
    async with opened(job_history=memory_of(history)) as bench:
        await bench.until(lambda: "The queue is empty." in bench.text())


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_what_was_left_is_offered_and_enter_resumes_it(
    size: tuple[int, int], history: History, tmp_path: Path
) -> None:
    await leave(history, tmp_path)
    async with opened(size, job_history=memory_of(history)) as bench:
        assert "1 study was left unfinished on 24 Nov." in bench.text(bench.main.table)
        assert "enter resumes · esc, then U forgets" in bench.text(bench.main.table)
        verdict = bench.text(bench.main.query_one("#verdict"))
        assert "enter resumes" in " ".join(verdict.split())

        await bench.pilot.press("enter")
        await bench.until(lambda: bench.sessions.opened)

        assert asked(bench) == [C]
        assert bench.session.options.output == tmp_path
        assert "Resuming 1 study" in bench.text()
        await bench.tell(whole(C))
        await bench.until(lambda: not bench.app.jobs.busy)

    assert history.unfinished() == []


async def test_resumed_studies_have_the_counts_that_the_pacs_gave_before(
    history: History, tmp_path: Path
) -> None:
    counted = [StudyRequest(selection=each, instances=56) for each in selections(A, B)]
    async with opened(folder=tmp_path, job_history=memory_of(history)) as bench:
        bench.app.jobs.add(read_draft(preset(folder=tmp_path).draft), counted)
        await bench.until(lambda: bench.sessions.opened)

    async with opened(job_history=memory_of(history)) as bench:
        await bench.pilot.press("enter")
        await bench.until(lambda: bench.sessions.opened)
        totals = bench.app.store.snapshot().totals

    assert (totals.expected, totals.exact) == (112, True)


async def test_what_a_kill_kept_from_the_journal_of_the_folder_is_resumed_too(
    history: History, tmp_path: Path
) -> None:
    await leave(history, tmp_path)
    unrecorded = StudyAccount(study_instance_uid=A, verdict=UNFINISHED, reason="", peer="")
    async with opened(
        folder=tmp_path, job_history=memory_of(history), earlier=[unrecorded]
    ) as bench:
        await bench.until(lambda: "2 studies were left unfinished" in bench.text(bench.main.table))
        await bench.pilot.press("enter")
        await bench.until(lambda: bench.sessions.opened)

        assert sorted(asked(bench)) == [A, C]


async def test_the_queue_resumes_by_a_key_while_other_things_run(
    history: History, tmp_path: Path
) -> None:
    await leave(history, tmp_path)
    async with opened(folder=tmp_path, job_history=memory_of(history)) as bench:
        session = await bench.start(A)
        assert "left unfinished" not in bench.text()
        await bench.pilot.press("u")

        await bench.until(lambda: session.asked == [f"add {C}"])
        await bench.pilot.press("u")
        await bench.until(lambda: "No study is unfinished." in bench.text())


async def test_who_asks_for_the_same_again_has_nothing_left_of_it(
    history: History, tmp_path: Path
) -> None:
    await leave(history, tmp_path)
    async with opened(folder=tmp_path, job_history=memory_of(history)) as bench:
        await bench.start(C)
        await bench.tell(whole(C))
        await bench.until(lambda: not bench.app.jobs.busy)

    assert history.unfinished() == []


async def test_what_was_left_can_be_forgotten(history: History, tmp_path: Path) -> None:
    await leave(history, tmp_path)
    async with opened(job_history=memory_of(history)) as bench:
        await bench.pilot.press("escape", "U")
        await bench.until(lambda: "Forget it?" in bench.text())
        await bench.pilot.press("y")

        assert "The queue is empty." in bench.text()

    assert history.unfinished() == []


async def test_what_is_taken_out_of_the_list_is_not_offered(
    history: History, tmp_path: Path
) -> None:
    async with opened(folder=tmp_path, job_history=memory_of(history)) as bench:
        await bench.start(A, B)
        await bench.pilot.press("j", "d")
        await bench.until(lambda: bench.row(B) is None)

    (job,) = history.unfinished()
    assert [each.study_instance_uid for each in job.left] == [A]


async def test_the_up_key_recalls_what_earlier_runs_asked_for(
    history: History, tmp_path: Path
) -> None:
    async with opened(folder=tmp_path, job_history=memory_of(history)) as bench:
        await bench.start(A)
        await bench.tell(whole(A))
        await bench.until(lambda: not bench.app.jobs.busy)
    async with opened(folder=tmp_path, job_history=memory_of(history)) as bench:
        await bench.start(B)
        await bench.pilot.press("n", "up", "up")

        assert bench.main.query_one("#uids", Input).value == A
        await bench.pilot.press("down")
        assert bench.main.query_one("#uids", Input).value == B


@pytest.mark.parametrize(
    "part", [(f"{A}.1", ""), (f"{A}.1", f"{A}.1.7")], ids=["series", "instance"]
)
async def test_the_up_key_recalls_a_part_of_a_study_as_that_part(
    part: tuple[str, str], history: History, tmp_path: Path
) -> None:
    selection = Selection.of(A, part[0], part[1] or None)
    async with opened(SIZES["large"], folder=tmp_path, job_history=memory_of(history)) as bench:
        bench.fill(series=part[0], instance=part[1])
        await bench.start(A)
        assert bench.session.selections == (selection,)
        await bench.tell(whole(A))
        await bench.until(lambda: not bench.app.jobs.busy)
        await recalls(bench, selection)
    async with opened(folder=tmp_path, job_history=memory_of(history)) as bench:
        await recalls(bench, selection)


async def test_parts_of_a_study_that_were_asked_for_one_by_one_are_recalled_one_by_one(
    history: History, tmp_path: Path
) -> None:
    first, second = Selection.of(A, f"{A}.1"), Selection.of(A, f"{A}.2")
    async with opened(SIZES["large"], folder=tmp_path, job_history=memory_of(history)) as bench:
        for selection in (first, second):
            await ask_for(bench, selection)
            await bench.tell(whole(A))
            await bench.until(lambda: not bench.app.jobs.busy)
    async with opened(folder=tmp_path, job_history=memory_of(history)) as bench:
        line = bench.main._retrieve.line
        await bench.pilot.press("up")
        assert line.found.selections == (second,)
        await bench.pilot.press("up")
        assert line.found.selections == (first,)


async def test_parts_of_a_study_that_were_left_one_by_one_are_taken_up_together(
    history: History, tmp_path: Path
) -> None:
    first, second = Selection.of(A, f"{A}.1"), Selection.of(A, f"{A}.2")
    async with opened(SIZES["large"], folder=tmp_path, job_history=memory_of(history)) as bench:
        await ask_for(bench, first)
        await bench.tell(begins(A), ends(A, Verdict.CANCELLED, stored=1))
        await bench.until(lambda: not bench.app.jobs.busy)
        await ask_for(bench, second)
    async with opened(folder=tmp_path, job_history=memory_of(history)) as bench:
        assert "1 study was left unfinished on 24 Nov." in bench.text(bench.main.table)
        await bench.pilot.press("enter")
        await bench.until(lambda: bench.sessions.opened)

        assert bench.session.selections == join([first, second])
        await bench.tell(whole(A))
        await bench.until(lambda: not bench.app.jobs.busy)

    assert history.unfinished() == []


@pytest.mark.parametrize("wider", [Selection.of(A), Selection.of(A, f"{A}.1")])
async def test_what_was_left_is_not_offered_beside_something_wider(
    wider: Selection, history: History, tmp_path: Path
) -> None:
    async with opened(SIZES["large"], folder=tmp_path, job_history=memory_of(history)) as bench:
        await ask_for(bench, Selection.of(A, f"{A}.1", f"{A}.1.7"))
    async with opened(SIZES["large"], folder=tmp_path, job_history=memory_of(history)) as bench:
        await ask_for(bench, wider)
        await bench.tell(whole(A))
        await bench.until(lambda: not bench.app.jobs.busy)

    assert history.unfinished() == []


async def ask_for(bench: Bench, selection: Selection) -> None:
    """Type a part of a study, and wait until its session has it."""
    sessions = len(bench.sessions.opened)
    bench.main.action_new()
    series = selection.series[0] if selection.series else None
    bench.fill(
        series=series.series_instance_uid if series else "",
        instance=series.sop_instance_uids[0] if series and series.sop_instance_uids else "",
    )
    await bench.paste(selection.study_instance_uid)
    await bench.pilot.press("enter")
    await bench.until(lambda: len(bench.sessions.opened) > sessions)
    assert bench.session.selections == (selection,)


async def recalls(bench: Bench, selection: Selection) -> None:
    """See the up key give this back, and enter ask for it."""
    await bench.pilot.press("n", "up")
    assert bench.main._retrieve.line.found.selections == (selection,)
    assert "1 UID, 1 narrowed to series" in bench.joined()
    await bench.pilot.press("enter")
    await bench.until(lambda: bench.app.jobs.busy)
    assert bench.session.selections == (selection,)


async def test_options_that_are_no_longer_valid_are_named(
    history: History, database: Path, tmp_path: Path
) -> None:
    await leave(history, tmp_path)
    with closing(sqlite3.connect(database)) as other, other:
        other.execute("UPDATE jobs SET options = json_set(options, '$.parallel', 'many')")
    async with opened(job_history=memory_of(history)) as bench:
        await bench.pilot.press("enter")

        await bench.until(
            lambda: "1 study of prod: Connections: expected a whole" in bench.joined()
        )
        assert bench.sessions.opened == []
        assert "left unfinished on 24 Nov" in bench.text()


async def test_a_history_that_breaks_is_told_of_once_and_costs_nothing_else(
    history: History, database: Path, tmp_path: Path
) -> None:
    async with opened(SIZES["large"], folder=tmp_path, job_history=memory_of(history)) as bench:
        with closing(sqlite3.connect(database)) as other:
            other.execute("DROP TABLE studies")
        await bench.start(A)
        await bench.tell(whole(A))
        await bench.until(lambda: "1 study: 1 complete" in bench.text())
        await bench.until(lambda: "cannot be written" in bench.told())

        assert bench.told().count("cannot be written") == 1
