"""An order that the user stopped before it was begun: who waits for an account of it gets one."""

from dicom_retrieve_tui.cli.account import Account
from dicom_retrieve_tui.cli.json_lines import JsonLines
from dicom_retrieve_tui.cli.logs import log_event, logging_to
from dicom_retrieve_tui.cli.options import Options
from dicom_retrieve_tui.cli.report import Ending
from dicom_retrieve_tui.cli.report_file import hand_in
from dicom_retrieve_tui.cli.signals import INTERRUPTED
from dicom_retrieve_tui.cli.surroundings import Surroundings
from dicom_retrieve_tui.model.events import RetrieveFinished, RetrieveStarted
from dicom_retrieve_tui.model.verdict import Verdict


def tell_stopped(options: Options, around: Surroundings) -> int:
    """Write the events and the report of a run in which nothing happened; returns the exit code."""
    plan, settings, now = options.plan, options.settings, around.utc_now()
    started = RetrieveStarted(
        peer=str(settings.peer),
        method=str(plan.method),
        studies=len(plan.selections),
        parallel=plan.parallel,
    )
    account = Account(plan)
    lines = JsonLines(around.stdout, around.utc_now, dry_run=options.dry_run)
    with logging_to(options.log_file, around.stderr.say, settings.umask):
        for event in (started, RetrieveFinished(verdict=Verdict.CANCELLED)):
            account.apply(event)
            log_event(event)
            if options.json:
                lines.write(event)
    around.stderr.say("stopped; nothing was retrieved")
    ending = Ending(started=now, finished=now, elapsed_s=0.0, exit_code=INTERRUPTED)
    return hand_in(account, options, ending, around)
