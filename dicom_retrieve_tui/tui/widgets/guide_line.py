"""The line of the demonstration that says what to press next."""

from textual.widgets import Static

from dicom_retrieve_tui.tui.snapshot import Totals

_BEGIN = "Demo: press enter to retrieve the four studies in the line below."
_WATCH = "Up and down move, enter shows a study, p pauses, ? shows all keys."
_RETRY = "One study failed. Go to it with the arrow keys, and press r to retry it."
_ON = "Next: f3, type Example into Name and press enter to find studies of a patient."


def guide_text(totals: Totals) -> str:
    """Return what to press next; empty once a study is complete and none has failed."""
    if not totals.studies:
        return _BEGIN
    if totals.failed:
        return _RETRY
    if not totals.good:
        return _WATCH
    return _ON if totals.active else ""


class GuideLine(Static):
    """One line, which goes once it is no longer needed."""

    DEFAULT_CSS = """
    GuideLine { height: 1; padding: 0 1; color: $text-accent; text-style: bold; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(_BEGIN, id=id, markup=False)

    def show_totals(self, totals: Totals) -> None:
        text = guide_text(totals)
        self.update(text)
        self.display = bool(text)
