"""Failures of earlier runs into the same folder, which this run was not asked to mend."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dicom_retrieve_tui.cli.output.account import Account
from dicom_retrieve_tui.cli.read_options import RetrieveCommand
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.folder_account import UNFINISHED, StudyAccount
from dicom_retrieve_tui.model.humanize import count, folder_text
from dicom_retrieve_tui.storage.folder_account import FolderAccount, failed_list_of

_LISTED_MAX = 10


@dataclass(frozen=True, slots=True)
class Earlier:
    """The account of the folder beyond this run, once the run has ended."""

    studies: tuple[StudyAccount, ...] = ()
    """Studies that have ended, are not complete, and that this run was not asked for."""
    unfinished: int = 0
    """Further studies that no run has ended and that this run was not asked for."""
    failed_list: Path | None = None
    """The list of all studies of the folder that are not complete."""
    of_shard: bool = False
    """The run was a shard: the list is about the studies of other shards, too."""

    def lines(self) -> Iterator[str]:
        """Yield lines for the summary."""
        if self.studies:
            studies = count(len(self.studies), "study")
            are = "is" if len(self.studies) == 1 else "are"
            yield f"{studies} of earlier runs into this folder {are} not complete:"
            for study in self.studies[:_LISTED_MAX]:
                yield f"  {study.study_instance_uid}  {study.outcome}"
            if (more := len(self.studies) - _LISTED_MAX) > 0:
                yield f"  ... and {count(more, 'study')} more"
        if self.unfinished:
            yield f"{count(self.unfinished, 'study')} of earlier runs never ended"
        if self.failed_list is not None and self.of_shard:
            folder = folder_text(self.failed_list.parent)
            yield f"the account of all shards: dicom-retrieve status {folder}"
        elif self.failed_list is not None:
            yield f"{self.failed_list} lists every study that is not complete"


NOTHING_EARLIER = Earlier()


def earlier_failures(account: Account, options: RetrieveCommand) -> Earlier:
    """Read the account of the output folder; a journal that cannot be read has nothing to add."""
    output = options.retrieval.output
    if options.dry_run or (failed_list := failed_list_of(output)) is None:
        return NOTHING_EARLIER
    shard = options.shard
    asked = {each.study_instance_uid for each in account.selections}

    def is_earlier(uid: str) -> bool:
        # What other shards do is theirs to report, and that of `status`.
        return uid not in asked and (shard is None or shard.has(uid))

    try:
        recorded = FolderAccount(output)
        failed = recorded.studies(failed_only=True, ended_only=True)
        others = tuple(each for each in failed if is_earlier(each.study_instance_uid))
        # There may be a million: they are counted, and not kept.
        unfinished = sum(
            each.verdict == UNFINISHED and is_earlier(each.study_instance_uid)
            for each in recorded.failed_studies()
        )
    except ConfigError:
        return Earlier(failed_list=failed_list, of_shard=shard is not None)
    return Earlier(others, unfinished, failed_list, of_shard=shard is not None)
