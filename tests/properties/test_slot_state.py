"""Workers never use more associations than the limit."""

from hypothesis import given
from hypothesis import strategies as st

from dicom_retrieve_tui.cluster.slot_state import Lease, regrant, shares

_SLOTS = ("a", "b", "c", "d", "e")


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
