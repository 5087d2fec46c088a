"""What would come, before it is retrieved: from the UID line and from the queue."""

import pytest

from dicom_retrieve_tui.errors import PeerUnreachable
from dicom_retrieve_tui.model.forecast import Forecast
from dicom_retrieve_tui.model.study_identity import StudyIdentity
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui.dry_run_job import PlannedRow
from dicom_retrieve_tui.tui.planned_columns import planned_line, planned_titles, planned_widths
from dicom_retrieve_tui.tui.screens.confirm import ConfirmScreen
from dicom_retrieve_tui.tui.screens.dry_run import DryRunScreen
from dicom_retrieve_tui.tui.screens.main import MainScreen
from tests.tui.application import Bench, opened
from tests.tui.builders import uids
from tests.tui.scripted_dry_run import DryRuns, ended, listed, space
from tests.tui.scripted_search import Searches, study
from tests.tui.scripted_session import WAIT_S, begins, ends

A, B = uids(2)
ADA = StudyIdentity(
    patient_name="Example^Ada",
    study_date="20260311",
    modalities=("CT",),
    study_description="Chest",
)


def _ended(
    verdict: Verdict, *, expected: int | None = None, needed: int | None = None
) -> PlannedRow:
    return PlannedRow(
        study_instance_uid=A,
        asked=True,
        expected=expected,
        needed=needed,
        forecast=None if needed is None else Forecast(),
        verdict=verdict,
    )


async def _ask(bench: Bench, text: str) -> None:
    await bench.paste(text)
    await bench.pilot.press("f7")
    await bench.until(lambda: isinstance(bench.app.screen, DryRunScreen))


async def test_it_shows_what_would_come_of_each_study_and_whether_it_fits() -> None:
    dry_run = DryRuns()
    async with opened((120, 36), dry_run=dry_run) as bench:
        await _ask(bench, f"{A}\n{B}")
        dry_run.tell(*listed(A, 1480, needed=1400))
        await bench.until(lambda: "1 of 2 studies listed" in bench.text())
        assert dry_run.identified is not None
        dry_run.identified(A, ADA)
        dry_run.tell(ended(B, Verdict.NOT_FOUND, reason="The PACS has nothing like it."))
        dry_run.tell(space(likely_gb=2, free_gb=1, fits=False))
        dry_run.end()
        await bench.until(lambda: "it does not fit" in bench.joined())

        (line,) = (each for each in bench.text().splitlines() if "Example, Ada" in each)
        assert "✓  CT Chest 2026-03-11, Example, Ada" in line
        assert line.split("Ada")[1].split()[:3] == ["1,480", "80", "1,400"]
        assert "about 100 MB (80 MB to 120 MB)" in line
        assert "1,480 instances in 2 series, 80 on disk, 1,400 to come" in bench.joined()
        assert "! 1 study not found: The PACS has nothing like it." in bench.joined()
        assert "In all it needs about 2.0 GB (1.0 GB to 4.0 GB), room for 1.0 GB" in bench.joined()
        assert not bench.sessions.opened


async def test_enter_starts_with_what_the_pacs_said() -> None:
    dry_run = DryRuns()
    async with opened(dry_run=dry_run) as bench:
        await _ask(bench, A)
        dry_run.tell(*listed(A, 480))
        await bench.until(lambda: dry_run.identified is not None)
        assert dry_run.identified is not None
        dry_run.identified(A, ADA)
        dry_run.end()
        await bench.until(lambda: "480 to come" in bench.joined())
        await bench.pilot.press("enter")
        await bench.until(lambda: bench.sessions.opened)
        await bench.until(lambda: "Example, Ada" in bench.text(bench.main.table))

        row = bench.row(A)
        assert row is not None
        assert (row.expected, bench.main.table.has_focus) == (480, True)
        assert "paste Study Instance UIDs" in bench.text()


async def test_escape_retrieves_nothing_and_keeps_the_line() -> None:
    dry_run = DryRuns()
    async with opened(dry_run=dry_run) as bench:
        await _ask(bench, A)
        await bench.pilot.press("escape")
        await bench.until(lambda: isinstance(bench.app.screen, MainScreen))
        assert dry_run.over.wait(WAIT_S)

        assert A in bench.text()
        assert not bench.sessions.opened


async def test_a_pacs_that_cannot_be_asked_is_named_in_the_words_of_the_form() -> None:
    dry_run = DryRuns()
    async with opened(dry_run=dry_run) as bench:
        await _ask(bench, A)
        dry_run.end(PeerUnreachable("PACS1@pacs.test:104 refuses.", next_step="Raise --timeout."))
        await bench.until(lambda: "! PACS1@pacs.test:104 refuses. Raise Timeout." in bench.joined())


