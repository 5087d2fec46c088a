"""What the benchmark says while it runs, on stderr."""

import sys


def say(line: str) -> None:
    """Write a line at once."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
