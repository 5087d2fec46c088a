"""The window of earlier retrievals, and whose studies the history knows."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.history_records import StudyEnd
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.study_identity import StudyIdentity
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.history import History
from dicom_retrieve_tui.tui.queue_entry import StudyRequest
from dicom_retrieve_tui.tui.screens.confirm import ConfirmScreen
from dicom_retrieve_tui.tui.screens.history import (
    HistoryScreen,
    HistoryTable,
    JobStudies,
    verdict_text,
)
from dicom_retrieve_tui.tui.screens.main import MainScreen
from dicom_retrieve_tui.tui.screens.verify import VerifyScreen
from tests.sessions import selections
from tests.tui.application import SIZES, Bench, opened, preset
from tests.tui.builders import options, uids
from tests.tui.history import memory_of
from tests.tui.scripted_session import begins, ends, whole
from tests.tui.test_preferences import settings

A, B, C = uids(3)
_BEGUN = datetime(2026, 11, 24, 12, tzinfo=UTC)
ADA = StudyIdentity(
    patient_name="Example^Ada", patient_id="T-0001", study_date="20260311", modalities=("CT",)
)


def bytes_beside(database: Path) -> bytes:
    return b"".join(path.read_bytes() for path in database.parent.iterdir())


def texts(bench: Bench) -> str:
    assert isinstance(bench.app.screen, HistoryScreen)
    return " ".join(bench.text().replace("│", " ").split())


async def leave_two(history: History, folder: Path) -> None:
    """Retrieve one study, then ask for two, of which one fails and one is left."""
    async with opened(folder=folder, job_history=memory_of(history)) as bench:
        await bench.start(A)
        await bench.tell(whole(A))
        await bench.until(lambda: not bench.app.jobs.busy)
        await bench.pilot.press("n")
        await bench.paste(f"{B}\n{C}")
        await bench.pilot.press("enter")
        await bench.until(lambda: len(bench.sessions.opened) == 2)
        await bench.tell(begins(B), ends(B, Verdict.FAILED, stored=0))
        await bench.until(lambda: (row := bench.row(B)) and row.verdict)


async def show(bench: Bench) -> HistoryTable:
    await bench.pilot.press("f5")
    await bench.until(lambda: isinstance(bench.app.screen, HistoryScreen))
    return bench.app.screen.query_one(HistoryTable)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_earlier_retrievals_are_shown_the_latest_first(
    size: tuple[int, int], history: History, tmp_path: Path
) -> None:
    await leave_two(history, tmp_path)
    async with opened(size, job_history=memory_of(history)) as bench:
        table = await show(bench)
        assert bench.app.focused is table
        shown = bench.text(table)
        assert shown.index("1 failed") < shown.index("complete")
        assert "2026-11-24" in shown
        assert "prod" in shown
        assert f"! {B}: failed" in texts(bench)
        assert f"· {C}: stopped" in texts(bench)
        assert "PACS1@pacs.test:104, by C-GET" in texts(bench)
        assert table.virtual_size.width <= table.size.width
        keys = bench.text(bench.app.screen.query_one("KeysLine"))
        for key in ("enter Ask again", "o Open", "v Verify", "d Forget", "esc Back", "? Help"):
            assert key in keys
        assert str(tmp_path)[:20] in texts(bench)
        await bench.pilot.press("escape")
        await bench.until(lambda: isinstance(bench.app.screen, MainScreen))


async def test_a_long_retrieval_is_scrolled_through_failures_first(
    history: History, tmp_path: Path
) -> None:
    many = uids(200)
    memory = memory_of(history)
    memory.asked(options(str(tmp_path)), [StudyRequest(selection=Selection.of(u)) for u in many])
    (job,) = memory.past_jobs()
    history.record_ends(
        job.job_id,
        [
            StudyEnd(study_instance_uid=uid, verdict=verdict, expected=3, stored=3)
            for uid, verdict in zip(
                many[:-1],
                [Verdict.CANCELLED, *[Verdict.COMPLETE] * 197, Verdict.FAILED],
                strict=True,
            )
        ],
    )
    async with opened(SIZES["large"], job_history=memory_of(history)) as bench:
        table = await show(bench)
        lower = bench.app.screen.query_one(JobStudies)
        shown = bench.text(lower)
        assert shown.index(f"! {many[198]}: failed") < shown.index(f"· {many[199]}: unfinished")
        assert shown.index(f"! {many[198]}: failed") < shown.index(f"{many[0]}: stopped")
        assert shown.index(f"· {many[199]}: unfinished") < shown.index(f"✓ {many[1]}: complete")
        assert shown.count("✓") > 25
        assert "more" not in shown
        assert f"{many[197]}: complete" not in shown

        await bench.pilot.press("tab", "end")
        await bench.until(lambda: f"{many[197]}: complete" in bench.text(lower))
        assert "enter Ask again" in bench.text(bench.app.screen.query_one("KeysLine"))
        await bench.pilot.press("tab")
        assert bench.app.focused is table


async def test_a_retrieval_that_runs_is_called_running(history: History, tmp_path: Path) -> None:
    async with opened(SIZES["large"], folder=tmp_path, job_history=memory_of(history)) as bench:
        await bench.start(A, B, C)
        await bench.tell(whole(A), begins(B))
        await bench.until(lambda: (row := bench.row(A)) and row.verdict)
        table = await show(bench)
        assert "running: 1 complete, 2 to come" in bench.text(table)
        assert f"· {B}: to come" in texts(bench)
        await bench.pilot.press("escape", "X", "y")
        bench.session.end(Verdict.CANCELLED)
        await bench.until(lambda: not bench.app.jobs.busy)
        table = await show(bench)
        assert "1 complete, 2 stopped" in bench.text(table)
        assert "running" not in bench.text(table)


async def test_an_entry_keeps_how_its_studies_ended_whatever_later_runs_do(
    history: History, tmp_path: Path
) -> None:
    async with opened(folder=tmp_path, job_history=memory_of(history)) as bench:
        await bench.start(A, B, C)
        await bench.tell(whole(A), begins(B), ends(B, Verdict.CANCELLED, stored=1))
        await bench.until(lambda: (row := bench.row(B)) and row.verdict)
        row = bench.row(B)
        assert row is not None
        bench.app.jobs.retry([row.key])  # C is not begun when the application ends
    async with opened(job_history=memory_of(history)) as bench:
        await bench.pilot.press("enter")
        await bench.until(lambda: bench.sessions.opened)
        await bench.tell(whole(B), whole(C))
        await bench.until(lambda: not bench.app.jobs.busy)

    last, retried, first = history.past_jobs()
    assert first.verdicts == {Verdict.COMPLETE: 1, Verdict.CANCELLED: 2}
    assert retried.verdicts == {Verdict.CANCELLED: 1}
    assert last.verdicts == {Verdict.COMPLETE: 2}
    assert history.unfinished() == []
    async with opened(job_history=memory_of(history)) as bench:
        await show(bench)
        await bench.pilot.press("down", "down", "d")
        await bench.until(lambda: "Forget the retrieval of 3 studies" in bench.joined())
        assert "will not be offered" not in bench.joined()


async def test_enter_asks_again_with_the_options_of_that_time(
    history: History, tmp_path: Path
) -> None:
    await leave_two(history, tmp_path)
    elsewhere = [preset("other", called_aet="PACS2")]
    async with opened(presets=elsewhere, job_history=memory_of(history)) as bench:
        await show(bench)
        await bench.pilot.press("down", "enter")
        await bench.until(lambda: bench.sessions.opened)

        assert [each.study_instance_uid for each in bench.session.selections] == [A]
        assert bench.session.options.peer.ae_title == "PACS1"
        assert bench.session.options.output == tmp_path
        assert isinstance(bench.app.screen, MainScreen)
        assert bench.app.focused is bench.main.table


async def test_asking_again_for_several_studies_asks_first(
    history: History, tmp_path: Path
) -> None:
    memory_of(history).asked(
        options(str(tmp_path)), [StudyRequest(selection=Selection.of(uid)) for uid in (A, B)]
    )
    async with opened(job_history=memory_of(history)) as bench:
        await show(bench)
        await bench.pilot.press("enter")
        await bench.until(lambda: "Ask again for 2 studies?" in bench.joined())
        await bench.pilot.press("escape")
        await bench.until(lambda: isinstance(bench.app.screen, HistoryScreen))
        assert not bench.sessions.opened
        await bench.pilot.press("enter")
        await bench.until(lambda: isinstance(bench.app.screen, ConfirmScreen))
        await bench.pilot.press("y")
        await bench.until(lambda: bench.sessions.opened)
        assert len(bench.session.selections) == 2


async def test_asking_again_for_a_retrieval_that_runs_asks_first(
    history: History, tmp_path: Path
) -> None:
    async with opened(folder=tmp_path, job_history=memory_of(history)) as bench:
        await bench.start(A)
        await bench.tell(begins(A))
        await show(bench)
        await bench.pilot.press("enter")
        asked = "This retrieval still runs. Ask again for 1 study?"
        await bench.until(lambda: asked in bench.joined())


async def test_a_retrieval_that_ended_stays_when_its_studies_are_requested_again(
    history: History, tmp_path: Path
) -> None:
    async with opened(folder=tmp_path, job_history=memory_of(history)) as bench:
        await bench.start(A)
        await bench.tell(whole(A))
        await bench.until(lambda: not bench.app.jobs.busy)
        bench.main.action_new()
        await bench.paste(A)
        await bench.pilot.press("enter")
        await bench.until(lambda: len(bench.sessions.opened) == 2)
        await bench.tell(whole(A))
        await bench.until(lambda: not bench.app.jobs.busy)

    assert [job.verdicts for job in history.past_jobs()] == [{Verdict.COMPLETE: 1}] * 2


async def test_a_study_that_ended_leaves_the_queue_but_not_the_history(
    history: History, tmp_path: Path
) -> None:
    async with opened(folder=tmp_path, job_history=memory_of(history)) as bench:
        await bench.start(A)
        await bench.tell(whole(A))
        await bench.until(lambda: not bench.app.jobs.busy)
        bench.main.table.focus()
        await bench.pilot.press("d")
        await bench.until(lambda: bench.row(A) is None)

    assert [job.verdicts for job in history.past_jobs()] == [{Verdict.COMPLETE: 1}]


async def test_a_part_of_a_study_is_asked_for_again_as_that_part(
    history: History, tmp_path: Path
) -> None:
    part = Selection.of(A, f"{A}.1")
    with_part = memory_of(history)
    with_part.asked(options(str(tmp_path)), [StudyRequest(selection=part)])
    async with opened(job_history=memory_of(history)) as bench:
        await show(bench)
        assert f"1 series of {A}: unfinished" in texts(bench)
        await bench.pilot.press("enter")
        await bench.until(lambda: bench.sessions.opened)
        assert list(bench.session.selections) == [part]


async def test_a_retrieval_is_forgotten_after_a_question(history: History, tmp_path: Path) -> None:
    await leave_two(history, tmp_path)
    async with opened(job_history=memory_of(history)) as bench:
        assert "left unfinished" in bench.text()
        table = await show(bench)
        await bench.pilot.press("d")
        await bench.until(lambda: "Forget the retrieval of 2 studies" in bench.joined())
        assert "1 unfinished study will not be offered" in bench.joined()
        await bench.pilot.press("n")
        await bench.until(lambda: bench.app.focused is table)
        assert len(table.jobs) == 2
        await bench.pilot.press("d", "y")
        await bench.until(lambda: len(table.jobs) == 1)
        await bench.pilot.press("escape")
        await bench.until(lambda: "left unfinished" not in bench.text())

    (job,) = history.past_jobs()
    assert job.verdicts == {Verdict.COMPLETE: 1}


async def test_all_retrievals_are_forgotten_after_a_question(
    history: History, tmp_path: Path
) -> None:
    await leave_two(history, tmp_path)
    async with opened(job_history=memory_of(history)) as bench:
        table = await show(bench)
        await bench.pilot.press("D")
        await bench.until(lambda: "Forget all 2 retrievals? Files stay." in bench.joined())
        await bench.pilot.press("y")
        await bench.until(lambda: not table.jobs)
        assert "Nothing is recorded of earlier retrievals." in texts(bench)
        await bench.pilot.press("enter", "o", "v", "d", "D")
        assert isinstance(bench.app.screen, HistoryScreen)

    assert history.past_jobs() == []


async def test_a_folder_is_opened_or_its_path_copied(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "yes")
    await leave_two(history, tmp_path)
    async with opened(job_history=memory_of(history)) as bench:
        await show(bench)
        await bench.pilot.press("o")
        await bench.until(lambda: f"copied: {tmp_path}" in bench.told())
        assert bench.app.clipboard == str(tmp_path)


async def test_verify_opens_on_the_folder_and_leads_back(history: History, tmp_path: Path) -> None:
    await leave_two(history, tmp_path)
    async with opened(job_history=memory_of(history)) as bench:
        await show(bench)
        await bench.pilot.press("v")
        await bench.until(lambda: isinstance(bench.app.screen, VerifyScreen))
        await bench.until(lambda: "journal" in bench.joined())
        assert str(tmp_path)[:20] in bench.joined()
        await bench.pilot.press("escape")
        await bench.until(lambda: isinstance(bench.app.screen, HistoryScreen))


async def test_options_that_are_no_longer_valid_are_named(history: History, tmp_path: Path) -> None:
    history.record_job(
        begun=_BEGUN,
        profile="prod",
        output=tmp_path,
        options={"pacs": "pacs.test:104", "method": "c-get", "parallel": "many"},
        selections=[Selection.of(A)],
    )
    async with opened(job_history=memory_of(history)) as bench:
        await show(bench)
        await bench.pilot.press("enter")
        await bench.until(lambda: "Connections: expected a whole" in bench.told())
        assert isinstance(bench.app.screen, HistoryScreen)


async def test_without_an_earlier_retrieval_the_window_says_so() -> None:
    async with opened() as bench:
        await show(bench)
        await bench.until(lambda: "Nothing is recorded of earlier retrievals." in texts(bench))


async def start_of_ada(bench: Bench, folder: Path) -> None:
    bench.app.jobs.add(
        options(str(folder)), [StudyRequest(selection=Selection.of(A), identity=ADA)]
    )
    await bench.until(lambda: bench.sessions.opened)
    await bench.tell(begins(A))


async def test_a_resumed_study_has_its_name_before_the_pacs_is_asked(
    history: History, tmp_path: Path
) -> None:
    async with opened(job_history=memory_of(history)) as bench:
        await start_of_ada(bench, tmp_path)
    async with opened(SIZES["large"], job_history=memory_of(history)) as bench:
        await bench.pilot.press("escape", "u")
        await bench.until(lambda: bench.sessions.opened)
        await bench.until(lambda: "Example, Ada" in bench.text(bench.main.table))
        assert "2026-03-11" in bench.text(bench.main.table)


async def test_up_brings_the_name_back_as_well(history: History, tmp_path: Path) -> None:
    async with opened(job_history=memory_of(history)) as bench:
        await start_of_ada(bench, tmp_path)
        await bench.tell(ends(A, stored=3))
        await bench.until(lambda: not bench.app.jobs.busy)
    async with opened(job_history=memory_of(history)) as bench:
        await bench.pilot.press("up", "enter")
        await bench.until(lambda: "Example, Ada" in bench.text(bench.main.table))


async def test_the_answer_of_the_pacs_is_recorded_and_named_in_the_window(
    history: History, tmp_path: Path
) -> None:
    async with opened(folder=tmp_path, job_history=memory_of(history)) as bench:
        await bench.start(A)
        assert bench.sessions.identified is not None
        bench.sessions.identified(A, ADA)
        await bench.tell(begins(A))
    assert history.identities([A]) == {A: ADA}
    async with opened(job_history=memory_of(history)) as bench:
        await show(bench)
        assert "CT 2026-03-11, Example, Ada: stopped" in texts(bench)
        await bench.pilot.press("h")
        await bench.until(lambda: "CT 2026-03-11, •••: stopped" in texts(bench))


async def test_while_patients_are_hidden_the_history_knows_none(
    history: History, database: Path, tmp_path: Path
) -> None:
    store = settings(tmp_path)
    async with opened(job_history=memory_of(history), settings=store) as bench:
        await start_of_ada(bench, tmp_path)
        assert b"Example^Ada" in bytes_beside(database)
        await bench.pilot.press("escape", "h")
        await bench.until(lambda: b"Example^Ada" not in bytes_beside(database))
        assert bench.sessions.identified is not None
        bench.sessions.identified(A, ADA)
        assert b"Example^Ada" not in bytes_beside(database)
        await bench.pilot.press("h")
        await bench.until(lambda: b"Example^Ada" in bytes_beside(database))
        await bench.pilot.press("h")
    history.record_identities(history.past_jobs()[0].job_id, {A: ADA})
    async with opened(job_history=memory_of(history), settings=store) as bench:
        await bench.until(lambda: "left unfinished" in bench.text())
        assert b"Example^Ada" not in bytes_beside(database)


async def test_what_quitting_stopped_is_stopped_here_too(history: History, tmp_path: Path) -> None:
    async with opened(folder=tmp_path, job_history=memory_of(history)) as bench:
        await bench.start(A, B)
        bench.app.jobs.stop_all()
        await bench.until(lambda: not bench.app.jobs.busy)
        assert "2 stopped" in bench.app.closing_line
    async with opened(job_history=memory_of(history)) as bench:
        await show(bench)
        await bench.until(lambda: "2 stopped" in texts(bench))
        assert bench.app.screen.query_one(HistoryTable).jobs[0].verdicts == {Verdict.CANCELLED: 2}
    assert [each.left for each in history.unfinished()] == [selections(A, B)]


async def test_hiding_patients_says_once_that_the_history_forgets_names(
    history: History, tmp_path: Path
) -> None:
    words = "The history forgets the names of patients and studies."
    async with opened(job_history=memory_of(history), settings=settings(tmp_path)) as bench:
        await start_of_ada(bench, tmp_path)
        await bench.pilot.press("escape", "h")
        await bench.until(lambda: words in bench.told())
        await bench.pilot.press("h", "h")
        await bench.until(lambda: bench.app.hide_patients and words not in bench.told())


async def test_without_a_history_hiding_patients_forgets_nothing() -> None:
    async with opened() as bench:
        bench.main.table.focus()
        await bench.pilot.press("h")
        await bench.until(lambda: bench.app.hide_patients)
        assert "history" not in bench.told()


def test_a_verdict_is_in_words(history: History, tmp_path: Path) -> None:
    memory = memory_of(history)
    memory.asked(options(str(tmp_path)), [StudyRequest(selection=Selection.of(A))])
    (job,) = memory.past_jobs()
    assert verdict_text(job) == "1 unfinished"
