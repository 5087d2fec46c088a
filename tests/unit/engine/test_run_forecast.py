"""Which studies are begun, and what is reported of the room for all of them."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dicom_retrieve_tui.engine.run_forecast import RunForecast
from dicom_retrieve_tui.errors import DiskFailed, StoreError
from dicom_retrieve_tui.model.events import Event, Noted, SpaceForecast
from dicom_retrieve_tui.model.forecast import WHOLE_STUDY, Arrivals, Kind, PlannedStudy, Sizes
from dicom_retrieve_tui.storage.free_space import Room

_CT = Kind("1.2.840.10008.5.1.4.1.1.2", "CT")
_ONE_MB = {_CT: Sizes.of_study(1000, 10**9)}


@dataclass
class _History:
    known: dict[Kind, Sizes] = field(default_factory=dict)
    news: list[Mapping[Kind, Sizes]] = field(default_factory=list)
    broken: bool = False

    def sizes(self) -> Mapping[Kind, Sizes]:
        if self.broken:
            raise DiskFailed("The history cannot be read.", path="history.db")
        return self.known

    def add_sizes(self, news: Mapping[Kind, Sizes]) -> None:
        if self.broken:
            raise DiskFailed("The history cannot be written.", path="history.db")
        self.news.append(news)


class _Rig:
    """A check whose disk and queue are as a test says."""

    def __init__(
        self, room_mb: int, *, kept_mb: int = 100, history: _History | None = None
    ) -> None:
        # 100 equal studies, so that the range is narrow.
        learned = {_CT: sum([_ONE_MB[_CT]] * 100, Sizes())}
        self.history = history or _History(learned)
        self.room: Room | None = Room((room_mb + kept_mb) * 10**6, kept_mb * 10**6)
        self.unfinished = 1
        self.events: list[Event] = []
        self.counted: deque[PlannedStudy] = deque()
        self.check = RunForecast(
            self.events.append,
            output=Path("dicom"),
            room=lambda: self.room,
            history=self.history,
            unfinished=lambda: self.unfinished,
            counted=self.counted,
        )

    def expect(self, uid: str, instances: int | None) -> Arrivals:
        arrivals = Arrivals({f"{uid}.1": "CT"})
        counts = None if instances is None else Counter({_CT: instances})
        self.check.expect(uid, counts, arrivals)
        self.check.report()
        return arrivals

    @property
    def forecasts(self) -> list[SpaceForecast]:
        return [event for event in self.events if isinstance(event, SpaceForecast)]


@pytest.mark.parametrize(("room_mb", "fits"), [(1100, True), (1010, None)])
def test_a_study_that_fits_or_may_is_begun(room_mb: int, *, fits: bool | None) -> None:
    rig = _Rig(room_mb=room_mb)
    rig.expect("1.1", 1000)

    rig.check.check("1.1")

    assert [each.fits for each in rig.forecasts] == [fits]


def test_a_study_that_does_not_fit_is_refused_with_what_to_do() -> None:
    rig = _Rig(room_mb=500)
    rig.expect("1.1", 1000)

    with pytest.raises(StoreError) as refused:
        rig.check.check("1.1")

    assert str(refused.value) == (
        "It does not fit on the disk of dicom/, which has room for 500 MB: 600 MB are free, and "
        "100 MB of them are to stay free. Nothing was requested. Make room, or choose another "
        "--output; --keep-free 0 tries it nevertheless."
    )
    assert [each.fits for each in rig.forecasts] == [False]
    (note,) = (event for event in rig.events if isinstance(event, Noted))
    assert note.text.startswith("needs about 1.0 GB (")


def test_where_nothing_is_to_stay_free_every_study_is_begun() -> None:
    rig = _Rig(room_mb=500, kept_mb=0)
    rig.expect("1.1", 1000)

    rig.check.check("1.1")

    assert [each.fits for each in rig.forecasts] == [False]


def test_where_the_room_is_unknown_every_study_is_begun() -> None:
    rig = _Rig(room_mb=0)
    rig.room = None
    rig.expect("1.1", 1000)

    rig.check.check("1.1")

    assert [(each.fits, each.free_bytes) for each in rig.forecasts] == [(None, None)]


def test_a_study_that_fitted_at_the_start_is_begun_until_the_disk_is_full() -> None:
    rig = _Rig(room_mb=2000)
    rig.unfinished = 2
    rig.expect("1.1", 1500)
    rig.check.check("1.1")
    rig.room = Room(600 * 10**6, 100 * 10**6)

    rig.expect("1.2", 1500)
    rig.check.check("1.2")

    rig.expect("1.3", 3000)
    with pytest.raises(StoreError, match=r"room for 2\.0 GB"):
        rig.check.check("1.3")


def test_a_study_fits_once_there_is_more_room() -> None:
    rig = _Rig(room_mb=500)
    rig.expect("1.1", 1000)
    rig.room = Room(2000 * 10**6, 100 * 10**6)

    rig.check.check("1.1")


def test_what_has_come_of_a_study_is_not_needed_again() -> None:
    rig = _Rig(room_mb=500)
    arrivals = rig.expect("1.1", 1000)
    for _ in range(700):
        arrivals.add(_CT.sop_class_uid, "1.1.1", 10**6)

    rig.check.check("1.1")


def test_a_study_that_is_here_already_needs_no_room() -> None:
    rig = _Rig(room_mb=-100)
    rig.expect("1.1", 0)

    rig.check.check("1.1")

    assert [(each.likely_bytes, each.fits) for each in rig.forecasts] == [(0, True)]


def test_a_study_without_counts_is_begun_and_reported_as_unknown() -> None:
    rig = _Rig(room_mb=0)
    rig.expect("1.1", None)
    rig.check.check("1.1")
    rig.unfinished = 0

    assert rig.check.total().uncounted == 1


def test_a_list_is_forecast_once_five_studies_are_listed() -> None:
    rig = _Rig(room_mb=10_000)
    rig.unfinished = 100
    for number in range(4):
        rig.expect(f"1.{number}", 200)
        rig.check.finish(f"1.{number}", {})
        rig.unfinished -= 1
    assert rig.forecasts == []

    rig.expect("1.4", 200)

    (forecast,) = rig.forecasts
    assert (forecast.studies, forecast.estimated) == (1, 95)
    assert forecast.likely_bytes == pytest.approx(96 * 200 * 10**6)
    assert forecast.fits is False


def test_a_list_is_forecast_from_its_first_study_if_earlier_ones_are_known() -> None:
    known = {**_ONE_MB, WHOLE_STUDY: sum([Sizes.of_study(1, 10**8)] * 50, Sizes())}
    rig = _Rig(room_mb=1_000, history=_History(known))
    rig.unfinished = 100

    rig.expect("1.0", 200)

    (forecast,) = rig.forecasts
    assert forecast.likely_bytes == pytest.approx(200 * 10**6 + 99 * 10**8)
    assert forecast.fits is False


def test_a_forecast_is_emitted_again_only_if_it_changed() -> None:
    rig = _Rig(room_mb=1_000_000)
    rig.unfinished = 3000
    for number in range(20):
        rig.expect(f"1.{number}", 200)

    assert len(rig.forecasts) == 1
    rig.room = Room(10**9, 10**8)
    rig.expect("1.20", 200)
    assert [each.fits for each in rig.forecasts] == [True, False]
    rig.expect("1.21", 100_000)
    assert len(rig.forecasts) == 3


@pytest.mark.parametrize(("room_mb", "emitted"), [(1_000_000, 3), (100, 5)])
def test_while_it_fits_a_forecast_is_emitted_again_only_once_it_has_doubled(
    room_mb: int, emitted: int
) -> None:
    rig = _Rig(room_mb=room_mb)
    for number, instances in enumerate((1000, 500, 750, 1125, 1688)):  # half as much again each
        rig.unfinished = number + 1
        rig.expect(f"1.{number}", instances)

    assert len(rig.forecasts) == emitted


def test_what_a_study_took_is_used_at_once_and_kept() -> None:
    rig = _Rig(room_mb=1000, history=_History())
    assert rig.check.expect("1.1", Counter({_CT: 10}), Arrivals({})) is not None

    rig.check.finish("1.1", {_CT: Sizes.of_study(10, 7770)})
    forecast = rig.check.expect("1.2", Counter({_CT: 10}), Arrivals({}))

    assert forecast is not None
    assert (forecast.likely_bytes, forecast.built_in) == (7770, False)
    assert rig.history.news == []
    rig.check.finish("1.2", {WHOLE_STUDY: Sizes.of_study(1, 5)})
    rig.check.close()
    rig.check.close()
    assert rig.history.news == [{_CT: Sizes.of_study(10, 7770), WHOLE_STUDY: Sizes.of_study(1, 5)}]


def test_a_history_that_fails_costs_nothing_but_the_history() -> None:
    rig = _Rig(room_mb=1000, history=_History(broken=True))
    rig.expect("1.1", 10)
    rig.check.check("1.1")
    rig.check.finish("1.1", {_CT: Sizes.of_study(10, 7770)})

    rig.check.close()

    assert [each.built_in for each in rig.forecasts] == [True]


def test_a_dry_run_adds_up_all_studies() -> None:
    rig = _Rig(room_mb=1000)
    for number in range(3):
        rig.check.expect(f"1.{number}", Counter({_CT: 100}))

    total = rig.check.total()

    assert (total.studies, total.likely_bytes, total.fits) == (3, 300 * 10**6, True)


def test_studies_of_very_unequal_size_that_a_search_has_counted_are_not_taken_for_average() -> None:
    sizes = {f"1.{n}": 2000 if n % 10 == 9 else 5 for n in range(50)}
    rig = _Rig(100_000)
    rig.unfinished = len(sizes)
    for uid, size in sizes.items():
        rig.counted.append(PlannedStudy(study_instance_uid=uid, instances=size, modalities=("CT",)))

    rig.expect("1.0", 5)

    (first,) = rig.forecasts
    assert (first.studies, first.estimated) == (50, 0)
    assert first.likely_bytes == sum(sizes.values()) * 10**6


def test_a_counted_study_counts_once_and_no_longer_once_it_has_left() -> None:
    rig = _Rig(100_000)
    rig.unfinished = 3
    for uid in ("1.1", "1.2", "1.3"):
        rig.counted.append(PlannedStudy(study_instance_uid=uid, instances=9, modalities=("CT",)))

    rig.check.forget("1.3")
    rig.unfinished = 2
    rig.expect("1.1", 4)
    rig.check.finish("1.2", {})

    assert rig.forecasts[0].likely_bytes == 13 * 10**6
    assert rig.check.total().likely_bytes == 4 * 10**6
