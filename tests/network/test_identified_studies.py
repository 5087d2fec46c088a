"""Whose study it is: asked of the PACS only for a user who sees it."""

from dataclasses import replace
from pathlib import Path

from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.study_identity import StudyIdentity
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.wiring import open_session
from tests.peers.raw_pacs import RawPacs, Request, instances
from tests.runs import STUDY, get_plan, run, settings, verdict_of

_NAME, _ID, _DATE, _DESCRIPTION, _ACCESSION = (
    0x00100010,
    0x00100020,
    0x00080020,
    0x00081030,
    0x00080050,
)
_ADA = {
    _NAME: "Example^Ada",
    _ID: "T-0001",
    _DATE: "20260311",
    _DESCRIPTION: "Chest",
    _ACCESSION: "A1",
}


class _Names(RawPacs):
    """Returns patient, date and description of the study, if it is asked for them."""

    def find(self, request: Request) -> list[dict[int, str]]:
        matches = super().find(request)
        if request.level != "STUDY":
            return matches
        asked = {tag: text for tag, text in _ADA.items() if tag in request.identifier}
        return [match | asked for match in matches]


def _identities(pacs: RawPacs, folder: Path) -> dict[str, StudyIdentity]:
    found: dict[str, StudyIdentity] = {}
    selections, options = get_plan().on(settings(pacs.port, folder))
    session = open_session(selections, options, CancelToken(), identified=found.__setitem__)
    session.finish()
    assert verdict_of(list(session.events())).verdict is Verdict.COMPLETE
    return found


def test_a_small_study_is_identified_before_it_is_retrieved(tmp_path: Path) -> None:
    with _Names(instances(3)) as pacs:
        found = _identities(pacs, tmp_path)

    (series,) = found[STUDY].series
    assert (series.modality, series.expected, series.present) == ("CT", 3, 0)
    assert {STUDY: replace(found[STUDY], series=())} == {
        STUDY: StudyIdentity(
            patient_name="Example^Ada",
            patient_id="T-0001",
            study_date="20260311",
            modalities=("CT",),
            study_description="Chest",
            accession_number="A1",
        )
    }


def test_by_default_the_pacs_is_asked_for_no_patient_data(tmp_path: Path) -> None:
    with _Names(instances(70)) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert any(request.level == "STUDY" for request in pacs.requests)
    for request in pacs.requests:
        assert not _ADA.keys() & request.identifier.keys()


def test_what_is_on_disk_counts_for_its_series_and_no_file_of_ours_names_the_patient(
    tmp_path: Path,
) -> None:
    with _Names(instances(3)) as pacs:
        _identities(pacs, tmp_path)
        found = _identities(pacs, tmp_path)

    assert [(each.expected, each.present) for each in found[STUDY].series] == [(3, 3)]
    ours = [path for path in tmp_path.rglob(".dicom-retrieve/**/*") if path.is_file()]
    assert ours
    assert not [path for path in ours if b"Example" in path.read_bytes()]
