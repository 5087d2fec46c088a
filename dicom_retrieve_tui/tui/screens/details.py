"""One study in detail, live: counts, series, missing instances, reasons, the equivalent command.

Series are marked here and retrieved alone.
"""

from collections.abc import Awaitable, Callable, Sequence
from math import inf
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from dicom_retrieve_tui.model.humanize import count, duration_text, folder_text, size_text
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.search import Match
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.study_identity import SeriesIdentity, StudyIdentity
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui.copied_command import copied_command
from dicom_retrieve_tui.tui.cut_text import fit, shown_patient, without_accession
from dicom_retrieve_tui.tui.field_words import method_words
from dicom_retrieve_tui.tui.search_job import SearchJob, SearchProgress
from dicom_retrieve_tui.tui.snapshot import Details, State
from dicom_retrieve_tui.tui.study_names import screen_verdict
from dicom_retrieve_tui.tui.widgets.keys_line import KeysLine
from dicom_retrieve_tui.tui.widgets.mark_list import MarkList

_PERIOD_S = 0.25
_LINE_MAX = 100
_MISSING_MAX = 50
_SERIES_MAX = 30
_DESCRIPTION_WIDTH = 32
_FOR_SERIES = frozenset({"mark", "mark_all", "retrieve", "ask_series"})
"""Actions on the series of the study."""


def _selected(selection: Selection) -> list[str]:
    """Return the series and instances that the study is narrowed to."""
    lines = []
    for each in selection.series:
        lines.append(f"Series    {each.series_instance_uid}")
        lines += [f"Instance  {uid}" for uid in each.sop_instance_uids]
    more = len(lines) - _SERIES_MAX
    return [*lines[:_SERIES_MAX], *([f"          and {more:,} more"] if more > 0 else [])]


def detail_lines(
    details: Details, options: RetrieveOptions, listed: Path | None, *, hide_patients: bool
) -> list[str]:
    """Return the lines above the series.

    Args:
        details: What is known of the study.
        options: Its options.
        listed: The list of failed studies in its folder; None if there is none.
        hide_patients: Mask the patient.
    """
    row, selection = details.row, details.selection
    lines = _identity(row.identity, hide_patients=hide_patients)

    def masked(text: str) -> str:
        return without_accession(text, row.identity.accession_number, hide=hide_patients)

    lines.append(f"{'Looked up' if row.sought else 'Study    '} {masked(row.label)}")
    lines += _selected(selection)
    lines += [
        f"PACS      {options.peer}, by {method_words(options.method, options.move_destination)}",
        f"Folder    {folder_text(options.output)}",
        "",
        f"State     {screen_verdict(row.verdict) if row.verdict else row.state.value}",
        *([] if row.sought else [f"Instances {_counts(details)}"]),
    ]
    if row.received_bytes:
        rate = f" in {duration_text(row.elapsed_s)}" if row.elapsed_s else ""
        lines.append(f"Received  {size_text(row.received_bytes)}{rate}")
    if details.irregular:
        instances = count(details.irregular, "instance")
        lines.append(f"Irregular {instances}, kept as sent: {details.irregular_example}")
    if details.failed_attempts:
        lines.append(f"Attempts  {details.failed_attempts} failed")
    if row.reason:
        heading = [] if row.state is State.DONE else ["Failure, and what to do"]
        lines += ["", *heading, masked(row.reason)]
    if row.state in {State.FAILED, State.STOPPED}:
        what = "look it up again" if _is_missing(details) else "retrieve the missing instances only"
        lines.append(f"Press r in the queue to {what}.")
        if listed is not None:
            lines.append(f"Listed in {listed}")
    return [clean_text(line) for line in lines]


def _is_missing(details: Details) -> bool:
    """True if the PACS has no such study, and so no series."""
    row = details.row
    return bool(row.sought) or row.verdict is Verdict.NOT_FOUND


def further_lines(details: Details, options: RetrieveOptions) -> list[str]:
    """Return the lines below the series."""
    lines = []
    if not details.row.identity.series:
        texts = [f"{uid}  {number:,}" for uid, number in details.series]
        lines += _uids("Received series, with their instances", texts, _SERIES_MAX)
    lines += _uids("Missing", details.missing, _MISSING_MAX, "; m copies the UIDs")
    lines += _uids(
        "Series left out by the filter",
        [f"{uid}  {modality}".rstrip() for uid, modality in details.left_out],
        _SERIES_MAX,
    )
    if not details.row.sought:
        command = copied_command(options, details.selection)
        lines += ["", "The equivalent command (c copies it)", command]
    return [clean_text(line) for line in lines]


def _identity(identity: StudyIdentity, *, hide_patients: bool) -> list[str]:
    patient = identity.patient
    if identity.patient_id not in {"", patient}:
        patient = f"{patient} (ID {identity.patient_id})"
    texts = {
        "Patient": shown_patient(patient, hide=hide_patients),
        "Contents": identity.title,
        "Accession": shown_patient(identity.accession_number, hide=hide_patients),
    }
    return [f"{name:<9} {text}" for name, text in texts.items() if text]


