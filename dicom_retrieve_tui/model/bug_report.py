"""The report of an unexpected exception: its calls and its type, without its message.

The message may quote patient data, such as a file name, and users send these lines to others.
"""

import traceback
from collections.abc import Iterator

from dicom_retrieve_tui.model.events import Noted
from dicom_retrieve_tui.model.sanitize import clean_text

_BEGINNING = "Traceback (most recent call last):"
_BETWEEN = "The above was followed by:"
_END = "This is a bug in dicom-retrieve; please report it with the lines above."


def bug_lines(error: BaseException) -> Iterator[str]:
    """Yield the calls and the type of an exception, and of each that caused it."""
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
    return Noted(study_instance_uid=None, text=f"A bug in dicom-retrieve ended the run ({kind}).")


def _from_first_to_last(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in found:
        found.append(current)
        hidden = current.__suppress_context__
        current = current.__cause__ or (None if hidden else current.__context__)
    return found[::-1]
