"""One line of a form: what it is called, and the editor."""

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget


class FieldRow(Horizontal):
    """Draws the label itself: a form has many, and each widget costs a little in every frame."""

    DEFAULT_CSS = """
    FieldRow { height: 1; color: $text-muted; }
    FieldRow > * { margin-left: 9; width: 1fr; }
    """

    def __init__(self, label: str, editor: Widget, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._label, self._editor = label, editor

    def compose(self) -> ComposeResult:
        """The editor, beside the label."""
        yield self._editor

    def render(self) -> str:
        """The label."""
        return self._label
