"""Our own Storage SCP, where C-MOVE may send to."""

from typing import TYPE_CHECKING

from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.selection import Plan
from dicom_retrieve_tui.model.settings import Settings
from dicom_retrieve_tui.network.access_control import Reception
from dicom_retrieve_tui.network.access_rules import Callers
from dicom_retrieve_tui.network.deviations import Deviations
from dicom_retrieve_tui.network.dns import address_towards
from dicom_retrieve_tui.network.storage_scp import StorageScp
from dicom_retrieve_tui.network.timeouts import Timeouts, within

if TYPE_CHECKING:
    from dicom_retrieve_tui.network.tls.client_server import TlsServer


def listen(
    timeouts: Timeouts,
    settings: Settings,
    plan: Plan,
    cancel: CancelToken,
    reception: Reception,
    *,
    deviations: Deviations | None = None,
) -> StorageScp:
    """Be ready to be called, by those who may; entering the context takes calls.

    Args:
        deviations: Where to note what a caller does against the standard; None only logs it.

    Raises:
        ConfigError: The port cannot be bound, or a name is unknown.
        Cancelled: `cancel` was requested while a name was looked up.
    """
    host, port = settings.listen or (None, 0)
    host = host or our_address(timeouts, settings, cancel)
    callers = Callers(
        settings.peer.endpoint.host,
        settings.accept_from,
        limit_s=timeouts.connect_s,
        cancel=cancel,
    )
    ae_title = plan.move_destination or settings.calling_ae_title
    return StorageScp(
        reception,
        timeouts,
        callers,
        ae_title=ae_title,
        host=host,
        port=port,
        tls=tls_server(settings),
        max_pdu_bytes=settings.max_pdu_bytes,
        deviations=deviations,
    )


def our_address(timeouts: Timeouts, settings: Settings, cancel: CancelToken) -> str:
    """The address of this machine that leads to the PACS.

    Raises:
        ConfigError: There is none, or nobody can tell.
        Cancelled: `cancel` was requested.
    """
    endpoint = settings.peer.endpoint
    patience = within(timeouts.connect_s, f"the address of {endpoint.host}", cancel)
    return address_towards(endpoint, patience)


def tls_server(settings: Settings) -> "TlsServer | None":
    """What our Storage SCP shows, and whom it believes; None where it does not encrypt."""
    if settings.tls is None:
        return None
    from dicom_retrieve_tui.network.tls.client_server import TlsServer  # noqa: PLC0415 - as above

    return TlsServer(settings.tls)
