"""Sends the files of some folders to a PACS by C-STORE: `python -m benchmarks.loading`.

With the names of three files in DICOM_TLS, of an authority, a certificate and a key, over TLS.

A process of its own, because the one that measures stays small. pynetdicom sends the bytes of the
files as they are; DCMTK's storescu would encode them again.
"""

import os
import ssl
import sys
from pathlib import Path
from socket import IPPROTO_TCP, TCP_NODELAY

from pynetdicom import AE, _config, build_context, evt
from pynetdicom.sop_class import CTImageStorage  # type: ignore[attr-defined]


def load(port: int, ae_title: str, folders: list[Path]) -> None:
    """Send every file.

    Raises:
        RuntimeError: The PACS refused the association or an instance.
    """
    _config.STORE_SEND_CHUNKED_DATASET = True
    tls = None
    if files := os.environ.get("DICOM_TLS", "").split():
        tls = ssl.create_default_context(cafile=files[0])
        tls.load_cert_chain(files[1], files[2])
    ae = AE(ae_title="LOADER")
    contexts = [build_context(CTImageStorage, "1.2.840.10008.1.2.1")]
    association = ae.associate(
        "127.0.0.1",
        port,
        contexts,
        ae_title=ae_title,
        evt_handlers=[(evt.EVT_CONN_OPEN, _send_at_once)],
        tls_args=(tls, "127.0.0.1") if tls else None,
    )
    if not association.is_established:
        raise RuntimeError(f"{ae_title} refused the association to load it")
    for folder in folders:
        for path in sorted(folder.glob("*.dcm")):
            status = association.send_c_store(path)
            if status.get("Status") != 0x0000:
                raise RuntimeError(f"{ae_title} refused {path.name}: {status}")
    association.release()


def _send_at_once(event: evt.Event) -> None:
    """Turn off Nagle's algorithm, which costs 40 ms an instance."""
    socket = event.assoc.dul.socket
    if socket is not None and socket.socket is not None:
        socket.socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)


if __name__ == "__main__":
    load(int(sys.argv[1]), sys.argv[2], [Path(folder) for folder in sys.argv[3:]])
