"""Writers that have the same studies, and claim them: each instance is retrieved once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.demo.pacs import DemoPacs
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.events import Event, InstanceStored, StudyFinished
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.model.writer import Writer
from dicom_retrieve_tui.storage.folder_account import FolderAccount
from tests.runs import of_kind, settings


def test_two_writers_with_the_same_studies_retrieve_each_instance_once(tmp_path: Path) -> None:
    with DemoPacs() as pacs:
        selections = [
            Selection(study_instance_uid=study.study_instance_uid) for study in pacs.studies
        ]
        given = replace(
            settings(pacs.port, tmp_path, called=pacs.ae_title), method=Method.C_GET, parallel=2
        )

        def run(name: str) -> list[Event]:
            options = replace(given, writer=Writer(name, claims=True))
            return list(wiring.retrieve(selections, options, CancelToken()))

        with ThreadPoolExecutor(2) as pool:
            both = list(pool.map(run, ["worker-a", "worker-b"]))

    stored = Counter(
        each.sop_instance_uid for events in both for each in of_kind(InstanceStored, events)
    )
    assert set(stored.values()) == {1}
    assert len(stored) == sum(len(study.instances) for study in pacs.studies)
    for events in both:
        assert {each.verdict for each in of_kind(StudyFinished, events)} == {Verdict.COMPLETE}
    studies = list(FolderAccount(tmp_path).studies())
    assert [study.verdict for study in studies] == ["complete"] * len(selections)
    assert sum(study.stored for study in studies) == len(stored)
    assert not (tmp_path / ".dicom-retrieve" / "claims").exists()
