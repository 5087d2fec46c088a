"""How many may wait at the door of our Storage SCP, and how many may come in."""

import pytest

from dicom_retrieve_tui.network import connection_limits as visitors
from dicom_retrieve_tui.network.connection_limits import Visitor, Visitors


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitors, "WAITING_MAX", 4)
    monkeypatch.setattr(visitors, "WAITING_AN_ADDRESS_MAX", 2)
    monkeypatch.setattr(visitors, "ASSOCIATIONS_MAX", 3)
    monkeypatch.setattr(visitors, "ASSOCIATIONS_AN_ADDRESS_MAX", 2)
    monkeypatch.setattr(visitors, "CONNECTIONS_MAX", 7)


def _enter(house: Visitors, *addresses: str) -> list[Visitor]:
    entered = [house.enter(address) for address in addresses]
    return [each for each in entered if each is not None]


def test_the_one_that_waited_longest_goes_first_of_its_address() -> None:
    assert not any(each.sent_away for each in _enter(Visitors(), "b", "a", "a"))

    house = Visitors()
    others, one, two, three = _enter(house, "b", "a", "a", "a")
    assert [others.sent_away, one.sent_away, two.sent_away, three.sent_away] == [
        False, True, False, False,
    ]  # fmt: skip


def test_the_one_that_waited_longest_goes_first_of_all() -> None:
    entered = _enter(Visitors(), "a", "b", "c", "d", "e")

    assert [each.address for each in entered if each.sent_away] == ["a"]


def test_whoever_has_an_association_waits_no_more() -> None:
    house = Visitors()
    (inside,) = _enter(house, "a")
    assert house.associate(inside)
    _enter(house, "a", "a", "a")

    assert not inside.sent_away


def test_associations_are_counted_by_address_and_in_all() -> None:
    house = Visitors()
    one, two, three, other, last = _enter(house, "a", "a", "b", "c", "a")
    assert house.associate(one)
    assert house.associate(two)
    assert not house.associate(last)
    assert house.associate(three)
    assert not house.associate(other)

    house.leave(one)
    assert house.associate(other)


def test_a_full_house_lets_nobody_in() -> None:
    house = Visitors()

    assert len(_enter(house, *"abcdefgh")) == 7