def _by_number(series: SeriesIdentity) -> tuple[float, str]:
    """Return a sort key: by number; a number is a string of digits, or missing."""
    try:
        return int(series.number), ""
    except ValueError:
        return inf, series.number


def series_texts(details: Details, asked: Sequence[SeriesIdentity]) -> dict[str, str]:
    """Return a line for each series by its UID, ordered by number.

    It has number, modality, description, and instances on disk.

    Args:
        details: What is known of the study.
        asked: The series that the PACS lists, if it was asked for all of them.
    """
    received, wanted = dict(details.series), details.row.identity.series
    known = {each.series_instance_uid: each for each in wanted}
    texts = {}
    for each in sorted(asked or wanted, key=_by_number):
        uid = each.series_instance_uid
        present = known[uid].present if uid in known else 0
        done = present + received.get(uid, 0)
        count = f"{done:,}/{each.expected:,}" if each.expected is not None else f"{done:,}"
        ended = details.row.verdict is not None and uid in known
        left = max((each.expected or 0) - done, 0) if ended else 0
        missing = f"  {left:,} missing" if left else ""
        name = fit(clean_text(each.description) or "—", _DESCRIPTION_WIDTH)
        text = f"{each.number:>4}  {each.modality:<4} {name} {count:>11}{missing}"
        texts[uid] = clean_text(text)
    return texts


def _series_of(match: Match) -> SeriesIdentity:
    return SeriesIdentity(
        series_instance_uid=match.series_instance_uid,
        number=match.series_number,
        modality="/".join(match.modalities),
        description=match.series_description,
        expected=match.number_of_instances,
    )


def _counts(details: Details) -> str:
    row = details.row
    if row.expected is None:
        return f"{row.done:,} on disk, total unknown"
    listed = "listed by the PACS" if details.listed else "by the PACS's count, not proven by a list"
    parts = [f"{row.done:,} of {row.expected:,} {listed}"]
    if details.present:
        parts.append(f"{details.present:,} from earlier runs")
    if details.refused:
        parts.append(f"{count(details.refused, 'instance')} refused")
    if details.set_aside:
        parts.append(f"{details.set_aside:,} kept aside")
    return ", ".join(parts)


def _uids(title: str, texts: Sequence[str], most: int, hint: str = "") -> list[str]:
    if not texts:
        return []
    more = [f"  and {len(texts) - most:,} more"] if len(texts) > most else []
    return [
        "",
        f"{title} ({len(texts):,}){hint}",
        *(f"  {clean_text(text, _LINE_MAX)}" for text in texts[:most]),
        *more,
    ]


