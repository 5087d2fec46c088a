"""Which test stands for which row of the fault list, and what the user reads of that fault.

`fault` makes a test an entry of `FAULTS`, and holds it to its words: the test returns what the user
was told, events of a run or text of the command, and fails if the words are not in there.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ParamSpec

from dicom_retrieve_tui.model.events import (
    AttemptFailed,
    Event,
    InstanceRefused,
    Noted,
    RetrieveFinished,
    StudyFinished,
)

_P = ParamSpec("_P")

Told = str | Sequence[Event]
"""What the user was told: text as it is, or the events that the words are in."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One test of one row; a row may have several."""

    number: int
    """The row's number, from 1."""
    test: str
    """Where pytest finds it: `tests/faults/test_connection.py::test_a_closed_port_...`."""
    user_reads: str

    @property
    def module(self) -> str:
        """The file that the test is in."""
        return self.test.partition("::")[0]


FAULTS: list[Fault] = []
"""Every entry, once the test modules are imported."""


def fault(number: int, *, user_reads: str) -> Callable[[Callable[_P, Told]], Callable[_P, None]]:
    """Enter a test into the list.

    Args:
        number: The row of the fault list that it stands for.
        user_reads: Words that must be in what the test returns.
    """

    def enter(test: Callable[_P, Told]) -> Callable[_P, None]:
        path = test.__module__.replace(".", "/")
        FAULTS.append(Fault(number, f"{path}.py::{test.__name__}", user_reads))

        @functools.wraps(test)
        def checked(*args: _P.args, **kwargs: _P.kwargs) -> None:
            told = test(*args, **kwargs)
            text = told if isinstance(told, str) else words(told)
            assert user_reads in text, f"The user does not read {user_reads!r}, but:\n{text}"

        return checked

    return enter


def words(events: Sequence[Event]) -> str:
    """What events say to the user, a line for each that has words."""
    return "\n".join(line for line in map(_line, events) if line)


def _line(event: Event) -> str:
    match event:
        case StudyFinished():
            said = [f"{event.verdict}: {event.reason}", *event.missing, event.irregular_example]
            return " ".join(said)
        case AttemptFailed() | InstanceRefused():
            return event.reason
        case Noted():
            return event.text
        case RetrieveFinished():
            return str(event.verdict)
        case _:
            return ""
