"""What to retrieve: the UID flags and the UID list, judged before anything is sent."""

import argparse
import codecs
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.uid_list import parse_uid_list
from dicom_retrieve_tui.model.uids import uid_fault

_UID_FLAGS = {
    "--study-uid": "study_uid",
    "--series-uid": "series_uid",
    "--instance-uid": "instance_uid",
}
_STDIN = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """What the flags select."""

    selections: tuple[Selection, ...]
    duplicates: int = 0
    """UIDs that the list has more than once; each is retrieved once."""
    left_out: tuple[str, ...] = ()
    """Rows of a table that cannot be asked for, each as a sentence."""


def select(args: argparse.Namespace, read_stdin: Callable[[], str]) -> Selected:
    """Read the UID flags, and the list if there is one.

    Raises:
        ConfigError: They select nothing, contradict each other, or a UID breaks the rules.
    """
    given = {flag: getattr(args, dest) for flag, dest in _UID_FLAGS.items()}
    if args.uids:
        return _by_position(args.uids, {**given, "--uid-list": args.uid_list})
    if args.uid_list is not None:
        for flag, uid in given.items():
            if uid is not None:
                raise ConfigError(f"--uid-list and {flag} exclude each other; give one of them.")
        return _from_list(args.uid_list, args.column, read_stdin)
    if args.column is not None:
        raise ConfigError("--column needs --uid-list, the table that has it.")
    _check_levels(given)
    for flag, uid in given.items():
        if uid is not None and (fault := uid_fault(uid)) is not None:
            raise ConfigError(f"{flag} {uid!r} {fault}.")
    selection = Selection(
        study_instance_uid=args.study_uid,
        series_instance_uid=args.series_uid,
        sop_instance_uid=args.instance_uid,
    )
    return Selected(selections=(selection,))


def _by_position(uids: list[str], flags: dict[str, str | None]) -> Selected:
    """Study Instance UIDs that stand behind the PACS."""
    for flag, text in flags.items():
        if text is not None:
            raise ConfigError(f"{uids[0]!r} and {flag} exclude each other; give one of them.")
    for uid in uids:
        if fault := uid_fault(uid):
            raise ConfigError(f"{uid!r} {fault}; expected a Study Instance UID.")
    once = dict.fromkeys(uids)
    return Selected(
        selections=tuple(Selection(study_instance_uid=uid) for uid in once),
        duplicates=len(uids) - len(once),
    )


def _check_levels(given: dict[str, str | None]) -> None:
    study, series, instance = given.values()
    if instance is not None and (series is None or study is None):
        missing = " and ".join(f for f in ("--study-uid", "--series-uid") if given[f] is None)
        raise ConfigError(f"--instance-uid needs {missing} as well.")
    if series is not None and study is None:
        raise ConfigError("--series-uid needs --study-uid as well.")
    if study is None:
        raise ConfigError(
            "Nothing to retrieve was named: give Study Instance UIDs, --study-uid or --uid-list."
        )


def _from_list(name: str, column: str | None, read_stdin: Callable[[], str]) -> Selected:
    text = read_stdin() if name == _STDIN else _read(Path(name))
    try:
        uids = parse_uid_list(text, column)
    except ConfigError as error:
        message = str(error)
        ending = "" if "\n" in message or message.endswith(".") else "."
        raise ConfigError(f"--uid-list {name}: {message}{ending}") from error
    return Selected(
        selections=tuple(Selection(study_instance_uid=uid) for uid in uids.uids),
        duplicates=uids.duplicates,
        left_out=uids.bad,
    )


def _read(path: Path) -> str:
    try:
        # Windows programs put a byte order mark first; line ends count, and are left alone.
        content = path.read_bytes()
        utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return content.decode("utf-16" if utf_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"--uid-list {path}: this is no text in UTF-8 or UTF-16.") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"--uid-list {path}: cannot be read: {reason}.") from error
