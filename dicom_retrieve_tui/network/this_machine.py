"""What a PACS may come to know of the machine that we run on."""

import contextlib
import socket

_PORT = 11112
"""The port that IANA keeps for DICOM. Source: PS3.8 section 9.1.1."""
_FURTHER = 20


def this_machine() -> tuple[str, int]:
    """Its name, and a port to listen on that nobody has just now: 11112, or the next one."""
    for port in range(_PORT, _PORT + _FURTHER):
        with contextlib.suppress(OSError), socket.socket() as probe:
            # As the listener does: a port that is only being given back is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("", port))
            return socket.gethostname(), port
    return socket.gethostname(), _PORT
