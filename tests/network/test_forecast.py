"""The forecast of bytes while a run goes on."""

from pathlib import Path

from dicom_retrieve_tui.model.events import SpaceForecast
from tests.peers.raw_pacs import RawPacs, instances
from tests.runs import get_plan, of_kind, run, settings

_STUDIES = [f"1.2.{number}" for number in range(1, 9)]


def test_studies_that_have_not_begun_are_in_the_forecast_of_a_run(tmp_path: Path) -> None:
    held = [each for uid in _STUDIES for each in instances(3, study=uid, series=f"{uid}.1")]
    with RawPacs(held) as pacs:
        events = run(get_plan(*_STUDIES), settings(pacs.port, tmp_path))

    # Once the first study is complete, the others are taken to be like it.
    first = of_kind(SpaceForecast, events)[0]
    assert (first.studies, first.estimated) == (1, 6)
