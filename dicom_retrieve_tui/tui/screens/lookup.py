"""Ask the PACS for the studies of accession numbers and patient IDs."""

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
from dicom_retrieve_tui.tui.field_words import in_fields
from dicom_retrieve_tui.tui.search_job import BorrowingFindEach
from dicom_retrieve_tui.tui.widgets.keys_line import KeysLine


class LookupScreen(ModalScreen[LookupResult | None]):
    """Returns the studies found; None if the user leaves, or the PACS fails."""

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
        """A number of lookups is done; posted by the thread that asks."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    class Waits(Message):
        """The PACS lets us wait; posted by any thread."""

        def __init__(self, reason: str) -> None:
            super().__init__()
            self.reason = reason
            """Why; empty once it does no longer."""

    class Over(Message):
        """The lookups are done or have failed; posted by the thread that asks."""

        def __init__(self, found: LookupResult, fault: str) -> None:
            super().__init__()
            self.found = found
            self.fault = fault

    def __init__(
        self, find_each: BorrowingFindEach, lookups: Sequence[Lookup], settings: RetrieveOptions
    ) -> None:
        """Keep what to look up.

        Args:
            find_each: Asks the PACS.
            lookups: Accession numbers and patient IDs.
            settings: The PACS.
        """
        super().__init__()
        self._find_each, self._lookups, self._settings = find_each, lookups, settings
        self._cancel = CancelToken()

    def compose(self) -> ComposeResult:
        with Vertical() as frame:
            frame.border_title = "Looking up"
            frame.border_subtitle = "esc cancels"
            yield Static(self._told(0), id="looked", markup=False)
            yield Static("", id="waits", markup=False)
        yield KeysLine()

    def on_mount(self) -> None:
        self.run_worker(self._ask, thread=True)

    def on_unmount(self) -> None:
        self._cancel.request()

    def action_leave(self) -> None:
        self.dismiss(None)

    def on_lookup_screen_came(self, event: Came) -> None:
        self.query_one("#looked", Static).update(self._told(event.number))

    def on_lookup_screen_waits(self, event: Waits) -> None:
        self.query_one("#waits", Static).update(event.reason)

    def on_lookup_screen_over(self, event: Over) -> None:
        if event.fault:
            place = self.query_one("#looked", Static)
            place.update(event.fault)
            place.add_class("-bad")
        elif not self._cancel.requested:
            self.dismiss(event.found)

    def _ask(self) -> None:
        """Ask the PACS, on a thread of its own."""
        found, fault = LookupResult(), ""
        searches = [lookup.search for lookup in self._lookups]
        try:
            find = self._find_each(searches, self._settings, self._cancel, self._wait)
            with closing(find) as answers:
                for number, (lookup, answer) in enumerate(
                    zip(self._lookups, answers, strict=True), start=1
                ):
                    found.take(lookup, answer)
                    self.post_message(self.Came(number))
        except Cancelled:
            return
        except RetrieveError as error:
            fault = clean_text(in_fields(str(error)))
        self.post_message(self.Over(found, fault))

    def _wait(self, reason: str) -> None:
        self.post_message(self.Waits(reason))

    def _told(self, number: int) -> str:
        lines = count(len(self._lookups), "line")
        return f"{number:,} of {lines} looked up at {self._settings.peer}"
