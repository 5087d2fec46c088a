"""The form: how and where to retrieve, each fault beside its field as one types."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Input, Select, Static

from dicom_retrieve_tui.tui.retrieve_form import (
    CARRIED,
    FIELDS,
    Draft,
    carried_text,
    faults,
    new_draft,
)
from dicom_retrieve_tui.tui.widgets.fields_form import FieldRow, FieldsForm

_PROFILE = "profile"


@dataclass(frozen=True, slots=True)
class Preset:
    """A profile, as the form needs it."""

    name: str
    draft: Draft


class OptionsForm(FieldsForm):
    """Every option in a line of its own."""

    HELP: ClassVar[str] = """\
How and where to retrieve. Changes apply to the studies that you add next; studies in the queue keep
their options."""

    DEFAULT_CSS = """
    OptionsForm {
        & #row-profile { display: none; }
        &.-profiles #row-profile { display: block; }
        & #carried { height: auto; color: $text-muted; display: none; }
        & #carried.-shown { display: block; }
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
        super().__init__(FIELDS, draft or new_draft(), id=id)
        # Set later, the class would restyle every field.
        self.set_class(bool(presets), "-profiles")
        self._presets = {preset.name: preset for preset in presets}
        self._preset = preset
        self._carried = _carried_by(draft or {})

    @property
    def preset(self) -> str:
        """The name of the profile; empty if there is none."""
        return self._preset

    @property
    def draft(self) -> dict[str, str]:
        """The texts of the fields, and of options without a field."""
        return {**self._carried, **self.texts}

    def compose(self) -> ComposeResult:
        """Yield a line for the profile, and one for each field."""
        profile = Select[str](
            [(name, name) for name in self._presets],
            prompt="none",
            value=self._preset if self._preset in self._presets else Select.NULL,
            compact=True,
            id=f"field-{_PROFILE}",
        )
        yield FieldRow("Profile", profile, id="row-profile")
        text = carried_text(self._carried)
        yield Static(text, markup=False, id="carried", classes="-shown" if text else "")
        yield from super().compose()

    def on_mount(self) -> None:
        """Show the faults of the first texts."""
        self.show_faults(faults(self.draft))

    def load(self, draft: Draft) -> None:
        """Fill the fields."""
        self._carried = _carried_by(draft)
        self._show_carried()
        self.fill(draft)
        self._judge()

    def take_preset(self, name: str) -> None:
        """Name another profile, without filling the fields from it."""
        if name != self._preset:
            self._preset = name
            self._show_presets()

    def take_presets(self, presets: Sequence[Preset], name: str) -> None:
        """Offer other profiles, and fill the fields from one that is not there yet."""
        before = self._presets.get(self._preset)
        self._presets = {preset.name: preset for preset in presets}
        self._preset = name
        self._show_presets()
        preset = self._presets.get(name)
        if preset != before:
            self.load(preset.draft if preset else new_draft())

    def forget_study(self) -> None:
        """Empty the fields that narrow one study."""
        self.fill({field.name: "" for field in FIELDS if field.of_study})

    def focus_field(self, name: str = "") -> None:
        """Focus a field; the first one if the name is empty."""
        super().focus_field(name or (_PROFILE if self._presets else FIELDS[0].name))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._edited()

    @on(Select.Changed)
    def _chosen(self, event: Select.Changed) -> None:
        event.stop()
        if event.select.id == f"field-{_PROFILE}":
            name = str(event.value)
            # Nothing was chosen, or an entry of an outdated list.
            if name not in self._presets:
                self._show_presets()
            if name == self._preset or name not in self._presets:
                return
            self._preset = name
            self.load(self._presets[name].draft)
        self._edited()

    def _show_presets(self) -> None:
        if not self.is_mounted:
            return
        self.set_class(bool(self._presets), "-profiles")
        place = self.select(_PROFILE)
        with self.prevent(Select.Changed):
            place.set_options([(name, name) for name in self._presets])
            if self._preset in self._presets:
                place.value = self._preset

    def _show_carried(self) -> None:
        if self.is_mounted:
            place, text = self.query_one("#carried", Static), carried_text(self._carried)
            place.update(text)
            place.set_class(bool(text), "-shown")

    def _edited(self) -> None:
        self._judge()
        self.post_message(self.Edited())

    def _judge(self) -> None:
        if self.is_mounted:
            self.show_faults(faults(self.draft))


def _carried_by(draft: Draft) -> dict[str, str]:
    return {name: draft[name] for name in CARRIED if name in draft}
