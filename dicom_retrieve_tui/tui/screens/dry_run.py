"""What a retrieval would get, study by study, and whether it fits, before it is started."""

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widgets import Static

from dicom_retrieve_tui.model.humanize import count, folder_text
from dicom_retrieve_tui.model.narration import space_text
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.study_lookup import Missed
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui.cut_text import fit
from dicom_retrieve_tui.tui.dry_run_job import DryRunJob, PlannedTotals
from dicom_retrieve_tui.tui.field_words import method_words
from dicom_retrieve_tui.tui.planned_columns import planned_line, planned_titles, planned_widths
from dicom_retrieve_tui.tui.ports import DryRun
from dicom_retrieve_tui.tui.queue_entry import StudyRequest
from dicom_retrieve_tui.tui.study_names import screen_verdict
from dicom_retrieve_tui.tui.widgets.growing_lines import GrowingLines
from dicom_retrieve_tui.tui.widgets.keys_line import KeysLine

_PERIOD_S = 0.25
_BAD_SHOWN_MAX = 3
_HEADER = 1


def total_lines(totals: PlannedTotals, options: RetrieveOptions) -> list[str]:
    """Return what would come in all, the room for it, and what is not as it should be."""
    studies = count(totals.studies, "study")
    asked = f"{totals.answered:,} of {studies}" if totals.running else studies
    counts = f"{count(totals.expected, 'instance')} in {count(totals.series, 'series')}"
    parts = [f"{asked} listed", counts]
    if not options.delivering:
        parts += [f"{totals.here:,} on disk", f"{totals.needed:,} to come"]
    lines = [", ".join(parts) + ("" if not totals.running else " so far")]
    if totals.space is not None:
        # First of all: a small terminal has room for little more.
        lines.insert(0, f"In all it {space_text(totals.space)}.")
    elif totals.running and not options.delivering:
        lines.append("The forecast of the bytes follows once every study is listed.")
    if totals.lines:
        lines.append(f"! {count(totals.lines, 'line')} of the list {Verdict.NOT_FOUND}")
    for (verdict, reason), number in totals.bad.most_common(_BAD_SHOWN_MAX):
        word = "" if verdict is Verdict.COMPLETE else f" {screen_verdict(verdict)}"
        lines.append(f"! {count(number, 'study')}{word}: {reason}".rstrip(": "))
    if (more := len(totals.bad) - _BAD_SHOWN_MAX) > 0:
        lines.append(f"  and {count(more, 'further reason')}")
    lines += [f"! {text}" for text in (*totals.notes, *filter(None, [totals.fault]))]
    return [clean_text(line) for line in lines]


class PlannedTable(GrowingLines, can_focus=True):
    """A line for each study, below a header."""

    DEFAULT_CSS = """
    PlannedTable {
        height: auto; min-height: 2; max-height: 1fr; background: transparent;
        overflow-x: hidden; scrollbar-size-vertical: 1;
        & > .planned--header { color: $text-muted; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"planned--header"}

    def __init__(self, job: DryRunJob) -> None:
        super().__init__()
        self._job = job
        self.hide_patients = False
        """True to mask patients; takes effect with a refresh."""
        self.virtual_size = Size(0, len(job) + _HEADER)

    def render_line(self, y: int) -> Strip:
        """Draw the header or a study."""
        width = self.scrollable_content_region.width
        widths = planned_widths(width)
        if y == 0:
            style = self.get_component_rich_style("planned--header")
            return Strip([Segment(fit(planned_titles(widths), width), style)], width)
        rows = self._job.rows(self.scroll_offset.y + y - _HEADER, 1)
        if not rows:
            return Strip.blank(width, self.rich_style)
        text = planned_line(widths, rows[0], hide_patients=self.hide_patients)
        return Strip([Segment(fit(text, width), self.rich_style)], width)


class DryRunScreen(ModalScreen[list[StudyRequest] | None]):
    """Returns what to retrieve, with what the PACS said of it; None to retrieve nothing."""

    HELP: ClassVar[str] = """\
What a retrieval would get of each study, as the PACS lists it. Nothing is retrieved. The size is a
forecast from earlier instances; it lies in the range with 90 % probability. `enter` starts the
retrieval, even before every study is listed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "start", "Start", id="dry_run.start"),
        Binding("h", "app.toggle_patients", "Hide or show patients", show=False, id="dry_run.mask"),
        Binding("f1,question_mark", "app.context_help", "Help", key_display="?", id="app.help"),
        Binding("escape,q", "leave", "Cancel", key_display="esc", id="dry_run.cancel"),
    ]

    DEFAULT_CSS = """
    DryRunScreen {
        align: center middle;
        & > Vertical {
            width: 140; max-width: 96%; height: auto; max-height: 90%;
            border: round $primary; padding: 0 1; background: $surface;
        }
        & .about { color: $text-muted; margin-bottom: 1; }
        & #totals { height: auto; max-height: 40%; margin-top: 1; }
    }
    """

    def __init__(
        self,
        dry_run: DryRun,
        requests: Sequence[StudyRequest],
        options: RetrieveOptions,
        missed: Sequence[Missed] = (),
    ) -> None:
        """Start to ask the PACS.

        Args:
            dry_run: Lists what a retrieval would get.
            requests: The studies.
            options: How they would be retrieved.
            missed: Lines of the list for which the PACS has no study.
        """
        super().__init__()
        self._options = options
        self._job = DryRunJob(dry_run, requests, options, missed)
        self._table = PlannedTable(self._job)
        self._seen: PlannedTotals | None = None

    def compose(self) -> ComposeResult:
        options = self._options
        where = options.move_destination if options.delivering else folder_text(options.output)
        with Vertical() as frame:
            frame.border_title = "Dry run: nothing is retrieved"
            frame.border_subtitle = "enter starts · esc cancels"
            to = None if options.delivering else options.move_destination
            method = method_words(options.method, to)
            yield Static(f"{options.peer}, {method} → {where}", classes="about", markup=False)
            yield self._table
            with VerticalScroll(id="totals"):
                yield Static("", id="planned", markup=False)
        yield KeysLine()

    def on_mount(self) -> None:
        self._table.focus()
        self.watch(self.app, "hide_patients", self._mask)
        self._look()
        self.set_interval(_PERIOD_S, self._look)

    def on_unmount(self) -> None:
        self._job.stop()

    def action_start(self) -> None:
        self.dismiss(self._job.requests)

    def action_leave(self) -> None:
        self.dismiss(None)

    def _look(self) -> None:
        totals = self._job.totals
        if totals is not self._seen:
            self._seen = totals
            self._table.refresh()
            self.query_one("#planned", Static).update("\n".join(total_lines(totals, self._options)))

    def _mask(self, hide: bool) -> None:  # noqa: FBT001 - Textual's callback
        self._table.hide_patients = hide
        self._table.refresh()
