"""The forecast of bytes while a run goes on."""

from pathlib import Path

from dicom_retrieve_tui.model.events import SpaceForecast
from dicom_retrieve_tui.model.forecast import PlannedStudy
from tests.peers.held_pacs import A, B, C, HeldPacs, session_of
from tests.peers.raw_pacs import RawPacs, instances
from tests.runs import get_plan, of_kind, run, settings
from tests.sessions import PATIENCE_S, Watched, selections

_STUDIES = [f"1.2.{number}" for number in range(1, 9)]


def test_studies_that_have_not_begun_are_in_the_forecast_of_a_run(tmp_path: Path) -> None:
    held = [each for uid in _STUDIES for each in instances(3, study=uid, series=f"{uid}.1")]
    with RawPacs(held) as pacs:
        events = run(get_plan(*_STUDIES), settings(pacs.port, tmp_path))

    # Once the first study is complete, the others are taken to be like it.
    first = of_kind(SpaceForecast, events)[0]
    assert (first.studies, first.estimated) == (1, 6)


def test_the_counts_of_a_search_are_forecast_before_the_studies_are_listed(tmp_path: Path) -> None:
    with HeldPacs(A) as pacs, Watched(session_of(pacs, tmp_path)) as watched:
        session = watched.session
        session.foresee(
            PlannedStudy(study_instance_uid=uid, instances=n, modalities=("CT",))
            for uid, n in ((A, 3), (B, 2000), (C, 3))
        )
        session.add(selections(A, B, C))
        assert pacs.begun[A].wait(PATIENCE_S)
        watched.until(lambda _progress: of_kind(SpaceForecast, watched.events))
        first = of_kind(SpaceForecast, watched.events)[0]
        pacs.go_on[A].set()
        last = of_kind(SpaceForecast, watched.finish())[-1]

    assert (first.studies, first.estimated) == (3, 0)
    assert first.likely_bytes > 300 * last.likely_bytes
