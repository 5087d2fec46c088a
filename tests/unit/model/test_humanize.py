from pathlib import Path

import pytest

from dicom_retrieve_tui.model.humanize import (
    byte_rate_text,
    clock_text,
    count,
    duration_text,
    folder_text,
    rate_text,
    rounded_size_text,
    shortened,
    size_text,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (count(1, "study"), "1 study"),
        (count(1234, "study"), "1,234 studies"),
        (count(0, "instance"), "0 instances"),
        (count(2, "series"), "2 series"),
        (count(9, "day"), "9 days"),
        (size_text(0), "0 B"),
        (size_text(999), "999 B"),
        (size_text(33_120), "33.1 kB"),
        (size_text(999_960), "1.0 MB"),
        (size_text(63_100_000), "63.1 MB"),
        (size_text(999_960_000), "1.00 GB"),
        (size_text(1_234_567_890_000), "1,234.57 GB"),
        (duration_text(0.04), "0.0 s"),
        (duration_text(59.94), "59.9 s"),
        (duration_text(59.96), "1 min 00 s"),
        (duration_text(723), "12 min 03 s"),
        (duration_text(11_230), "3 h 07 min"),
        (clock_text(None), "--:--"),
        (clock_text(13.4), "0:13"),
        (clock_text(3599), "59:59"),
        (clock_text(11_220), "3:07:00"),
        (rate_text(None), "-/s"),
        (rate_text(0.0), "0/s"),
        (rate_text(3.14), "3.1/s"),
        (rate_text(9.96), "10/s"),
        (rate_text(2000), "2,000/s"),
        (byte_rate_text(None), "- MB/s"),
        (byte_rate_text(12_345_678), "12.3 MB/s"),
        (byte_rate_text(0), "0.0 MB/s"),
        (byte_rate_text(8_060), "8.1 kB/s"),
        (folder_text(Path()), "the current folder"),
        (folder_text(Path("out")), "out/"),
        (folder_text(Path("/")), "/"),
    ],
)
def test_numbers_read_well(text: str, expected: str) -> None:
    assert text == expected


def test_a_uid_keeps_its_tail() -> None:
    uid = "1.2.840.113619.2.55.3.604688119.971.1784201.12"

    assert shortened(uid, 16) == "….971.1784201.12"
    assert shortened(uid, 38).startswith("1.2.840.")
    assert len(shortened(uid, 38)) == 38
    assert shortened("1.2.3", 16) == "1.2.3"


def test_an_estimate_has_two_digits_or_three() -> None:
    sizes = [0, 999, 1_000, 540_321, 999_999, 29_400_000, 1_234_000_000_000, 876e12]

    texts = [rounded_size_text(size) for size in sizes]

    assert texts == [
        "0 B",
        "1.0 kB",
        "1.0 kB",
        "540 kB",
        "1.0 MB",
        "29 MB",
        "1.2 TB",
        "880 TB",
    ]
