"""DCMTK's storescu sends to our Storage SCP over TLS, which strangers besiege meanwhile."""

import contextlib
import socket
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest

from dicom_retrieve_tui.model.verdict import Verdict
from tests.interop.corpus import CT_CHEST
from tests.interop.programs import run_tool
from tests.interop.tls_orthanc import tool_tls
from tests.peers.certificates import Authority
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, Instance, Request
from tests.peers.tls_contexts import pacs_context
from tests.runs import files_in, move_plan, run, verdict_of

pytestmark = pytest.mark.peers

_SILENT, _HALF, _PLAIN = 5, 5, 12
_SHUTDOWN_S = 2.0
_CLIENT_HELLO = b"\x16\3\1\2\0\1\0\1\xfc\3\3"
_REQUEST = b"\1\0\0\0"


class _SendsByStorescu(MovingPacs):
    """Has `storescu +tls` send the chest, behind a queue of strangers that end nothing."""

    def __init__(self, authority: Authority, folder: Path) -> None:
        super().__init__(
            [
                Instance(i.study_instance_uid, i.series_instance_uid, i.sop_instance_uid)
                for i in CT_CHEST.instances
            ]
        )
        self._authority, self._folder = authority, folder
        self.tls = pacs_context(authority.issue("pacs"))
        self.siege = contextlib.ExitStack()
        """Closed by the test, once the run is over."""
        self.said = ""
        self.finished_s = 0.0

    def on_move(self, conversation: Conversation, request: Request) -> None:
        for begun in [b""] * _SILENT + [_CLIENT_HELLO] * _HALF + [_REQUEST] * _PLAIN:
            where = ("127.0.0.1", self.scp_port)
            self.siege.enter_context(socket.create_connection(where)).sendall(begun)
        files = []
        for number, instance in enumerate(CT_CHEST.instances):
            files.append(self._folder / f"{number}.dcm")
            files[-1].write_bytes(instance.file)
        tls = tool_tls(self._authority, self._authority.issue("storescu"))
        us = ("-aec", "DRTUI", "127.0.0.1", str(self.scp_port))
        done = run_tool("storescu", "-v", *tls, *us, *map(str, files))
        self.said, self.finished_s = done.stdout, monotonic()
        failed = 0 if done.returncode == 0 else len(files)
        self.finish(conversation, request, completed=len(files) - failed, failed=failed)


def test_storescu_stores_over_tls_through_a_siege(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    ours = authority.settings(authority.issue("ours"))
    output, sent = tmp_path / "out", tmp_path / "sent"
    sent.mkdir()

    with _SendsByStorescu(authority, sent) as pacs, pacs.siege:
        plan = move_plan(CT_CHEST.study_instance_uid)
        events = run(plan, replace(pacs.settings(output), tls=ours))
        assert monotonic() - pacs.finished_s < _SHUTDOWN_S, pacs.said

    assert verdict_of(events, CT_CHEST.study_instance_uid).verdict is Verdict.COMPLETE, pacs.said
    assert files_in(output) == sorted(f"{uid}.dcm" for uid in CT_CHEST.sop_instance_uids)
