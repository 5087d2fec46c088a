"""Every window in every size: nothing of it is cut off, and what has the focus can be seen."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from textual.command import CommandPalette
from textual.screen import Screen

from dicom_retrieve_tui.doctor.result import Check
from dicom_retrieve_tui.model.study_identity import StudyIdentity
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui.screens.choose_pacs import ChoosePacsScreen
from dicom_retrieve_tui.tui.screens.columns import ColumnsScreen
from dicom_retrieve_tui.tui.screens.confirm import ConfirmScreen
from dicom_retrieve_tui.tui.screens.details import DetailsScreen
from dicom_retrieve_tui.tui.screens.dry_run import DryRunScreen
from dicom_retrieve_tui.tui.screens.find import FindScreen
from dicom_retrieve_tui.tui.screens.help import HelpScreen
from dicom_retrieve_tui.tui.screens.history import HistoryScreen
from dicom_retrieve_tui.tui.screens.limits import LimitsScreen
from dicom_retrieve_tui.tui.screens.load_list import LoadListScreen
from dicom_retrieve_tui.tui.screens.lookup import LookupScreen
from dicom_retrieve_tui.tui.screens.main import MainScreen
from dicom_retrieve_tui.tui.screens.options import OptionsScreen
from dicom_retrieve_tui.tui.screens.profile import ProfileScreen
from dicom_retrieve_tui.tui.screens.profiles import ProfilesScreen
from dicom_retrieve_tui.tui.screens.secret import SecretScreen
from dicom_retrieve_tui.tui.screens.verify import VerifyScreen
from tests.tui.application import Bench, opened
from tests.tui.builders import uids
from tests.tui.clipping import cut_off, cut_without_ellipsis, unseen_focus
from tests.tui.scripted_doctor import answers, fails
from tests.tui.scripted_dry_run import DryRuns, ended, listed, space
from tests.tui.scripted_search import Searches, study
from tests.tui.scripted_session import begins, comes, ends
from tests.tui.test_profiles import TWO, profile_store

SIZES = ((60, 15), (80, 24), (100, 30), (120, 36), (160, 45), (200, 60))
A, B = uids(2)
NAME = "Beispielhausen-Musterfrau^Wilhelmina Annegret"
DESCRIPTION = "Thorax with contrast, thin slices, in inspiration and expiration"
ADA = StudyIdentity(
    patient_name=NAME,
    patient_id="PATIENT-0001234567890",
    study_date="20260311",
    modalities=("CT", "SR"),
    study_description=DESCRIPTION,
    accession_number="ACCESSION-1234",
)
REASON = "Resources of the PACS are exhausted, as it says by status 0xA702. Try --parallel 1."
LONG = (NAME.replace("^", ", "), DESCRIPTION, REASON.partition(".")[0])
"""What has to end with an ellipsis where it does not fit."""
REFUSED = fails(
    Check.HOST,
    "Cannot reach main.test:104: the name is not known.",
    "host",
    next_step="See that the name is right, and that this machine knows it.",
)


@dataclass(frozen=True)
class Window:
    """A window: the keys that lead there from the UID line, and what can be read there."""

    keys: tuple[str, ...]
    screen: type[Screen[Any]]
    told: str
    back: int = 1
    """How often escape leads back."""


WINDOWS = {
    "UID line": Window((), MainScreen, "Retrieve", 0),
    "queue": Window(("escape",), MainScreen, "Queue", 0),
    "filter": Window(("escape", "slash"), MainScreen, "esc clears"),
    "events": Window(("escape", "f6"), MainScreen, "retrieving 2 studies", 1),
    "options": Window(("f4",), OptionsScreen, "Profile"),
    "load list": Window(("ctrl+o",), LoadListScreen, "Its lines are Study Instance UIDs"),
    "tree": Window(("ctrl+o", "ctrl+o"), LoadListScreen, "numbers.txt"),
    "profiles": Window(("f2",), ProfilesScreen, "@old"),
    "profile": Window(("f2", "e"), ProfileScreen, "main.test", 2),
    "profile that fails": Window(("f2", "e", "enter"), ProfileScreen, "the name is right", 2),
    "new profile": Window(("f2", "n"), ProfileScreen, "name or address", 2),
    "removal": Window(("f2", "delete"), ConfirmScreen, "Remove @main", 2),
    "help": Window(("f1",), HelpScreen, "Earlier request"),
    "help of the queue": Window(("escape", "question_mark"), HelpScreen, "Help: the queue"),
    "palette": Window(("ctrl+p",), CommandPalette, "Search for commands"),
    "details": Window(("escape", "home", "enter"), DetailsScreen, "Patient"),
    "columns": Window(("escape", "c"), ColumnsScreen, "where they fit"),
    "limits": Window(("escape", "l"), LimitsScreen, "from now on"),
    "verify": Window(("escape", "v"), VerifyScreen, "journal"),
    "confirm": Window(("escape", "X"), ConfirmScreen, "Stop all studies?"),
    "quit": Window(("ctrl+q",), ConfirmScreen, "not finished"),
    "history": Window(("f5",), HistoryScreen, "Earlier retrievals"),
    "choice of PACS": Window(("f3", "f2"), ChoosePacsScreen, "@old", 2),
    "find": Window(("f3", "P", "enter"), FindScreen, "28 studies", 1),
}


def _faults(bench: Bench, name: str) -> list[str]:
    found = [*cut_off(bench), *cut_without_ellipsis(bench, LONG), unseen_focus(bench)]
    return [f"{name}: {fault}" for fault in found if fault]


async def _start(bench: Bench) -> None:
    """One study failed, one runs, both with names that are too long for most columns."""
    await bench.start(A, B)
    assert bench.sessions.identified is not None
    for uid in (A, B):
        bench.sessions.identified(uid, ADA)
    missing = tuple(f"{A}.1.{number}" for number in range(40))
    await bench.tell(begins(A), ends(A, Verdict.PARTIAL, missing=missing, reason=REASON))
    await bench.tell(begins(B, 12_345, 2), comes(B, *range(1, 30)))
    await bench.until(lambda: "missing" in bench.text(bench.main.table))


async def _visit(bench: Bench, name: str, window: Window) -> list[str]:
    bench.main.query_one("#uids").focus()
    await bench.pilot.press(*window.keys)
    await bench.until(lambda: isinstance(bench.app.screen, window.screen))
    await bench.until(lambda: window.told.replace(" ", "") in "".join(bench.joined().split()))
    found = _faults(bench, name)
    await bench.pilot.press(*["escape"] * window.back)
    await bench.until(lambda: isinstance(bench.app.screen, MainScreen))
    return found


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_every_window_is_whole(
    size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "numbers.txt").write_text("X1\n", encoding="utf-8")
    find, pacs, dry_run = Searches(), answers([REFUSED]), DryRuns()
    find.tell(*(study(n, patient_name=NAME, study_description=DESCRIPTION) for n in range(1, 29)))
    find.end()
    book = profile_store(tmp_path, TWO)
    found = []
    async with opened(
        size, profile_store=book, doctor=pacs.doctor, find=find, dry_run=dry_run
    ) as bench:
        await _start(bench)
        for number, (name, window) in enumerate(WINDOWS.items(), start=30):
            if name == "events" and bench.main.query_one("#events").display:
                continue  # they are there, below the queue
            await bench.tell(comes(B, number))  # a session that is told nothing ends
            found += await _visit(bench, name, window)
        await bench.paste(f"{A}\n{B}")
        await bench.pilot.press("f7")
        await bench.until(lambda: isinstance(bench.app.screen, DryRunScreen))
        dry_run.tell(*listed(A, 12_345), ended(B, Verdict.FAILED, reason=REASON))
        dry_run.tell(space(likely_gb=2000, free_gb=1, fits=False))
        dry_run.end()
        await bench.until(lambda: "it does not fit" in bench.joined())
        found += _faults(bench, "dry run")

    assert not found, "\n".join(found)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_first_run_is_whole(size: tuple[int, int], tmp_path: Path) -> None:
    async with opened(
        size, profile_store=profile_store(tmp_path, ""), doctor=answers().doctor
    ) as bench:
        assert isinstance(bench.app.screen, ProfileScreen)
        assert _faults(bench, "first run") == []
        for _ in range(36):  # more than there are fields: each can be reached, and is seen
            await bench.pilot.press("tab")
            await bench.until(lambda: not _faults(bench, "first run"))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_windows_of_lookups_and_secrets_are_whole(
    size: tuple[int, int], tmp_path: Path
) -> None:
    text = '[profiles.safe]\nhost = "safe.test"\nmethod = "c-get"\nuser = "READER"\n'
    book = profile_store(tmp_path, text)
    async with opened(size, profile_store=book, doctor=answers().doctor) as bench:
        await bench.paste("PatientID\nP1\nP2\n")
        await bench.pilot.press("enter")
        await bench.until(lambda: isinstance(bench.app.screen, SecretScreen))
        assert _faults(bench, "secret") == []
        await bench.pilot.press("x", "enter")
        await bench.until(lambda: isinstance(bench.app.screen, LookupScreen))
        await bench.until(lambda: "0 of 2 lines looked up" in bench.joined())

        assert [fault for fault in _faults(bench, "lookup") if "focus" not in fault] == []
        await bench.pilot.press("escape")


async def test_a_wider_terminal_never_shows_fewer_columns_of_the_queue() -> None:
    counts = []
    for size in SIZES:
        async with opened(size) as bench:
            await _start(bench)
            counts.append(len(bench.main.table.shown_columns))

    assert counts == sorted(counts)
    assert counts[-1] == counts[-2], "at 160 columns all of them are there"
