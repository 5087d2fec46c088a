"""Well-formed streams of events, as runs of every kind would tell them."""

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.verdict import Verdict, total_verdict
from tests.unit.model.told import stored


@dataclass(frozen=True)
class Story:
    """What happens to one study, or on one association, in its order."""

    events: tuple[events.Event, ...]
    verdict: Verdict | None = None


@st.composite
def study_stories(draw: st.DrawFn, uid: str) -> Story:
    """A study from its start to its verdict; it may never get as far as an inventory."""
    story: list[events.Event] = [events.StudyStarted(study_instance_uid=uid, worker=1)]
    verdict = draw(st.sampled_from(Verdict))
    expected, count = None, 0
    if draw(st.booleans()):
        expected = draw(st.none() | st.integers(0, 50))
        present = draw(st.integers(0, expected or 0))
        story.append(
            events.StudyInventoried(
                study_instance_uid=uid,
                listed=expected is not None,
                series=1,
                expected=expected,
                present=present,
            )
        )
        count = present
        for number in range(draw(st.integers(0, 6))):
            happening = draw(st.sampled_from(["stored", "bytes", "counted", "refused", "aside"]))
            story.append(_happening(uid, number, happening, draw(st.integers(0, 9999))))
            count += happening == "stored"
    story.append(
        events.StudyFinished(
            study_instance_uid=uid, verdict=verdict, expected=expected, stored=count
        )
    )
    return Story(tuple(story), verdict)


def _happening(uid: str, number: int, happening: str, size_bytes: int) -> events.Event:
    match happening:
        case "stored":
            return stored(uid, number, size_bytes)
        case "bytes":
            return events.BytesReceived(study_instance_uid=uid, size_bytes=size_bytes)
        case "counted":
            return events.PeerCounted(
                study_instance_uid=uid, remaining=number, completed=None, failed=0, warning=None
            )
        case "refused":
            return events.InstanceRefused(
                study_instance_uid=uid, sop_instance_uid="1", status=0xC000, reason="damaged"
            )
        case _:
            return events.InstanceSetAside(
                study_instance_uid=uid, sop_instance_uid="1", path=f"aside/{number}"
            )


def association_story(worker: int) -> Story:
    opened = events.AssociationOpened(
        worker=worker, accepted_contexts=1, proposed_contexts=2, peer_max_pdu_bytes=0
    )
    note = events.Noted(study_instance_uid=None, text="it is slow")
    stray = events.InstanceRefused(
        study_instance_uid=None, sop_instance_uid="9", status=0xA700, reason="it was not requested"
    )
    return Story((opened, note, stray, events.AssociationClosed(worker=worker)))


@st.composite
def runs(draw: st.DrawFn) -> list[events.Event]:
    """A whole run: studies and associations, interleaved in any way."""
    studies = [draw(study_stories(f"1.{n}")) for n in range(draw(st.integers(0, 5)))]
    associations = [association_story(n) for n in range(draw(st.integers(0, 3)))]
    verdicts = [story.verdict for story in studies if story.verdict is not None]
    return [
        events.RetrieveStarted(
            peer="PACS@pacs:104", method="c-get", studies=len(studies), parallel=2
        ),
        *_interleaved(draw, [*studies, *associations]),
        events.RetrieveFinished(verdict=total_verdict(verdicts)),
    ]


def _interleaved(draw: st.DrawFn, stories: Sequence[Story]) -> list[events.Event]:
    turns = draw(st.permutations([n for n, s in enumerate(stories) for _ in s.events]))
    left = [iter(story.events) for story in stories]
    return [next(left[turn]) for turn in turns]
