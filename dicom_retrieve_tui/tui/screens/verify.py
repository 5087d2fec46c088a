"""Check the files of an output folder, as `verify --deep` does, and ask for what is lost."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static

from dicom_retrieve_tui.errors import RetrieveError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.humanize import count, folder_text
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.verify_result import WORST_FIRST, Flaw, VerifiedStudy
from dicom_retrieve_tui.tui.field_words import in_fields
from dicom_retrieve_tui.tui.retrieve_form import FormFault
from dicom_retrieve_tui.tui.snapshot import State
from dicom_retrieve_tui.tui.study_names import screen_verdict
from dicom_retrieve_tui.tui.widgets.keys_line import KeysLine

ActiveIn = Callable[[Path, str], State | None]
"""Returns the state of a study, by its UID, that runs or waits in the queue for a folder."""

_SHOWN_MAX = 100
_UNFINISHED = "unfinished"
_DELIVERING = (
    "These studies are sent to another Storage SCP: nothing is retrieved into this folder."
)
_BEING_RETRIEVED = "being retrieved now: verify again after that."
_BUSY = frozenset({State.RUNNING, State.RETRYING})
"""States in which a run has looked at the files."""


def result_text(study: VerifiedStudy) -> str:
    """Return `whole`, `2 missing, 1 damaged`, or how an unproven study ended."""
    lost = list(study.lost.values())
    flaws = [f"{lost.count(flaw):,} {flaw}" for flaw in Flaw if flaw in lost]
    copies = [each.flaw for each in study.flawed if each.whole_elsewhere]
    flaws += [count(copies.count(flaw), f"{flaw} copy") for flaw in Flaw if flaw in copies]
    if flaws or study.proven:
        return ", ".join(flaws) or "whole"
    return _end_text(study)


def _end_text(study: VerifiedStudy) -> str:
    return screen_verdict(study.verdict) if study.verdict else _UNFINISHED


def _rank(kind: str) -> int:
    """Order the kinds: what is wrong with files, how studies ended, and what has not ended."""
    if kind in WORST_FIRST:
        return WORST_FIRST.index(Flaw(kind))
    return len(WORST_FIRST) + (kind == _UNFINISHED)


def verify_screen(
    folder: Path,
    name: Callable[[str], str],
    active_in: ActiveIn,
    options: RetrieveOptions | FormFault,
) -> "VerifyScreen":
    """Return the window that checks the files of a folder.

    Args:
        folder: The output folder.
        name: Returns what a study is called, by its UID.
        active_in: Knows the queue.
        options: How studies would be retrieved again, or why they cannot be.
    """
    from dicom_retrieve_tui.storage.damaged_files import set_damaged_aside  # noqa: PLC0415 - loads SQLite
    from dicom_retrieve_tui.storage.permissions import PRIVATE, Permissions  # noqa: PLC0415 - as above
    from dicom_retrieve_tui.storage.verify import verify_folder  # noqa: PLC0415 - as above

    if isinstance(options, FormFault):
        permissions, obstacle = PRIVATE, str(options)
    else:
        permissions = Permissions(options.umask)
        obstacle = _DELIVERING if options.delivering else ""
    return VerifyScreen(
        lambda: verify_folder(folder, deep=True),
        name,
        folder,
        active=lambda uid: active_in(folder, uid),
        set_aside=lambda uids: set_damaged_aside(folder, uids, permissions),
        obstacle=obstacle,
    )


class VerifyScreen(ModalScreen[list[str] | None]):
    """Returns the UIDs of studies to retrieve again; None for none."""

    HELP: ClassVar[str] = """\
