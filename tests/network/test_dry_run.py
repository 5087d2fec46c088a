"""A dry run of the application: it names studies as a session does, and asks for no more."""

from pathlib import Path

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.demo.pacs import DemoPacs
from dicom_retrieve_tui.demo.studies import demo_studies
from dicom_retrieve_tui.model.address import Endpoint, PeerAE
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import InstanceStored, StudyInventoried
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.study_identity import StudyIdentity


def test_it_reports_whose_a_study_is_and_writes_nothing(tmp_path: Path) -> None:
    (study, *_) = studies = demo_studies()[1:2]
    uid, output = study.study_instance_uid, tmp_path / "out"
    named = dict[str, StudyIdentity]()
    with DemoPacs(studies=studies) as pacs:
        peer = PeerAE(ae_title=pacs.ae_title, endpoint=Endpoint(host="127.0.0.1", port=pacs.port))
        options = RetrieveOptions(peer=peer, output=output)
        selections = [Selection(study_instance_uid=uid)]
        events = list(
            wiring.dry_run(selections, options, CancelToken(), identified=named.__setitem__)
        )

    assert [each.expected for each in events if isinstance(each, StudyInventoried)] == [3]
    assert not [each for each in events if isinstance(each, InstanceStored)]
    assert named[uid].patient == "Example, Ada"
    assert not output.exists()
