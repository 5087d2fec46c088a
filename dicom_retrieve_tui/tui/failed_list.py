"""The studies that failed, as a list that `--uid-list` and the UID line read."""

import os
from collections.abc import Iterable
from pathlib import Path

from dicom_retrieve_tui.model.text import clean_text

NAME = "failed-studies.txt"


def write_failed_list(folder: Path, failed: Iterable[tuple[str, str]]) -> Path:
    """Write UIDs and the reasons beside them, in the place of an earlier list.

    Raises:
        OSError: The folder takes no file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    part = path.with_suffix(".part")
    lines = [f"{uid}  # {clean_text(reason)}" for uid, reason in failed]
    part.write_text("\n".join([*lines, ""]), encoding="utf-8")
    os.replace(part, path)  # noqa: PTH105 - the one that promises to be atomic
    return path
