"""Runs `tiny-pacs`, a PACS on pynetdicom2: a stack that shares nothing with the others."""

import json
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from tests.interop.corpus import ONE_SYNTAX_PER_CLASS, Source, Study
from tests.interop.files import StorageFolder, StoredInstance
from tests.interop.process import PeerProcess, free_port
from tests.interop.programs import answers_echo

_ON_LOOPBACK = """
import socketserver
bind = socketserver.TCPServer.server_bind
def bind_to_loopback(server):
    server.server_address = ("127.0.0.1", server.server_address[1])
    bind(server)
socketserver.TCPServer.server_bind = bind_to_loopback
"""
"""It can be told a port, and no address: it would listen on every interface."""

_ANSWERS_WHOLE = """
from pynetdicom2.asceprovider import Association
def send(self, message, context_id):
    message.set_length()
    self.dul.send(iter(list(message.encode(context_id, self.max_pdu_length))))
Association.send = send
"""
"""pynetdicom2 0.9.8 encodes a message when it is sent, on another thread, and makes all answers to
a C-FIND out of one message: one that was overwritten by then comes in the place of another."""

_RUN = """
from tiny_pacs.__main__ import main
main()
"""

MANY = tuple(
    Study(f"T-1{number:03}", "Test^Many", ((Source("CT_small.dcm", "CT"),),))
    for number in range(1, 41)
)
"""Enough studies that a list of them cannot be whole by chance."""


def missing_package() -> str:
    """Why there is no tiny-pacs; empty if there is one."""
    if find_spec("tiny_pacs") is not None:
        return ""
    return "missing: tiny-pacs (pip install -r requirements-dev.lock)"


class TinyPacs:
    """A `tiny-pacs` that keeps files below a folder."""

    ae_title = "TINY_PACS"
    studies: tuple[Study, ...] = (*ONE_SYNTAX_PER_CLASS, *MANY)

    def __init__(
        self, folder: Path, move_ports: Mapping[str, int], *, answers_whole: bool = True
    ) -> None:
        """Prepare a folder.

        Args:
            answers_whole: False leaves its answers to C-FIND to chance, as they are by themselves.
        """
        self.port = free_port()
        self.move_ports = move_ports
        self._storage = folder / "storage"
        self._storage.mkdir()
        configuration = folder / "tiny-pacs.json"
        configuration.write_text(json.dumps(self._configuration(folder)))
        code = _ON_LOOPBACK + (_ANSWERS_WHOLE if answers_whole else "") + _RUN
        argv = [sys.executable, "-c", code, "run", "--config", str(configuration)]
        self._process = PeerProcess(argv, folder / "log")
        self._instances = StorageFolder(self._storage)

    def start(self) -> None:
        self._process.start(lambda: answers_echo(self.port, self.ae_title))

    def stop(self) -> None:
        self._process.stop()

    def log(self) -> str:
        return self._process.log()

    def holds(self, sop_instance_uid: str) -> StoredInstance:
        """See `peers.Peer`."""
        return self._instances.find(sop_instance_uid)

    def _configuration(self, folder: Path) -> dict[str, object]:
        devices = {
            ae_title: {"aet": ae_title, "address": "127.0.0.1", "port": port}
            for ae_title, port in self.move_ports.items()
        }
        return {
            "ae": {"ae_title": [self.ae_title], "port": self.port},
            "log": {
                "version": 1,
                "handlers": {"console": {"class": "logging.StreamHandler"}},
                "root": {"level": "WARNING", "handlers": ["console"]},
            },
            "components": {
                "Database": {"on": True, "db_name": str(folder / "tiny-pacs.db"), "mode": "rwc"},
                "Devices": {"on": True, "devices": devices, "auto_add": False},
                "PACS": {"on": True},
                "InMemoryStorage": {"on": False},
                "FileStorage": {"on": True, "storage_dir": str(self._storage)},
            },
        }
