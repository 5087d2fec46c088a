from hypothesis import given
from hypothesis import strategies as st

from dicom_retrieve_tui.cluster.slot_state import Lease, regrant, shares

_SLOTS = ("a", "b", "c", "d", "e")


def test_associations_are_shared_evenly() -> None:
    assert shares(8, dict.fromkeys("abcd", 8)) == dict.fromkeys("abcd", 2)
    assert shares(6, dict.fromkeys("abcd", 6)) == {"a": 2, "b": 2, "c": 1, "d": 1}
    assert shares(3, dict.fromkeys("abcd", 3)) == {"a": 1, "b": 1, "c": 1, "d": 0}


def test_what_one_slot_has_no_use_for_goes_to_others() -> None:
    assert shares(8, {"a": 8, "b": 0, "c": 1}) == {"a": 7, "b": 0, "c": 1}


def test_a_lowered_grant_is_free_only_once_the_slot_keeps_to_it() -> None:
    leases = {"a": Lease(granted=4), "b": Lease()}

    assert regrant(4, leases, {"a": 2, "b": 2}) == ["a"]
    assert leases["b"].granted == 0

    leases["a"].confirm(3)
    assert regrant(4, leases, {"a": 2, "b": 2}) == ["b"]
    assert leases["b"].granted == 1

    leases["a"].confirm(2)
    assert regrant(4, leases, {"a": 2, "b": 2}) == ["b"]
    assert leases["b"].granted == 2


def test_a_lost_slot_keeps_its_associations_until_they_are_closed() -> None:
    leases = {"lost": Lease(granted=3), "b": Lease()}

    regrant(4, leases, {"b": 4})
    assert leases["b"].granted == 1

    leases["lost"].end()
    regrant(4, leases, {"b": 4})
    assert leases["b"].granted == 4


@given(st.data())
def test_no_sequence_of_changes_exceeds_the_limit(data: st.DataObject) -> None:
    limit = data.draw(st.integers(1, 12))
    leases = {slot: Lease() for slot in _SLOTS}
    in_use = dict.fromkeys(_SLOTS, 0)
    """What slots really use: up to the highest grant that they have not confirmed to be over."""
    for _ in range(data.draw(st.integers(1, 20))):
        users = data.draw(st.sets(st.sampled_from(_SLOTS)))
        wanted = {slot: limit if slot in users else 0 for slot in _SLOTS}
        regrant(limit, leases, shares(limit, wanted))
        for slot in _SLOTS:
            in_use[slot] = max(in_use[slot], leases[slot].granted)
        assert sum(in_use.values()) <= limit
        slot = data.draw(st.sampled_from(_SLOTS))
        using = data.draw(
            st.integers(leases[slot].granted, max(in_use[slot], leases[slot].granted))
        )
        in_use[slot] = using
        leases[slot].confirm(using)
