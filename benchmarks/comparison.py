"""Are the files that a run wrote the ones that the peer holds?"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.corpus import file_digest

_PRIVATE = ".dicom-retrieve"
_NAMED = 5


class Different(Exception):
    """A run lost an instance, changed one, or wrote one too many."""


def files_in(folder: Path) -> Iterator[Path]:
    """What a tool left, without our own notes."""
    for path in folder.rglob("*"):
        if _PRIVATE not in path.parts and path.is_file():
            yield path


def compare(folder: Path, expected: Mapping[str, str]) -> None:
    """See that each instance is there once, with the very bytes that were sent.

    Raises:
        Different: It is not so.
    """
    found = {path.stem: path for path in files_in(folder)}
    lost, alien = expected.keys() - found.keys(), found.keys() - expected.keys()
    if lost or alien:
        raise Different(f"{len(lost)} lost: {_some(lost)}; {len(alien)} alien: {_some(alien)}")
    changed = {uid for uid, path in found.items() if file_digest(path) != expected[uid]}
    if changed:
        raise Different(f"{len(changed)} changed: {_some(changed)}")


def count(folder: Path, wanted: int) -> None:
    """See that another tool wrote as many files as there are.

    Raises:
        Different: It did not.
    """
    found = sum(1 for _ in files_in(folder))
    if found != wanted:
        raise Different(f"{found} files instead of {wanted}")


def last_stored_s(folder: Path) -> float | None:
    """When the last file got its name, in seconds since the epoch; None if there is none."""
    # A rename or a link sets the time of the inode's last change; nothing sets it afterwards.
    return max((path.stat().st_ctime for path in files_in(folder)), default=None)


def _some(uids: set[str]) -> str:
    return ", ".join(sorted(uids)[:_NAMED]) or "none"
