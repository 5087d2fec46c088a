"""A form: a line for each field, with its fault below."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Protocol

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Input, Select, Static


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


class Field(Protocol):
    """A field of a form."""

    @property
    def name(self) -> str:
        """The name, unique in the form."""

    @property
    def label(self) -> str:
        """The label."""

    @property
    def hint(self) -> str:
        """The placeholder."""

    @property
    def choices(self) -> tuple[str, ...]:
        """The choices, the default first; empty for a text."""

    @property
    def group(self) -> str:
        """The heading of its group; empty for none."""


class FieldsForm(VerticalScroll, can_focus=False):
    """A form with a line for each field."""

    DEFAULT_CSS = """
    FieldsForm {
        height: auto;
        & .heading { color: $text-accent; text-style: bold; }
        & .fault { height: auto; margin-left: 9; color: $text-error; display: none; }
        & .fault.-shown { display: block; }
    }
    """

    def __init__(
        self,
        fields: Sequence[Field],
        texts: Mapping[str, str],
        *,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(id=id)
        self._fields = fields
        self._faults: dict[str, str] = {}
        self._start = {field.name: texts.get(field.name, "") for field in fields}

    @property
    def texts(self) -> dict[str, str]:
        """The texts of the fields by name."""
        if not self.is_mounted:
            return dict(self._start)
        return {
            field.name: str(self.select(field.name).value)
            if field.choices
            else self.input(field.name).value
            for field in self._fields
        }

    def compose(self) -> ComposeResult:
        for heading, fields in groupby(self._fields, lambda field: field.group):
            if heading:
                yield Static(heading, classes="heading")
            for field in fields:
                yield FieldRow(field.label, self._editor(field))
                yield Static("", classes="fault", id=f"fault-{field.name}", markup=False)

    def fill(self, texts: Mapping[str, str]) -> None:
        """Fill the named fields."""
        if not self.is_mounted:
            self._start.update(texts)
            return
        for field in self._fields:
            if field.name not in texts:
                continue
            if field.choices:
                self.select(field.name).value = texts[field.name]
            else:
                self.input(field.name).value = texts[field.name]

    def show_faults(self, faults: Mapping[str, str]) -> None:
        """Show each fault below its field, and no other."""
        for name in {name for name, _ in self._faults.items() ^ faults.items()}:
            fault = faults.get(name, "")
            place = self.query_one(f"#fault-{name}", Static)
            place.update(fault)
            place.set_class(bool(fault), "-shown")
        self._faults = dict(faults)

    def focus_field(self, name: str = "") -> None:
        """Focus a field and select its text; the first one if the name is empty."""
        field = self.query_one(f"#field-{name}") if name else self.query("Input, Select").first()
        field.focus()
        if isinstance(field, Input):
            # Typing replaces it; also where the field had the focus before.
            field.action_select_all()

    def input(self, name: str) -> Input:
        """Return the editor of a text."""
        return self.query_one(f"#field-{name}", Input)

    def select(self, name: str) -> Select[str]:
        """Return the editor of a choice."""
        return self.query_one(f"#field-{name}", Select)

    def _editor(self, field: Field) -> Input | Select[str]:
        name = f"field-{field.name}"
        text = self._start[field.name]
        if field.choices:
            choices = [(choice or f"default: {field.hint}", choice) for choice in field.choices]
            value = text if text in field.choices else field.choices[0]
            return Select(choices, value=value, allow_blank=False, compact=True, id=name)
        editor = Input(text, placeholder=field.hint, compact=True, id=name)
        editor.cursor_blink = False
        return editor
