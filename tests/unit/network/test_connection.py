"""What a connection asks of the system."""

import socket

from dicom_retrieve_tui.network.connection import QUICKACK


def test_acknowledgements_are_immediate_where_the_system_can() -> None:
    assert QUICKACK is getattr(socket, "TCP_QUICKACK", None)
