"""Irregular instances in the application: in a study's event and in its details."""

from dataclasses import replace

from dicom_retrieve_tui.model.events import StudyFinished
from dicom_retrieve_tui.model.narration import narrate
from dicom_retrieve_tui.model.progress import Progress
from tests.tui.application import SIZES, opened
from tests.tui.builders import uids
from tests.tui.scripted_session import begins, ends

(A,) = uids(1)
_EXAMPLE = "1.2.3.1: 126 bytes of padding"


def _finished() -> StudyFinished:
    (finished,) = ends(A)
    assert isinstance(finished, StudyFinished)
    return replace(finished, irregular=2, irregular_example=_EXAMPLE)


def test_the_event_of_a_study_names_the_first_and_is_not_grave() -> None:
    line = narrate(_finished(), Progress())

    assert line is not None
    assert line.text.endswith(f"complete 3/3; irregular: 2 instances, for example {_EXAMPLE}")
    assert not line.grave


async def test_the_details_of_a_study_name_the_first() -> None:
    async with opened(SIZES["large"]) as bench:
        await bench.start(A)
        await bench.tell(begins(A, 3), [_finished()])
        await bench.until(bench.session.told)
        await bench.pilot.press("enter")
        await bench.until(lambda: "Irregular 2 instances" in bench.text())

        assert f"kept as sent: {_EXAMPLE}" in bench.joined()
