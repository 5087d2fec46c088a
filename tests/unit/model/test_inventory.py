"""How long a list is, and whether that looks like a limit of the PACS."""

from dicom_retrieve_tui.model.inventory import looks_capped


def test_round_numbers_look_like_a_cap() -> None:
    capped = [n for n in range(1300) if looks_capped(n)]

    assert capped == [100, 128, 200, 250, 256, 500, 512, 750, 1000, 1024]
    assert looks_capped(3000)
    assert looks_capped(10000)