Every file in the journal of the folder is read and compared with it. `r` retrieves only what is
missing or damaged. Damaged files are moved to `.dicom-retrieve/damaged` first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "retrieve", "Retrieve again", id="verify.retrieve"),
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
        *,
        active: Callable[[str], State | None] = lambda _: None,
        set_aside: Callable[[Sequence[str]], int] = lambda _: 0,
        obstacle: str = "",
    ) -> None:
        """Keep the sources.

        Args:
            verify: Checks the folder; called on a thread.
            name: Returns what a study is called, by its UID.
            folder: The folder.
            active: Returns the state of a study that runs or waits in the queue, by its UID.
            set_aside: Moves the damaged files of studies away and returns their number; called
                on a thread.
            obstacle: Why nothing can be retrieved into the folder; empty if it can.
        """
        super().__init__()
        self._verify, self._name_of, self._folder = verify, name, folder
        self._active, self._set_aside, self._obstacle = active, set_aside, obstacle
        self._checked = self._instances = self._awaited = 0
        self._kinds: dict[str, list[VerifiedStudy]] = {}
        """Studies that are not whole, by what is worst of each, without those awaited."""
        self._fault = ""
        self._over = self._moving = False
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
        study = event.study
        self._checked += 1
        self._instances += study.whole
        if not study.proven:
            lacks_file = any(each.path is not None for each in study.flawed)
            if not lacks_file and self._active(study.study_instance_uid):
                self._awaited += 1
            else:
                self._kinds.setdefault(str(study.worst or _end_text(study)), []).append(study)
        self._show()

    def on_verify_screen_over(self, event: Over) -> None:
        self._fault, self._over = event.fault, True
        self._show()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to retrieve only if there is something to retrieve."""
        if action == "retrieve":
            return self._over and not self._moving and not self._obstacle and bool(self._lost)
        return super().check_action(action, parameters)

    @work
    async def action_retrieve(self) -> None:
        """Leave, and retrieve what is missing or damaged; damaged files are moved away first."""
        uids = [each.study_instance_uid for each in self._lost]
        busy = {uid for uid in uids if self._active(uid) in _BUSY}
        lost = [each for each in self._lost if each.study_instance_uid not in busy]
        damaged = [each.study_instance_uid for each in lost if each.with_flaw(Flaw.DAMAGED)]
        self._moving = True
        try:
            moved = await asyncio.to_thread(self._set_aside, damaged) if damaged else 0
        except RetrieveError as error:
            self.notify(clean_text(in_fields(str(error))), severity="error", markup=False)
            return
        finally:
            self._moving = False
        if moved:
            self.notify(
                f"{count(moved, 'damaged file')} moved to .dicom-retrieve/damaged.", markup=False
            )
        if busy:
            are = "is" if len(busy) == 1 else "are"
            self.notify(f"{count(len(busy), 'study')} {are} {_BEING_RETRIEVED}")
        if lost:
            self.dismiss([each.study_instance_uid for each in lost])

    def action_leave(self) -> None:
        self.dismiss(None)

    @property
    def _lost(self) -> list[VerifiedStudy]:
        return [each for each in self._not_whole if each.retrievable]

    @property
    def _not_whole(self) -> Iterator[VerifiedStudy]:
        """The studies that are listed, the worst first."""
        for kind in sorted(self._kinds, key=_rank):
            yield from self._kinds[kind]

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
        lines = list(self._counts())
        if self._kinds:
            listed = islice(self._not_whole, _SHOWN_MAX)
            lines += ["", *(f"  {result_text(each)}: {self._title(each)}" for each in listed)]
            if (more := sum(map(len, self._kinds.values())) - _SHOWN_MAX) > 0:
                lines.append(f"  and {more:,} more")
        if self._over:
            lines += self._advice()
        self.query_one("#verified", Static).update("\n".join(map(clean_text, lines)))

    def _counts(self) -> Iterator[str]:
        """Yield the folder, and how many studies are whole, and what is wrong with the others."""
        kinds = {kind: len(self._kinds[kind]) for kind in sorted(self._kinds, key=_rank)}
        flawed = sum(kinds.values())
        whole = self._checked - flawed - self._awaited
        state = "Checked" if self._over else "Checking ..."
        yield f"Folder    {folder_text(self._folder)}"
        yield (
            f"{state:<9} {count(self._checked, 'study')}: {whole:,} whole, "
            f"{count(self._instances, 'instance')} read and compared"
        )
        if kinds:
            texts = ", ".join(f"{number:,} {kind}" for kind, number in kinds.items())
            yield f"Not whole {count(flawed, 'study')}: {texts}"
        if self._awaited:
            are = "is" if self._awaited == 1 else "are"
            yield f"Queue     {count(self._awaited, 'study')} {are} not finished yet"

    def _advice(self) -> Iterator[str]:
        """Yield what to do, once all is checked."""
        if self._lost:
            yield ""
            yield self._obstacle or "Press r to retrieve only what is missing or damaged."
        elif self._checked:
            yield ""
            yield "Nothing is missing or damaged."
        if any(each.with_flaw(Flaw.UNREADABLE) for each in self._not_whole):
            yield ""
            yield "Unreadable files may be whole: make them readable and verify again."
        if self._fault:
            yield ""
            yield self._fault

    def _title(self, study: VerifiedStudy) -> str:
        uid = study.study_instance_uid
        return self._name_of(uid) or uid
