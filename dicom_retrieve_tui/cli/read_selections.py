"""Turn the UID flags and the UID list into selections, before anything is sent."""

import argparse
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.uids import irregular_uids, uid_fault

if TYPE_CHECKING:
    from dicom_retrieve_tui.model.study_lookup import Lookup

_UID_FLAGS = {
    "--study-uid": "study_uid",
    "--series-uid": "series_uid",
    "--instance-uid": "instance_uid",
}
_LISTS = {
    "--uid-list": "uid_list",
    "--accession-list": "accession_list",
    "--patient-list": "patient_list",
}
_DIGIT = re.compile("[0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """The selections of a command line."""

    selections: tuple[Selection, ...]
    lookups: "tuple[Lookup, ...]" = ()
    """Lines of the list whose studies only the PACS can name."""
    duplicates: int = 0
    """Lines that the list has more than once; each is retrieved once."""
    left_out: tuple[str, ...] = ()
    """Lines that cannot be asked for, each as a sentence."""
    list_flag: str = "--uid-list"
    """The flag that named the list."""
    notes: tuple[str, ...] = ()
    """What the user should know of what is asked for, each as a sentence without a period."""


def select(args: argparse.Namespace, read_stdin: Callable[[], str]) -> Selected:
    """Read the UID flags, and the list if there is one.

    Raises:
        ConfigError: They select nothing, contradict each other, or a UID breaks the rules.
    """
    given = {flag: getattr(args, dest) for flag, dest in _UID_FLAGS.items()}
    lists = {flag: getattr(args, dest) for flag, dest in _LISTS.items()}
    if args.uids:
        return _by_position(args.uids, given | lists)
    for flag, name in lists.items():
        if name is not None:
            from dicom_retrieve_tui.cli.read_list import read_list  # noqa: PLC0415 - most name UIDs

            _refuse_others(flag, given | lists)
            found = read_list(flag, name, args.column, read_stdin)
            return Selected(
                selections=found.selections,
                lookups=found.lookups,
                duplicates=found.duplicates,
                left_out=found.bad,
                notes=found.notes,
                list_flag=flag,
            )
    if args.column is not None:
        raise ConfigError("--column needs --uid-list, the table that has it.")
    _check_levels(given)
    for flag, uid in given.items():
        if uid is not None and (fault := uid_fault(uid)) is not None:
            raise ConfigError(f"{flag} {uid!r} {fault}.")
    selection = Selection.of(args.study_uid, args.series_uid, args.instance_uid)
    return Selected(selections=(selection,), notes=_notes(filter(None, given.values())))


def _by_position(uids: list[str], flags: dict[str, str | None]) -> Selected:
    """Study Instance UIDs that stand behind the PACS."""
    _refuse_others(repr(uids[0]), flags)
    for uid in uids:
        fault = uid_fault(uid) or (None if _DIGIT.search(uid) else "has no digit")
        if fault:
            raise ConfigError(f"{uid!r} {fault}; expected a Study Instance UID.")
    once = dict.fromkeys(uids)
    return Selected(
        selections=tuple(Selection(study_instance_uid=uid) for uid in once),
        duplicates=len(uids) - len(once),
        notes=_notes(once),
    )


def _notes(uids: Iterable[str]) -> tuple[str, ...]:
    note = irregular_uids(uids)
    return (note,) if note else ()


def _refuse_others(one: str, flags: dict[str, str | None]) -> None:
    """Raise `ConfigError` if another flag names what to retrieve, too."""
    for flag, text in flags.items():
        if text is not None and flag != one:
            raise ConfigError(f"{one} and {flag} cannot be combined.")


def _check_levels(given: dict[str, str | None]) -> None:
    study, series, instance = given.values()
    if instance is not None and (series is None or study is None):
        missing = " and ".join(f for f in ("--study-uid", "--series-uid") if given[f] is None)
        raise ConfigError(f"--instance-uid requires {missing}.")
    if series is not None and study is None:
        raise ConfigError("--series-uid requires --study-uid.")
    if study is None:
        raise ConfigError(
            "No study was given. Give Study Instance UIDs, --study-uid or --uid-list."
        )
