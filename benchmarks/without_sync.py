"""The `dicom-retrieve` command with every sync of a file left out; otherwise it is the same.

No other tool syncs what it writes, so this is what is held against them. The command as users get
it has a row of its own. SQLite's own syncs, a few a run, stay.
"""

import os
from typing import Any


def _no_sync(*_: Any) -> None:
    """Leave it to the operating system."""


def leave_out_syncs() -> None:
    """From now on this process syncs nothing."""
    # Nothing of the package is imported for it: the order of imports is part of what is measured.
    for name in ("fsync", "fdatasync", "sync"):
        setattr(os, name, _no_sync)


if __name__ == "__main__":
    leave_out_syncs()
    from dicom_retrieve_tui.cli.main import run

    run()
