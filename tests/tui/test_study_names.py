"""Studies are named as people do on the screen, masked by one key, and nowhere else."""

from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.study_identity import SeriesIdentity, StudyIdentity
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui.cut_text import without_patients
from dicom_retrieve_tui.tui.progress_store import ProgressStore
from dicom_retrieve_tui.tui.queue_entry import StudyRequest
from dicom_retrieve_tui.tui.retrieve_form import read_draft
from dicom_retrieve_tui.tui.screens.confirm import ConfirmScreen
from dicom_retrieve_tui.tui.study_names import study_name
from dicom_retrieve_tui.tui.widgets.mark_list import MarkList
from tests.tui.application import SIZES, Bench, opened, preset
from tests.tui.scripted_session import begins, comes, ends

A, B = "1.2.840.1", "1.2.840.2"
ADA = StudyIdentity(
    patient_name="Example^Ada",
    patient_id="T-0001",
    study_date="20260311",
    modalities=("CT",),
    study_description="Chest",
    accession_number="A-17",
)
NAME = "CT Chest 2026-03-11, Example, Ada"


async def queue(bench: Bench, folder: Path, *uids: str) -> None:
    requests = [
        StudyRequest(selection=Selection(study_instance_uid=uid), identity=ADA) for uid in uids
    ]
    bench.app.jobs.add(read_draft(preset(folder=folder).draft), requests)
    bench.main.table.focus()
    await bench.until(lambda: bench.sessions.opened and all(map(bench.row, uids)))


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        (ADA, NAME),
        (StudyIdentity(patient_id="T-0001"), "T-0001"),
        (StudyIdentity(modalities=("MR",), study_date="20260311"), "MR 2026-03-11"),
        (StudyIdentity(), ""),
    ],
)
def test_a_study_is_named_by_what_is_known(identity: StudyIdentity, name: str) -> None:
    assert study_name(identity, hide_patients=False) == name
    assert "Ada" not in study_name(identity, hide_patients=True)


async def test_events_toast_and_list_name_the_study_and_h_masks_them_at_once(
    tmp_path: Path,
) -> None:
    async with opened(SIZES["large"], folder=tmp_path) as bench:
        await queue(bench, tmp_path, A)
        await bench.tell(begins(A), ends(A, Verdict.PARTIAL, stored=2, missing=("1.2.9",)))
        bench.session.end(Verdict.PARTIAL)
        await bench.until(lambda: f"{NAME}: partial (1 instance missing)" in bench.told())
        await bench.until(lambda: f"{NAME}: partial 2/3" in bench.text())

        await bench.pilot.press("h")
        await bench.until(lambda: "patients hidden" in bench.text())
        assert "Ada" not in bench.text()
        assert "Ada" not in bench.told()
        assert "CT Chest 2026-03-11, •••: partial 2/3" in bench.text()
        await bench.pilot.press("h")
        await bench.until(lambda: f"{NAME}: partial 2/3" in bench.text())
        assert "patients hidden" not in bench.text()

    assert not any(tmp_path.iterdir())


async def test_the_quit_question_names_the_study_and_follows_what_runs(tmp_path: Path) -> None:
    async with opened(folder=tmp_path) as bench:
        await queue(bench, tmp_path, A, B)
        await bench.tell(begins(A))
        await bench.pilot.press("q")
        await bench.until(lambda: isinstance(bench.app.screen, ConfirmScreen))
        assert "2 studies not finished" in bench.joined()
        await bench.tell(ends(A))
        await bench.until(lambda: f"{NAME} not finished" in bench.joined())


async def test_a_study_that_is_asked_for_again_by_its_uid_keeps_its_name(tmp_path: Path) -> None:
    async with opened(folder=tmp_path) as bench:
        await queue(bench, tmp_path, A)
        await bench.tell(begins(A), ends(A))
        bench.session.end()
        await bench.until(lambda: "4 done 1" in bench.text())
        await bench.pilot.press("d")
        await bench.until(lambda: "1 all 0" in bench.text())
        bench.app.jobs.add(
            read_draft(preset(folder=tmp_path).draft),
            [StudyRequest(selection=Selection(study_instance_uid=A))],
        )
        await bench.until(lambda: "Example, Ada" in bench.text(bench.main.table))


