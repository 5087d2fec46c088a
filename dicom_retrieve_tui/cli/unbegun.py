"""An order that ended before it was begun: who waits for an account of it gets one."""

from dicom_retrieve_tui.cli.account import Account
from dicom_retrieve_tui.cli.json_lines import JsonLines
from dicom_retrieve_tui.cli.logs import log_event
from dicom_retrieve_tui.cli.lookups import LookupsFailed, LookupsStopped
from dicom_retrieve_tui.cli.options import Options
from dicom_retrieve_tui.cli.report import Ending
from dicom_retrieve_tui.cli.report_file import hand_in
from dicom_retrieve_tui.cli.signals import INTERRUPTED
from dicom_retrieve_tui.cli.surroundings import Surroundings
from dicom_retrieve_tui.cli.usage import PROGRAM
from dicom_retrieve_tui.model.events import Event, Noted, RetrieveFinished, RetrieveStarted
from dicom_retrieve_tui.model.verdict import Verdict

_NOT_OK = 1


class Unbegun:
    """The time of an order until it is known that nothing will be retrieved, and how it ends."""

    def __init__(self, around: Surroundings) -> None:
        """Take the time."""
        self._around = around
        self._started, self._started_s = around.utc_now(), around.monotonic_s()

    def stopped(self, stop: LookupsStopped) -> int:
        """Write the events and the report of what the user stopped; returns the exit code."""
        self._around.stderr.say(str(stop))
        return self._tell(stop.options, INTERRUPTED, RetrieveFinished(verdict=Verdict.CANCELLED))

    def failed(self, failure: LookupsFailed) -> int:
        """Write those of what cannot be; why, and what to try next, is a note of the run."""
        for line in f"{PROGRAM}: {failure}".split("\n"):
            self._around.stderr.say(line)
        why = Noted(study_instance_uid=None, text=failure.brief)
        return self._tell(failure.options, _NOT_OK, why, RetrieveFinished(verdict=Verdict.FAILED))

    def _tell(self, options: Options, exit_code: int, *story: Event) -> int:
        around = self._around
        account = Account(options.plan)
        lines = JsonLines(around.stdout, around.utc_now, dry_run=options.dry_run)
        for event in (_started(options), *story):
            account.apply(event)
            log_event(event)
            if options.json:
                lines.write(event)
        ending = Ending(
            started=self._started,
            finished=around.utc_now(),
            elapsed_s=around.monotonic_s() - self._started_s,
            exit_code=exit_code,
        )
        return hand_in(account, options, ending, around)


def _started(options: Options) -> RetrieveStarted:
    plan = options.plan
    return RetrieveStarted(
        peer=str(options.settings.peer),
        method=str(plan.method),
        studies=len(plan.selections),
        parallel=plan.parallel,
    )
