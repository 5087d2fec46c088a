"""One study in detail, live: counts, missing instances, reasons, and the equivalent command."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from dicom_retrieve_tui.model.humanize import count, duration_text, folder_text, size_text
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.study_identity import StudyIdentity
from dicom_retrieve_tui.tui.copied_command import copied_command
from dicom_retrieve_tui.tui.cut_text import fit, shown_patient
from dicom_retrieve_tui.tui.snapshot import Details, State
from dicom_retrieve_tui.tui.study_names import screen_verdict
from dicom_retrieve_tui.tui.widgets.keys_line import KeysLine

_PERIOD_S = 0.25
_LINE_MAX = 100
_MISSING_MAX = 50
_SERIES_MAX = 30
_DESCRIPTION_WIDTH = 32


def _selected(selection: Selection) -> list[str]:
    """Return the series and instances that the study is narrowed to."""
    lines = []
    for each in selection.series:
        lines.append(f"Series    {each.series_instance_uid}")
        lines += [f"Instance  {uid}" for uid in each.sop_instance_uids]
    more = len(lines) - _SERIES_MAX
    return [*lines[:_SERIES_MAX], *([f"          and {more} more"] if more > 0 else [])]


def detail_lines(
    details: Details, options: RetrieveOptions, listed: Path | None, *, hide_patients: bool
) -> list[str]:
    """Return the lines of the window.

    Args:
        details: What is known of the study.
        options: Its options.
        listed: The list of failed studies in its folder; None if there is none.
        hide_patients: Mask the patient.
    """
    row, selection = details.row, details.selection
    lines = _identity(row.identity, hide_patients=hide_patients)
    lines.append(f"{'Sought   ' if row.sought else 'Study    '} {row.label}")
    lines += _selected(selection)
    lines += [
        f"PACS      {options.peer}, by {str(options.method).upper()}",
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
        lines += ["", *heading, row.reason]
    if row.state in {State.FAILED, State.STOPPED}:
        what = "look it up again" if row.sought else "retrieve the missing instances only"
        lines.append(f"Press r in the queue to {what}.")
        if listed is not None:
            lines.append(f"Listed in {listed}")
    lines += _series(row.identity, dict(details.series), ended=row.verdict is not None)
    lines += _uids("Missing", details.missing, _MISSING_MAX)
    lines += _uids(
        "Series left out by the filter",
        [f"{uid}  {modality}".rstrip() for uid, modality in details.left_out],
        _SERIES_MAX,
    )
    if not row.sought:
        lines += ["", "The equivalent command (c copies it)", copied_command(options, selection)]
    return [clean_text(line) for line in lines]


def _identity(identity: StudyIdentity, *, hide_patients: bool) -> list[str]:
    patient = identity.patient
    if identity.patient_id not in {"", patient}:
        patient = f"{patient} (ID {identity.patient_id})"
    texts = {
        "Patient": shown_patient(patient, hide=hide_patients),
        "Contents": identity.title,
        "Accession": identity.accession_number,
    }
    return [f"{name:<9} {text}" for name, text in texts.items() if text]


def _series(identity: StudyIdentity, received: Mapping[str, int], *, ended: bool) -> list[str]:
    """Return a line for each series; without a list of the PACS, for each that came."""
    if not identity.series:
        texts = [f"{uid}  {number:,}" for uid, number in received.items()]
        return _uids("Received series, with their instances", texts, _SERIES_MAX)
    texts = []
    for each in identity.series:
        done = each.present + received.get(each.series_instance_uid, 0)
        count = f"{done:,}/{each.expected:,}" if each.expected is not None else f"{done:,}"
        left = max((each.expected or 0) - done, 0) if ended else 0
        missing = f"  {left:,} missing" if left else ""
        name = fit(clean_text(each.description) or "—", _DESCRIPTION_WIDTH)
        texts.append(f"{each.number:>4}  {each.modality:<4} {name} {count:>11}{missing}")
    return _uids("Series: number, modality, description, on disk", texts, _SERIES_MAX)


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


def _uids(title: str, texts: "tuple[str, ...] | list[str]", most: int) -> list[str]:
    if not texts:
        return []
    more = [f"  and {len(texts) - most:,} more"] if len(texts) > most else []
    return [
        "",
        f"{title} ({len(texts):,})",
        *(f"  {clean_text(text, _LINE_MAX)}" for text in texts[:most]),
        *more,
    ]


class DetailsScreen(ModalScreen[None]):
    """The window, updated while it is open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "dismiss", "Close", id="details.close"),
        Binding("c", "copy_command", "Copy command", id="details.copy"),
        Binding("u", "copy_uid", "Copy UID", id="details.copy_uid"),
        Binding("h", "app.toggle_patients", "Hide or show patients", show=False, id="details.mask"),
        Binding("m", "copy_missing", "Copy missing UIDs", id="details.copy_missing"),
    ]

    DEFAULT_CSS = """
    DetailsScreen {
        align: center middle;
        & > VerticalScroll {
            width: 100; max-width: 96%; height: auto; max-height: 90%;
            border: round $primary; padding: 0 1; background: $surface;
        }
    }
    """

    def __init__(
        self,
        look: Callable[[], Details | None],
        options: RetrieveOptions,
        listed: Callable[[], Path | None],
        *,
        hide_patients: bool,
    ) -> None:
        """Keep the sources.

        Args:
            look: Returns what is known of the study now.
            options: Its options.
            listed: Returns the list of failed studies in its folder, or None.
            hide_patients: Mask the patient.
        """
        super().__init__()
        self._look, self._options, self._hide = look, options, hide_patients
        self._listed = listed
        self._seen: Details | None = None

    def compose(self) -> ComposeResult:
        with VerticalScroll() as frame:
            frame.border_title = "Study"
            yield Static("", id="details", markup=False)
        yield KeysLine()

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self._look_again()
        self.watch(self.app, "hide_patients", self._mask, init=False)
        self.set_interval(_PERIOD_S, self._look_again)

    def _mask(self, hide: bool) -> None:  # noqa: FBT001 - Textual's callback
        self._hide, self._seen = hide, None
        self._look_again()

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
        if details is not None and details != self._seen:
            self._seen = details
            listed = self._listed()
            lines = detail_lines(details, self._options, listed, hide_patients=self._hide)
            self.query_one("#details", Static).update("\n".join(lines))
