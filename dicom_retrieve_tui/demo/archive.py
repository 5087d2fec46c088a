"""A year of small studies of twenty invented patients, so that searches and priors find something.

The patients' family names mean "example" in many languages. Studies share their pixels, so that the
archive is there at once.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from dicom_retrieve_tui.demo.images import ct_series, mr_series
from dicom_retrieve_tui.demo.instances import Attributes, DemoStudy, SeriesPlan, build_study
from dicom_retrieve_tui.demo.report import report_series
from dicom_retrieve_tui.demo.studies import demo_studies, study_attributes

_FIRST_DAY = date(2025, 4, 7)
_DAYS = 360
_ACCESSIONS_FROM = 101

_PEOPLE = (
    ("Example^Ada", "F", "19551210"),
    ("Sample^Boris", "M", "19780402"),
    ("Muster^Zoë", "F", "19910823"),
    ("Beispiel^Jürgen", "M", "19490117"),
    ("Exemple^Chloé", "F", "20010930"),
    ("Ejemplo^Íñigo", "M", "19630625"),
    ("Przykład^Łucja", "F", "19840311"),
    ("Příklad^Šimon", "M", "20120529"),
    ("Örnek^Ayşe", "F", "19721108"),
    ("Παράδειγμα^Άννα", "F", "19600214"),
    ("Пример^Иван", "M", "19380722"),
    ("Приклад^Олена", "F", "19950405"),
    ("Rei^Tarou=例^太郎=れい^たろう", "M", "19690909"),
    ("Rei^Hanako=例^花子=れい^はなこ", "F", "19880606"),
    ("Yesi^Minjun=예시^민준", "M", "20051224"),
    ("Shili^Wei=示例^伟", "M", "19571001"),
    ("Ví dụ^Ánh", "F", "19790718"),
    ("उदाहरण^आशा", "F", "19660303"),
    ("דוגמה^נועה", "F", "19930112"),
    ("مثال^سارة", "F", "19810820"),
)
"""Patient's Name, sex and date of birth."""

_KINDS = ("CT", "MR", "CT", "MR", "CT")
_STUDIES_OF_EACH = (4, 1, 3, 2, 1)
"""Number of studies, patient by patient, from the start again after the last."""


def year_of_studies() -> tuple[DemoStudy, ...]:
    """Build the studies of the year, with the same UIDs each time."""
    ct, mr = _ct_plans(), _mr_plans()
    studies: list[DemoStudy] = []
    for number, person in enumerate(_PEOPLE):
        for prior in range(_STUDIES_OF_EACH[number % len(_STUDIES_OF_EACH)]):
            kind = _KINDS[(number + prior) % len(_KINDS)]
            day = _FIRST_DAY + timedelta(days=(number * 37 + prior * 91) % _DAYS)
            plans = ct if kind == "CT" else mr
            title = "CT chest, follow-up" if kind == "CT" else "MR head"
            name = f"archive {number} {prior}"
            accession = _ACCESSIONS_FROM + len(studies)
            common = study_attributes(
                _patient(number, person),
                title,
                accession,
                date=f"{day:%Y%m%d}",
                time=f"{8 + number % 10:02}{7 * prior:02}00",
            )
            studies.append(build_study(name, common, plans))
    return tuple(studies)


def demo_archive() -> tuple[DemoStudy, ...]:
    """Build all studies of the application's demonstration; the four large ones come first."""
    return (*demo_studies(), *year_of_studies())


def _patient(number: int, person: tuple[str, str, str]) -> Attributes:
    name, sex, born = person
    return {
        "PatientName": name,
        "PatientID": f"DEMO-{number + 1:04}",
        "PatientBirthDate": born,
        "PatientSex": sex,
    }


def _ct_plans() -> Sequence[SeriesPlan]:
    images = ct_series("archive", "Thorax 5 mm", slices=3, spacing_mm=5.0, kernel="SOFT")
    report = report_series(
        "Report", findings=["No change."], impressions=["The same phantom as before."]
    )
    return (*_parts(images, "Scout", "Thorax 5 mm", "Thorax 1 mm lung"), report)


def _mr_plans() -> Sequence[SeriesPlan]:
    images = mr_series("archive", "T1 axial", slices=2, echo_ms=12, fluid=250)
    return _parts(images, "T1 axial", "T2 axial", "FLAIR")


def _parts(plan: SeriesPlan, *descriptions: str) -> Sequence[SeriesPlan]:
    """Return a series of the same images for each description; the first has one image."""
    images = tuple(plan.instances)
    return [
        replace(
            plan,
            name=description,
            common={**plan.common, "SeriesDescription": description},
            instances=images if number else images[:1],
        )
        for number, description in enumerate(descriptions)
    ]
