"""The choice of a profile: the first-run form, and the window of saved profiles.

Windows are imported when they open, so that the first frame does not wait.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.message import Message

from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.tui.doctor_job import Doctor
from dicom_retrieve_tui.tui.profile_store import ProfileStore
from dicom_retrieve_tui.tui.screens.main import MainScreen
from dicom_retrieve_tui.tui.widgets.header_line import echo_text

if TYPE_CHECKING:
    from dicom_retrieve_tui.tui.screens.profile import TestedProfile


class CopyText(Message):
    """A text for the clipboard, posted by the thread that found it out."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class ProfileChoice:
    """Opens the windows about profiles, and has the main screen use the chosen one."""

    def __init__(
        self,
        app: App[Any],
        profile_store: ProfileStore,
        doctor: Doctor,
        *,
        main: Callable[[], MainScreen],
        in_use: Callable[[str], bool],
        chosen: Callable[[str], object],
    ) -> None:
        """Keep what the windows need.

        Args:
            app: Opens the windows, and receives `CopyText`.
            profile_store: The file of profiles.
            doctor: Checks the connection to a PACS.
            main: Returns the main screen.
            in_use: True if a study of a profile is running or waiting.
            chosen: Called with the name of a chosen profile.
        """
        self._app, self._profile_store, self._doctor = app, profile_store, doctor
        self._main, self._in_use, self._chosen = main, in_use, chosen

    def begin(self) -> None:
        """Show the first-run form, or the saved profiles if the file exists but has mistakes."""
        from dicom_retrieve_tui.tui.screens.profile import ProfileScreen  # noqa: PLC0415 - not for the first frame

        if any(self._profile_store.profiles()):
            self.show()
        else:
            draft = self._profile_store.new()
            screen = ProfileScreen(self._profile_store, self._doctor, draft, title="Your PACS")
            self._app.push_screen(screen, self._take_first)

    def show(self) -> None:
        """Show the saved profiles."""
        from dicom_retrieve_tui.tui.screens.profiles import ProfilesScreen  # noqa: PLC0415 - not for the first frame

        screen = ProfilesScreen(
            self._profile_store, self._doctor, self._main().profile, in_use=self._in_use
        )
        self._app.push_screen(screen, self._take)

    def find_out_address(self, options: RetrieveOptions) -> None:
        """Post `CopyText` with what an administrator must register; a thread finds that out."""
        self._app.run_worker(partial(self._ask_own_address, options), thread=True)

    def _ask_own_address(self, options: RetrieveOptions) -> None:
        self._app.post_message(CopyText(self._doctor.for_administrator(options)))

    def _take_first(self, tried: "TestedProfile | None") -> None:
        if tried is None:
            self._take(None)
        else:
            self._take(tried.name, echo=echo_text(tried.round_trip_s))

    def _take(self, name: str | None, *, echo: str = "") -> None:
        """Load the profiles again and use this one, else the current one, else the first."""
        presets, _ = self._profile_store.presets()
        names = [each.name for each in presets]
        if name in names:
            self._main().action_new()
            self._chosen(name)
        else:
            name = self._main().profile
        chosen = name if name in names else next(iter(names), "")
        self._main().take_presets(presets, chosen, echo=echo)
