"""`dicom-retrieve` without arguments, or with a profile alone: the application."""

import gc
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.cli.cluster_engine import open_session
from dicom_retrieve_tui.cli.parser_base import PROFILE_SIGN, PROGRAM
from dicom_retrieve_tui.config.preferences_file import SettingsFile, settings_path
from dicom_retrieve_tui.config.profiles_file import ProfileBook, profiles_path
from dicom_retrieve_tui.config.user_folders import temporary_folder
from dicom_retrieve_tui.errors import ConfigError

if TYPE_CHECKING:
    import argparse

    from dicom_retrieve_tui.cli.console import Console
    from dicom_retrieve_tui.tui.profile_store import ProfileStore


def run_interactive(
    profile_store: "ProfileStore",
    *,
    console: "Console",
    settings: SettingsFile,
    preset: str = "",
    text: str = "",
    remember: bool = True,
    guide: bool = False,
) -> int:
    """Run the application until the user leaves it; return the exit code.

    Args:
        profile_store: The profiles.
        console: Its environment may hold secrets; others are asked for on the screen.
        settings: The file of preferences.
        preset: The profile to start with; the last one used if empty.
        text: The initial text of the UID line.
        remember: Record jobs and sizes in the user's history, and offer unfinished jobs.
        guide: Show what to press next, until a study is complete.
    """
    from dicom_retrieve_tui.tui.app import RetrieveApp, run_app  # noqa: PLC0415 - loads Textual
    from dicom_retrieve_tui.tui.doctor_job import Doctor  # noqa: PLC0415 - loads Textual
    from dicom_retrieve_tui.tui.history import JobHistory  # noqa: PLC0415 - loads Textual
    from dicom_retrieve_tui.tui.secret_store import SecretStore  # noqa: PLC0415 - loads Textual

    with closing(JobHistory(wiring.open_history if remember else None)) as job_history:
        app = RetrieveApp(
            partial(open_session, learn=remember),
            profile_store.presets()[0],
            find=wiring.find,
            find_each=partial(wiring.find_each, identify=True),
            space_outlook=wiring.space_outlook if remember else None,
            dry_run=partial(wiring.dry_run, learn=remember),
            preset=preset,
            text=text,
            job_history=job_history,
            settings=settings,
            profile_store=profile_store,
            doctor=Doctor(wiring.diagnose, wiring.tell_administrator),
            secrets=SecretStore(console.environ, wiring.check_tls),
            open_accounts=wiring.open_accounts,
            guide=guide,
        )
        return run_app(app, console.stderr.write_line)


def run_on_profiles(args: "argparse.Namespace", console: "Console") -> int:
    """Run the application with the named profile, or else the one used last.

    Raises:
        ConfigError: The named profile is missing or invalid.
    """
    # Saves a fifth of the start. The application enables it again after its first frame.
    gc.disable()
    named = (args.target or "").removeprefix(PROFILE_SIGN)
    with ExitStack() as stack:
        path = _profiles_path(args, console, stack)
        if named:
            ProfileBook.load(path).profile(named)
        profile_store = open_profile_store(path)
        for fault in profile_store.presets()[1]:
            console.stderr.write_line(f"{PROGRAM}: {fault}")
        settings = SettingsFile(settings_path(path))
        return run_interactive(profile_store, console=console, preset=named, settings=settings)


def _profiles_path(args: "argparse.Namespace", console: "Console", stack: ExitStack) -> Path:
    """Return the path of the profiles; for a user without a home, in a temporary folder."""
    try:
        return profiles_path(args.config, console.environ)
    except ConfigError as error:
        console.stderr.write_line(f"{PROGRAM}: {error} Profiles of this session are not kept.")
        return stack.enter_context(temporary_folder()) / "profiles.toml"


def open_profile_store(path: Path) -> "ProfileStore":
    """Return the profiles of a file, for the application."""
    from dicom_retrieve_tui.network.dns import local_host_and_port  # noqa: PLC0415
    from dicom_retrieve_tui.tui.profile_store import ProfileStore  # noqa: PLC0415 - loads Textual

    return ProfileStore(path, local_host_and_port)
