"""Opens the terminal application; nothing else in the command loads it."""

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from dicom_retrieve_tui.cli.by_profile import open_book
from dicom_retrieve_tui.cli.usage import PROFILE_SIGN, PROGRAM
from dicom_retrieve_tui.config.precedence import BUILT_IN, resolve
from dicom_retrieve_tui.config.profiles_file import ProfileBook
from dicom_retrieve_tui.config.settings_file import SettingsFile, settings_path
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.profile import FLAT, HIERARCHICAL
from dicom_retrieve_tui.model.settings import FLAT_LAYOUT, HIERARCHICAL_LAYOUT
from dicom_retrieve_tui.model.values import YES

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from dicom_retrieve_tui.cli.surroundings import Surroundings
    from dicom_retrieve_tui.tui.widgets.options_form import Preset


def run_interactive(
    presets: "Sequence[Preset]" = (),
    *,
    settings: SettingsFile,
    text: str = "",
    remember: bool = True,
) -> int:
    """Be the application until the user leaves it; returns the exit code.

    Args:
        presets: The profiles, the first of them chosen.
        settings: Where preferences are remembered.
        text: What stands in the UID line at first.
        remember: Keep what is asked for in the user's history, and offer what is left in it.
    """
    from dicom_retrieve_tui.tui.app import run_app  # noqa: PLC0415 - it loads textual
    from dicom_retrieve_tui.tui.memory import Memory  # noqa: PLC0415 - with the application
    from dicom_retrieve_tui.wiring import find, open_history, open_session  # noqa: PLC0415 - the engine

    with ExitStack() as stack:
        memory = Memory()
        if remember:
            try:
                history = stack.enter_context(closing(open_history()))
            except ConfigError as error:
                memory = Memory(notice=str(error))
            else:
                memory = Memory(history, notice=history.notice)
        return run_app(
            open_session, presets, find=find, text=text, memory=memory, settings=settings
        )


def run_on_profiles(args: "argparse.Namespace", around: "Surroundings") -> int:
    """Be the application, with the profile that was named chosen, or else the first.

    Raises:
        ConfigError: The profile that was named cannot be used.
    """
    book = open_book(args, around.environ)
    named = (args.target or "").removeprefix(PROFILE_SIGN)
    presets = [_preset(book, named)] if named else []
    for name in book.names:
        try:
            presets += [_preset(book, name)] if name != named else []
        except ConfigError as error:
            around.stderr.say(f"{PROGRAM}: {error}")
    return run_interactive(presets, settings=SettingsFile(settings_path(book.path)))


_FIELDS = {
    "called_aet": "called_ae_title",
    "aet": "calling_ae_title",
    "method": "method",
    "move_dest": "destination",
    "listen": "listen",
    "output": "folder",
    "layout": "layout",
    "parallel": "parallel",
    "timeout": "timeout",
    "retries": "retries",
}
"""The form's fields by the profile's keys."""
_LAYOUTS = {FLAT: FLAT_LAYOUT, HIERARCHICAL: HIERARCHICAL_LAYOUT}


def _preset(book: ProfileBook, name: str) -> "Preset":
    """A profile as the form needs it; where it says nothing, the form's own defaults hold."""
    from dicom_retrieve_tui.tui.form import defaults  # noqa: PLC0415 - with the application
    from dicom_retrieve_tui.tui.widgets.options_form import Preset  # noqa: PLC0415

    held = resolve(book, name, {})
    said = {key: value.text for key, value in held.items() if value.origin != BUILT_IN}
    if said.get("tls") == YES or "user" in said:
        # The form has no such fields: it would ask unencrypted, and in nobody's name.
        raise ConfigError(
            f"{PROFILE_SIGN}{name} asks for TLS or a user, which the application does not know; "
            f"retrieve by the command: {PROGRAM} {PROFILE_SIGN}{name} STUDY_INSTANCE_UID"
        )
    draft = {field: said[key] for key, field in _FIELDS.items() if key in said}
    if "layout" in draft:
        draft["layout"] = _LAYOUTS.get(draft["layout"], draft["layout"])
    host = said["host"]
    host = f"[{host}]" if ":" in host else host
    return Preset(name, {**defaults(), **draft, "pacs": f"{host}:{held['port'].text}"})
