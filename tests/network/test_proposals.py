"""What we propose in an A-ASSOCIATE-RQ, as a profile or a flag wants it: models, and a length."""

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.doctor.result import Check, Outcome, Step
from dicom_retrieve_tui.errors import ContextNotAccepted
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import QueryModel
from dicom_retrieve_tui.model.search import Search
from dicom_retrieve_tui.model.verdict import Verdict
from tests.peers.raw_pacs import Conversation, RawPacs, instances
from tests.runs import diagnose, get_plan, run, settings, verdict_of

_STUDY_ROOT, _PATIENT_ROOT = "1.2.840.10008.5.1.4.1.2.2.", "1.2.840.10008.5.1.4.1.2.1."


class _Notes(RawPacs):
    """Keeps what was proposed, and refuses one model's classes."""

    def __init__(self, refused: str = "") -> None:
        super().__init__(instances(3))
        self._refused = frozenset(refused + number for number in "123") if refused else frozenset()
        self.models: set[str] = set()
        self.lengths: set[int] = set()

    def on_association(self, conversation: Conversation) -> None:
        body = conversation.read_associate()
        at = body.index(b"\x51\x00\x00\x04")
        self.lengths.add(struct.unpack_from(">L", body, at + 4)[0])
        for abstract_syntax, _ in conversation.contexts.values():
            if abstract_syntax.startswith((_STUDY_ROOT, _PATIENT_ROOT)):
                self.models.add(abstract_syntax[: len(_STUDY_ROOT)])
        conversation.accept(self._refused)
        while True:
            request = conversation.read()
            self.requests.append(request)
            self.on_request(conversation, request)


@pytest.mark.parametrize(
    ("model", "proposed"),
    [
        (QueryModel.AUTO, {_STUDY_ROOT, _PATIENT_ROOT}),
        (QueryModel.STUDY_ROOT, {_STUDY_ROOT}),
        (QueryModel.PATIENT_ROOT, {_PATIENT_ROOT}),
    ],
)
def test_a_retrieval_proposes_the_models_that_were_chosen(
    model: QueryModel, proposed: set[str], tmp_path: Path
) -> None:
    with _Notes() as pacs:
        events = run(get_plan(), replace(settings(pacs.port, tmp_path), query_model=model))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert pacs.models == proposed
    if model is QueryModel.PATIENT_ROOT:  # which wants the patient's ID with every request
        assert pacs.requests[-1].key(0x00100020) == "T-0001"


def test_a_model_that_is_not_offered_is_named_with_its_flag(tmp_path: Path) -> None:
    with _Notes(refused=_PATIENT_ROOT) as pacs:
        given = replace(settings(pacs.port, tmp_path), query_model=QueryModel.PATIENT_ROOT)
        with pytest.raises(ContextNotAccepted) as caught:
            list(wiring.find(Search(patient_id="T-0001"), given, CancelToken()))
        events = run(get_plan(), given)

    assert pacs.models == {_PATIENT_ROOT}
    assert "does not offer C-FIND in the query model patient-root" in str(caught.value)
    assert "--query-model auto" in str(caught.value)
    assert verdict_of(events).verdict is not Verdict.COMPLETE


def test_doctor_looks_at_the_model_that_was_chosen(tmp_path: Path) -> None:
    with _Notes(refused=_STUDY_ROOT) as pacs:
        given = replace(settings(pacs.port, tmp_path), query_model=QueryModel.STUDY_ROOT)
        found = diagnose(get_plan(), given)

    outcomes = {step.check: step.outcome for step in found if isinstance(step, Step)}
    assert outcomes[Check.FIND] is Outcome.FAILED
    assert outcomes[Check.GET] is Outcome.FAILED
    assert pacs.models == {_STUDY_ROOT}


def test_the_peer_is_told_how_long_a_pdu_may_be(tmp_path: Path) -> None:
    with _Notes() as pacs:
        given = replace(settings(pacs.port, tmp_path), max_pdu_bytes=8192)
        list(wiring.find(Search(patient_id="T-0001"), given, CancelToken()))
        run(get_plan(), given)

    assert pacs.lengths == {8192}
