"""What a status means, and advice that can help with the request that it answers."""

import pytest

from dicom_retrieve_tui.model.status import Asked, describe_status, next_step

_FIND = Asked(operation="C-FIND")
_GET = Asked(operation="C-GET", other_way="Try --method c-move.")
_MOVE = Asked(operation="C-MOVE", other_way="Try --method c-get.")
_MOVE_CAME = Asked(operation="C-MOVE", came=True)


def test_a_status_is_told_by_number_meaning_comment_and_next_step() -> None:
    assert describe_status(0xA700, "no space", _GET) == (
        'status 0xA700: out of resources ("no space"). Try again later.'
    )


@pytest.mark.parametrize("status", [0x0122, 0x0211, 0xA702, 0xA801, 0xC801])
def test_another_operation_is_advised_only_where_there_is_one(status: int) -> None:
    assert next_step(status, _MOVE).endswith("Try --method c-get.")
    assert "--method" not in next_step(status, _MOVE_CAME)
    assert "--method" not in next_step(status, _FIND)


@pytest.mark.parametrize("status", [0xA702, 0xC000, 0xC123])
def test_the_move_destination_is_suspected_only_where_nothing_came_by_a_c_move(
    status: int,
) -> None:
    assert "move destination" in next_step(status, _MOVE)
    assert "move destination" not in next_step(status, _MOVE_CAME)
    assert "move destination" not in next_step(status, _GET)
    assert "move destination" not in next_step(status, _FIND)


def test_what_c_get_lacks_is_told_of_c_get_alone() -> None:
    assert "presentation context" in next_step(0xA702, _GET)
    assert "presentation context" not in next_step(0xA702, _MOVE)


def test_a_right_is_asked_for_what_was_refused() -> None:
    assert "right to query" in next_step(0x0124, _FIND)
    assert "right to retrieve" in next_step(0x0124, _GET)


@pytest.mark.parametrize("asked", [_FIND, _GET, _MOVE])
def test_every_status_but_success_has_a_next_step(asked: Asked) -> None:
    for status in range(0x0001, 0x10000, 7):
        assert next_step(status, asked)
