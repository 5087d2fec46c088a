"""How the SOP classes of a large study are learnt: at once where the PACS knows them so."""

from pathlib import Path

import pytest

from dicom_retrieve_tui.model.verdict import Verdict
from tests.peers.raw_pacs import CT_IMAGE, Conversation, RawPacs, Request, instances
from tests.runs import get_plan, run, settings, verdict_of

_FIND, _GET = 0x20, 0x10
_CLASSES_IN_STUDY, _SOP_CLASS_UID = 0x00080062, 0x00080016
_OTHER_CLASS = "1.2.840.10008.5.1.4.1.1.4"
_LARGE, _SMALL = 65, 64


class _KnowsClasses(RawPacs):
    """Answers SOP Classes in Study with what it is told to."""

    classes = CT_IMAGE

    def find(self, request: Request) -> list[dict[int, str]]:
        found = super().find(request)
        if request.level == "STUDY":
            found = [match | {_CLASSES_IN_STUDY: self.classes} for match in found]
        return found


class _RefusesStudyLevel(RawPacs):
    def on_find(self, conversation: Conversation, request: Request) -> None:
        if request.level == "STUDY":
            conversation.respond(request, 0xA900)
        else:
            super().on_find(conversation, request)


def _asked_for_each(pacs: RawPacs) -> bool:
    images = [r for r in pacs.requests if r.number(0x0100) == _FIND and r.level == "IMAGE"]
    assert images
    return any(_SOP_CLASS_UID in request.identifier for request in images)


@pytest.mark.parametrize(
    ("peer", "count", "each"),
    [
        (_KnowsClasses, _LARGE, False),
        (_KnowsClasses, _SMALL, True),
        (RawPacs, _LARGE, True),
        (_RefusesStudyLevel, _LARGE, True),
    ],
)
def test_a_large_study_is_asked_for_its_classes_at_once(
    peer: type[RawPacs], count: int, *, each: bool, tmp_path: Path
) -> None:
    with peer(instances(count)) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert verdict_of(events).stored == count
    assert _asked_for_each(pacs) is each


class _LeavesAClassOut(_KnowsClasses):
    """Says that it has MR images only, and sends CT images only where their class was proposed."""

    classes = _OTHER_CLASS


def test_a_class_that_the_pacs_does_not_tell_of_is_found_all_the_same(tmp_path: Path) -> None:
    with _LeavesAClassOut(instances(_LARGE)) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert any(r.number(0x0100) == _GET for r in pacs.requests)
