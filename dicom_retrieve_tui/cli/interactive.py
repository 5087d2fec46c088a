"""Opens the terminal application; nothing else in the command loads it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dicom_retrieve_tui.tui.widgets.options_form import Preset


def run_interactive(presets: "Sequence[Preset]" = (), *, text: str = "") -> int:
    """Be the application until the user leaves it; returns the exit code.

    Args:
        presets: The profiles, the first of them chosen.
        text: What stands in the UID line at first.
    """
    from dicom_retrieve_tui.tui.app import run_app  # noqa: PLC0415 - it loads textual
    from dicom_retrieve_tui.wiring import open_session  # noqa: PLC0415 - it loads the engine

    return run_app(open_session, presets, text=text)
