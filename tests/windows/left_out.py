"""Tests that Windows leaves out, with the reason of each.

A key is a file, or a test in a file without its parameters. `tests/windows/run` prints the reasons.
"""

_TERMINAL = "a pseudo-terminal: Windows has none in Python's library"
_SIGNALS = "signals that Windows has not, or sends to no other process"
_MODES = "permission bits: Windows has access control lists"
_FIFO = "a named pipe as a file, or a stream as a path: POSIX alone has them"
_FULL = "/dev/full, or a limit of the file size: Linux alone has them"

FILES = {
    "tests/unit/cli/test_fd_paths.py": _FIFO,
}
"""Files that are not collected: they import what Windows has not."""

TESTS: dict[str, str] = {
    "tests/unit/cli/test_exit_codes.py::"
    "test_a_terminal_that_goes_away_ends_nothing_at_once_however_often_it_says_so": _SIGNALS,
}
