"""Check the files of an output folder, as `verify --deep` does, and ask for what is lost."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static

from dicom_retrieve_tui.errors import RetrieveError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.humanize import count, folder_text
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.verify_result import Flaw, VerifiedStudy
from dicom_retrieve_tui.tui.field_words import in_fields
from dicom_retrieve_tui.tui.study_names import screen_verdict
from dicom_retrieve_tui.tui.widgets.keys_line import KeysLine

_SHOWN_MAX = 100
_UNFINISHED = "unfinished"


def result_text(study: VerifiedStudy) -> str:
    """Return `whole`, `2 missing, 1 damaged`, or how an unproven study ended."""
    lost = list(study.lost.values())
    flaws = [f"{lost.count(flaw):,} {flaw}" for flaw in Flaw if flaw in lost]
    if flaws or study.proven:
        return ", ".join(flaws) or "whole"
    return screen_verdict(study.verdict) if study.verdict else _UNFINISHED


def verify_screen(folder: Path, name: Callable[[str], str]) -> "VerifyScreen":
    """Return the window that checks the files of a folder.

    Args:
        folder: The output folder.
        name: Returns what a study is called, by its UID.
    """
    from dicom_retrieve_tui.storage.verify import verify_folder  # noqa: PLC0415 - loads SQLite

    return VerifyScreen(lambda: verify_folder(folder, deep=True), name, folder)


class VerifyScreen(ModalScreen[list[str] | None]):
    """Returns the UIDs of studies to retrieve again; None for none."""

    HELP: ClassVar[str] = """\
Every file in the journal of the folder is read and compared with it. `r` retrieves only what is
missing or damaged."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "retrieve", "Retrieve what is lost", id="verify.retrieve"),
        Binding("h", "app.toggle_patients", "Hide or show patients", show=False, id="verify.mask"),
        Binding("f1,question_mark", "app.context_help", "Help", key_display="?", id="app.help"),
        Binding("escape,q", "leave", "Close", id="verify.close"),
    ]

    DEFAULT_CSS = """
    VerifyScreen {
        align: center middle;
        & > VerticalScroll {
            width: 100; max-width: 96%; height: auto; max-height: 90%;
            border: round $primary; padding: 0 1; background: $surface;
        }
    }
    """

    class Checked(Message):
        """A study is checked; posted by the thread that reads the files."""

        def __init__(self, study: VerifiedStudy) -> None:
            super().__init__()
            self.study = study

    class Over(Message):
        """All studies are checked, or that failed; posted by the thread that reads the files."""

        def __init__(self, fault: str) -> None:
            super().__init__()
            self.fault = fault

    def __init__(
        self,
        verify: Callable[[], Iterator[VerifiedStudy]],
        name: Callable[[str], str],
        folder: Path,
    ) -> None:
        """Keep the sources.

        Args:
            verify: Checks the folder; called on a thread.
            name: Returns what a study is called, by its UID.
            folder: The folder.
        """
        super().__init__()
        self._verify, self._name_of, self._folder = verify, name, folder
        self._studies: list[VerifiedStudy] = []
        self._fault = ""
        self._over = False
        self._cancel = CancelToken()

    def compose(self) -> ComposeResult:
        with VerticalScroll() as frame:
            frame.border_title = "Verify"
            yield Static("", id="verified", markup=False)
        yield KeysLine()

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self._show()
        self.watch(self.app, "hide_patients", self._show, init=False)
        self.run_worker(self._check, thread=True)

    def on_unmount(self) -> None:
        self._cancel.request()

    def on_verify_screen_checked(self, event: Checked) -> None:
        self._studies.append(event.study)
        self._show()

    def on_verify_screen_over(self, event: Over) -> None:
        self._fault, self._over = event.fault, True
        self._show()

    def action_retrieve(self) -> None:
        """Leave, and retrieve what is missing or damaged."""
        if not self._over:
            self.notify("Still checking.")
        elif lost := [each for each in self._studies if each.retrievable]:
            self.dismiss([each.study_instance_uid for each in lost])
        else:
            self.notify("Nothing is missing or damaged.")

    def action_leave(self) -> None:
        self.dismiss(None)

    @property
    def _unproven(self) -> list[VerifiedStudy]:
        return [each for each in self._studies if not each.proven]

    def _check(self) -> None:
        """Check the folder, on a thread of its own."""
        fault = ""
        try:
            for study in self._verify():
                if self._cancel.requested:
                    return
                self.post_message(self.Checked(study))
        except RetrieveError as error:
            fault = clean_text(in_fields(str(error)))
        self.post_message(self.Over(fault))

    def _show(self) -> None:
        unproven = self._unproven
        whole = len(self._studies) - len(unproven)
        instances = sum(each.whole for each in self._studies)
        state = "Checked" if self._over else "Checking ..."
        studies = f"{count(len(self._studies), 'study')}: {whole:,} whole"
        read = f"{count(instances, 'instance')} read and compared"
        lines = [
            f"Folder    {folder_text(self._folder)}",
            f"{state:<9} {studies}, {read}",
        ]
        if unproven:
            lines += ["", f"Not whole ({len(unproven):,})"]
            lines += [
                f"  {result_text(each)}: {self._title(each)}" for each in unproven[:_SHOWN_MAX]
            ]
        if (more := len(unproven) - _SHOWN_MAX) > 0:
            lines.append(f"  and {more:,} more")
        if self._over and any(each.retrievable for each in unproven):
            lines += ["", "Press r to retrieve only what is missing or damaged."]
        if self._over and any(each.with_flaw(Flaw.UNREADABLE) for each in unproven):
            lines += [
                "",
                "Unreadable files may be whole: make them readable and verify again.",
            ]
        if self._fault:
            lines += ["", self._fault]
        self.query_one("#verified", Static).update("\n".join(map(clean_text, lines)))

    def _title(self, study: VerifiedStudy) -> str:
        uid = study.study_instance_uid
        return self._name_of(uid) or uid
