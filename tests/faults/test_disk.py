"""The output folder cannot take what comes: full, read-only, forbidden, or gone."""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.verdict import Verdict
from tests.faults.catalogue import Told, fault
from tests.faults.mounts import namespace
from tests.faults.processes import (
    Command,
    assert_whole,
    c_get,
    parts_in,
    retrieve,
    retrieve_here,
    until,
    without_override,
)
from tests.interop.command import CommandResult
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, Instance, RawPacs, Request, instances
from tests.runs import files_in, move_plan, run, verdict_of

_AT_ONCE = ("--outage", "0")
_SUCCESS = 0
_OUT_OF_RESOURCES = 0xA700

_ON_ITS_OWN_DISK = """
options=$1 disk=$2 kept=$3; shift 3
mount -t tmpfs -o "$options" tmpfs "$disk" || exit 99
"$@"; code=$?
cp -a "$disk/." "$kept"
exit $code
"""
"""Nobody else sees the mount, and it is gone with the process, however that ends."""


needs_mount = pytest.mark.mount


class _Records(RawPacs):
    """Remembers how each instance was answered, and may do something before it sends one."""

    def __init__(self, holdings: list[Instance]) -> None:
        super().__init__(holdings)
        self.statuses: list[int] = []
        self.before: dict[str, Callable[[], object]] = {}
        """What to do before an instance is sent, by its UID."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        wanted = [i for i in self.holdings if request.matches(i)]
        for instance in wanted:
            self.before.pop(instance.sop, lambda: None)()
            self.statuses.append(conversation.store(instance))
        self.finish(conversation, request, completed=len(wanted))


def _sized(sizes_bytes: Iterable[int]) -> list[Instance]:
    sizes = list(sizes_bytes)
    pairs = zip(instances(len(sizes)), sizes, strict=True)
    return [replace(instance, padding_bytes=size) for instance, size in pairs]


def _assert_ended(result: CommandResult, pacs: _Records, folder: Path) -> None:
    """Nothing was accepted that is not there, and what is there is whole."""
    *accepted, last = pacs.statuses
    assert (set(accepted) <= {_SUCCESS}, last) == (True, _OUT_OF_RESOURCES)
    assert result.exit_code == 1
    finished = [instance.sop for instance in pacs.holdings[: len(accepted)]]
    assert assert_whole(folder, pacs.holdings) == sorted(finished)
    assert not parts_in(folder)


def _assert_the_rest_is_asked_for(pacs: _Records, folder: Path) -> None:
    """With room again, the same command completes."""
    finished = assert_whole(folder, pacs.holdings)
    pacs.statuses.clear()
    result = retrieve_here(*c_get(pacs, folder))
    assert result.exit_code == 0, result.stderr
    assert len(pacs.statuses) == len(pacs.holdings) - len(finished)
    assert len(assert_whole(folder, pacs.holdings)) == len(pacs.holdings)


def _on_its_own_disk(options: str, tmp_path: Path) -> tuple[list[str], Path, Path]:
    """A wrapper, the folder that is a disk of its own under it, and where its content goes."""
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    kept.mkdir()
    script = ["sh", "-c", _ON_ITS_OWN_DISK, "sh", options, str(disk), str(kept)]
    return [*namespace(), *script], disk, kept


@needs_mount
@pytest.mark.parametrize("options", ["size=1m", "nr_inodes=10"], ids=["bytes", "names"])
@fault(39, user_reads="no space left on device. Make room or choose another --output. What is")
def test_a_full_disk_ends_the_run_and_keeps_what_is_finished(tmp_path: Path, options: str) -> str:
    wrapper, disk, kept = _on_its_own_disk(options, tmp_path)
    with _Records(_sized([200_000] * 10)) as pacs:
        result = retrieve(*c_get(pacs, disk), *_AT_ONCE, "--keep-free", "0", wrapper=wrapper)
        _assert_ended(result, pacs, kept)
        assert len(assert_whole(kept, pacs.holdings)) > 1
        _assert_the_rest_is_asked_for(pacs, kept)
    return result.stdout


_FULL_FOR_A_WHILE = """
size=$1 filler=$2 free=$3 disk=$4 kept=$5; shift 5
mount -t tmpfs -o "size=$size" tmpfs "$disk" || exit 99
head -c "$filler" /dev/zero > "$disk/filler"
(until [ -e "$free" ]; do sleep 0.05; done; rm "$disk/filler") &
"$@"; code=$?
cp -a "$disk/." "$kept"
exit $code
"""
"""A disk that another file fills until the test makes the file `free`."""


@needs_mount
@fault(39, user_reads="The disk has room again after")
def test_a_run_goes_on_when_a_full_disk_has_room_again(tmp_path: Path) -> str:
    disk, kept, free = tmp_path / "disk", tmp_path / "kept", tmp_path / "free"
    disk.mkdir()
    kept.mkdir()
    sizes = ["16m", "14M"]
    script = ["sh", "-c", _FULL_FOR_A_WHILE, "sh", *sizes, str(free), str(disk), str(kept)]
    with _Records(_sized([200_000] * 20)) as pacs:
        arguments = [*c_get(pacs, disk), "--keep-free", "0", "--parallel", 2]
        with Command(*arguments, wrapper=[*namespace(), *script]) as command:
            until(lambda: _OUT_OF_RESOURCES in pacs.statuses)
            free.touch()
            result = command.finish()

        assert result.exit_code == 0, result.stderr
        assert len(assert_whole(kept, pacs.holdings)) == 20
        assert pacs.statuses.count(_SUCCESS) >= 20
        assert result.stderr.count("The disk has no room (") == 1
    return result.stderr


@needs_mount
@pytest.mark.parametrize("keep_free", ["9MiB", "60%"])
@fault(
    39, user_reads="are to stay free. Make room, or choose another --output or a smaller --keep-"
)
def test_a_disk_that_has_to_keep_some_room_ends_the_run_likewise(
    tmp_path: Path, keep_free: str
) -> str:
    wrapper, disk, kept = _on_its_own_disk("size=16m", tmp_path)
    with _Records(_sized([500_000, 1_500_000, *[1_000_000] * 10])) as pacs:
        result = retrieve(*c_get(pacs, disk), *_AT_ONCE, "--keep-free", keep_free, wrapper=wrapper)
        _assert_ended(result, pacs, kept)
        assert 3 <= len(assert_whole(kept, pacs.holdings)) <= 7
        _assert_the_rest_is_asked_for(pacs, kept)
    return result.stdout


@needs_mount
@fault(
    39, user_reads="are to stay free. Nothing was requested. Make room, or choose another --output;"
)
def test_a_study_that_does_not_fit_fails_before_it_is_requested(tmp_path: Path) -> str:
    wrapper, disk, kept = _on_its_own_disk("size=3m", tmp_path)
    with _Records(_sized([1_000_000] * 10)) as pacs:
        learned = retrieve(*c_get(pacs, tmp_path / "earlier"))
        assert learned.exit_code == 0, learned.stderr
        pacs.statuses.clear()

        result = retrieve(*c_get(pacs, disk), "--keep-free", "100k", wrapper=wrapper)
        assert (result.exit_code, pacs.statuses) == (1, [])
        assert ": needs about 10 MB (" in result.stderr
        assert "room for 3.0 MB: it does not fit" in result.stderr

        told = retrieve(*c_get(pacs, disk), *_AT_ONCE, "--keep-free", "0", wrapper=wrapper)
        assert "room for 3.1 MB: it does not fit" in told.stderr
        _assert_ended(told, pacs, kept)
        assert len(assert_whole(kept, pacs.holdings)) > 1
    return result.stdout


@needs_mount
@fault(39, user_reads="Cannot make the journal ")
def test_a_disk_without_room_for_the_journal_takes_no_instance(tmp_path: Path) -> str:
    wrapper, disk, kept = _on_its_own_disk("nr_inodes=6", tmp_path)
    with _Records(instances(3)) as pacs:
        result = retrieve(*c_get(pacs, disk), *_AT_ONCE, wrapper=wrapper)
        _assert_ended(result, pacs, kept)
    return result.stdout


@needs_mount
@fault(39, user_reads="cannot write there: read-only file system.")
def test_a_read_only_disk_is_told_before_anything_is_sent(tmp_path: Path) -> str:
    wrapper, disk, _ = _on_its_own_disk("ro", tmp_path)
    with _Records(instances(3)) as pacs:
        result = retrieve(*c_get(pacs, disk), *_AT_ONCE, wrapper=wrapper)

    assert result.exit_code == 1
    assert pacs.associations == 0
    return result.stderr


def _files_of_at_most(size_bytes: int) -> list[str]:
    return ["prlimit", f"--fsize={size_bytes}"]


@fault(39, user_reads="file too large. Choose an --output whose file system and limits")
def test_an_instance_that_may_not_be_so_large_ends_the_run(tmp_path: Path) -> str:
    with _Records(_sized([1000, 90_000, 300_000, 1000])) as pacs:
        result = retrieve(*c_get(pacs, tmp_path), wrapper=_files_of_at_most(200_000))
        _assert_ended(result, pacs, tmp_path)
        _assert_the_rest_is_asked_for(pacs, tmp_path)
    return result.stdout


@fault(39, user_reads="Cannot keep the journal ")
def test_a_journal_that_cannot_grow_ends_the_run_with_its_whole_account(tmp_path: Path) -> str:
    with _Records(instances(3000)) as pacs:
        result = retrieve(*c_get(pacs, tmp_path), wrapper=_files_of_at_most(60_000))
        _assert_ended(result, pacs, tmp_path)
    assert "partial: " in result.stdout
    return result.stdout


@fault(39, user_reads="cannot write there: permission denied.")
def test_a_folder_that_is_not_ours_is_told_before_anything_is_sent(tmp_path: Path) -> str:
    tmp_path.chmod(0o500)
    with _Records(instances(3)) as pacs:
        result = retrieve(*c_get(pacs, tmp_path), wrapper=without_override())

    assert result.exit_code == 1
    assert pacs.associations == 0
    return result.stderr


@pytest.mark.parametrize("folder", [".", ".dicom-retrieve/parts"], ids=["final", "parts"])
@fault(39, user_reads="permission denied. Make the folder writable or choose another --output.")
def test_a_folder_that_is_closed_during_the_run_ends_it(tmp_path: Path, folder: str) -> str:
    closed = tmp_path / "out" / folder
    with _Records(instances(5)) as pacs:
        pacs.before["1.2.3.1.3"] = lambda: closed.chmod(0o500)
        result = retrieve(*c_get(pacs, tmp_path / "out"), wrapper=without_override())
        if closed.exists():
            closed.chmod(0o700)
        _assert_ended(result, pacs, tmp_path / "out")
        _assert_the_rest_is_asked_for(pacs, tmp_path / "out")
    return result.stdout


@fault(
    39, user_reads="no such file or directory. Check that the folder and its disk are still there"
)
def test_a_folder_that_is_deleted_during_the_run_ends_it(tmp_path: Path) -> str:
    output = tmp_path / "out"
    with _Records(instances(5)) as pacs:
        pacs.before["1.2.3.1.3"] = lambda: shutil.rmtree(output)
        result = retrieve(*c_get(pacs, output))

    assert result.exit_code == 1
    assert pacs.statuses == [_SUCCESS, _SUCCESS, _OUT_OF_RESOURCES]
    assert not output.exists()
    return result.stdout


class _LosesTheFolder(MovingPacs):
    """Takes the folder for parts away before its third instance, and calls all of it a success."""

    parts: Path

    def __init__(self, holdings: list[Instance]) -> None:
        super().__init__(holdings)
        self.statuses: list[int] = []

    def send_to_scp(self, wanted: list[Instance]) -> list[int]:
        for instance in wanted:
            if instance.sop == "1.2.3.1.3" and self.parts.exists():
                self.parts.rmdir()
            with self.call_scp([instance]) as scu:
                self.statuses.append(scu.store(instance))
        return self.statuses


@fault(
    39, user_reads="no such file or directory. Check that the folder and its disk are still there"
)
def test_a_disk_that_fails_during_a_c_move_ends_the_run_likewise(tmp_path: Path) -> Told:
    with _LosesTheFolder(instances(5)) as pacs:
        pacs.parts = tmp_path / ".dicom-retrieve" / "parts"
        events = run(move_plan(retries=2), pacs.settings(tmp_path))

    assert pacs.statuses[:2] == [_SUCCESS, _SUCCESS]
    assert set(pacs.statuses[2:]) == {_OUT_OF_RESOURCES}
    assert verdict_of(events).verdict is Verdict.PARTIAL
    assert len(pacs.retrievals) == 1
    assert files_in(tmp_path) == ["1.2.3.1.1.dcm", "1.2.3.1.2.dcm"]
    return events
