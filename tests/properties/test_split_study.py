"""The requests into which any study is cut ask for all of it, each with its keys."""

from hypothesis import given
from hypothesis import strategies as st

from dicom_retrieve_tui.engine.split_study import UIDS_A_REQUEST_MAX, SharedRequests
from dicom_retrieve_tui.engine.study_state import StudyState
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.inventory import Inventory, ListedInstance
from dicom_retrieve_tui.model.selection import RetrieveRequest, Selection


def _requests(
    series_sizes: list[int], workers: int
) -> tuple[frozenset[str], list[RetrieveRequest]]:
    """The instances of a study with series of these sizes, and the requests it is cut into."""
    instances = tuple(
        ListedInstance(series_instance_uid=f"1.{series}", sop_instance_uid=f"1.{series}.{n}")
        for series, size in enumerate(series_sizes, start=1)
        for n in range(1, size + 1)
    )
    inventory = Inventory(study_instance_uid="1.2.3", listed=True, instances=instances)
    study = StudyState(Selection(study_instance_uid="1.2.3"), inventory)
    shared = SharedRequests(study, workers)
    return study.expected, list(iter(shared.take, None))


def _assert_each_is_asked_for_once(series_sizes: list[int], workers: int) -> None:
    expected, requests = _requests(series_sizes, workers)

    asked = [uid for request in requests for uid in request.sop_instance_uids]
    assert len(asked) == len(set(asked))
    assert frozenset(asked) == expected
    for request in requests:
        assert request.level is Level.IMAGE
        assert 0 < len(request.sop_instance_uids) <= UIDS_A_REQUEST_MAX


def test_every_count_is_cut_into_requests_with_keys_for_every_number_of_workers() -> None:
    for workers in range(2, 17):
        for count in [*range(1, 400), 1000, 2001, 5003]:
            _assert_each_is_asked_for_once([count], workers)


@given(st.lists(st.integers(1, 300), min_size=1, max_size=40), st.integers(2, 32))
def test_series_of_any_size_are_cut_into_requests_with_keys(
    series_sizes: list[int], workers: int
) -> None:
    _assert_each_is_asked_for_once(series_sizes, workers)