async def test_the_details_show_the_patient_and_each_series(tmp_path: Path) -> None:
    series = (
        SeriesIdentity(
            series_instance_uid=f"{A}.1", number="2", modality="CT", description="Lung", expected=3
        ),
        SeriesIdentity(
            series_instance_uid=f"{A}.2", number="3", modality="SR", expected=1, present=1
        ),
    )
    async with opened(SIZES["large"], folder=tmp_path) as bench:
        await queue(bench, tmp_path, A)
        assert bench.sessions.identified is not None
        bench.sessions.identified(A, replace(ADA, series=series))
        await bench.tell(begins(A), comes(A, 1), ends(A, Verdict.PARTIAL, stored=2, expected=4))
        await bench.pilot.press("enter")
        await bench.until(lambda: "Series (2): number" in bench.text())
        shown = bench.joined()
        assert "Patient Example, Ada (ID T-0001)" in shown
        assert "2 CT Lung 1/3 2 missing" in shown
        assert "3 SR — 1/1" in shown


async def test_the_details_list_series_by_number(tmp_path: Path) -> None:
    series = tuple(
        SeriesIdentity(series_instance_uid=f"{A}.{n}", number=number, modality="CT")
        for n, number in enumerate(["10", "", "2"])
    )
    async with opened(SIZES["large"], folder=tmp_path) as bench:
        await queue(bench, tmp_path, A)
        assert bench.sessions.identified is not None
        bench.sessions.identified(A, replace(ADA, series=series))
        await bench.pilot.press("enter")
        await bench.until(lambda: "Series (3): number" in bench.text())
        shown = bench.app.screen.query_one(MarkList)
        assert [each.id for each in shown.options] == [f"{A}.2", f"{A}.0", f"{A}.1"]


async def test_h_masks_the_patient_in_the_details_while_they_are_open(tmp_path: Path) -> None:
    async with opened(SIZES["large"], folder=tmp_path) as bench:
        await queue(bench, tmp_path, A)
        await bench.pilot.press("enter")
        await bench.until(lambda: "Patient   Example, Ada" in bench.text())
        await bench.pilot.press("h")
        await bench.until(lambda: "Patient   •••" in bench.text())
        assert "Accession •••" in bench.text()
        await bench.pilot.press("h")
        await bench.until(lambda: "Patient   Example, Ada" in bench.text())


def test_a_command_that_failed_names_its_study() -> None:
    store = ProgressStore()
    store.queue(0, [StudyRequest(selection=Selection(study_instance_uid="1.2.3"), identity=ADA)])
    store.begin(0, associations=1, timeout_s=30)
    store.apply(0, events.RetrieveStarted(peer="P", method="c-get", studies=1, parallel=1))
    store.apply(
        0,
        events.StudyCommandFinished(
            study_instance_uid="1.2.3", exit_code=3, seconds=1.0, reason="exit 3"
        ),
    )

    line = store.snapshot().lines[-1]
    assert line.text == "CT Chest 2026-03-11, Example, Ada: the On study command failed: exit 3"
    assert line.masked == "CT Chest 2026-03-11, •••: the On study command failed: exit 3"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("no study with accession number 'A1' and", "no study with accession number ••• and"),
        ('the accession number "A\'1" has', "the accession number ••• has"),
        (r"the accession number 'A\'\"1' has", "the accession number ••• has"),
        ("The patient ID 'P1' has", "The patient ID ••• has"),
        ("The patient name 'Example^Ada' has", "The patient name ••• has"),
        ("line 1: 'A7' stands above the heading", "line 1: ••• stands above the heading"),
        ("line 1: 'A-7' is not a UID", "line 1: ••• is not a UID"),
        (
            "'0012345' has a component with a leading zero",
            "••• has a component with a leading zero",
        ),
        ("'1.2.840.01' has a component", "'1.2.840.01' has a component"),
        ("'/lists/a.csv' is a folder", "'/lists/a.csv' is a folder"),
        ("no column is named 'c'", "no column is named 'c'"),
    ],
)
def test_values_that_lead_to_a_patient_are_masked_in_a_sentence(text: str, masked: str) -> None:
    assert without_patients(text, hide=True) == masked
    assert without_patients(text, hide=False) == text
