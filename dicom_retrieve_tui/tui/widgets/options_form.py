"""The form: how and where to retrieve, each fault beside its field as one types."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.widgets import Input, Label, Select, Static

from dicom_retrieve_tui.tui.form import FIELDS, Draft, FormField, defaults, faults

_PROFILE = "profile"


@dataclass(frozen=True, slots=True)
class Preset:
    """A profile, as the form needs it."""

    name: str
    draft: Draft


class OptionsForm(VerticalScroll, can_focus=False):
    """Every option in a line of its own."""

    HELP: ClassVar[str] = """\
How and where to retrieve. What you change here holds for what you add next; entries in the queue
keep the options with which they were added."""

    DEFAULT_CSS = """
    OptionsForm {
        height: auto;
        & .row { height: 1; }
        & .row > Label { width: 9; color: $text-muted; }
        & Input { width: 1fr; }
        & Select { width: 1fr; }
        & .fault { height: auto; margin-left: 9; color: $text-error; display: none; }
        & .fault.-shown { display: block; }
    }
    """

    class Edited(Message):
        """A field has changed."""

    def __init__(
        self,
        presets: Sequence[Preset],
        *,
        draft: Draft | None = None,
        preset: str = "",
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(id=id)
        self._presets = {preset.name: preset for preset in presets}
        self._start = {**defaults(), **(draft or {})}
        self._preset = preset

    @property
    def preset(self) -> str:
        """The name of the profile; empty if there is none."""
        return self._preset

    @property
    def draft(self) -> dict[str, str]:
        """What stands in the fields."""
        if not self.is_mounted:
            return dict(self._start)
        texts = {}
        for field in FIELDS:
            if field.choices:
                texts[field.name] = str(self._select(field.name).value)
            else:
                texts[field.name] = self._input(field.name).value
        return texts

    def compose(self) -> ComposeResult:
        """A line for the profile, if there are any, and one for each field."""
        if self._presets:
            with Horizontal(classes="row"):
                yield Label("Profile")
                yield Select(
                    [(name, name) for name in self._presets],
                    value=self._preset or next(iter(self._presets)),
                    allow_blank=False,
                    compact=True,
                    id=f"field-{_PROFILE}",
                )
        for field in FIELDS:
            with Horizontal(classes="row"):
                yield Label(field.label)
                yield self._editor(field)
            yield Static("", classes="fault", id=f"fault-{field.name}", markup=False)

    def on_mount(self) -> None:
        """Judge what stands there."""
        self.show_faults()

    def load(self, draft: Draft) -> None:
        """Fill the fields."""
        for field in FIELDS:
            if field.choices:
                self._select(field.name).value = draft[field.name]
            else:
                self._input(field.name).value = draft[field.name]
        self.show_faults()

    def take_preset(self, name: str) -> None:
        """Name another profile, without filling the fields from it."""
        if name != self._preset:
            self._preset = name
            self._select(_PROFILE).value = name

    def forget_study(self) -> None:
        """Empty what narrowed one study down."""
        for field in FIELDS:
            if field.of_study:
                self._input(field.name).value = ""

    def focus_field(self, name: str = "") -> None:
        """Go to a field; the first one if none is named."""
        (self.query_one(f"#field-{name}") if name else self.query("Input, Select").first()).focus()

    def show_faults(self) -> None:
        """Tell each fault beside its field."""
        found = faults(self.draft)
        for field in FIELDS:
            fault = found.get(field.name, "")
            place = self.query_one(f"#fault-{field.name}", Static)
            # A form that nobody has touched yet asks; it does not complain.
            place.update(fault)
            place.set_class(bool(fault), "-shown")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._edited()

    @on(Select.Changed)
    def _chosen(self, event: Select.Changed) -> None:
        event.stop()
        if event.select.id == f"field-{_PROFILE}":
            name = str(event.value)
            if name != self._preset:
                self._preset = name
                self.load({**defaults(), **self._presets[name].draft})
        self._edited()

    def _edited(self) -> None:
        self.show_faults()
        self.post_message(self.Edited())

    def _editor(self, field: FormField) -> Input | Select[str]:
        name = f"field-{field.name}"
        text = self._start[field.name]
        if field.choices:
            return Select(
                _same(field.choices), value=text, allow_blank=False, compact=True, id=name
            )
        return Input(text, placeholder=field.hint, compact=True, id=name)

    def _input(self, name: str) -> Input:
        return self.query_one(f"#field-{name}", Input)

    def _select(self, name: str) -> Select[str]:
        return self.query_one(f"#field-{name}", Select)


def _same(choices: Iterable[str]) -> list[tuple[str, str]]:
    return [(choice, choice) for choice in choices]
