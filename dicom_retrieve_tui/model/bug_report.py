"""The report of an unexpected exception: its calls and its type, without its message.

The message may quote patient data, such as a file name, and users send these lines to others.

A limit of the account or the container, which can end any call, is not a bug.
"""

import errno
import traceback
from collections.abc import Iterator

from dicom_retrieve_tui.model.events import Noted
from dicom_retrieve_tui.model.sanitize import clean_text

_BEGINNING = "Traceback (most recent call last):"
_BETWEEN = "The above was followed by:"
_END = "This is a bug in dicom-retrieve; please report it with the lines above."


_EXHAUSTED = (
    "This account or container allows no more threads or memory. Raise its limits (ulimit -u, "
    "ulimit -v, or those of the container), or end other programs."
)
_NO_THREAD = "can't start new thread"
"""Source: CPython, Modules/_threadmodule.c."""
_NO_RESOURCE = frozenset({errno.ENOMEM, errno.EAGAIN})


def bug_lines(error: BaseException) -> Iterator[str]:
    """Yield the calls and the type of an exception, and of each that caused it."""
    if limit := limit_reached(error):
        yield f"dicom-retrieve: {limit}"
        return
    for number, each in enumerate(_from_first_to_last(error)):
        if number:
            yield _BETWEEN
        yield _BEGINNING
        for entry in traceback.format_tb(each.__traceback__):
            yield from map(clean_text, entry.rstrip("\n").split("\n"))
        yield type(each).__qualname__
    yield _END


def bug_note(error: BaseException) -> Noted:
    """Return the bug in one sentence, for the events and the report of a run."""
    kind = type(error).__qualname__
    bug = f"A bug in dicom-retrieve ended the run ({kind})."
    return Noted(study_instance_uid=None, text=limit_reached(error) or bug)


def bug_reason(error: BaseException) -> str:
    """Return the bug as the reason of what it ended."""
    return limit_reached(error) or f"a bug: {type(error).__name__}; please report it"


def limit_reached(error: BaseException) -> str:
    """Return a sentence if no thread or no memory was left; empty if the error is a bug."""
    reached = any(
        isinstance(each, MemoryError)
        or (isinstance(each, RuntimeError) and str(each) == _NO_THREAD)
        or (isinstance(each, OSError) and each.errno in _NO_RESOURCE)
        for each in _from_first_to_last(error)
    )
    return _EXHAUSTED if reached else ""


def _from_first_to_last(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in found:
        found.append(current)
        hidden = current.__suppress_context__
        current = current.__cause__ or (None if hidden else current.__context__)
    return found[::-1]
