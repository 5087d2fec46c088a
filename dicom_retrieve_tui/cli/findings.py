"""What `verify` found, in words and as plain values for JSON. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dicom_retrieve_tui.model.findings import Flaw, Flawed, StudyFindings
from dicom_retrieve_tui.model.wording import count, folder_text

UIDS_MAX = 10
"""Instances named one by one for each study; `--json` names them all."""
UNFINISHED = "unfinished"
"""What stands for the verdict of a retrieval that was killed, or still runs."""
_WORDS_WIDTH = 10


@dataclass(slots=True)
class Tally:
    """The sum of all findings."""

    studies: int = 0
    proven: int = 0
    """Studies that were complete once, and still are."""
    whole: int = 0
    missing: int = 0
    damaged: int = 0

    def add(self, study: StudyFindings) -> None:
        """Take in one study."""
        self.studies += 1
        self.proven += study.proven
        self.whole += study.whole
        self.missing += len(study.with_flaw(Flaw.MISSING))
        self.damaged += len(study.with_flaw(Flaw.DAMAGED))

    @property
    def instances(self) -> int:
        """How many there should be."""
        return self.whole + self.missing + self.damaged

    @property
    def all_proven(self) -> bool:
        """True if there is something, and nothing of it is wrong."""
        return 0 < self.studies == self.proven


def study_lines(study: StudyFindings) -> Iterator[str]:
    """A line for the study, and one for each instance that is not as it should be."""
    counts = f"{study.whole:,}/{study.instances:,}"
    yield f"{_words(study):<{_WORDS_WIDTH}}  {counts:>11}  {study.study_instance_uid}"
    for each in study.flawed[:UIDS_MAX]:
        yield f"  {each.flaw} {each.sop_instance_uid}  {_where(each)}"
    if (more := len(study.flawed) - UIDS_MAX) > 0:
        yield f"  ... and {count(more, 'instance')} more (--json names them all)"


def _words(study: StudyFindings) -> str:
    """`whole`, `missing 2, damaged 1`, or the verdict on what nobody knows to be all."""
    flaws = [f"{flaw} {n:,}" for flaw in Flaw if (n := len(study.with_flaw(flaw)))]
    return ", ".join(flaws) or ("whole" if study.proven else str(study.verdict or UNFINISHED))


def _where(flawed: Flawed) -> str:
    if flawed.path is None:
        return "never came"
    return f"{flawed.path} ({flawed.reason})" if flawed.reason else flawed.path


def summary_lines(tally: Tally, folder: Path, *, deep: bool) -> Iterator[str]:
    """The sum, and what to do next."""
    if not tally.studies:
        yield f"the journal of {folder_text(folder)} names nothing"
        return
    how = "every file read to its end" if deep else "by presence and size; --deep reads them"
    of = f"{count(tally.instances, 'instance')} of {count(tally.studies, 'study')}"
    if not tally.missing + tally.damaged:
        yield f"all {of} are there and whole ({how})"
    else:
        flaws = [("missing", tally.missing), ("damaged", tally.damaged)]
        told = ", ".join(f"{number:,} {word}" for word, number in flaws if number)
        yield f"{tally.whole:,} of {of} are there and whole ({how}): {told}"
    if not tally.all_proven:
        yield f"{tally.proven:,} of {count(tally.studies, 'study')} proven complete; {_next(tally)}"


def _next(tally: Tally) -> str:
    # Without reading it, a retrieval takes a file of the right size for whole.
    first = "move the damaged files away and " if tally.damaged else ""
    return f"{first}run the retrieval again to get the rest"


def study_record(study: StudyFindings) -> Mapping[str, object]:
    """One study as `--json` tells it; the names are public."""
    return {
        "study_instance_uid": study.study_instance_uid,
        "verdict": str(study.verdict or UNFINISHED),
        "whole": study.whole,
        "missing": [
            {"sop_instance_uid": each.sop_instance_uid, "path": each.path}
            for each in study.with_flaw(Flaw.MISSING)
        ],
        "damaged": [
            {
                "sop_instance_uid": each.sop_instance_uid,
                "path": each.path,
                "reason": each.reason,
            }
            for each in study.with_flaw(Flaw.DAMAGED)
        ],
    }


def tally_record(tally: Tally) -> Mapping[str, object]:
    """The sum as `--json` tells it."""
    return {
        "studies": tally.studies,
        "proven": tally.proven,
        "instances": tally.instances,
        "whole": tally.whole,
        "missing": tally.missing,
        "damaged": tally.damaged,
    }