class DetailsScreen(ModalScreen[Sequence[SeriesIdentity] | None]):
    """The window, updated while it is open. Returns the series to retrieve; None for none."""

    HELP = """\
A study. `space` marks series; `r` then retrieves only these, and narrows a waiting study to them.
If the series are not known yet, `space` asks the PACS for them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority: the list of series has these keys, too.
        Binding("space", "mark", "Mark", priority=True, id="details.mark"),
        Binding("r", "retrieve", "Retrieve", tooltip="Marked series only", id="details.retrieve"),
        Binding("c", "copy_command", "Command", tooltip="Copy it", id="details.copy"),
        Binding("escape,q", "leave", "Close", key_display="esc", id="details.close"),
        Binding("enter", "leave", "Close", show=False, priority=True, id="details.close"),
        Binding("s", "ask_series", "Ask for all series", show=False, id="details.series"),
        Binding("a", "mark_all", "Mark all series", show=False, id="details.mark_all"),
        Binding("u", "copy_uid", "Copy UID", show=False, id="details.copy_uid"),
        Binding("m", "copy_missing", "Copy missing UIDs", show=False, id="details.copy_missing"),
        Binding("h", "app.toggle_patients", "Hide or show patients", show=False, id="details.mask"),
        Binding("f1,question_mark", "app.context_help", "Help", key_display="?", id="app.help"),
    ]

    DEFAULT_CSS = """
    DetailsScreen {
        align: center middle;
        & > VerticalScroll {
            width: 100; max-width: 96%; height: auto; max-height: 90%;
            border: round $primary; padding: 0 1; background: $surface;
        }
        & #series { max-height: 12; }
    }
    """

    def __init__(
        self,
        look: Callable[[], Details | None],
        options: RetrieveOptions,
        listed: Callable[[], Path | None],
        search_series: Callable[[], Awaitable[SearchJob | None]],
        *,
        hide_patients: bool,
    ) -> None:
        """Keep the sources.

        Args:
            look: Returns what is known of the study now.
            options: Its options.
            listed: Returns the list of failed studies in its folder, or None.
            search_series: Starts a search for all its series; None if the user declines.
            hide_patients: Mask the patient.
        """
        super().__init__()
        self._look, self._options, self._hide = look, options, hide_patients
        self._listed, self._search_series = listed, search_series
        self._seen: Details | None = None
        self._missing = False
        """True if the PACS has no such study."""
        self._search: SearchJob | None = None
        self._answer = SearchProgress()
        self._asked: tuple[SeriesIdentity, ...] = ()
        """The series that the PACS lists, once it has answered."""

    def compose(self) -> ComposeResult:
        with VerticalScroll() as frame:
            frame.border_title = "Study"
            yield Static("", id="details", markup=False)
            yield Static("", id="series-title", markup=False)
            yield MarkList(id="series")
            yield Static("", id="further", markup=False)
        yield KeysLine()

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self._look_again()
        self.watch(self.app, "hide_patients", self._mask, init=False)
        self.set_interval(_PERIOD_S, self._look_again)

    def _mask(self, hide: bool) -> None:  # noqa: FBT001 - Textual's callback
        self._hide, self._seen = hide, None
        self._look_again()

    def on_unmount(self) -> None:
        if self._search is not None:
            self._search.stop()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer no keys for series where the PACS has no such study."""
        if self._missing and action in _FOR_SERIES:
            return False
        return super().check_action(action, parameters)

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_mark(self) -> None:
        """Mark the series under the cursor; first go to the list, or ask for it."""
        if not self._series.option_count:
            self.action_ask_series()
        elif not self._series.has_focus:
            self._series.focus()
        else:
            self._series.mark()

    def action_mark_all(self) -> None:
        self._series.mark_all()

    @work
    async def action_ask_series(self) -> None:
        """Ask the PACS for all series of the study, whatever is to be retrieved of it."""
        if self._seen is None or self._answer.running:
            return
        if (search := await self._search_series()) is not None:
            self._search, self._answer, self._seen = search, search.look(), None
            self._look_again()

    def action_retrieve(self) -> None:
        """Leave, and retrieve the marked series."""
        listed = self._asked or (self._seen.row.identity.series if self._seen else ())
        marked = set(self._series.marked)
        chosen = tuple(each for each in listed if each.series_instance_uid in marked)
        if chosen:
            self.dismiss(chosen)
        else:
            self.notify("Mark series with space first; r in the queue retries the study.")

    @property
    def _series(self) -> MarkList:
        return self.query_one(MarkList)

    def action_copy_command(self) -> None:
        if self._seen is not None and not self._seen.row.sought:
            self._copy(copied_command(self._options, self._seen.selection), "the command")

    def action_copy_uid(self) -> None:
        if self._seen is not None and not self._seen.row.sought:
            self._copy(self._seen.selection.study_instance_uid, "the UID")

    def action_copy_missing(self) -> None:
        if self._seen is not None and self._seen.missing:
            self._copy("\n".join(self._seen.missing), count(len(self._seen.missing), "missing UID"))

    def _copy(self, text: str, what: str) -> None:
        self.app.copy_to_clipboard(text)
        self.notify(f"Copied {what}.")

    def _look_again(self) -> None:
        details = self._look()
        news = self._take_answer()
        if details is not None and (details != self._seen or news):
            self._seen = details
            if self._missing != _is_missing(details):
                self._missing = not self._missing
                self.refresh_bindings()
            listed = self._listed()
            lines = detail_lines(details, self._options, listed, hide_patients=self._hide)
            self.query_one("#details", Static).update("\n".join(lines))
            self._series.show_texts(series_texts(details, self._asked))
            self.query_one("#series-title", Static).update(self._series_title(details))
            further = map(clean_text, further_lines(details, self._options))
            self.query_one("#further", Static).update("\n".join(further))

    def _take_answer(self) -> bool:
        """Take what the PACS lists; True if that has changed. The list is shown as a whole."""
        if self._search is None:
            return False
        before, self._answer = self._answer, self._search.look()
        if not self._answer.running:
            self._asked = tuple(_series_of(each.match) for each in self._answer.news)
            self._search = None
            if self._asked:
                self.call_after_refresh(self._series.focus)
        return before != self._answer or self._search is None

    def _series_title(self, details: Details) -> str:
        """Return what is known of the series, above their list."""
        if details.row.sought:
            return ""
        listed = self._asked or details.row.identity.series
        lines = [*self._answer.remarks, *self._answer.faults]
        if listed:
            further = "" if self._asked else "; s lists all"
            heading = f"Series ({len(listed):,}): number, modality, description, on disk{further}"
            lines.append(heading)
        elif self._search is not None:
            lines.append("Asking the PACS for the series ...")
        elif _is_missing(details):
            return ""
        elif not lines:
            lines.append("Series are not known yet. Press space to ask the PACS.")
        return "\n".join(["", *map(clean_text, lines)])
