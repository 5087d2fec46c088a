"""The whole lists of which shards have their shares: so that what no shard has begun is known.

A list is kept once, under its fingerprint, as a text with one Study Instance UID a line, in order.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from dicom_retrieve_tui.atomic_file import replace_file
from dicom_retrieve_tui.model.shard import list_fingerprint
from dicom_retrieve_tui.model.uids import uid_fault
from dicom_retrieve_tui.storage.permissions import PRIVATE, Permissions
from dicom_retrieve_tui.storage.writers import PRIVATE_FOLDER

_LISTS = "lists"
_SUFFIX = ".txt"


def keep_list(root: Path, uids: Iterable[str], permissions: Permissions = PRIVATE) -> str:
    """Keep a list in an output folder, if it is not there; return its fingerprint.

    Raises:
        OSError: The disk refuses.
    """
    known = sorted(set(uids))
    fingerprint = list_fingerprint(known)
    path = root / PRIVATE_FOLDER / _LISTS / f"{fingerprint}{_SUFFIX}"
    if not path.exists():
        permissions.make_folder(path.parent)
        replace_file(path, (f"{uid}\n" for uid in known), permissions.umask)
    return fingerprint


def lists_in(root: Path) -> list[Path]:
    """Return the lists that are kept in an output folder.

    Raises:
        OSError: The folder is there and cannot be read.
    """
    folder = root / PRIVATE_FOLDER / _LISTS
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == _SUFFIX)
    except (FileNotFoundError, NotADirectoryError):
        return []


def read_list(path: Path) -> Iterator[str]:
    """Yield the UIDs of a list in their order; a line that is not a UID is left out.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        for line in file:
            if uid_fault(uid := line.rstrip("\n")) is None:
                yield uid


def forget_listed(root: Path, uids: Sequence[str], permissions: Permissions = PRIVATE) -> None:
    """Remove studies from every list.

    Raises:
        OSError: A list cannot be read or written.
    """
    gone = frozenset(uids)
    for path in lists_in(root):
        listed = list(read_list(path))
        if not gone.isdisjoint(listed):
            replace_file(path, (f"{uid}\n" for uid in listed if uid not in gone), permissions.umask)
