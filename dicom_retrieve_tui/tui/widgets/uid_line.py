"""The line for UIDs: typed or pasted, one or thousands.

Textual's Input keeps only the first line of a paste. Here a paste of several lines is kept whole
beside the line, so that line numbers stay and thousands of UIDs cost no drawing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.uid_list import UidList, joined, list_of
from dicom_retrieve_tui.model.uid_paste import read_paste
from dicom_retrieve_tui.tui.list_file import dropped_path, path_fault, read_file
from dicom_retrieve_tui.tui.widgets.patient_input import PatientInput

_PROMPT = "paste Study Instance UIDs, one or many"


@dataclass(frozen=True, slots=True)
class Part:
    """A pasted, loaded or typed text, and its UIDs."""

    text: str
    found: UidList

    @classmethod
    def of(cls, text: str) -> "Part":
        """Parse a text as a paste."""
        return cls(text, read_paste(text))

    @classmethod
    def naming(cls, selections: tuple[Selection, ...]) -> "Part":
        """Return the part that selects exactly these."""
        return cls(list_of(selections), UidList(selections=selections))


class UidLine(PatientInput):
    """A line of text, and the lists pasted or loaded beside it."""

    HELP = """\
Study Instance UIDs. Type one, or paste one, many lines, a comma-separated list or a table, or drop
a file here. In a table with headings, series and instances narrow a row. Patient IDs are looked up;
so are accession numbers, which need no heading if they have letters.
`enter` adds the studies to the queue, also while it runs."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Start", id="uid.start"),
        Binding("up", "recent(1)", "Earlier request", show=False, id="uid.recent"),
        Binding("down", "recent(-1)", "Later request", show=False, id="uid.later"),
        Binding("backspace", "back", "Delete", show=False, id="uid.back"),
    ]

    class Edited(Message):
        """The text or the lists have changed."""

    class Unreadable(Message):
        """A file whose path was pasted is not a list."""

        def __init__(self, fault: str) -> None:
            super().__init__()
            self.fault = fault

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, placeholder=_PROMPT, compact=True)
        # Blinking would be most of the application's processor time at rest.
        self.cursor_blink = False
        self._held: tuple[Part, ...] = ()
        self._recent: list[tuple[Part, ...]] = []
        self._at = 0
        self._recall: Callable[[], Sequence[tuple[Selection, ...]]] = tuple

    @property
    def parts(self) -> tuple[Part, ...]:
        """The lists and the typed text."""
        typed = (Part.of(self.value),) if self.value.strip() else ()
        return (*self._held, *typed)

    @property
    def found(self) -> UidList:
        """The UIDs of all parts together."""
        return joined([part.found for part in self.parts])

    @property
    def path_fault(self) -> str:
        """Why the path that is typed does not name a list; empty if it does, or none is typed."""
        fault = path_fault(self.value)
        return f"{self.value.strip()}: {fault}" if fault else ""

    @property
    def names_file(self) -> bool:
        """True if the path of a file is typed."""
        return dropped_path(self.value) is not None

    def hold(self, part: Part) -> None:
        """Add a list."""
        self._show_held((*self._held, part))

    def take_away(self, asked: tuple[Selection, ...]) -> None:
        """Clear the line; `up` brings its content back.

        Args:
            asked: The requested selections. If the form has narrowed them, `up` brings these back.
        """
        parts = self.parts
        if asked != self.found.selections:
            parts = (Part.naming(asked),)
        if parts in self._recent:
            self._recent.remove(parts)
        self._recent.append(parts)
        self._at = 0
        self.value = ""
        self._show_held(())

    def give_back(self) -> None:
        """Restore what was cleared last."""
        self._at = 0
        self.action_recent(1)

    def recall_from(self, recall: Callable[[], Sequence[tuple[Selection, ...]]]) -> None:
        """Set the source of earlier requests, the latest first; it is called at the first `up`."""
        self._recall = recall

    def take_paste(self, text: str) -> None:
        """Insert one line, keep several as a list, or open the file that the text names."""
        if (path := dropped_path(text)) is not None:
            try:
                lines_of_file = read_file(str(path))
            except ConfigError as error:
                self.post_message(self.Unreadable(f"{path.name}: {error}"))
            else:
                self.hold(Part.of(lines_of_file))
            return
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) > 1:
            self.hold(Part.of(text))
        elif lines:
            self.insert_text_at_cursor(lines[0].strip())

    def open_typed(self) -> bool:
        """Open the file whose path is typed, as terminals without pastes do when one is dropped.

        Return false if the text is not the path of a file.
        """
        text = self.value
        if dropped_path(text) is None:
            return False
        self.value = ""
        self.take_paste(text)
        return True

    def action_recent(self, step: int) -> None:
        """Go back or forth in earlier requests."""
        recall, self._recall = self._recall, tuple
        earlier = [(Part.naming(asked),) for asked in reversed(recall())]
        self._recent = [parts for parts in earlier if parts not in self._recent] + self._recent
        at = min(max(self._at + step, 0), len(self._recent))
        if at == self._at:
            return
        self._at = at
        parts = self._recent[-at] if at else ()
        lines = [part for part in parts if "\n" not in part.text]
        self.value = lines[-1].text if lines else ""
        self.cursor_position = len(self.value)
        self._show_held(tuple(part for part in parts if part not in lines[-1:]))

    def action_back(self) -> None:
        """Delete a character; if there is none, the lists."""
        if not self.value and self._held:
            self._show_held(())
        else:
            self.action_delete_left()

    def _on_paste(self, event: events.Paste) -> None:
        # Input's own handler would insert the first line.
        event.prevent_default()
        event.stop()
        self.take_paste(event.text)

    def _show_held(self, parts: tuple[Part, ...]) -> None:
        self._held = parts
        lists = [part.found for part in parts]
        asked = sum(len(each.selections) + len(each.lookups) for each in lists)
        noun = "line" if any(each.lookups for each in lists) else "UID"
        held = f"{count(asked, noun)} in the list; backspace removes it"
        self.placeholder = held if parts else _PROMPT
        self.post_message(self.Edited())

    def on_input_changed(self) -> None:
        """Report typing and pasting by the same message."""
        self.post_message(self.Edited())
