"""Output folders on file systems that lack what a run uses, from the start or from the middle.

Each is a real mount, by FUSE, that answers some calls as network shares, FAT and overlays do.
"""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.faults.catalogue import fault
from tests.faults.mounts import lacking
from tests.faults.processes import (
    Command,
    assert_whole,
    c_get,
    parts_in,
    retrieve,
)
from tests.interop.command import CommandResult
from tests.peers.raw_pacs import Conversation, RawPacs, Request, instances

pytestmark = pytest.mark.fuse

_INSTANCES = 30
_EVERYTHING = (
    "flock:ENOLCK,lock:ENOLCK,mmap:ENODEV,fsync:EINVAL,fsyncdir:EINVAL,link:EPERM,chmod:EPERM,"
    "mode:0755,statfs:0,kind:sshfs"
)
_LACKS = {
    "flock:ENOLCK": "lacks file locks",
    "lock:ENOLCK": "byte-range locks",
    "mmap:ENODEV": "lacks shared memory",
    "fsync:EACCES": "file sync",
    "fsyncdir:EINVAL": "folder sync",
    "link:EOPNOTSUPP": "lacks hard links",
    "mode:0755": "and permissions",
    "statfs:0": "count of free space",
}
"""What is missing from the start, and a word of the one line about it."""
_IN_THE_MIDDLE = (
    "link:EXDEV@10", "link:EIO@10-11", "fsync:EINVAL@8",
    "fsync:EIO@8-9", "fsyncdir:EIO@2", "write:EIO@20-21",
    "write:ETIMEDOUT@45-46", "create:ESTALE@12-13", "rename:EIO@5-6,link:EPERM",
    "close:EIO@20-21", "open:EIO@30-31", "open:EIO@37-38", "statfs:EIO@2-3",
)  # fmt: skip
"""What is missing or fails for a moment later."""
_PERMANENT = {
    "write:EIO@60": "input/output error",
    "create:ESTALE@12": "stale file handle",
    "create:EDQUOT@12": "disk quota exceeded. Make room, have the quota raised",
    "rename:EACCES@5,link:EPERM": "permission denied. Make the folder writable",
}


def _retrieve(pacs: RawPacs, faults: str, tmp_path: Path, *flags: str) -> CommandResult:
    wrapper = lacking(faults, tmp_path / "disk", tmp_path / "mount")
    args = [*c_get(pacs, tmp_path / "mount" / "out"), "--keep-free", "0", *flags]
    return retrieve(*args, wrapper=wrapper)


def _assert_all_there(pacs: RawPacs, tmp_path: Path) -> None:
    folder = tmp_path / "disk" / "out"
    assert len(assert_whole(folder, pacs.holdings)) == len(pacs.holdings)
    assert not parts_in(folder)
    private = {path.name for path in (folder / ".dicom-retrieve").iterdir()}
    assert private == {"journal.db", "run.json"}


@pytest.mark.parametrize("faults", _LACKS)
def test_a_disk_that_lacks_something_takes_every_instance(faults: str, tmp_path: Path) -> None:
    with RawPacs(instances(_INSTANCES)) as pacs:
        result = _retrieve(pacs, faults, tmp_path)

        assert result.exit_code == 0, result.stderr
        _assert_all_there(pacs, tmp_path)
    assert _LACKS[faults] in result.stderr
    assert result.stderr.count("note:") == 1


@fault(39, user_reads="Not promised there: that two runs on different hosts never use the folder")
def test_a_share_that_lacks_everything_is_resumed_and_verified(tmp_path: Path) -> str:
    with RawPacs(instances(_INSTANCES)) as pacs:
        first = _retrieve(pacs, _EVERYTHING, tmp_path, "--umask", "022")
        retrieved = len(pacs.retrievals)
        again = _retrieve(pacs, _EVERYTHING, tmp_path, "-v")

        assert (first.exit_code, again.exit_code) == (0, 0), again.stderr
        assert (retrieved, len(pacs.retrievals)) == (1, 1)
        _assert_all_there(pacs, tmp_path)
    assert "network share fuse.sshfs server:/share" in first.stderr
    assert "no file locks (no locks available): a lock file is renewed" in again.stderr
    wrapper = lacking(_EVERYTHING, tmp_path / "disk", tmp_path / "mount")
    verified = retrieve("verify", tmp_path / "mount" / "out", "--deep", wrapper=wrapper)
    assert verified.exit_code == 0, verified.stderr
    return first.stderr


