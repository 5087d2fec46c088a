"""The runs of an output folder, as each records itself: which goes on, and how the last ended."""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from dicom_retrieve_tui.model.folder_status import FolderRun, Life
from dicom_retrieve_tui.model.run_state import RunState
from dicom_retrieve_tui.model.writer import Writer
from dicom_retrieve_tui.platform_files import WINDOWS
from dicom_retrieve_tui.storage.lock import LOCK, boot_id, host_name, lock_is_held
from dicom_retrieve_tui.storage.run_recorder import RUN_STATE, read_run_state
from dicom_retrieve_tui.storage.writers import JOURNAL, writer_folder, writers_in

_SILENT_S = 60.0
"""A run on another host that has not written its state for longer may be gone."""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def current_runs(root: Path, at: datetime) -> tuple[FolderRun, ...]:
    """Return the runs that have the folder, or had it last: one, or all of a group of writers.

    Raises:
        OSError: The folder is there and cannot be read.
    """
    found = [_run_of(root, writer, at) for writer in (None, *writers_in(root))]
    known = [each for each in found if each.state is not None or each.life is not Life.IDLE]
    if not known:
        return ()
    latest = max(known, key=lambda run: (run.life is Life.RUNNING, _started(run.state)))
    return tuple(each for each in known if each.group == latest.group)


def _run_of(root: Path, writer: Writer | None, at: datetime) -> FolderRun:
    folder = writer_folder(root, writer)
    run, held = read_run_state(folder / RUN_STATE), lock_is_held(folder / LOCK)
    return FolderRun(writer=writer, life=_life(run, held, at), state=run)


def _life(run: RunState | None, held: bool | None, at: datetime) -> Life:  # noqa: FBT001 - no API
    if run is None:
        return Life.RUNNING if held else Life.IDLE
    if run.finished is not None:
        return Life.ENDED
    if run.identity.host != host_name() or WINDOWS:  # where a process is not found by its number
        silent_s = (at - run.updated).total_seconds()
        return Life.RUNNING if silent_s <= _SILENT_S else Life.SILENT
    alive = _lives(run) if held is None else held
    return Life.RUNNING if alive else Life.GONE


def _lives(run: RunState) -> bool:
    """Return True if a process has the number of the run's, in the same boot of the machine."""
    if run.identity.boot != boot_id():
        return False
    try:
        os.kill(run.identity.process, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def _started(run: RunState | None) -> datetime:
    return run.identity.started if run is not None else _LONG_AGO


def shards_that_ran(root: Path) -> tuple[int, Mapping[int, str]]:
    """Return into how many shards the latest one belongs, and the lists of those that ran.

    Returns:
        The number of shards, 0 without any; the fingerprint of the list by the number of the shard,
        empty if it recorded none.

    Raises:
        OSError: The folder is there and cannot be read.
    """
    ran: dict[int, dict[int, str]] = {}
    latest: tuple[datetime, int] = (_LONG_AGO, 0)
    for writer in writers_in(root):
        folder = writer_folder(root, writer)
        state = read_run_state(folder / RUN_STATE)
        if writer.shard is None or not (state or (folder / JOURNAL).exists()):
            continue
        number, count = writer.shard
        ran.setdefault(count, {})[number] = state.identity.listed if state else ""
        latest = max(latest, (_started(state), count))
    return latest[1], ran.get(latest[1], {})


def note_on_lists(root: Path, own: Writer, fingerprint: str) -> str:
    """Return a sentence about shards that were given another list; empty if there is none.

    Raises:
        OSError: The folder is there and cannot be read.
    """
    others = []
    for writer in writers_in(root):
        if writer.group == own.group and writer.name != own.name:
            state = read_run_state(writer_folder(root, writer) / RUN_STATE)
            if state is not None and state.identity.listed not in {"", fingerprint}:
                others.append(writer)
    return _another_list(others)


def _another_list(others: Sequence[Writer]) -> str:
    if not others:
        return ""
    first = str(others[0])
    which = f"{first} and {len(others) - 1} more were" if len(others) > 1 else f"{first} was"
    return (
        f"{which} given another list than this shard: the account of the folder has every study "
        "of both. If they should have one list, run them again with it."
    )
