"""Retrieves from archives drawn at random until a run is judged wrong, or time is up.

    python -m fuzz.archives [--seconds N] [--first SEED]

`fuzz/run archives` calls it. A seed that is judged wrong is a failing test in
`tests/properties/test_random_archives.py`.
"""

import argparse
import sys
import tempfile
from itertools import count
from pathlib import Path
from time import monotonic

from tests.archive_soak import first_violation

_AT_ONCE = 50


def main() -> int:
    """Go through the seeds; the exit code says if a run was judged wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="time limit (default: 600)")
    parser.add_argument("--first", type=int, default=100_000, help="first seed (default: 100000)")
    args = parser.parse_args()
    until_s = monotonic() + args.seconds
    for first in count(args.first, _AT_ONCE):
        with tempfile.TemporaryDirectory() as folder:
            if wrong := first_violation(range(first, first + _AT_ONCE), Path(folder)):
                sys.stdout.write(f"{wrong}\n")
                return 1
        if monotonic() > until_s:
            last = first + _AT_ONCE - 1
            sys.stdout.write(f"seeds {args.first} to {last}: none judged wrong\n")
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
