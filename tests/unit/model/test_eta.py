import pytest

from dicom_retrieve_tui.model.eta import (
    Remaining,
    Throughput,
    done,
    estimate_remaining,
    remaining,
)
from dicom_retrieve_tui.model.progress import Progress, StudyProgress


def study(uid: str, expected: int | None, stored: int = 0) -> StudyProgress:
    return StudyProgress(uid, worker=1, expected=expected, stored=stored)


def progress_of(*studies: StudyProgress, total: int) -> Progress:
    return Progress(
        studies_total=total,
        studies={each.study_instance_uid: each for each in studies},
        expected=sum(each.expected or 0 for each in studies),
    )


def test_what_is_left_is_exact_once_every_study_is_known() -> None:
    running = [study("1.1", 10, stored=4), study("1.2", 5)]

    assert remaining(progress_of(*running, total=2), running) == Remaining(11, exact=True)


def test_studies_that_nobody_asked_for_are_taken_to_be_like_the_others() -> None:
    running = [study("1.1", 10, stored=4), study("1.2", None)]
    finished = study("1.3", 30, stored=30)

    left = remaining(progress_of(*running, finished, total=5), running)

    assert left == Remaining(6 + 3 * 20, exact=False)


@pytest.mark.parametrize(
    ("known", "unknown", "left"),
    [(2, 9, None), (2, 8, 9), (9, 245, None), (10, 245, 246)],
)
def test_few_known_studies_say_nothing_of_many_unknown_ones(
    known: int, unknown: int, left: int | None
) -> None:
    estimate = estimate_remaining(1, unknown=unknown, known=known, expected=known)

    assert estimate == (None if left is None else Remaining(left, exact=False))


def test_nothing_can_be_said_before_the_first_inventory() -> None:
    running = [study("1.1", None)]

    assert remaining(progress_of(*running, total=1), running) is None


def test_the_end_is_as_far_as_the_rate_says() -> None:
    assert Remaining(30, exact=True).eta_s(2.0) == pytest.approx(15.0)
    assert Remaining(30, exact=True).eta_s(None) is None
    assert Remaining(30, exact=True).eta_s(0.0) is None
    assert Remaining(0, exact=True).eta_s(None) == pytest.approx(0.0)


def test_a_delivery_is_measured_by_what_the_pacs_has_left() -> None:
    delivering = study("1.1", 100)
    delivering.peer_remaining, delivering.peer_failed = 60, 5

    assert done(delivering) == 35
    assert done(study("1.2", None)) == 0
    assert done(study("1.3", 10, stored=3)) == 3


def test_counters_that_begin_again_measure_nothing() -> None:
    delivering = study("1.1", 65_540)
    delivering.peer_remaining = 3

    assert done(delivering) == 0


def test_there_is_no_rate_before_there_is_something_to_measure() -> None:
    meter = Throughput()
    assert meter.rate is None

    meter.add(100.0, 0)
    assert meter.rate is None

    meter.add(100.4, 40)
    assert meter.rate is None


def test_the_rate_is_that_of_the_last_seconds() -> None:
    meter = Throughput(window_s=10.0)
    for second in range(21):
        meter.add(float(second), 100 * second if second <= 10 else 1000 + 2 * (second - 10))

    assert meter.rate == pytest.approx(2.0)


def test_a_total_that_stands_still_lets_the_rate_fall_to_zero() -> None:
    meter = Throughput(window_s=10.0)
    meter.add(0.0, 0)
    meter.add(5.0, 50)
    assert meter.rate == pytest.approx(10.0)

    meter.add(10.0, 50)
    assert meter.rate == pytest.approx(5.0)

    meter.add(30.0, 50)
    assert meter.rate == pytest.approx(0.0)
