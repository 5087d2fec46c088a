"""The studies of the demonstration PACS: invented people, synthetic pixels, the same every time."""

from dicom_retrieve_tui.demo.images import cr_series, ct_series, mr_series
from dicom_retrieve_tui.demo.instances import Attributes, DemoStudy, build_study
from dicom_retrieve_tui.demo.report import report_series
from dicom_retrieve_tui.demo.ultrasound import us_cine, us_stills

_ADA: Attributes = {
    "PatientName": "Example^Ada",
    "PatientID": "DEMO-0001",
    "PatientBirthDate": "19551210",
    "PatientSex": "F",
}
_BORIS: Attributes = {
    "PatientName": "Sample^Boris",
    "PatientID": "DEMO-0002",
    "PatientBirthDate": "19780402",
    "PatientSex": "M",
}
_ZOE: Attributes = {
    "PatientName": "Muster^Zoë",  # outside ASCII, as real names are
    "PatientID": "DEMO-0003",
    "PatientBirthDate": "19910823",
    "PatientSex": "F",
}


def demo_studies() -> tuple[DemoStudy, ...]:
    """Build every study, with the same bytes and UIDs each time."""
    return (_chest_ct(), _chest_films(), _head_mr(), _abdomen_ultrasound())


def _chest_ct() -> DemoStudy:
    name = "chest CT"
    series = [
        ct_series(name, "Thorax 5 mm soft tissue", slices=24, spacing_mm=5.0, kernel="SOFT"),
        ct_series(name, "Thorax 5 mm lung", slices=24, spacing_mm=5.0, kernel="LUNG"),
        ct_series(name, "Thorax 15 mm overview", slices=8, spacing_mm=15.0, kernel="SOFT"),
    ]
    return build_study(
        name, study_attributes(_ADA, "CT chest", 1, date="20260311", time="091500"), series
    )


def _chest_films() -> DemoStudy:
    name = "chest films"
    series = [
        cr_series(name, "Chest PA and lateral"),
        report_series(
            "Radiology report",
            findings=["Lungs clear. Heart of normal size.", "The patient is a set of ellipses."],
            impressions=["A healthy phantom."],
        ),
    ]
    return build_study(
        name,
        study_attributes(_ADA, "Chest X-ray and report", 2, date="20260227", time="140230"),
        series,
    )


def _head_mr() -> DemoStudy:
    name = "head MR"
    series = [
        mr_series(name, "T1 SE axial", slices=16, echo_ms=12, fluid=250),
        mr_series(name, "T2 SE axial", slices=16, echo_ms=100, fluid=1800),
    ]
    return build_study(
        name, study_attributes(_BORIS, "MR head", 3, date="20260318", time="163005"), series
    )


def _abdomen_ultrasound() -> DemoStudy:
    name = "abdomen ultrasound"
    series = [
        us_stills(name, "Liver and kidneys", images=8),
        us_cine(name, "Aorta, colour Doppler", frames=16),
    ]
    return build_study(
        name,
        study_attributes(_ZOE, "Ultrasound abdomen", 4, date="20260402", time="110045"),
        series,
    )


def study_attributes(
    patient: Attributes, description: str, number: int, *, date: str, time: str
) -> Attributes:
    """Return the attributes of a study that all its instances share."""
    return {
        **patient,
        "StudyDate": date,
        "SeriesDate": date,
        "ContentDate": date,
        "StudyTime": time,
        "SeriesTime": time,
        "ContentTime": time,
        "StudyID": str(number),
        "AccessionNumber": f"ACC{number:04}",
        "StudyDescription": description,
        "ReferringPhysicianName": "Referrer^Invented",
        "Manufacturer": "Dicom Retrieve",
        "ManufacturerModelName": "Phantom",
        "InstitutionName": "Demonstration Hospital",
    }
