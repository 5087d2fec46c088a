"""What a worker proposes beyond what the inventory says."""

from itertools import islice

from dicom_retrieve_tui.model.address import Endpoint, PeerAE
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.inventory import Inventory, ListedInstance
from dicom_retrieve_tui.model.sop_classes import (
    IMAGE_CLASSES,
    NATIVE_SYNTAXES,
    STORAGE_CLASSES,
    TRANSFER_SYNTAXES,
)
from dicom_retrieve_tui.network.association import AssociationParameters
from dicom_retrieve_tui.network.peer import PacsPeer
from dicom_retrieve_tui.network.timeouts import Timeouts

_CT = "1.2.840.10008.5.1.4.1.1.2"
_CONTEXTS_BESIDE_SERVICES = 122


def _peer() -> PacsPeer:
    ae = PeerAE(ae_title="RAW", endpoint=Endpoint(host="127.0.0.1", port=104))
    parameters = AssociationParameters(
        peer=ae,
        calling_ae_title="US",
        timeouts=Timeouts.from_timeout(1),
        cancel=CancelToken(),
    )
    return PacsPeer(parameters, 1, lambda _event: None)


def _inventory(sop_class: str | None) -> Inventory:
    one = ListedInstance(
        series_instance_uid="1.2.3.1", sop_instance_uid="1.2.3.1.1", sop_class_uid=sop_class
    )
    return Inventory(study_instance_uid="1.2.3", listed=True, instances=(one,))


def test_each_context_is_proposed_once_and_none_is_left_out() -> None:
    for sop_class in (_CT, None, "1.2.3.4"):
        peer, inventory = _peer(), _inventory(sop_class)
        usual = [*peer.negotiations(inventory), *peer.narrow_negotiations(inventory)]
        wider = list(peer.wider_negotiations(inventory, unlisted=False))
        wider += peer.wider_negotiations(inventory, unlisted=True)

        proposed = {each for one in usual for each in one.proposals}
        further = [each for one in wider for each in one.proposals]
        assert len(set(further)) == len(further)
        assert proposed.isdisjoint(further)
        contexts = {
            (each.abstract_syntax, each.transfer_syntax) for each in proposed.union(further)
        }
        assert contexts >= {(uid, syntax) for uid in STORAGE_CLASSES for syntax in NATIVE_SYNTAXES}
        assert contexts >= {(uid, syntax) for uid in IMAGE_CLASSES for syntax in TRANSFER_SYNTAXES}
        assert max(len(one.proposals) for one in wider) == _CONTEXTS_BESIDE_SERVICES


def test_the_listed_classes_come_first_in_all_syntaxes() -> None:
    peer, inventory = _peer(), _inventory(_CT)
    (first,) = islice(peer.wider_negotiations(inventory, unlisted=False), 1)
    (usual,) = peer.negotiations(inventory)

    of_ct = {p.transfer_syntax for p in first.proposals if p.abstract_syntax == _CT}
    assert of_ct | {p.transfer_syntax for p in usual.proposals} == set(TRANSFER_SYNTAXES)
