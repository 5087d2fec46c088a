"""Asks the PACS which studies lines of a list stand for; what it answers is judged elsewhere."""

from collections.abc import Sequence
from contextlib import closing
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static

from dicom_retrieve_tui.errors import Cancelled, RetrieveError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.study_lookup import Lookup, LookupResult
from dicom_retrieve_tui.tui.search_job import FindEach
from dicom_retrieve_tui.tui.widgets.keys_line import KeysLine


class LookupScreen(ModalScreen[LookupResult | None]):
    """Ends with what was found; with None if somebody would rather not, or the PACS cannot say."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Cancel", id="lookup.cancel"),
    ]

    DEFAULT_CSS = """
    LookupScreen {
        align: center middle;
        & > Vertical {
            width: 60; max-width: 96%; height: auto;
            border: round $primary; padding: 0 1; background: $surface;
        }
        & #looked.-bad { color: $text-error; }
    }
    """

    class Came(Message):
        """So many lines are looked up; posted by the thread that asks."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    class Over(Message):
        """The PACS has answered, or cannot; likewise."""

        def __init__(self, found: LookupResult, fault: str) -> None:
            super().__init__()
            self.found = found
            self.fault = fault

    def __init__(
        self, find_each: FindEach, lookups: Sequence[Lookup], settings: RetrieveOptions
    ) -> None:
        """Prepare.

        Args:
            find_each: Asks the PACS.
            lookups: What to look up.
            settings: Where.
        """
        super().__init__()
        self._find_each, self._lookups, self._settings = find_each, lookups, settings
        self._cancel = CancelToken()

    def compose(self) -> ComposeResult:
        """How far it is, in a frame."""
        with Vertical() as frame:
            frame.border_title = "Looking up"
            frame.border_subtitle = "esc retrieves nothing"
            yield Static(self._told(0), id="looked", markup=False)
        yield KeysLine()

    def on_mount(self) -> None:
        """Begin to ask."""
        self.run_worker(self._ask, thread=True)

    def on_unmount(self) -> None:
        """Ask no further."""
        self._cancel.request()

    def action_leave(self) -> None:
        """Rather not."""
        self.dismiss(None)

    def on_lookup_screen_came(self, event: Came) -> None:
        """Say how far it is."""
        self.query_one("#looked", Static).update(self._told(event.number))

    def on_lookup_screen_over(self, event: Over) -> None:
        """Go on with what was found, or say why that is nothing."""
        if event.fault:
            place = self.query_one("#looked", Static)
            place.update(event.fault)
            place.add_class("-bad")
        elif not self._cancel.requested:
            self.dismiss(event.found)

    def _ask(self) -> None:
        """On a thread of its own."""
        found, fault = LookupResult(), ""
        searches = [lookup.search for lookup in self._lookups]
        try:
            with closing(self._find_each(searches, self._settings, self._cancel)) as answers:
                for number, (lookup, answer) in enumerate(
                    zip(self._lookups, answers, strict=True), start=1
                ):
                    found.take(lookup, answer)
                    self.post_message(self.Came(number))
        except Cancelled:
            return
        except RetrieveError as error:
            fault = clean_text(str(error))
        self.post_message(self.Over(found, fault))

    def _told(self, number: int) -> str:
        lines = count(len(self._lookups), "line")
        return f"{number:,} of {lines} looked up at {self._settings.peer}"
