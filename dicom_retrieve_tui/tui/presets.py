"""Saved profiles as the form of options needs them."""

from dicom_retrieve_tui.config.precedence import BUILT_IN, resolve
from dicom_retrieve_tui.config.profiles_file import ProfileBook
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.options import FLAT, HIERARCHICAL
from dicom_retrieve_tui.model.settings import FLAT_LAYOUT, HIERARCHICAL_LAYOUT
from dicom_retrieve_tui.tui.retrieve_form import CARRIED, defaults
from dicom_retrieve_tui.tui.widgets.options_form import Preset

FIELDS = {
    "called_aet": "called_ae_title",
    "aet": "calling_ae_title",
    "modality": "modality",
    "exclude_modality": "exclude_modality",
    "series_description": "series_description",
    "method": "method",
    "move_dest": "destination",
    "listen": "listen",
    "accept_from": "accept_from",
    "output": "folder",
    "layout": "layout",
    "parallel": "parallel",
    "timeout": "timeout",
    "retries": "retries",
    "umask": "umask",
    "keep_free": "keep_free",
}
"""The form's fields by the profile's keys."""
_LAYOUTS = {FLAT: FLAT_LAYOUT, HIERARCHICAL: HIERARCHICAL_LAYOUT}


def preset_of(book: ProfileBook, name: str) -> Preset:
    """A profile as the form needs it; where it says nothing, the form's own defaults hold.

    Raises:
        ConfigError: There is no such profile, or it has mistakes.
    """
    held = resolve(book, name, {})
    said = {key: value.text for key, value in held.items() if value.origin != BUILT_IN}
    draft = {field: said[key] for key, field in FIELDS.items() if key in said}
    draft |= {key: said[key] for key in CARRIED if key in said}
    if "layout" in draft:
        draft["layout"] = _LAYOUTS.get(draft["layout"], draft["layout"])
    host = said["host"]
    host = f"[{host}]" if ":" in host else host
    return Preset(name, {**defaults(), **draft, "pacs": f"{host}:{held['port'].text}"})


def presets_of(book: ProfileBook) -> tuple[list[Preset], list[str]]:
    """Every profile that can be used, and what is wrong with the others."""
    presets, faults = [], []
    for name in book.names:
        try:
            presets.append(preset_of(book, name))
        except ConfigError as error:
            faults.append(str(error))
    return presets, faults
