"""An input whose text may lead to a patient, and is not drawn while patients are hidden."""

from rich.segment import Segment
from textual.strip import Strip
from textual.widgets import Input

from dicom_retrieve_tui.tui.cut_text import MASKED, may_name_patient


class PatientInput(Input):
    """While patients are hidden, it shows the same dots for every text, and so not its length.

    UIDs and paths stay readable.
    """

    _hide_patients = False

    def mask_patients(self, *, hide: bool) -> None:
        """Draw dots for a text that may lead to a patient, or draw every text."""
        self._hide_patients = hide
        self._mask()

    def watch_value(self) -> None:
        self._mask()

    def may_name_patient(self) -> bool:
        """True if the text leads to a patient, or may."""
        return may_name_patient(self.value)

    def render_line(self, y: int) -> Strip:
        """Draw the text, or dots."""
        if y or not (self.password and self.value):
            return super().render_line(y)
        cursor = self.get_component_rich_style("input--cursor") if self.has_focus else None
        strip = Strip([Segment(MASKED), Segment(" ", cursor)])
        width = self.scrollable_content_region.width
        return strip.adjust_cell_length(width).apply_style(self.rich_style)

    def _mask(self) -> None:
        self.password = self._hide_patients and self.may_name_patient()
