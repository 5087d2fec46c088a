"""A line of a form: a label and an editor."""

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget


class FieldRow(Horizontal):
    """Draws the label itself, because each widget costs time in every frame."""

    DEFAULT_CSS = """
    FieldRow { height: 1; color: $text-muted; }
    FieldRow > * { margin-left: 12; width: 1fr; }
    """

    def __init__(self, label: str, editor: Widget, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._label, self._editor = label, editor

    def compose(self) -> ComposeResult:
        yield self._editor

    def render(self) -> str:
        return self._label
