"""The form of a profile; name and move destination follow other fields until they are edited."""

from collections.abc import Collection, Mapping
from typing import ClassVar

from textual import on
from textual.message import Message
from textual.widgets import Input, Select

from dicom_retrieve_tui.tui.profile_form import NAME, profile_fields, tidied, usual_name
from dicom_retrieve_tui.tui.widgets.fields_form import FieldsForm


class ProfileForm(FieldsForm):
    """A form with a line for each key of a profile."""

    HELP: ClassVar[str] = """\
A PACS and its options. `enter` saves them and tests the PACS by C-ECHO; a fault is shown below its
field. Empty fields have the grey value. The host may be a whole address, AET@host:port."""

    class Edited(Message):
        """A field has changed."""

    def __init__(
        self,
        texts: Mapping[str, str],
        *,
        taken: Collection[str],
        usual: Mapping[str, str],
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        """Make the fields.

        Args:
            texts: The first texts of the fields.
            taken: The names of other profiles.
            usual: The values of empty fields.
            id: The id of the widget.
        """
        super().__init__(profile_fields(usual), texts, id=id)
        self._taken = taken
        self._name_by_us = "" if texts.get(NAME) else usual_name(texts, taken)
        self._our_ae_title = texts.get("aet", "")

    def on_mount(self) -> None:
        if self._name_by_us and tidied(self.texts)["host"]:
            with self.prevent(Input.Changed):
                self.fill({NAME: self._name_by_us})

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        name = (event.input.id or "").removeprefix("field-")
        if name in {"host", "called_aet"}:
            self._follow_the_pacs()
        elif name == "aet":
            self._follow_us(event.value)
        self.show_faults({})
        self.post_message(self.Edited())

    @on(Select.Changed)
    def _chosen(self, event: Select.Changed) -> None:
        event.stop()
        self.post_message(self.Edited())

    def _follow_the_pacs(self) -> None:
        name = self.input(NAME)
        if name.value in {"", self._name_by_us}:
            texts = tidied(self.texts)
            self._name_by_us = usual_name(texts, self._taken) if texts["host"] else ""
            with self.prevent(Input.Changed):
                name.value = self._name_by_us

    def _follow_us(self, ours: str) -> None:
        destination = self.input("move_dest")
        if destination.value == self._our_ae_title:
            with self.prevent(Input.Changed):
                destination.value = ours
        self._our_ae_title = ours
