"""The facts about a run for the command of `--on-finish`. Looks only for the report's file."""

from collections.abc import Iterable

from dicom_retrieve_tui.cli.output.account import Account
from dicom_retrieve_tui.cli.output.report import Ending
from dicom_retrieve_tui.cli.read_options import RetrieveCommand
from dicom_retrieve_tui.model.hook_command import FinishHook
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.verdict import Verdict


def finish_hook(
    account: Account, options: RetrieveCommand, ending: Ending, summary: Iterable[str]
) -> FinishHook:
    """Return the values for the command.

    Args:
        account: The whole run.
        options: The command line.
        ending: The exit code of the run, and its end.
        summary: The lines of the summary; none for a run that ended before it began, whose notes
            say why.
    """
    progress, report = account.progress, options.report
    lines = [*summary] or account.general.notes
    return FinishHook(
        verdict=str(progress.verdict or Verdict.CANCELLED),
        exit_code=ending.exit_code,
        output=str(options.retrieval.output.absolute()),
        report=str(report.absolute()) if report is not None and report.is_file() else "",
        peer=str(options.retrieval.peer),
        studies=len(account.selections),
        studies_good=progress.good,
        instances=progress.stored,
        commands_failed=progress.commands_failed,
        seconds=ending.elapsed_s,
        summary="".join(f"{clean_text(line)}\n" for line in lines),
    )
