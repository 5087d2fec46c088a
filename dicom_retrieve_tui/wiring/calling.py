"""How we call the PACS, whatever for."""

from typing import TYPE_CHECKING

from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.settings import Settings
from dicom_retrieve_tui.network.association import AssociationParameters
from dicom_retrieve_tui.network.deviations import Deviations
from dicom_retrieve_tui.network.timeouts import Timeouts

if TYPE_CHECKING:
    from dicom_retrieve_tui.network.tls.client_server import TlsClient


def association_parameters(
    settings: Settings,
    timeouts: Timeouts,
    cancel: CancelToken,
    deviations: Deviations | None = None,
) -> AssociationParameters:
    """Whom to call, as whom, and how it is protected.

    Args:
        deviations: Where to note what the PACS does against the standard; None only logs it.
    """
    return AssociationParameters(
        peer=settings.peer,
        calling_ae_title=settings.calling_ae_title,
        timeouts=timeouts,
        cancel=cancel,
        tls=tls_client(settings),
        user=settings.user,
        query_model=settings.query_model,
        max_pdu_bytes=settings.max_pdu_bytes,
        deviations=deviations or Deviations(),
    )


def tls_client(settings: Settings) -> "TlsClient | None":
    """What we show to the PACS, and whether we believe it; None where we do not encrypt."""
    if settings.tls is None:
        return None
    from dicom_retrieve_tui.network.tls.client_server import TlsClient  # noqa: PLC0415 - it loads ssl, 60 ms

    return TlsClient(settings.tls)
