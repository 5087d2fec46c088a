"""The forecast of bytes: what must hold whatever instances there are and were."""

import math
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_retrieve_tui.model.forecast import (
    WHOLE_STUDY,
    Arrivals,
    Demand,
    Extrapolation,
    Fit,
    Forecast,
    Kind,
    Sizes,
    SizeTable,
    fit_of,
    kind_of,
)

_KINDS = st.builds(
    Kind,
    st.sampled_from(["", "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4.1", "1.9.8"]),
    st.sampled_from(["", "CT", "MR", "US", "SR"]),
)
_COUNTS = st.dictionaries(_KINDS, st.integers(0, 10_000), max_size=4)
_STUDIES = st.lists(_COUNTS, max_size=8)
_SIZES = st.builds(Sizes.of_study, st.integers(1, 5_000), st.integers(1, 10**12))
_TABLES = st.dictionaries(_KINDS | st.just(WHOLE_STUDY), _SIZES, max_size=6).map(SizeTable)


@settings(deadline=None, derandomize=True)
@given(_STUDIES, _TABLES)
def test_a_range_contains_what_is_likely(studies: list[dict[Kind, int]], table: SizeTable) -> None:
    forecast = Demand(studies).forecast(table)

    assert 0 <= forecast.low_bytes <= forecast.likely_bytes <= forecast.high_bytes
    assert bool(forecast.high_bytes) == any(sum(counts.values()) for counts in studies)


@settings(deadline=None, derandomize=True)
@given(_STUDIES, _COUNTS, _TABLES)
def test_a_further_study_takes_more_and_its_removal_takes_it_back(
    studies: list[dict[Kind, int]], further: dict[Kind, int], table: SizeTable
) -> None:
    demand = Demand(studies)
    before = demand.forecast(table)

    demand.add(further)
    more = demand.forecast(table)
    demand.remove(further)

    assert more.likely_bytes >= before.likely_bytes
    assert demand.forecast(table) == before


@settings(deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(1, 500), st.integers(1, 10**9)), min_size=1, max_size=20))
def test_what_is_learned_does_not_depend_on_the_order(studies: list[tuple[int, int]]) -> None:
    there = sum((Sizes.of_study(*each) for each in studies), Sizes())
    back = sum((Sizes.of_study(*each) for each in reversed(studies)), Sizes())

    assert there.studies == back.studies == len(studies)
    assert (there.instances, there.size_bytes) == (back.instances, back.size_bytes)
    assert math.isclose(there.log_sum, back.log_sum, abs_tol=1e-6)


@settings(deadline=None, derandomize=True)
@given(_KINDS, st.integers(100, 10**8), st.integers(1, 200), st.integers(2, 50))
def test_equal_studies_are_foreseen_exactly_and_ever_more_surely(
    kind: Kind, size_bytes: int, instances: int, studies: int
) -> None:
    one, several = SizeTable(), SizeTable()
    one.learn({kind: Sizes.of_study(instances, size_bytes * instances)})
    for _ in range(studies):
        several.learn({kind: Sizes.of_study(instances, size_bytes * instances)})
    first, later = (Demand([{kind: 100}]).forecast(table) for table in (one, several))

    assert first.likely_bytes == later.likely_bytes == 100 * size_bytes
    # One more for what is rounded.
    assert later.high_bytes * first.low_bytes <= first.high_bytes * (later.low_bytes + 1)
    assert not later.built_in


