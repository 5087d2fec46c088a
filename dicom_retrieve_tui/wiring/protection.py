"""What protects associations, looked at before any is opened."""

from dicom_retrieve_tui.model.settings import Settings
from dicom_retrieve_tui.wiring.calling import tls_client
from dicom_retrieve_tui.wiring.listening import tls_server


def check_protection(settings: Settings) -> None:
    """Read every file of TLS as a retrieval would; nothing is sent.

    Raises:
        ConfigError: One cannot be used.
    """
    tls_client(settings)
    if settings.listen is not None:
        tls_server(settings)
