"""Row 80: archives that offer C-FIND and the retrieval in different query models, or serve one."""

from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.choices import QueryModel
from dicom_retrieve_tui.model.verdict import Verdict
from tests.faults.catalogue import Told, fault
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, RawPacs, Request, instances
from tests.runs import get_plan, move_plan, run, settings, verdict_of

_ROOT = "1.2.840.10008.5.1.4.1.2"
_PATIENT_FIND, _PATIENT_MOVE, _PATIENT_GET = (f"{_ROOT}.1.{number}" for number in (1, 2, 3))
_STUDY_FIND, _STUDY_MOVE, _STUDY_GET = (f"{_ROOT}.2.{number}" for number in (1, 2, 3))
_PATIENT_ID = 0x00100020
_FIND = 0x20
_DOES_NOT_MATCH, _MISSING_ATTRIBUTE = 0xA900, 0x0120


class _Models(MovingPacs):
    """Offers some of the query models, and serves as the test says."""

    offers_not: frozenset[str] = frozenset({_PATIENT_FIND, _STUDY_GET, _STUDY_MOVE})
    patient_id = "T-0001"
    refusal = _DOES_NOT_MATCH
    serves_all: bool | None = None
    """None: what has the right Patient ID."""

    def on_associate(self, conversation: Conversation) -> None:
        conversation.accept(refused=self.offers_not)

    def find(self, request: Request) -> list[dict[int, str]]:
        return [
            row | ({_PATIENT_ID: self.patient_id} if request.level == "STUDY" else {})
            for row in super().find(request)
        ]

    def serves(self, request: Request) -> bool:
        if self.serves_all is not None:
            return self.serves_all
        return request.key(_PATIENT_ID) == "T-0001"

    def on_get(self, conversation: Conversation, request: Request) -> None:
        if self.serves(request):
            super().on_get(conversation, request)
        else:
            conversation.respond(request, self.refusal)

    def on_move(self, conversation: Conversation, request: Request) -> None:
        if self.serves(request):
            super().on_move(conversation, request)
        else:
            conversation.respond(request, self.refusal)

    @property
    def studies_asked(self) -> int:
        """C-FINDs at the STUDY level."""
        return sum(r.number(0x0100) == _FIND and r.level == "STUDY" for r in self.requests)


@fault(70, user_reads="complete")
def test_c_get_in_patient_root_gets_the_patient_id_from_study_root(tmp_path: Path) -> Told:
    with _Models() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(pacs.retrievals) == pacs.studies_asked == 1
    return events


@fault(70, user_reads="complete")
def test_c_move_in_patient_root_gets_the_patient_id_from_study_root(tmp_path: Path) -> Told:
    with _Models() as pacs:
        events = run(move_plan(), pacs.settings(tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(pacs.retrievals) == pacs.studies_asked == 1
    return events


@fault(70, user_reads="complete")
def test_c_find_in_patient_root_goes_with_c_get_in_study_root(tmp_path: Path) -> Told:
    with _Models() as pacs:
        pacs.offers_not = frozenset({_STUDY_FIND, _PATIENT_GET, _PATIENT_MOVE})
        pacs.serves_all = True
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert [request.key(_PATIENT_ID) for request in pacs.retrievals] == [""]
    return events


class _ServesPatientRoot(_Models):
    """Offers both models, and serves Patient Root."""

    offers_not: frozenset[str] = frozenset()

    def serves(self, request: Request) -> bool:
        served = {_PATIENT_GET, _PATIENT_MOVE}
        return super().serves(request) and request.command[2].decode().strip("\0") in served


@fault(70, user_reads="complete")
@pytest.mark.parametrize("refusal", [_DOES_NOT_MATCH, _MISSING_ATTRIBUTE, 0x0122])
def test_the_model_that_is_served_is_found_and_remembered(refusal: int, tmp_path: Path) -> Told:
    holdings = instances(2) + instances(2, study="1.2.4", series="1.2.4.1")
    with _ServesPatientRoot(holdings) as pacs:
        pacs.refusal = refusal
        events = run(get_plan("1.2.3", "1.2.4"), settings(pacs.port, tmp_path))

    assert verdict_of(events, "1.2.3").verdict is Verdict.COMPLETE
    assert verdict_of(events, "1.2.4").verdict is Verdict.COMPLETE
    assert [request.key(0x0020000D) for request in pacs.retrievals] == [*["1.2.3"] * 3, "1.2.4"]
    return events


@fault(70, user_reads="complete")
def test_an_archive_that_wants_the_patient_id_in_study_root_gets_it(tmp_path: Path) -> Told:
    with _Models() as pacs:
        pacs.offers_not = frozenset({_PATIENT_FIND, _PATIENT_GET, _PATIENT_MOVE})
        pacs.refusal = _MISSING_ATTRIBUTE
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert [request.key(_PATIENT_ID) for request in pacs.retrievals] == ["", "T-0001"]
    return events


@fault(70, user_reads="which needs a Patient ID, and C-FIND returned none. Give the study")
def test_a_patient_id_that_is_not_known_is_named_as_the_cause(tmp_path: Path) -> Told:
    with _Models() as pacs:
        pacs.patient_id = ""
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.FAILED
    assert len(pacs.retrievals) == 1
    return events


@fault(70, user_reads="does not offer C-GET in the query model study-root. Try --query-model auto.")
def test_in_the_wrong_model_the_advice_is_the_one_that_helps(tmp_path: Path) -> Told:
    with _Models() as pacs:
        given = replace(settings(pacs.port, tmp_path), query_model=QueryModel.STUDY_ROOT)
        events = run(get_plan(), given)

    assert verdict_of(events).reason.endswith("Try --query-model auto.")
    return events


@fault(70, user_reads="status 0xA900")
def test_what_is_refused_in_every_model_is_asked_for_in_each_once_a_run(tmp_path: Path) -> Told:
    with _Models(instances(1) + instances(1, study="1.2.4", series="1.2.4.1")) as pacs:
        pacs.offers_not = frozenset()
        pacs.serves_all = False
        events = run(get_plan("1.2.3", "1.2.4"), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.FAILED
    assert [request.key(0x0020000D) for request in pacs.retrievals] == [*["1.2.3"] * 3, "1.2.4"]
    return events


@fault(70, user_reads="complete")
def test_an_archive_that_serves_study_root_is_not_asked_for_patients(tmp_path: Path) -> Told:
    with RawPacs() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert not any(_PATIENT_ID in request.identifier for request in pacs.requests)
    return events
