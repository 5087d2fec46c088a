"""`dicom-retrieve verify FOLDER`: list missing, damaged and unreadable files, without a PACS."""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dicom_retrieve_tui import __version__
from dicom_retrieve_tui.cli.console import Console
from dicom_retrieve_tui.cli.output.json_lines import Output
from dicom_retrieve_tui.cli.parser_base import UsageError
from dicom_retrieve_tui.exit_codes import NOT_OK, OK
from dicom_retrieve_tui.model.events import SCHEMA_VERSION
from dicom_retrieve_tui.model.humanize import count, folder_text
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.series_filter import left_out_text
from dicom_retrieve_tui.model.verify_result import Flaw, Flawed, VerifiedStudy
from dicom_retrieve_tui.storage.verify import verify_folder


def run_verify(args: argparse.Namespace, console: Console) -> int:
    """Check the folder and print each study that is not whole at once; return the exit code.

    The whole ones follow with `--verbose`.

    Raises:
        ConfigError: No folder was given, or its journal is missing or cannot be read.
    """
    if not args.folder:
        raise UsageError("verify needs the folder to check, as given to --output.")
    folder = Path(args.folder)

    studies = verify_folder(folder, deep=args.deep)
    out = Output(console, as_json=args.json)
    out.record(
        "verify_started",
        {
            "schema": SCHEMA_VERSION,
            "version": __version__,
            "folder": str(folder),
            "deep": args.deep,
        },
    )
    tally, whole = Tally(), list[str]()
    for study in studies:
        tally.add(study)
        out.record("study_verified", study_record(study))
        if not study.proven:
            out.lines(*study_lines(study))
        elif args.verbose and not args.json:
            whole += study_lines(study)
        if console.stdout.lost:
            break
    out.lines(*whole)
    code = OK if tally.all_proven else NOT_OK
    out.record("verify_finished", {**tally_record(tally), "exit_code": code})
    out.last(*summary_lines(tally, folder, deep=args.deep))
    return console.exit_code(code)


UIDS_MAX = 10
"""Instances listed for each study; `--json` lists all."""
UNFINISHED = "unfinished"
"""The verdict of a retrieval that was killed, or is still running."""
_WORDS_WIDTH = 10


@dataclass(slots=True)
class Tally:
    """The totals of all studies."""

    studies: int = 0
    proven: int = 0
    """Studies that were complete, and still are."""
    whole: int = 0
    """Instances with a whole file; the next three have none."""
    missing: int = 0
    damaged: int = 0
    unreadable: int = 0
    files: int = 0
    """Expected files."""
    whole_files: int = 0
    missing_copies: int = 0
    """Missing files of instances that have a whole file elsewhere; the next are damaged,
    or cannot be read."""
    damaged_copies: int = 0
    unreadable_copies: int = 0
    left_out: int = 0
    """Series that a filter left out."""
    irregular: int = 0
    """Whole instances whose data sets deviate from the standard."""
    irregular_example: str = ""
    doubled: bool = False
    """True if an instance has several files, or should have several."""

    retrievable: bool = False
    """True if a retrieval may mend any study."""

    def add(self, study: VerifiedStudy) -> None:
        """Add a study."""
        self.studies += 1
        self.proven += study.proven
        self.whole += study.whole
        self.missing += _lost(study, Flaw.MISSING)
        self.damaged += _lost(study, Flaw.DAMAGED)
        self.unreadable += _lost(study, Flaw.UNREADABLE)
        self.files += study.files
        self.whole_files += study.whole_files
        self.missing_copies += _copies(study, Flaw.MISSING)
        self.damaged_copies += _copies(study, Flaw.DAMAGED)
        self.unreadable_copies += _copies(study, Flaw.UNREADABLE)
        self.retrievable |= study.retrievable
        self.left_out += len(study.left_out)
        self.doubled |= study.doubled
        self.irregular += len(study.irregular)
        if study.irregular and not self.irregular_example:
            self.irregular_example = ": ".join(next(iter(study.irregular.items())))

    @property
    def instances(self) -> int:
        """Expected instances."""
        return self.whole + self.missing + self.damaged + self.unreadable

    @property
    def all_proven(self) -> bool:
        """True if there are studies, and all are proven."""
        return 0 < self.studies == self.proven


def _lost(study: VerifiedStudy, flaw: Flaw) -> int:
    return sum(each is flaw for each in study.lost.values())


def _copies(study: VerifiedStudy, flaw: Flaw) -> int:
    return sum(each.whole_elsewhere for each in study.with_flaw(flaw))


def study_lines(study: VerifiedStudy) -> Iterator[str]:
    """Yield a line for the study, and one for each file with a flaw."""
    counts = f"{study.whole:,}/{study.instances:,}"
    remarks = [_files(study)] if study.doubled else []
    if study.irregular:
        remarks.append(f"{len(study.irregular):,} irregular, kept as sent")
    if study.left_out:
        remarks.append(f"{left_out_text(study.left_out)} left out by a filter")
    remark = f"  ({'; '.join(remarks)})" if remarks else ""
    yield f"{_words(study):<{_WORDS_WIDTH}}  {counts:>11}  {study.study_instance_uid}{remark}"
    for each in study.flawed[:UIDS_MAX]:
        yield f"  {each.flaw} {each.sop_instance_uid}  {_where(each)}"
    if (more := len(study.flawed) - UIDS_MAX) > 0:
        noun = "file" if study.doubled else "instance"
        yield f"  ... and {count(more, noun)} more (--json names them all)"


