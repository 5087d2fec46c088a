"""A pane with a frame that shows whether the focus is inside."""

from textual.containers import Vertical

ENTERED = "-entered"
"""CSS class of a pane with the focus inside."""


class FramedPane(Vertical):
    """A container that has this class while the focus is inside.

    Textual (8.2) has `:focus-within`, but restyles every descendant for it: with sixteen fields, a
    tenth of what the screen costs a short retrieval. Remove this class once
    `test_focus_within_still_restyles_what_is_inside` fails.
    """

    def on_descendant_focus(self) -> None:
        self._tell()

    def on_descendant_blur(self) -> None:
        self._tell()

    def _tell(self) -> None:
        if self.has_focus_within != self.has_class(ENTERED):
            self.set_class(self.has_focus_within, ENTERED, update=False)
            self.app.stylesheet.update_nodes([self])
