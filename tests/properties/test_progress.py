"""Progress folded from any run that may be told."""

from collections.abc import Iterable

from hypothesis import given, settings

from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.progress import Progress
from dicom_retrieve_tui.model.verdict import GOOD
from tests.properties.stories import runs


def folded(story: Iterable[events.Event]) -> Progress:
    progress = Progress()
    for event in story:
        progress.apply(event)
    return progress


@settings(deadline=None, max_examples=60, derandomize=True)
@given(runs())
def test_the_totals_are_the_sums_whatever_the_interleaving(story: list[events.Event]) -> None:
    progress = folded(story)
    studies = progress.studies.values()
    inventories = [event for event in story if isinstance(event, events.StudyInventoried)]
    strays = [
        event
        for event in story
        if isinstance(event, events.InstanceRefused) and event.study_instance_uid is None
    ]

    assert progress.stored == sum(study.stored for study in studies)
    assert progress.present == sum(study.present for study in studies)
    assert progress.received_bytes == sum(study.received_bytes for study in studies)
    assert progress.set_aside == sum(study.set_aside for study in studies)
    assert progress.refused == sum(study.refused for study in studies) + len(strays)
    assert progress.expected == sum(event.expected or 0 for event in inventories)
    assert progress.finished == len(studies) == progress.studies_total
    assert progress.good == sum(study.verdict in GOOD for study in studies)
    assert progress.associations == 0
    assert progress.verdict is not None
    assert progress.complete == (bool(studies) and progress.good == progress.studies_total)


@settings(deadline=None, max_examples=25, derandomize=True)
@given(runs())
def test_the_same_events_give_the_same_state(story: list[events.Event]) -> None:
    assert folded(story) == folded(story)
