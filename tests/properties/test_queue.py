"""The queue keeps the order of a list."""

from hypothesis import given
from hypothesis import strategies as st

from dicom_retrieve_tui.engine.queue import PendingTasks, StudyTask
from dicom_retrieve_tui.model.selection import Selection


def _selection(uid: str) -> Selection:
    return Selection(study_instance_uid=uid)


_STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "promote", "take", "take out"]), st.integers(0, 9)),
    max_size=60,
)


@given(_STEPS)
def test_studies_are_taken_in_the_order_of_a_list(steps: list[tuple[str, int]]) -> None:
    pending, expected = PendingTasks(), list[str]()
    for step, number in steps:
        uid = f"1.{number}"
        if step == "take":
            found = pending.take_first()
            uids = [] if found is None else [_uid(found)]
            assert uids == expected[:1]
            del expected[:1]
        elif step == "add" and uid not in expected:
            pending.add(_selection(uid))
            expected.append(uid)
        elif uid in expected and step != "add":
            expected.remove(uid)
            if step == "promote":
                pending.promote(uid)
                expected.insert(0, uid)
            else:
                assert _uid(pending.take_out(uid)) == uid
        assert list(pending) == expected
        assert len(pending) == pending.ready == len(expected)
        assert (uid in pending) == (uid in expected)


def _uid(found: Selection | StudyTask) -> str:
    return found.uid if isinstance(found, StudyTask) else found.study_instance_uid