@pytest.mark.parametrize("faults", _IN_THE_MIDDLE)
def test_a_disk_that_fails_for_a_moment_or_loses_a_feature_takes_every_instance(
    faults: str, tmp_path: Path
) -> None:
    with RawPacs(instances(_INSTANCES)) as pacs:
        result = _retrieve(pacs, faults, tmp_path)

        assert result.exit_code == 0, result.stderr
        _assert_all_there(pacs, tmp_path)


@pytest.mark.parametrize("faults", _PERMANENT)
def test_a_disk_that_goes_on_failing_ends_the_run_and_is_named(faults: str, tmp_path: Path) -> None:
    with RawPacs(instances(_INSTANCES)) as pacs:
        result = _retrieve(pacs, faults, tmp_path, "--outage", "0")
        assert_whole(tmp_path / "disk" / "out", pacs.holdings)
        again = _retrieve(pacs, "", tmp_path)

        assert (result.exit_code, again.exit_code) == (1, 0), result.stderr
        _assert_all_there(pacs, tmp_path)
    assert _PERMANENT[faults] in result.stdout + result.stderr
    assert ("Make room" in result.stdout) == ("EDQUOT" in faults)


@fault(39, user_reads="It is on a network share fuse.sshfs server:/share. Check the connection")
def test_the_message_names_the_share_that_is_away(tmp_path: Path) -> str:
    with RawPacs(instances(_INSTANCES)) as pacs:
        result = _retrieve(pacs, "kind:sshfs,create:ETIMEDOUT@14", tmp_path)

    assert result.exit_code == 1
    assert "Make room" not in result.stdout
    return result.stdout


@pytest.mark.parametrize("kind", ["flock:ENOLCK", "kind:sshfs"])
@fault(43, user_reads="is retrieving into this folder. Wait for it to end")
def test_the_second_run_in_a_folder_without_locks_is_told(kind: str, tmp_path: Path) -> str:
    """Each has a mount of its own, as on two hosts: they share no lock of the system."""
    second: list[CommandResult] = []

    class _StartsAnother(RawPacs):
        def on_get(self, conversation: Conversation, request: Request) -> None:
            if len(self.retrievals) == 1:
                second.append(_retrieve(self, kind, tmp_path))
            super().on_get(conversation, request)

    with _StartsAnother(instances(3)) as pacs:
        first = _retrieve(pacs, kind, tmp_path)

    assert (first.exit_code, second[0].exit_code) == (0, 1)
    return second[0].stderr


@pytest.mark.parametrize("kind", ["flock:ENOLCK", "kind:sshfs"])
def test_a_killed_run_leaves_a_folder_without_locks_free(kind: str, tmp_path: Path) -> None:
    wrapper = lacking(kind, tmp_path / "disk", tmp_path / "mount")
    claim = tmp_path / "disk" / "out" / ".dicom-retrieve" / "heartbeat"

    class _Kills(RawPacs):
        """Kills the process that has claimed the folder, before the second instance."""

        def on_get(self, conversation: Conversation, request: Request) -> None:
            if len(self.retrievals) > 1:
                super().on_get(conversation, request)
                return
            conversation.store(self.holdings[0])
            os.kill(json.loads(claim.read_text())["process"], signal.SIGKILL)

    with _Kills(instances(5)) as pacs:
        with Command(*c_get(pacs, tmp_path / "mount" / "out"), wrapper=wrapper) as command:
            killed = command.end()
        assert claim.exists()
        again = _retrieve(pacs, kind, tmp_path)

        assert (killed.exit_code, again.exit_code) == (-signal.SIGKILL & 0xFF, 0), again.stderr
        _assert_all_there(pacs, tmp_path)