async def test_accession_numbers_are_looked_up_first() -> None:
    dry_run, find = DryRuns(), Searches()
    async with opened(dry_run=dry_run, find=find) as bench:
        await bench.paste("AccessionNumber\nA1\n")
        await bench.pilot.press("f7")
        find.tell(study(1, study_instance_uid=A))
        find.end()
        await bench.until(lambda: isinstance(bench.app.screen, DryRunScreen))
        await bench.until(lambda: dry_run.asked)

        ((selections, _),) = dry_run.asked
        assert [each.study_instance_uid for each in selections] == [A]


@pytest.mark.parametrize(("key", "rows"), [("escape", 0), ("enter", 2)])
async def test_lines_without_a_study_are_queued_with_the_others_only(key: str, rows: int) -> None:
    dry_run, find = DryRuns(), Searches()
    async with opened(dry_run=dry_run, find=find) as bench:
        await bench.paste("AccessionNumber\nA1\nA2\n")
        await bench.pilot.press("f7")
        find.tell(study(1, study_instance_uid=A))
        find.end()
        find.end()
        await bench.until(lambda: isinstance(bench.app.screen, DryRunScreen))
        dry_run.tell(*listed(A, 480))
        dry_run.end()
        await bench.until(lambda: "480 to come" in bench.joined())
        await bench.pilot.press(key)
        await bench.until(lambda: isinstance(bench.app.screen, MainScreen))

        await bench.until(lambda: bool(bench.sessions.opened) is (key == "enter"))
        await bench.until(lambda: len(bench.main.table.rows) == rows)
        assert bench.app.store.snapshot().totals.studies == rows


async def test_from_the_queue_enter_retries_what_failed() -> None:
    dry_run = DryRuns()
    async with opened(dry_run=dry_run) as bench:
        await bench.start(A)
        await bench.tell(begins(A), ends(A, Verdict.FAILED, stored=0))
        bench.session.end(Verdict.FAILED)
        await bench.until(lambda: not bench.app.jobs.busy and "failed" in bench.text())
        await bench.pilot.press("f7")
        await bench.until(lambda: isinstance(bench.app.screen, DryRunScreen))
        dry_run.tell(*listed(A, 3, needed=2))
        await bench.until(lambda: "2 to come" in bench.joined())
        await bench.pilot.press("enter")
        await bench.until(lambda: len(bench.sessions.opened) == 2)


async def test_without_a_study_it_says_what_to_do() -> None:
    dry_run = DryRuns()
    async with opened(dry_run=dry_run) as bench:
        await bench.pilot.press("f7")
        await bench.until(lambda: "no UID: paste one" in bench.text())
        assert not dry_run.asked


async def test_h_masks_patients_there_and_shows_them_again() -> None:
    dry_run = DryRuns()
    async with opened(dry_run=dry_run) as bench:
        await _ask(bench, A)
        await bench.until(lambda: dry_run.identified is not None)
        assert dry_run.identified is not None
        dry_run.identified(A, ADA)
        await bench.until(lambda: "2026-03-11, Example, Ada" in bench.text())
        await bench.pilot.press("h")
        await bench.until(lambda: "2026-03-11, •••" in bench.text())
        await bench.pilot.press("h")
        await bench.until(lambda: "2026-03-11, Example, Ada" in bench.text())


async def test_quitting_ends_it() -> None:
    dry_run = DryRuns()
    async with opened(dry_run=dry_run) as bench:
        await _ask(bench, A)
        await bench.until(lambda: dry_run.asked)
        await bench.pilot.press("ctrl+q")
        assert not isinstance(bench.app.screen, ConfirmScreen)

    assert dry_run.over.wait(WAIT_S)


@pytest.mark.parametrize("width", [50, 72, 92, 136])
def test_its_lines_are_as_wide_as_the_window(width: int) -> None:
    row = PlannedRow(study_instance_uid=A, identity=ADA, expected=1480, needed=7, asked=True)
    widths = planned_widths(width)

    assert len(planned_titles(widths)) == len(planned_line(widths, row, hide_patients=False))
    assert len(planned_titles(widths)) == width
    assert {"study", "needed", "size"} <= widths.keys()


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (PlannedRow(study_instance_uid=A), ["·", A]),
        (PlannedRow(study_instance_uid=A, asked=True), ["▶", A, "..."]),
        (_ended(Verdict.NOT_FOUND, expected=0), ["!", A, "not", "found"]),
        (_ended(Verdict.UNVERIFIED), ["!", A, "?", "unknown"]),
        (_ended(Verdict.COMPLETE, expected=3, needed=0), ["✓", A, "3", "3", "0", "nothing"]),
    ],
)
def test_a_line_claims_no_more_than_is_known(row: PlannedRow, told: list[str]) -> None:
    assert planned_line(planned_widths(92), row, hide_patients=False).split() == told
