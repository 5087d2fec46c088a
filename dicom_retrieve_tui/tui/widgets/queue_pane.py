"""The queue with its filter and tabs, and the keys for its studies."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from dicom_retrieve_tui.tui.queue_view import Tab, View
from dicom_retrieve_tui.tui.snapshot import Totals
from dicom_retrieve_tui.tui.widgets.framed_pane import FramedPane
from dicom_retrieve_tui.tui.widgets.patient_input import PatientInput
from dicom_retrieve_tui.tui.widgets.queue_table import QueueTable

_PERIODS_OF_A_UID_MIN = 3


class FilterLine(PatientInput):
    """The input of the filter."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "To the queue", id="filter.keep"),
        Binding("escape", "drop", "Clear", key_display="esc", id="filter.clear"),
        Binding("f1", "app.context_help", "Help", id="app.help"),
    ]

    HELP: ClassVar[str] = """\
Show only rows with this text in their UID, patient, modality or reason."""

    class Dropped(Message):
        """The filter is to be closed."""

    def action_drop(self) -> None:
        self.post_message(self.Dropped())

    def may_name_patient(self) -> bool:
        """True unless it is empty, or a UID: no path is typed here."""
        return bool(self.value) and self.value.count(".") < _PERIODS_OF_A_UID_MIN


class QueuePane(FramedPane):
    """The table, below the line of the filter while that is open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "r", "screen.retry", "Retry", id="queue.retry", tooltip="Retrieve missing instances"
        ),
        Binding(
            "p",
            "screen.pause",
            "Pause",
            id="queue.pause",
            tooltip="Receive nothing until the key is pressed again",
        ),
        # The screen allows one of the two.
        Binding("p", "screen.resume", "Resume", id="queue.pause", tooltip="Go on after a pause"),
        Binding(
            "l",
            "screen.limits",
            "Hours and rate",
            show=False,
            id="queue.limits",
            tooltip="For all studies that run or wait",
        ),
        Binding("x", "screen.stop", "Stop", id="queue.stop", tooltip="Cancel the study"),
        Binding("X", "screen.stop_all", "Stop everything", show=False, id="queue.stop_all"),
        Binding("w", "screen.give_up", "Wait no longer", show=False, id="queue.give_up"),
        Binding("slash", "filter", "Filter", key_display="/", id="queue.filter"),
        Binding("question_mark", "app.context_help", "Help", key_display="?", id="app.help"),
        Binding("t", "screen.promote", "Move to the front", show=False, id="queue.promote"),
        Binding("delete,d", "screen.remove", "Remove", show=False, id="queue.remove"),
        Binding("P", "screen.priors", "Priors: all of this patient", show=False, id="queue.priors"),
        Binding("c", "screen.columns", "Choose the columns", show=False, id="queue.columns"),
        Binding("y", "screen.copy_uids", "Copy the UID", show=False, id="queue.copy"),
        Binding(
            "e", "screen.export_failed", "Write failed-studies.txt", show=False, id="queue.export"
        ),
        Binding("E", "screen.export", "Export these rows as CSV", show=False, id="queue.csv"),
        Binding("h", "app.toggle_patients", "Hide or show patients", show=False, id="queue.mask"),
        Binding("v", "screen.verify", "Verify the folder", show=False, id="queue.verify"),
        Binding("o", "screen.open_folder", "Open the folder", show=False, id="queue.open"),
        Binding(
            "u",
            "screen.resume_unfinished",
            "Resume unfinished studies",
            show=False,
            id="queue.resume",
        ),
        Binding(
            "U",
            "screen.forget_unfinished",
            "Forget unfinished studies",
            show=False,
            id="queue.forget",
        ),
        Binding("1", "tab('all')", "All", show=False, id="queue.all"),
        Binding("2", "tab('active')", "Active", show=False, id="queue.active"),
        Binding("3", "tab('failed')", "Failed", show=False, id="queue.failed"),
        Binding("4", "tab('done')", "Done", show=False, id="queue.done"),
        Binding("escape", "clear", "Clear filter and marks", show=False, id="queue.clear"),
    ]

    DEFAULT_CSS = """
    QueuePane {
        & #filter { display: none; }
        & #filter.-open { display: block; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._totals = Totals()

    @property
    def table(self) -> QueueTable:
        return self.query_one(QueueTable)

    def compose(self) -> ComposeResult:
        filter_line = FilterLine(
            placeholder="part of a UID, patient or reason; esc clears", compact=True, id="filter"
        )
        filter_line.cursor_blink = False
        yield filter_line
        yield QueueTable(id="queue")

    def on_mount(self) -> None:
        self.show_totals(self._totals)

    def show_totals(self, totals: Totals) -> None:
        self._totals = totals
        self.table.show_live(live=totals.active > 0)
        done = totals.good + totals.failed
        title = "Queue"
        if totals.studies:
            title = f"Queue  {done:,}/{totals.studies:,} studies"
            if instances := totals.instances_text(" instances"):
                title += f"  {instances}"
        self.border_title = title
        self._show_tabs()

    def mask_patients(self, *, hide: bool) -> None:
        """Draw the table and the filter without or with what leads to a patient."""
        self.table.mask_patients(hide=hide)
        self.query_one(FilterLine).mask_patients(hide=hide)

    def action_tab(self, name: str) -> None:
        view = self.table.view
        self.table.show_view(View(Tab(name), view.needle, view.sort, view.descending))

    def action_filter(self) -> None:
        place = self.query_one("#filter", Input)
        place.add_class("-open")
        place.focus()

    @on(FilterLine.Dropped)
    def action_clear(self) -> None:
        """Close the filter, else clear the marks, else show all rows."""
        place = self.query_one("#filter", Input)
        if place.has_class("-open"):
            place.value = ""
            place.remove_class("-open")
            self._narrow("")
        elif self.table.marked:
            self.table.clear_marks()
        else:
            self.action_tab("all")
        self.table.focus()

    @on(Input.Changed, "#filter")
    def _filter_typed(self, event: Input.Changed) -> None:
        event.stop()
        self._narrow(event.value.strip())

    @on(Input.Submitted, "#filter")
    def _filter_done(self, event: Input.Submitted) -> None:
        event.stop()
        self.table.focus()

    @on(QueueTable.ViewChanged)
    def _view_changed(self) -> None:
        self._show_tabs()

    def _narrow(self, needle: str) -> None:
        view = self.table.view
        self.table.show_view(View(view.tab, needle, view.sort, view.descending))

    def _show_tabs(self) -> None:
        totals, view = self._totals, self.table.view
        counts = {
            Tab.ALL: totals.studies,
            Tab.ACTIVE: totals.active,
            Tab.FAILED: totals.failed,
            Tab.DONE: totals.good,
        }
        texts = []
        for number, (tab, count) in enumerate(counts.items(), start=1):
            text = f"{number} {tab.value} {count:,}"
            if tab is view.tab and tab is not Tab.ALL:
                text = f"[reverse]{text}[/]"
            texts.append(f"[@click=tab('{tab.value}')]{text}[/]")
        if self.table.marked:
            texts.insert(0, f"{self.table.marked:,} marked")
        if view.needle:
            texts.insert(0, f"{self.table.shown:,} match")
        self.border_subtitle = " · ".join(texts)
