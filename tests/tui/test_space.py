"""What studies take on the disk: before enter, on enter, and while they are retrieved."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.events import SpaceForecast
from dicom_retrieve_tui.model.forecast import Forecast, Outlook, PlannedStudy
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.tui.screens.confirm import ConfirmScreen
from dicom_retrieve_tui.tui.screens.main import MainScreen
from tests.tui.application import SIZES, opened, preset
from tests.tui.builders import uids
from tests.tui.find_window import open_find
from tests.tui.scripted_search import Searches, series, study

A, B, C = uids(3)
GB = 10**9


@dataclass
class _Disk:
    """A disk with room for so many bytes, where each study takes 1 GB, half or twice of it."""

    room_bytes: int
    asked: list[list[PlannedStudy]] = field(default_factory=list)
    open: threading.Event = field(default_factory=threading.Event)
    """Until it is set, the disk does not answer."""

    def __post_init__(self) -> None:
        self.open.set()

    def __call__(self, studies: Iterable[PlannedStudy], options: RetrieveOptions) -> Outlook | None:
        self.open.wait(30)
        planned = list(studies)
        self.asked.append(planned)
        return Outlook(
            forecast=Forecast(
                likely_bytes=len(planned) * GB,
                low_bytes=len(planned) * GB // 2,
                high_bytes=len(planned) * 2 * GB,
            ),
            averaged=len(planned),
            room_bytes=self.room_bytes - options.keep_free.of(100 * GB),
        )


async def test_the_verdict_has_what_the_studies_take_and_the_room() -> None:
    async with opened(space_outlook=_Disk(800 * GB)) as bench:
        await bench.paste(f"{A}\n{B}")
        await bench.until(lambda: "about 2.0 GB" in bench.joined())

        verdict = "about 2.0 GB (1.0 GB to 4.0 GB) by the average study, room for 800 GB"
        assert f"✓ 2 UIDs · C-GET → /nowhere · {verdict}" in bench.joined()
        await bench.paste(C)
        await bench.until(lambda: "3 UIDs" in bench.text() and "about 3.0 GB" in bench.joined())


async def test_a_disk_that_does_not_answer_delays_no_verdict() -> None:
    disk = _Disk(800 * GB)
    disk.open.clear()
    async with opened(space_outlook=disk) as bench:
        await bench.paste(A)
        await bench.until(lambda: "✓ 1 UID · C-GET → /nowhere" in bench.joined())
        assert "GB" not in bench.joined()

        disk.open.set()
        await bench.until(lambda: "about 1.0 GB" in bench.joined())


async def test_what_may_fit_is_retrieved_without_a_question() -> None:
    async with opened(space_outlook=_Disk(2 * GB)) as bench:
        await bench.paste(A)
        await bench.until(lambda: "room for 930 MB: may not fit" in bench.joined())
        await bench.pilot.press("enter")
        await bench.until(lambda: bench.sessions.opened)

        assert isinstance(bench.app.screen, MainScreen)


async def test_what_does_not_fit_is_retrieved_only_after_a_question() -> None:
    async with opened(space_outlook=_Disk(2 * GB)) as bench:
        await bench.paste(f"{A}\n{B}")
        await bench.pilot.press("enter")
        await bench.until(lambda: isinstance(bench.app.screen, ConfirmScreen))
        assert "room for 930 MB: does not fit. Retrieve nevertheless" in bench.joined()
        assert "Cancel (n)" in bench.joined()

        await bench.pilot.press("n")
        await bench.until(lambda: "✓ 2 UIDs" in bench.text())
        assert not bench.sessions.opened

        await bench.pilot.press("enter")
        await bench.until(lambda: isinstance(bench.app.screen, ConfirmScreen))
        await bench.pilot.press("y")
        await bench.until(lambda: bench.sessions.opened)
        assert bench.session.options.keep_free.of(100 * GB) == 0
        assert [each.study_instance_uid for each in bench.session.selections] == [A, B]


async def test_where_nothing_is_to_stay_free_no_question_is_asked() -> None:
    free = preset(keep_free="0")
    async with opened(space_outlook=_Disk(0), presets=[free]) as bench:
        await bench.paste(A)
        await bench.pilot.press("enter")
        await bench.until(lambda: bench.sessions.opened)

        assert isinstance(bench.app.screen, MainScreen)


async def test_counts_that_were_found_are_used() -> None:
    find, disk = Searches(), _Disk(800 * GB)
    async with opened(find=find, space_outlook=disk) as bench:
        await open_find(bench)
        await bench.pilot.press("P", "enter")
        find.tell(study(1, study_instance_uid=A, number_of_instances=321, modalities=("CT", "SR")))
        find.end()
        await bench.until(lambda: "1 stud" in bench.text() and "searching" not in bench.text())
        await bench.pilot.press("r")
        await bench.until(lambda: bench.sessions.opened)

        assert disk.asked == [
            [PlannedStudy(study_instance_uid=A, instances=321, modalities=("CT", "SR"))]
        ]


def test_the_counts_of_chosen_series_add_up() -> None:
    from dicom_retrieve_tui.tui.found_columns import requests_for  # noqa: PLC0415

    first, second = (series(n, study_instance_uid=A, number_of_instances=n) for n in (1, 2))
    unknown = series(3, study_instance_uid=A, number_of_instances=None)

    assert [each.instances for each in requests_for([first, second])] == [3]
    assert [each.instances for each in requests_for([first, unknown])] == [None]
    assert requests_for([first])[0].planned.whole is False
    assert requests_for([first])[0].selection == Selection.of(A, first.series_instance_uid)


async def test_the_totals_say_that_the_rest_does_not_fit() -> None:
    async with opened((120, 30)) as bench:
        await bench.start(A, B)
        forecast = SpaceForecast(
            studies=1,
            estimated=1,
            uncounted=0,
            likely_bytes=1_200 * GB,
            low_bytes=900 * GB,
            high_bytes=1_600 * GB,
            built_in=False,
            free_bytes=801 * GB,
            keep_free_bytes=GB,
            fits=False,
        )
        await bench.tell([forecast])

        lacks = "needs about 1.2 TB (900 GB to 1.6 TB), room for 800 GB: it does not fit"
        await bench.until(lambda: lacks in bench.text(bench.main.query_one("#total")))


@pytest.mark.parametrize("size", [SIZES["small"], SIZES["usual"]])
async def test_a_verdict_that_is_too_long_ends_in_an_ellipsis(size: tuple[int, int]) -> None:
    folder = Path("/", *["folder"] * 18)
    async with opened(size, folder=folder, space_outlook=_Disk(800 * GB)) as bench:
        await bench.paste(f"{A}\n{B}")
        verdict = bench.main.query_one("#verdict")

        await bench.until(lambda: bench.text(verdict).rstrip().endswith("…"))

        assert len(bench.text(verdict).splitlines()) == 3
