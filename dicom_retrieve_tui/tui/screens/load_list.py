"""Load a list of UIDs from a file: type its path with completion, or choose it in a tree."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import DirectoryTree, Input, Static

from dicom_retrieve_tui.config.user_folders import expanded
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.uid_table import Column
from dicom_retrieve_tui.tui.cut_text import without_patients
from dicom_retrieve_tui.tui.list_file import (
    ListChoice,
    columns_in,
    dropped_path,
    list_source,
    parse_file,
    read_file,
    size_bytes,
)
from dicom_retrieve_tui.tui.widgets.keys_line import KeysLine
from dicom_retrieve_tui.tui.widgets.retrieve_pane import verdict_of
from dicom_retrieve_tui.tui.widgets.uid_line import Part

_KINDS = {
    Column.STUDY: "Study Instance UIDs, or a table",
    Column.ACCESSION: "accession numbers",
    Column.PATIENT: "patient IDs",
}
"""The kinds of lines, as `--uid-list`, `--accession-list` and `--patient-list` take them."""

_AT_ONCE_BYTES = 200_000
"""A list of this size is parsed in some hundredths of a second."""
_NO_PATH = "✗ No path yet: type one, or press ^o and choose a file."


def read_list(text: str, key: Column, column: str | None = None) -> Part:
    """Read and parse the list at a path.

    Args:
        text: The path, as typed.
        key: What its lines are.
        column: The column with them; None: one of the known names.

    Raises:
        ConfigError: It cannot be read, or is not a list.
    """
    lines = read_file(text)
    return Part(lines, parse_file(lines, key, column))


def _source_at(path: str, key: Column, column: str | None) -> str:
    """Return where the list at a path has what names its studies; empty if it cannot be read."""
    try:
        return list_source(read_file(path), key, column) if path else ""
    except ConfigError:
        return ""


class PathSuggester(Suggester):
    """Suggests the first entry of the folder that begins with the typed name."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """Return the whole path, with a slash behind a folder."""
        head, _, tail = value.rpartition("/")
        try:
            folder = expanded(f"{head}/" if head or value.startswith("/") else ".")
            names = sorted(
                each.name + ("/" if each.is_dir() else "")
                for each in folder.iterdir()
                if each.name.startswith(tail) and (tail or not each.name.startswith("."))
            )
        except (OSError, ConfigError):
            return None
        return value[: len(value) - len(tail)] + names[0] if names and tail else None


class LoadListScreen(ModalScreen[Part | None]):
    """Returns the file and its UIDs; None if the user leaves."""

    HELP: ClassVar[str] = """\
The path of a list; `right` or `tab` takes the completion. The line below it shows which columns of
a table are used. `F5` changes what its lines are: accession numbers and patient IDs are looked up
before the retrieval. `F6` chooses the column of a table whose heading has another name than the
usual; `F5` forgets that choice."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Cancel", id="load.cancel"),
        Binding("f5", "kind", "Kind", id="load.kind"),
        Binding("f6", "column", "Column", id="load.column"),
        Binding("ctrl+o", "tree", "Tree", key_display="^o", id="load.tree"),
        Binding("f1", "app.context_help", "Help", id="app.help"),
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
        & #load-source { height: auto; color: $text-muted; }
    }
    """

    _hide_patients = False

    def __init__(self, choice: ListChoice) -> None:
        """Begin where the window was left.

        Args:
            choice: Path, kind and column; updated with each change.
        """
        super().__init__()
        self._choice = choice

    def compose(self) -> ComposeResult:
        with Vertical() as frame:
            frame.border_title = "Load a list of UIDs"
            frame.border_subtitle = "enter loads · esc cancels"
            yield Input(
                self._choice.path,
                placeholder="~/lists/studies.csv",
                suggester=PathSuggester(),
                compact=True,
                id="path",
            )
            yield Static(id="load-source", markup=False)
            yield Static("", id="load-verdict", markup=False)
            yield DirectoryTree(Path.cwd())
        yield KeysLine()

    def on_mount(self) -> None:
        self._path.focus()
        self._show_source()
        self.watch(self.app, "hide_patients", self._mask)

    @property
    def _path(self) -> Input:
        return self.query_one("#path", Input)

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_complete(self) -> None:
        if self._path.has_focus:
            self._path.action_cursor_right()

    def action_kind(self) -> None:
        kinds = list(_KINDS)
        self._choice.kind = kinds[(kinds.index(self._choice.kind) + 1) % len(kinds)]
        # A column is that of one kind.
        self._choice.column = None
        self._show_source()

    def action_column(self) -> None:
        """Choose the next column of the table at the path; after the last, the usual ones."""
        path = self._choice.path
        if not path:
            self._say(_NO_PATH)
            return
        try:
            names = columns_in(read_file(path))
        except ConfigError as fault:
            self._say(f"✗ {path}: {fault}")
            return
        if not names:
            self._say(f"✗ {path}: it has one column, so there is nothing to choose.")
            return
        column = self._choice.column
        at = names.index(column) + 1 if column in names else 0
        self._choice.column = names[at] if at < len(names) else None
        self._say("")
        self._show_source()

    def action_tree(self) -> None:
        tree = self.query_one(DirectoryTree)
        tree.toggle_class("-open")
        (tree if tree.has_class("-open") else self._path).focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value.strip() != self._choice.path:
            # A column is that of one table.
            self._choice.path, self._choice.column = event.value.strip(), None
        self.query_one("#load-verdict", Static).update("")
        self._show_source()

    @on(DirectoryTree.FileSelected)
    def _chosen(self, event: DirectoryTree.FileSelected) -> None:
        self._path.value = str(event.path)
        self._load(str(event.path))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._load(event.value.strip())

    def _load(self, text: str) -> None:
        """Leave with the list."""
        if not text:
            self._say(_NO_PATH)
            return
        path = str(dropped_path(text) or text)
        read = partial(read_list, path, self._choice.kind, self._choice.column)
        if size_bytes(path) <= _AT_ONCE_BYTES:
            self._leave_with(path, read)
        else:
            self._load_long(path, read)

    @work(exclusive=True, group="load")
    async def _load_long(self, path: str, read: Callable[[], Part]) -> None:
        """Read in a thread what takes seconds, so that the screen does not halt."""
        self._say(f"Reading {path} ...")
        try:
            part = await asyncio.to_thread(read)
        except ConfigError as fault:
            self._say(f"✗ {path}: {fault}")
        else:
            self._leave_with(path, lambda: part)

    def _leave_with(self, path: str, read: Callable[[], Part]) -> None:
        try:
            part = read()
        except ConfigError as fault:
            self._say(f"✗ {path}: {fault}")
            return
        if part.found.selections or part.found.lookups:
            self.dismiss(part)
        else:
            self._say(f"✗ no UID found. {verdict_of(part.found)}")

    @work(exclusive=True)
    async def _show_source(self) -> None:
        """Show which columns would be used; a change of the path starts again."""
        path, kind, column = self._choice.path, self._choice.kind, self._choice.column
        where = f", in the column {column!r}" if column else ""
        place = self.query_one("#load-source", Static)
        place.update(f"Its lines are {_KINDS[kind]}{where}.")
        if source := await asyncio.to_thread(_source_at, path, kind, column):
            place.update(without_patients(source, hide=self._hide_patients))

    def _say(self, text: str) -> None:
        shown = without_patients(text, hide=self._hide_patients)
        self.query_one("#load-verdict", Static).update(shown)

    def _mask(self, hide: bool) -> None:  # noqa: FBT001 - Textual's callback
        self._hide_patients = hide
        self._say("")
