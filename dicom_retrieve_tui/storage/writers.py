"""The private folder of an output folder, and what each writer has in it.

A plain run keeps its lock, journal and parts in the private folder itself. A named writer, such as
a shard, has a folder of its own below it, so that many can write into one output folder at once.
"""

import os
from pathlib import Path

from dicom_retrieve_tui.model.writer import Writer, is_writer_name

PRIVATE_FOLDER = ".dicom-retrieve"
JOURNAL = "journal.db"
"""The journal's name in the folder of its writer."""
_WRITERS = "writers"


def writer_folder(root: Path, writer: Writer | None) -> Path:
    """Return the folder of a writer's lock, journal and parts; that of a plain run for None."""
    private = root / PRIVATE_FOLDER
    return private if writer is None else private / _WRITERS / writer.name


def writers_in(root: Path) -> list[Writer]:
    """Return the named writers that have, or had, a part of an output folder, in a fixed order.

    Raises:
        OSError: The folder is there and cannot be read.
    """
    try:
        names = os.listdir(root / PRIVATE_FOLDER / _WRITERS)  # noqa: PTH208 - names alone
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [Writer(name) for name in sorted(names) if is_writer_name(name)]


def journals_in(root: Path) -> list[Path]:
    """Return the journals of an output folder that exist, that of plain runs first.

    Raises:
        OSError: The folder is there and cannot be read.
    """
    folders = [writer_folder(root, writer) for writer in (None, *writers_in(root))]
    return [path for folder in folders if (path := folder / JOURNAL).is_file()]


def is_of_plain_runs(journal: Path) -> bool:
    """Return True for the journal of plain runs, False for that of a named writer."""
    return journal.parent.name == PRIVATE_FOLDER
