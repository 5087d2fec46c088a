"""A list of UIDs from a file: its path with completion, or a tree, and the verdict at once."""

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import DirectoryTree, Footer, Input, Static

from dicom_retrieve_tui.model.uid_paste import read_pasted_uids
from dicom_retrieve_tui.tui.widgets.retrieve_pane import verdict_of

SIZE_MAX_BYTES = 20_000_000
"""Far above 200,000 UIDs; a disk image chosen by mistake does not fill the memory."""


def read_list(text: str) -> str:
    """The text of the file at a path that a person typed.

    Raises:
        ValueError: It cannot be read, or is no text; says why.
    """
    try:
        path = Path(text).expanduser()
        if path.stat().st_size > SIZE_MAX_BYTES:
            raise ValueError("is too large to be a list of UIDs")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError("is no text in UTF-8") from error
    except (OSError, RuntimeError) as error:  # RuntimeError: ~nobody has no home
        reason = getattr(error, "strerror", None) or str(error)
        raise ValueError(reason.lower()) from error


class PathSuggester(Suggester):
    """The first entry of the folder that begins with what is typed."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """The whole path, a slash behind a folder."""
        head, _, tail = value.rpartition("/")
        folder = Path(f"{head}/" if head or value.startswith("/") else ".").expanduser()
        try:
            names = sorted(
                each.name + ("/" if each.is_dir() else "")
                for each in folder.iterdir()
                if each.name.startswith(tail) and (tail or not each.name.startswith("."))
            )
        except OSError:
            return None
        return value[: len(value) - len(tail)] + names[0] if names and tail else None


class LoadListScreen(ModalScreen[str | None]):
    """Ends with the text of the file; with None if there is none."""

    HELP: ClassVar[str] = "The path of a list; `right` or `tab` takes the completion."

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Cancel", id="load.cancel"),
        Binding("ctrl+o", "tree", "Tree", key_display="^o", id="load.tree"),
        Binding("tab", "complete", "Complete", priority=True, id="load.complete"),
    ]

    DEFAULT_CSS = """
    LoadListScreen {
        align: center middle;
        & > Vertical {
            width: 76; max-width: 96%; height: auto; max-height: 90%;
            border: round $primary; padding: 0 1; background: $surface;
        }
        & DirectoryTree { height: 12; display: none; }
        & DirectoryTree.-open { display: block; }
        & #load-verdict { height: auto; color: $text-muted; }
    }
    """

    def compose(self) -> ComposeResult:
        """The path, the verdict, and the tree, hidden."""
        with Vertical() as frame:
            frame.border_title = "Load a list of UIDs"
            frame.border_subtitle = "enter loads · esc leaves"
            yield Input(
                placeholder="~/lists/studies.csv",
                suggester=PathSuggester(),
                compact=True,
                id="path",
            )
            yield Static("", id="load-verdict", markup=False)
            yield DirectoryTree(Path.cwd())
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Type at once."""
        self._path.focus()

    @property
    def _path(self) -> Input:
        return self.query_one("#path", Input)

    def action_leave(self) -> None:
        """Load nothing."""
        self.dismiss(None)

    def action_complete(self) -> None:
        """Take the completion, if there is one."""
        if self._path.has_focus:
            self._path.action_cursor_right()

    def action_tree(self) -> None:
        """Show the tree, or hide it."""
        tree = self.query_one(DirectoryTree)
        tree.toggle_class("-open")
        (tree if tree.has_class("-open") else self._path).focus()

    @on(Input.Changed)
    def _typed(self) -> None:
        self.query_one("#load-verdict", Static).update("")

    @on(DirectoryTree.FileSelected)
    def _chosen(self, event: DirectoryTree.FileSelected) -> None:
        self._path.value = str(event.path)
        self._load(str(event.path))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._load(event.value.strip())

    def _load(self, path: str) -> None:
        try:
            text = read_list(path)
        except ValueError as fault:
            self._say(f"✗ {path} {fault}")
            return
        found = read_pasted_uids(text)
        if found.uids:
            self.dismiss(text)
        else:
            self._say(f"✗ no UID in it. {verdict_of(found)}")

    def _say(self, text: str) -> None:
        self.query_one("#load-verdict", Static).update(text)
