"""`@NAME` on the command line: what a saved profile says takes the place of flags not given."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from dicom_retrieve_tui.cli.parser_base import PROFILE_SIGN
from dicom_retrieve_tui.config.precedence import BUILT_IN, FLAG, Value, resolve
from dicom_retrieve_tui.config.profiles_file import ProfileBook, profiles_path
from dicom_retrieve_tui.model.address import DEFAULT_PORT
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.options import FLAT, HIERARCHICAL, KEYS, PATHS, SERIES_KEYS, YES

_OF_THE_TARGET = frozenset({"host", "port", "notes"})
"""What no flag says."""
_FLAGS = tuple(key for key in KEYS if key not in _OF_THE_TARGET)


def open_book(args: argparse.Namespace, environ: Mapping[str, str]) -> ProfileBook:
    """The profiles, wherever the flag or the environment says they are.

    Raises:
        ConfigError: The file cannot be read.
    """
    return ProfileBook.load(profiles_path(args.config, environ))


def flags_given(args: argparse.Namespace) -> dict[str, str | None]:
    """The flags that a profile may stand in for, by key; None where one was not given."""
    given: dict[str, str | None] = {key: getattr(args, key, None) for key in _FLAGS}
    if given["layout"] is None and args.hierarchical:
        given["layout"] = HIERARCHICAL
    return given


def fill_in(args: argparse.Namespace, book: ProfileBook) -> None:
    """Put what the profile says into the flags that were not given, its address into the target.

    Raises:
        ConfigError: There is no such profile, or it has mistakes.
    """
    held = resolve(book, args.target.removeprefix(PROFILE_SIGN), flags_given(args))
    args.target = url_of(held)
    for key, value in held.items():
        if key in _FLAGS and value.origin not in {FLAG, BUILT_IN}:
            setattr(args, key, value.text)
    for key in SERIES_KEYS:
        if key in held and not held[key].text:
            setattr(args, key, None)
    _settle_layout(args, held)
    _settle_paths(args, held)
    _settle_tls(args, held)
    if held["method"].text == Method.C_GET and _is_saved(held.get("listen")):
        args.listen = None  # it serves the profile's C-MOVE, and the user asked for C-GET
    if args.listen is None and _is_saved(held.get("accept_from")):
        args.accept_from = None


def url_of(held: Mapping[str, Value]) -> str:
    """The address of the PACS as `pacs://HOST:PORT`."""
    host = held["host"].text
    port = held["port"].text if "port" in held else str(DEFAULT_PORT)
    return f"pacs://[{host}]:{port}" if ":" in host else f"pacs://{host}:{port}"


def _settle_layout(args: argparse.Namespace, held: Mapping[str, Value]) -> None:
    """The layouts that have a name are no templates."""
    if _is_saved(held.get("layout")) and args.layout in {FLAT, HIERARCHICAL}:
        args.hierarchical = args.layout == HIERARCHICAL
        args.layout = None


def _settle_paths(args: argparse.Namespace, held: Mapping[str, Value]) -> None:
    """In a file there is no shell to know what ~ is."""
    for key in PATHS:
        if _is_saved(held.get(key)):
            setattr(args, key, str(Path(getattr(args, key)).expanduser()))


def _settle_tls(args: argparse.Namespace, held: Mapping[str, Value]) -> None:
    """Without TLS or a user, what is saved for them waits for another day."""
    if "user" not in held and _is_saved(held.get("passcode_file")):
        args.passcode_file = None
    if held["tls"].text != YES:
        for key in held:
            if key.startswith("tls_") and _is_saved(held[key]):
                setattr(args, key, None)


def _is_saved(value: Value | None) -> bool:
    return value is not None and value.origin not in {FLAG, BUILT_IN}
