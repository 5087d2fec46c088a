"""Our own Storage SCP, where C-MOVE may send to."""

from typing import TYPE_CHECKING

from dicom_retrieve_tui.model.selection import Plan
from dicom_retrieve_tui.model.settings import Settings
from dicom_retrieve_tui.network.callers import Callers
from dicom_retrieve_tui.network.clocks import Clocks
from dicom_retrieve_tui.network.connection import address_towards
from dicom_retrieve_tui.network.storage_scp import Reception, StorageScp

if TYPE_CHECKING:
    from dicom_retrieve_tui.network.tls import TlsServer


def listen(clocks: Clocks, settings: Settings, plan: Plan, reception: Reception) -> StorageScp:
    """Be ready to be called, by those who may; entering the context binds the port."""
    host, port = settings.listen or (None, 0)
    host = host or address_towards(settings.peer.endpoint)
    callers = Callers(settings.peer.endpoint.host, settings.accept_from)
    ae_title = plan.move_destination or settings.calling_ae_title
    return StorageScp(
        reception,
        clocks,
        callers,
        ae_title=ae_title,
        host=host,
        port=port,
        tls=tls_server(settings),
        max_pdu_bytes=settings.max_pdu_bytes,
    )


def tls_server(settings: Settings) -> "TlsServer | None":
    """What our Storage SCP shows, and whom it believes; None where it does not encrypt."""
    if settings.tls is None:
        return None
    from dicom_retrieve_tui.network.tls import TlsServer  # noqa: PLC0415 - as above

    return TlsServer(settings.tls)
