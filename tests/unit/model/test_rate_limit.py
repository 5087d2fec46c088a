"""A rate in words, and who may receive when, on a clock that the tests move."""

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.rate_limit import Pacer, Rate, parse_rate

_SPAN_S = 10.0


class _Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def _rate(text: str) -> Rate:
    found = parse_rate("--max-rate", text)
    assert found is not None
    return found


def _received(pacer: Pacer, clock: _Clock, connections: int, link_bytes_s: float) -> int:
    """What so many connections receive in ten seconds over a link that is much faster."""
    start_s, total = clock.now_s, 0
    due_s = [start_s] * connections
    while (now_s := min(due_s)) < start_s + _SPAN_S:
        clock.now_s = max(clock.now_s, now_s)
        mine = due_s.index(now_s)
        size = pacer.piece_bytes
        total += size
        clock.now_s += size / link_bytes_s
        due_s[mine] = max(pacer.pay(size), clock.now_s)
    return total


@pytest.mark.parametrize(
    ("text", "bytes_s"),
    [
        ("20MB/s", 20_000_000),
        ("20MB", 20_000_000),
        ("500 kB/s", 500_000),
        ("1.5MB/s", 1_500_000),
        ("1GB/s", 1_000_000_000),
        ("10000B/s", 10_000),
    ],
)
def test_a_rate_is_read_and_written(text: str, bytes_s: int) -> None:
    assert _rate(text).bytes_s == bytes_s
    assert str(_rate(text)) == text


@pytest.mark.parametrize("text", ["none", "None "])
def test_no_limit_has_a_word(text: str) -> None:
    assert parse_rate("--max-rate", text) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "expected bytes a second, such as 20MB/s"),
        ("fast", "expected bytes a second"),
        ("20", "expected bytes a second"),
        ("-1MB/s", "expected bytes a second"),
        ("20Mbit/s", "expected bytes a second"),
        ("0B/s", "expected at least 10kB/s"),
        ("9.9kB/s", "expected at least 10kB/s"),
    ],
)
def test_what_is_wrong_with_a_rate_is_one_sentence(text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        parse_rate("--max-rate", text)
    assert str(caught.value).startswith(f"--max-rate {text!r}: ")


@pytest.mark.parametrize("connections", [1, 4, 64])
@pytest.mark.parametrize("text", ["10kB/s", "2MB/s", "20MB/s", "500MB/s"])
def test_all_connections_together_keep_to_the_rate(text: str, connections: int) -> None:
    clock, rate = _Clock(), _rate(text)
    pacer = Pacer(rate, sharers=connections, monotonic_s=clock)

    received = _received(pacer, clock, connections, link_bytes_s=100 * rate.bytes_s)

    least_bytes = pacer.piece_bytes * connections  # each receives a piece before it waits
    assert 0.95 * _SPAN_S * rate.bytes_s < received
    assert received < 1.05 * _SPAN_S * rate.bytes_s + least_bytes


def test_every_connection_gets_its_share() -> None:
    clock = _Clock()
    pacer = Pacer(_rate("1MB/s"), sharers=2, monotonic_s=clock)

    first_s, second_s = pacer.pay(100_000), pacer.pay(100_000)

    assert second_s - first_s == pytest.approx(0.1)


def test_a_pause_of_the_pacs_is_made_up_for_but_not_a_long_one() -> None:
    clock = _Clock()
    pacer = Pacer(_rate("1MB/s"), monotonic_s=clock)
    clock.now_s += 3600.0

    assert pacer.pay(1_000_000) == pytest.approx(clock.now_s + 0.8)


def test_another_limit_holds_from_the_next_piece_on() -> None:
    clock = _Clock()
    pacer = Pacer(_rate("10kB/s"), monotonic_s=clock)
    pacer.pay(1_000_000)

    pacer.limit(_rate("1MB/s"))

    assert pacer.pay(1_000_000) == pytest.approx(clock.now_s + 1.0)
    pacer.limit(None)
    assert not pacer.limits
    assert pacer.pay(1_000_000) <= clock.now_s
