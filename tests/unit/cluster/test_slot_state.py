from dicom_retrieve_tui.cluster.slot_state import Lease, regrant, shares


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
