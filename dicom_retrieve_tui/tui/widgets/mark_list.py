"""A list of which several lines can be marked.

Textual's SelectionList tells a selected line from others by its color alone.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from dicom_retrieve_tui.tui.queue_columns import MARK as MARKED


class MarkList(OptionList):
    """A line for each key; hidden while there is none."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "Down", show=False, id="marks.down"),
        Binding("k", "cursor_up", "Up", show=False, id="marks.up"),
    ]

    DEFAULT_CSS = """
    MarkList, MarkList:focus {
        height: auto; border: none; padding: 0; background: $surface; display: none;
    }
    MarkList.-filled { display: block; }
    """

    def __init__(
        self,
        texts: Mapping[str, str] | None = None,
        marked: Collection[str] = (),
        *,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        """Show lines.

        Args:
            texts: The text of each line, by its key.
            marked: Keys of the lines that are marked.
            id: Textual's name of the widget.
        """
        super().__init__(id=id)
        self._texts: dict[str, str] = {}
        self._marks = set(marked)
        self.show_texts(texts or {})

    @property
    def marked(self) -> list[str]:
        """The keys of the marked lines, in the order of the list."""
        return [key for key in self._texts if key in self._marks]

    def show_texts(self, texts: Mapping[str, str]) -> None:
        """Show a line for each key; marks stay with their keys."""
        same, before = list(texts) == list(self._texts), self._texts
        self._texts = dict(texts)
        if same:
            self._draw(key for key, text in texts.items() if text != before[key])
            return
        at = self.highlighted or 0
        self.clear_options()
        self.add_options(Option(self._prompt(key), id=key) for key in texts)
        self.set_class(bool(texts), "-filled")
        self.highlighted = min(at, len(texts) - 1) if texts else None

    def mark(self) -> None:
        """Mark the line under the cursor, or unmark it."""
        if self.highlighted is not None:
            key = list(self._texts)[self.highlighted]
            self._marks ^= {key}
            self._draw([key])

    def mark_all(self) -> None:
        """Mark every line; if all are marked, none."""
        keys = set(self._texts)
        self._marks = self._marks - keys if keys <= self._marks else self._marks | keys
        self._draw(keys)

    def _draw(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.replace_option_prompt(key, self._prompt(key))

    def _prompt(self, key: str) -> Text:
        mark = MARKED if key in self._marks else " "
        return Text(f"{mark} {self._texts[key]}", no_wrap=True, overflow="ellipsis")