@settings(deadline=None, derandomize=True)
@given(st.integers(0, 10**13), _COUNTS, _TABLES)
def test_what_does_not_fit_still_does_not_fit_in_less_room(
    room_bytes: int, counts: dict[Kind, int], table: SizeTable
) -> None:
    forecast = Demand([counts]).forecast(table)
    fits = list(Fit)

    less = fit_of(forecast, room_bytes // 2)

    assert fits.index(less) >= fits.index(fit_of(forecast, room_bytes))
    assert fit_of(forecast, forecast.high_bytes) is Fit.YES


@settings(deadline=None, derandomize=True)
@given(st.text(), st.text())
def test_no_text_of_a_pacs_gets_into_a_kind(sop_class_uid: str, modality: str) -> None:
    kind = kind_of(sop_class_uid, modality)

    assert set(kind.sop_class_uid) <= set("0123456789.")
    assert kind.modality in {"", modality.strip().upper()}
    assert len(kind.modality) <= 8


def test_nine_of_ten_studies_lie_in_the_range() -> None:
    """Studies whose mean sizes differ by a factor of 1.5, most of them CT of 100 to 1000 images."""
    kind, chance = Kind("1.2.840.10008.5.1.4.1.1.2", "CT"), random.Random(16)
    table = SizeTable()

    def study() -> tuple[int, int]:
        instances = chance.randint(100, 1000)
        mean = 400_000 * math.exp(chance.gauss(0, math.log(1.5)))
        return instances, round(instances * mean)

    for _ in range(50):
        table.learn({kind: Sizes.of_study(*study())})
    hits = 0
    for instances, size_bytes in (study() for _ in range(1000)):
        forecast = Demand([{kind: instances}]).forecast(table)
        hits += forecast.low_bytes <= size_bytes <= forecast.high_bytes

    assert 850 <= hits <= 950


def test_many_studies_are_foreseen_more_closely_than_one() -> None:
    table = SizeTable({Kind(modality="CT"): sum((Sizes.of_study(1, 10**5),) * 100, Sizes())})
    one = Demand([{Kind(modality="CT"): 100}]).forecast(table)
    many = Demand([{Kind(modality="CT"): 100}] * 400).forecast(table)

    assert many.likely_bytes == 400 * one.likely_bytes
    of_one, of_many = (each.high_bytes / each.likely_bytes - 1 for each in (one, many))
    assert of_many < of_one / 5


def test_studies_that_are_not_listed_yet_are_taken_to_be_like_the_others() -> None:
    table, demand, listed = SizeTable(), Demand(), Extrapolation()
    for instances in range(50, 150):
        counts = {Kind(modality="CT"): instances}
        demand.add(counts)
        listed.add(Demand([counts]).forecast(table).likely_bytes)
    known = demand.forecast(table)

    whole = listed.extend(demand, table, unlisted=900)

    assert listed.is_ready(table)
    assert math.isclose(whole.likely_bytes, 10 * known.likely_bytes, rel_tol=0.01)
    assert listed.extend(demand, table, unlisted=0) == known
    came = listed.extend(demand, table, unlisted=0, came_bytes=known.low_bytes)
    assert came == Forecast(
        likely_bytes=known.likely_bytes - known.low_bytes,
        low_bytes=0,
        high_bytes=known.high_bytes - known.low_bytes,
        built_in=True,
    )


def test_before_enough_are_listed_further_studies_are_like_earlier_ones() -> None:
    listed, demand = Extrapolation(), Demand([{Kind(modality="CT"): 10}])
    listed.add(5_300_000)
    earlier = SizeTable({WHOLE_STUDY: Sizes.of_study(1, 10**8)})

    assert not listed.is_ready(SizeTable())
    assert listed.is_ready(earlier)
    assert listed.extend(demand, earlier, unlisted=9).likely_bytes == 5_300_000 + 9 * 10**8


def test_a_study_teaches_its_kinds_and_only_a_whole_one_its_total() -> None:
    came = Arrivals({"1.2": "CT", "1.3": "SR", "1.4": "DOE^JANE"})
    came.add("1.2.840.10008.5.1.4.1.1.2", "1.2", 500)
    came.add("1.2.840.10008.5.1.4.1.1.2", "1.2", 700)
    came.add("1.2.840.10008.5.1.4.1.1.88.11", "1.3", 30)
    came.add("1.9", "1.4", 0)

    assert came.learned(whole=False) == {
        Kind("1.2.840.10008.5.1.4.1.1.2", "CT"): Sizes.of_study(2, 1200),
        Kind("1.2.840.10008.5.1.4.1.1.88.11", "SR"): Sizes.of_study(1, 30),
    }
    assert came.learned(whole=True)[WHOLE_STUDY] == Sizes.of_study(1, 1230)
