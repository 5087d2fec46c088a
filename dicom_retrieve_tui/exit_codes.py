"""The exit codes of the command; they are part of the contract with scripts."""

OK = 0
"""Everything asked for is complete."""
NOT_OK = 1
"""Anything else; usage errors, too."""
INTERRUPTED = 130
"""The user or a signal ended it, as shells report it for Ctrl-C."""
