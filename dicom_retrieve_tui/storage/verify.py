"""Is everything that was retrieved into a folder still there, and whole? Offline, and read-only."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError, reason_of
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.model.verify_result import Flaw, Flawed, VerifiedStudy
from dicom_retrieve_tui.storage.file_check import Condition, inspect, irregularity_of
from dicom_retrieve_tui.storage.folder import CONFLICTS, PRIVATE_FOLDER
from dicom_retrieve_tui.storage.journal_database import Entry, JournalReader, Recorded
from dicom_retrieve_tui.storage.store import JOURNAL

_READ_BYTES = 1 << 20
_FLAWS = {
    Condition.MISSING: Flaw.MISSING,
    Condition.DAMAGED: Flaw.DAMAGED,
    Condition.CHANGED: Flaw.DAMAGED,
}
_OTHER_CONTENT = (
    f"came with other content than the file of that name; kept in {PRIVATE_FOLDER}/{CONFLICTS}"
)
_REASONS = {Condition.CHANGED: "its content is not what was received"}
_VERDICTS = {str(verdict): verdict for verdict in Verdict}

_Look = tuple[Entry, Flawed | None]
"""A file, and what is wrong with it, if anything is."""


def verify_folder(root: Path, *, deep: bool) -> Iterator[VerifiedStudy]:
    """Look at every file that the journal of a folder names; findings come study by study.

    Args:
        root: What `--output` named.
        deep: Read every file to its end and compare its checksum; otherwise only its presence and
            its size are checked.

    Raises:
        ConfigError: At once: there is no journal, or it cannot be read. While iterating: it is
            damaged.
    """
    reader = JournalReader(_journal_of(root))
    aside = _set_aside(root)
    return (_look_at(root, study, aside, deep=deep) for study in reader.studies())


def _set_aside(root: Path) -> frozenset[str]:
    """SOP Instance UIDs in the names of files that were kept beside others, where layouts do so."""
    try:
        names = os.listdir(root / PRIVATE_FOLDER / CONFLICTS)  # noqa: PTH208 - names alone
    except OSError:
        return frozenset()
    return frozenset(name.rpartition(".")[0].removesuffix(".dcm") for name in names)


def _journal_of(root: Path) -> Path:
    journal = root / PRIVATE_FOLDER / JOURNAL
    try:
        found, is_folder = journal.is_file(), root.is_dir()
    except OSError as error:  # not allowed to look, or too long
        reason = reason_of(error)
        raise ConfigError(f"{root}: cannot be reached: {reason}.") from error
    if found:
        return journal
    if not is_folder:
        raise ConfigError(f"{root}: there is no such folder.")
    raise ConfigError(
        f"{root}: this folder has no journal ({PRIVATE_FOLDER}/{JOURNAL}), so nobody can say what "
        "should be in it. Name the folder that --output named."
    )


def _look_at(root: Path, study: Recorded, aside: frozenset[str], *, deep: bool) -> VerifiedStudy:
    looks = [
        [(entry, _flaw_of(root, entry, deep=deep)) for entry in entries]
        for entries in study.layouts
    ]
    standing = [entry for each in looks for entry, flaw in each if flaw is None]
    whole = frozenset(entry.sop_instance_uid for entry in standing)
    flawed = [
        replace(flaw, whole_elsewhere=flaw.sop_instance_uid in whole)
        for each in looks
        for flaw in _missed(each, whole)
    ]
    known = {entry.sop_instance_uid for entry in study.entries}
    # What came after the study's last verdict is no longer missing, although the verdict says so.
    flawed += [
        Flawed(
            sop_instance_uid=uid,
            flaw=Flaw.MISSING,
            path=None,
            reason=_OTHER_CONTENT if uid in aside else "",
        )
        for uid in study.missing
        if uid not in known
    ]
    return VerifiedStudy(
        study_instance_uid=study.study_instance_uid,
        verdict=_VERDICTS.get(study.verdict or ""),
        whole=len(whole),
        whole_files=len({entry.path for entry in standing} - {each.path for each in flawed}),
        left_out=study.left_out,
        flawed=tuple(dict.fromkeys(flawed)),  # two layouts may give an instance the same path
        irregular=dict(_irregular(root, standing, deep=deep)),
        checksums={entry.path: entry.digest for entry in standing if deep and entry.digest},
    )


def _irregular(root: Path, standing: list[Entry], *, deep: bool) -> Iterator[tuple[str, str]]:
    """In what data sets depart from the standard, as recorded.

    An entry without a checksum was recorded before anything irregular was kept, or by a repair.
    """
    for entry in standing:
        irregular = entry.irregular
        if deep and not (irregular or entry.digest):
            with contextlib.suppress(OSError):
                irregular = irregularity_of(root / entry.path)
        if irregular:
            yield entry.sop_instance_uid, irregular


def _missed(looks: list[_Look], whole: frozenset[str]) -> list[Flawed]:
    """The flaws of the files under one layout, without those that nobody misses.

    A layout of which no file of the study is left was given up: no run with another one brings its
    files back. What stands whole under another is there.

    Args:
        looks: Each file of the layout, and what is wrong with it.
        whole: SOP Instance UIDs of what is whole under any layout.
    """
    flawed = [flaw for _, flaw in looks if flaw is not None]
    if len(flawed) < len(looks) or any(flaw.flaw is not Flaw.MISSING for flaw in flawed):
        return flawed
    return [flaw for flaw in flawed if flaw.sop_instance_uid not in whole]


def _flaw_of(root: Path, entry: Entry, *, deep: bool) -> Flawed | None:
    """What is wrong with a file, if anything is."""
    reason = ""
    # A file that was not synced may be anything after a power cut; its size proves nothing.
    unproven = bool(entry.digest) and not entry.synced
    try:
        condition = inspect(root, entry, deep=deep or unproven)
        if deep and condition is Condition.WHOLE and not entry.digest:
            _read_through(root / entry.path)
    except NotADirectoryError:  # a file stands where a folder of its path was
        condition = Condition.MISSING
    except OSError as error:
        condition, reason = Condition.DAMAGED, reason_of(error)
    if condition is Condition.WHOLE:
        return None
    return Flawed(
        sop_instance_uid=entry.sop_instance_uid,
        flaw=_FLAWS[condition],
        path=entry.path,
        reason=reason or _REASONS.get(condition, ""),
    )


def _read_through(path: Path) -> None:
    """Read every byte: the structure check passes over values, where a bad sector hides.

    Raises:
        OSError: The disk does not give a part of it back.
    """
    with path.open("rb", buffering=0) as file:
        while file.read(_READ_BYTES):
            pass
