"""Runs Orthanc with a folder, a configuration and ports of its own."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

from pydicom.uid import DeflatedExplicitVRLittleEndian

from tests.interop.corpus import ALL_STUDIES, Study
from tests.interop.files import StoredInstance, read_part10
from tests.interop.process import PeerProcess, free_port
from tests.interop.programs import answers_echo, program

_HTTP_S = 60.0


class Orthanc:
    """An Orthanc that knows our move destinations and lets anybody ask for anything."""

    ae_title = "ORTHANC"
    studies: tuple[Study, ...] = ALL_STUDIES

    def __init__(self, folder: Path, move_ports: Mapping[str, int], **changes: object) -> None:
        """Prepare a folder.

        Args:
            changes: Options of Orthanc that shall differ from `_configuration`.
        """
        self.port = free_port()
        self.move_ports = move_ports
        self._http_port = free_port()
        configuration = folder / "orthanc.json"
        configuration.write_text(json.dumps(self._configuration(folder) | changes))
        self._process = PeerProcess([program("Orthanc"), str(configuration)], folder / "log")

    def start(self) -> None:
        self._process.start(lambda: answers_echo(self.port, self.ae_title))

    def stop(self) -> None:
        self._process.stop()

    def kill(self) -> None:
        self._process.kill()

    def log(self) -> str:
        return self._process.log()

    def holds(self, sop_instance_uid: str) -> StoredInstance:
        """The instance, out of the file that Orthanc's REST API gives.

        Raises:
            LookupError: Orthanc holds no such instance.
        """
        found = json.loads(self._http("POST", "/tools/lookup", sop_instance_uid))
        instances = [each["ID"] for each in found if each["Type"] == "Instance"]
        if len(instances) != 1:
            raise LookupError(f"Orthanc holds {len(instances)} instances {sop_instance_uid}")
        held = read_part10(self._http("GET", f"/instances/{instances[0]}/file"))
        if held.transfer_syntax_uid == DeflatedExplicitVRLittleEndian:
            return replace(held, data_set=_deflate_stream(held.data_set))
        return held

    def take_zip(self, archive: bytes) -> None:
        """Take in all files of a ZIP archive at once; thousands of small ones take a second."""
        self._http("POST", "/instances", archive)

    def _http(self, method: str, path: str, body: str | bytes | None = None) -> bytes:
        connection = HTTPConnection("127.0.0.1", self._http_port, timeout=_HTTP_S)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            if response.status != 200:
                raise RuntimeError(f"Orthanc answered {response.status} to {method} {path}")
            return response.read()
        finally:
            connection.close()

    def _configuration(self, folder: Path) -> dict[str, object]:
        """Orthanc's defaults hold but for these.

        No ingest transcoding: it keeps what it is sent. `TranscodeDicomProtocol` stays on, as at
        most sites: who proposes too little gets something else than what is stored, and the
        comparison fails.
        """
        return {
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "StorageCompression": False,
            "SyncStorageArea": False,
            "SaveJobs": False,
            "Plugins": [],
            "HttpPort": self._http_port,
            "RemoteAccessAllowed": False,
            "OrthancExplorerEnabled": False,
            "WebDavEnabled": False,
            "DicomAet": self.ae_title,
            "DicomPort": self.port,
            "DicomCheckCalledAet": False,
            "DicomAlwaysAllowEcho": True,
            "DicomAlwaysAllowStore": True,
            "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowGet": True,
            "DicomAlwaysAllowMove": True,
            "UnknownSopClassAccepted": True,
            "DefaultEncoding": "Utf8",  # it answers in this, and drops what it does not have
            "DicomModalities": {
                ae_title.lower(): [ae_title, "127.0.0.1", port]
                for ae_title, port in self.move_ports.items()
            },
            # As many C-GET and C-MOVE at once as the command line may ask for.
            "DicomThreadsCount": 16,
            "ConcurrentJobs": 16,
        }


def _deflate_stream(data_set: bytes) -> bytes:
    """A deflated data set without what Orthanc keeps after it.

    Orthanc 1.10.1 does not cut its buffer, which has the inflated size, when it stores a deflated
    instance; it sends no more than the stream. Source: PS3.5 section A.5.
    """
    inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    inflater.decompress(data_set)
    after = len(inflater.unused_data)
    # The stream is padded to an even length.
    return data_set[: len(data_set) - after + (len(data_set) - after) % 2]
