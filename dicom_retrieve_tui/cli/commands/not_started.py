"""An order that ended before it was begun: who waits for an account of it gets one."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from dicom_retrieve_tui.cli.console import Surroundings
from dicom_retrieve_tui.cli.logs import log_event
from dicom_retrieve_tui.cli.output.account import Account
from dicom_retrieve_tui.cli.output.json_lines import JsonLines
from dicom_retrieve_tui.cli.output.report import Ending, write_report
from dicom_retrieve_tui.cli.parser_base import PROGRAM
from dicom_retrieve_tui.cli.read_options import Options
from dicom_retrieve_tui.exit_codes import INTERRUPTED, NOT_OK
from dicom_retrieve_tui.model.events import Event, Noted, RetrieveFinished, RetrieveStarted
from dicom_retrieve_tui.model.verdict import Verdict

if TYPE_CHECKING:
    from dicom_retrieve_tui.cli.commands.lookup import LookupsFailed, LookupsStopped


class Unbegun:
    """The time of an order until it is known that nothing will be retrieved, and how it ends."""

    def __init__(self, around: Surroundings) -> None:
        """Take the time."""
        self._around = around
        self._started, self._started_s = around.utc_now(), around.monotonic_s()

    def stopped(self, stop: "LookupsStopped") -> int:
        """Write the events and the report of what the user stopped; returns the exit code."""
        self._around.stderr.say(str(stop))
        return self._tell(stop.options, INTERRUPTED, stopped_story(stop.options))

    def failed(self, failure: "LookupsFailed") -> int:
        """Write those of what cannot be; why, and what to try next, is a note of the run."""
        for line in f"{PROGRAM}: {failure}".split("\n"):
            self._around.stderr.say(line)
        return self._tell(failure.options, NOT_OK, failed_story(failure.options, failure.brief))

    def _tell(self, options: Options, exit_code: int, story: Iterable[Event]) -> int:
        around = self._around
        account = Account(options.plan)
        lines = JsonLines(around.stdout, around.utc_now, dry_run=options.dry_run)
        for event in story:
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
        return write_report(account, options, ending, around)


def stopped_story(options: Options) -> Iterator[Event]:
    """The events of a run that the user stopped before it began."""
    yield _started(options)
    yield RetrieveFinished(verdict=Verdict.CANCELLED)


def failed_story(options: Options, why: str) -> Iterator[Event]:
    """The events of a run that could not begin."""
    yield _started(options)
    yield Noted(study_instance_uid=None, text=why)
    yield RetrieveFinished(verdict=Verdict.FAILED)


def _started(options: Options) -> RetrieveStarted:
    plan = options.plan
    return RetrieveStarted(
        peer=str(options.settings.peer),
        method=str(plan.method),
        studies=len(plan.selections),
        parallel=plan.parallel,
    )
