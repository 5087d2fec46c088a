"""Whose study it is: asked of the PACS only for a user who sees it."""

from dataclasses import replace
from pathlib import Path

from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.search import Search
from dicom_retrieve_tui.model.study_identity import StudyIdentity
from dicom_retrieve_tui.model.study_lookup import Lookup, LookupResult
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.wiring import find_each, open_session
from tests.peers.raw_pacs import RawPacs, Request, instances
from tests.runs import STUDY, get_plan, run, settings, verdict_of

_NAME, _ID, _DATE, _DESCRIPTION, _ACCESSION = (
    0x00100010,
    0x00100020,
    0x00080020,
    0x00081030,
    0x00080050,
)
_MODALITIES, _INSTANCES = 0x00080061, 0x00201208
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


class _Counts(_Names):
    """Lists the modalities of the study, too, and counts its instances."""

    def find(self, request: Request) -> list[dict[int, str]]:
        counts = {_MODALITIES: "CT", _INSTANCES: "3"}
        asked = {tag: text for tag, text in counts.items() if tag in request.identifier}
        return [match | asked for match in super().find(request)]


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


def _looked_up(pacs: RawPacs, folder: Path, *, identify: bool) -> LookupResult:
    found = LookupResult()
    options = settings(pacs.port, folder)
    answers = find_each([Search(accession_number="A1")], options, CancelToken(), identify=identify)
    found.take(Lookup(line=1, accession_number="A1"), next(answers))
    answers.close()
    return found


def test_a_look_up_for_the_screen_identifies_its_study_and_counts_it(tmp_path: Path) -> None:
    with _Counts(instances(3)) as pacs:
        found = _looked_up(pacs, tmp_path, identify=True)

    assert found.identities == {
        STUDY: StudyIdentity(
            patient_name="Example^Ada",
            patient_id="T-0001",
            study_date="20260311",
            modalities=("CT",),
            study_description="Chest",
            accession_number="A1",
        )
    }
    assert found.instances == {STUDY: 3}


def test_a_look_up_without_a_screen_asks_for_no_patient_data_but_the_id(tmp_path: Path) -> None:
    with _Counts(instances(3)) as pacs:
        _looked_up(pacs, tmp_path, identify=False)

    (request,) = pacs.requests
    assert _ADA.keys() & request.identifier.keys() == {_ID, _ACCESSION}
    assert not {_MODALITIES, _INSTANCES} & request.identifier.keys()
