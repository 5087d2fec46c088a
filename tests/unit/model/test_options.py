"""How values of options are parsed: what of a disk stays free, how long an outage may last."""

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.option_values import (
    DEFAULT_KEEP_FREE,
    parse_keep_free,
    parse_outage_s,
    written_duration,
)

_TERABYTE = 10**12


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("0", 0),
        ("500M", 500_000_000),
        ("1.5GB", 1_500_000_000),
        ("2GiB", 2 << 30),
        ("5%", 5 * 10**10),
    ],
)
def test_sizes_and_parts(text: str, size_bytes: int) -> None:
    assert parse_keep_free("--keep-free", text).of(_TERABYTE) == size_bytes


@pytest.mark.parametrize("text", ["", "-1", "100%", "1X", "i", "1iB", "G", "nan", "1e9"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--keep-free"):
        parse_keep_free("--keep-free", text)


def test_a_small_disk_keeps_less() -> None:
    assert DEFAULT_KEEP_FREE.of(_TERABYTE) == 1 << 30
    assert DEFAULT_KEEP_FREE.of(10**9) == 20_000_000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("20s", 20.0),
        ("1.5m", 90.0),
        ("30m", 1800.0),
        ("30min", 1800.0),
        ("12h", 43200.0),
    ],
)
def test_a_duration_is_a_number_with_its_unit(text: str, seconds: float) -> None:
    assert parse_outage_s("--outage", text) == seconds
    assert parse_outage_s("--outage", written_duration(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "30", "-1m", "m", "721h", "1d", "1e3s", "inf", "nan"])
def test_a_duration_without_a_unit_or_beyond_30_days_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--outage"):
        parse_outage_s("--outage", text)
