"""Whose study it is, by the answers of Orthanc and dcmqrscp."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dicom_retrieve_tui.model.address import Endpoint, PeerAE
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.option_values import FLAT_LAYOUT
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.wiring import open_session
from tests.interop.corpus import CT_CHEST
from tests.interop.peers import Peer

if TYPE_CHECKING:
    from dicom_retrieve_tui.model.study_identity import StudyIdentity

pytestmark = pytest.mark.peers


def test_the_application_learns_whose_study_it_is_and_what_is_in_it(
    peer: Peer, tmp_path: Path
) -> None:
    found: dict[str, StudyIdentity] = {}
    options = RetrieveOptions(
        peer=PeerAE(ae_title=peer.ae_title, endpoint=Endpoint(host="127.0.0.1", port=peer.port)),
        calling_ae_title="DICOMRETRIEVE",
        method=Method.C_GET,
        output=tmp_path,
        layout=FLAT_LAYOUT,
    )
    selection = Selection(study_instance_uid=CT_CHEST.study_instance_uid)

    session = open_session([selection], options, CancelToken(), identified=found.__setitem__)
    session.finish()
    for _ in session.events():
        pass

    identity = found[CT_CHEST.study_instance_uid]
    assert identity.patient_name == CT_CHEST.patient_name
    assert identity.patient_id == CT_CHEST.patient_id
    assert identity.modality == "CT"
    assert {each.series_instance_uid for each in identity.series} == set(
        CT_CHEST.series_instance_uids
    )
    assert sum(each.expected or 0 for each in identity.series) == len(CT_CHEST.sop_instance_uids)
    assert all(each.modality == "CT" for each in identity.series)
