import pytest

from dicom_retrieve_tui.model.throughput import Throughput


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
