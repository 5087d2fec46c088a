"""The line for UIDs: typed, or pasted, one or thousands.

Textual's Input keeps only the first line of a paste. Here, a paste of several lines is held aside
whole, so that lines keep their numbers and thousands of UIDs cost no drawing.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from dicom_retrieve_tui.model.uid_paste import read_pasted_uids
from dicom_retrieve_tui.model.wording import count

_PROMPT = "paste Study Instance UIDs, one or many"


class UidLine(Input):
    """One line of text, and a list beside it where one was pasted or loaded."""

    HELP = """\
Study Instance UIDs. Type one, or paste: one, many lines, commas, a piece of a table. `enter` adds
them to the queue, also while it runs."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Start", id="uid.start"),
        Binding("up", "recent(1)", "What was asked for before", show=False, id="uid.recent"),
        Binding("down", "recent(-1)", "What was asked for after", show=False, id="uid.later"),
        Binding("backspace", "back", "Delete", show=False, id="uid.back"),
    ]

    class Edited(Message):
        """The text has changed."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, placeholder=_PROMPT, compact=True)
        self.cursor_blink = False  # it would be most of what the application costs at rest
        self._held = ""
        self._recent: list[str] = []
        self._at = 0
        self._recall: Callable[[], Sequence[str]] = tuple

    @property
    def text(self) -> str:
        """What was pasted and what was typed."""
        return "\n".join(part for part in (self._held, self.value) if part)

    def hold(self, text: str) -> None:
        """Add lines to the list that is held aside."""
        self._show_held(f"{self._held}\n{text}" if self._held else text)

    def clear_text(self) -> None:
        """Forget what was pasted and typed."""
        self.value = ""
        self._show_held("")

    def remember(self, text: str) -> None:
        """Offer this again later."""
        if text in self._recent:
            self._recent.remove(text)
        self._recent.append(text)
        self._at = 0

    def recall_from(self, recall: Callable[[], Sequence[str]]) -> None:
        """Know of earlier runs, once somebody asks: the latest first."""
        self._recall = recall

    def take_paste(self, text: str) -> None:
        """Take in what the clipboard had."""
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) > 1:
            self.hold(text.strip("\r\n"))
        elif lines:
            self.insert_text_at_cursor(lines[0].strip())

    def action_recent(self, step: int) -> None:
        """Go back or forth in what was asked for."""
        recall, self._recall = self._recall, tuple
        earlier = [text for text in reversed(recall()) if text not in self._recent]
        self._recent = earlier + self._recent
        at = min(max(self._at + step, 0), len(self._recent))
        if at == self._at:
            return
        self._at = at
        text = self._recent[-at] if at else ""
        several = "\n" in text
        self.value = "" if several else text
        self.cursor_position = len(self.value)
        self._show_held(text if several else "")

    def action_back(self) -> None:
        """Delete a character; the list, where there is none."""
        if not self.value and self._held:
            self._show_held("")
        else:
            self.action_delete_left()

    def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()  # Input's own handler would insert the first line
        event.stop()
        self.take_paste(event.text)

    def _show_held(self, text: str) -> None:
        self._held = text
        found = len(read_pasted_uids(text).uids)
        held = f"{count(found, 'UID')} in the list; backspace drops it"
        self.placeholder = held if text else _PROMPT
        self.post_message(self.Edited())

    def on_input_changed(self) -> None:
        """Tell of typing as of pasting."""
        self.post_message(self.Edited())
