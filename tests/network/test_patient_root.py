"""The Patient Root model asks by Patient ID, and some studies have none."""

from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import QueryModel
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.wiring import dry_run
from tests.peers.raw_pacs import Conversation, RawPacs, Request
from tests.runs import STUDY, get_plan, run, settings, verdict_of

_STUDY_ROOT = frozenset(f"1.2.840.10008.5.1.4.1.2.2.{n}" for n in "123")
_PATIENT_ID = 0x00100020
_NOT_LISTED = (
    "The PACS has this study without a Patient ID, which the Patient Root model needs, so its "
    "contents cannot be listed."
)


class _WithoutPatientId(RawPacs):
    """Has studies without Patient ID, in the Patient Root model alone."""

    def on_associate(self, conversation: Conversation) -> None:
        conversation.accept(refused=_STUDY_ROOT)

    def find(self, request: Request) -> list[dict[int, str]]:
        return [match | {_PATIENT_ID: " "} for match in super().find(request)]


class _Strict(_WithoutPatientId):
    """Sends nothing without the Patient ID, which an SCU has to give: PS3.4 section C.4.3.2.1."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        assert not request.key(_PATIENT_ID)
        conversation.respond(request, 0xA900)


def test_what_is_there_without_a_patient_id_is_asked_for_and_not_called_missing(
    tmp_path: Path,
) -> None:
    with _WithoutPatientId() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored) == (Verdict.UNVERIFIED, 3)
    assert finished.reason == (
        f"{_NOT_LISTED} It offers no other model: give the study a Patient ID in the PACS."
    )


@pytest.mark.parametrize(
    ("model", "next_step"),
    [
        (QueryModel.AUTO, "It offers no other model: give the study a Patient ID in the PACS."),
        (QueryModel.PATIENT_ROOT, "Try --query-model auto."),
    ],
)
def test_a_pacs_that_wants_the_id_that_it_does_not_tell_is_explained(
    model: QueryModel, next_step: str, tmp_path: Path
) -> None:
    with _Strict() as pacs:
        given = replace(settings(pacs.port, tmp_path), query_model=model)
        finished = verdict_of(run(get_plan(), given))

    assert finished.verdict is Verdict.FAILED
    assert "0xA900" in finished.reason
    assert finished.reason.endswith(f"{_NOT_LISTED} {next_step}")


def test_a_survey_says_so_too(tmp_path: Path) -> None:
    with _WithoutPatientId() as pacs:
        events = list(dry_run(*get_plan().on(settings(pacs.port, tmp_path)), CancelToken()))

    assert verdict_of(events).verdict is Verdict.UNVERIFIED
    assert verdict_of(events).reason.startswith(_NOT_LISTED)


def test_a_study_that_is_not_there_is_not_found_as_ever(tmp_path: Path) -> None:
    with _WithoutPatientId([]) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events, STUDY).verdict is Verdict.NOT_FOUND