def _words(study: VerifiedStudy) -> str:
    """Return `whole`, `missing 2, damaged 1`, or the verdict of an unproven study."""
    flaws = [f"{flaw} {n:,}" for flaw in Flaw if (n := _lost(study, flaw))]
    flaws += [f"{flaw} copies {n:,}" for flaw in Flaw if (n := _copies(study, flaw))]
    return ", ".join(flaws) or ("whole" if study.proven else str(study.verdict or UNFINISHED))


def _files(of: VerifiedStudy | Tally) -> str:
    """Return `6 files`, or `5 of 6 files` where not all are whole."""
    there = f"{of.whole_files:,} of " if of.whole_files < of.files else ""
    return f"{there}{count(of.files, 'file')}"


def _where(flawed: Flawed) -> str:
    if flawed.path is None:
        return flawed.reason or "never came"
    elsewhere = "whole elsewhere" if flawed.whole_elsewhere else ""
    remark = "; ".join(each for each in (flawed.reason, elsewhere) if each)
    return f"{flawed.path} ({remark})" if remark else flawed.path


def summary_lines(tally: Tally, folder: Path, *, deep: bool) -> Iterator[str]:
    """Yield the totals, and what to do next."""
    if not tally.studies:
        yield f"the journal of {folder_text(folder)} has no studies"
        return
    how = "every file read to its end" if deep else "by presence and size; --deep reads them"
    of = f"{count(tally.instances, 'instance')} of {count(tally.studies, 'study')}"
    files = f", in {_files(tally)}" if tally.doubled else ""
    flaws = ", ".join(_flaws(tally))
    listed = f": {flaws}" if flaws else ""
    which = f"{tally.whole:,} of" if tally.whole < tally.instances else "all"
    yield f"{which} {of} are there and whole{files} ({how}){listed}"
    if tally.irregular:
        yield (
            f"{count(tally.irregular, 'instance')} irregular, and kept as sent: for example "
            f"{clean_text(tally.irregular_example)}"
        )
    if tally.left_out:
        yield f"{count(tally.left_out, 'series')} left out by a filter"
    if not tally.all_proven:
        yield f"{tally.proven:,} of {count(tally.studies, 'study')} proven complete; {_next(tally)}"


def _flaws(tally: Tally) -> Iterator[str]:
    for flaw, number in zip(Flaw, (tally.missing, tally.damaged, tally.unreadable), strict=True):
        if number:
            yield f"{number:,} {flaw}"
    copies = (tally.missing_copies, tally.damaged_copies, tally.unreadable_copies)
    for flaw, number in zip(Flaw, copies, strict=True):
        if number:
            yield count(number, f"{flaw} copy")


def _next(tally: Tally) -> str:
    # A retrieval does not read a file of the right size, and takes it for whole.
    first = "move the damaged files away and " if tally.damaged + tally.damaged_copies else ""
    again = [f"{first}run the retrieval again to get the rest"] if tally.retrievable else []
    if tally.unreadable + tally.unreadable_copies:
        again.insert(0, "see to it that the unreadable files can be read, and verify again")
    return "; ".join(again)


def study_record(study: VerifiedStudy) -> Mapping[str, object]:
    """Return one study for `--json`; the names are public."""
    unreadable = [_file_record(each) for each in study.with_flaw(Flaw.UNREADABLE)]
    return {
        "study_instance_uid": study.study_instance_uid,
        "verdict": str(study.verdict or UNFINISHED),
        "instances": study.instances,
        "whole": study.whole,
        "files": study.files,
        "whole_files": study.whole_files,
        "left_out_series": [
            {"series_instance_uid": series_uid, "modality": modality}
            for series_uid, modality in study.left_out
        ],
        "irregular": [
            {"sop_instance_uid": uid, "reason": reason} for uid, reason in study.irregular.items()
        ],
        "missing": [_file_record(each) for each in study.with_flaw(Flaw.MISSING)],
        "damaged": [
            {**_file_record(each), "reason": each.reason} for each in study.with_flaw(Flaw.DAMAGED)
        ],
        **({"unreadable": unreadable} if unreadable else {}),
        **({"checksums": dict(study.checksums)} if study.checksums else {}),
    }


def _file_record(flawed: Flawed) -> dict[str, object]:
    return {
        "sop_instance_uid": flawed.sop_instance_uid,
        "path": flawed.path,
        **({"whole_elsewhere": True} if flawed.whole_elsewhere else {}),
        **({"reason": flawed.reason} if flawed.reason else {}),
    }


def tally_record(tally: Tally) -> Mapping[str, object]:
    """Return the totals for `--json`; the names are public."""
    return {
        "studies": tally.studies,
        "proven": tally.proven,
        "instances": tally.instances,
        "whole": tally.whole,
        "missing": tally.missing,
        "damaged": tally.damaged,
        **({"unreadable": tally.unreadable} if tally.unreadable else {}),
        "files": tally.files,
        "whole_files": tally.whole_files,
        "left_out_series": tally.left_out,
        "irregular": tally.irregular,
    }
