"""How long a list is, and whether that looks like a limit of the PACS."""

import pytest

from dicom_retrieve_tui.model.inventory import Inventory, ListedInstance, looks_capped


def test_round_numbers_look_like_a_cap() -> None:
    capped = [n for n in range(1300) if looks_capped(n)]

    assert capped == [100, 128, 200, 250, 256, 500, 512, 750, 1000, 1024]
    assert looks_capped(3000)
    assert looks_capped(10000)


@pytest.mark.parametrize(
    ("series_count", "counted", "study_counted", "capped"),
    [
        (1, False, False, True),
        (1, True, False, False),
        (100, True, False, True),
        (100, True, True, False),
    ],
)
def test_a_count_of_each_series_does_not_show_that_the_series_are_all(
    series_count: int, *, counted: bool, study_counted: bool, capped: bool
) -> None:
    inventory = Inventory(
        study_instance_uid="1.2.3",
        listed=True,
        instances=tuple(
            ListedInstance(
                series_instance_uid=f"1.2.3.{number % series_count}",
                sop_instance_uid=f"1.2.3.0.{number}",
                sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
            )
            for number in range(100)
        ),
        series_instance_uids=tuple(f"1.2.3.{number}" for number in range(series_count)),
        counted=counted,
        study_counted=study_counted,
    )

    assert inventory.looks_capped is capped
