"""`doctor` for the application: runs the checks on a worker thread."""

import textwrap
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field

from dicom_retrieve_tui.doctor.result import Check, Conclusion, Finding, Looking, Outcome, Step
from dicom_retrieve_tui.errors import Cancelled, ConfigError, RetrieveError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.options import KEYS, RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.tui.association_loan import AssociationLoan, Waits
from dicom_retrieve_tui.tui.cut_text import ELLIPSIS
from dicom_retrieve_tui.tui.field_words import in_fields
from dicom_retrieve_tui.tui.ports import Diagnose, TellAdministrator
from dicom_retrieve_tui.tui.secret_store import SecretStore

_INDENT = 18
_TEXT_MIN = 20
_BEFORE_A_REQUEST = {Check.HOST, Check.CONNECTION, Check.TLS, Check.ASSOCIATION}

Loans = Callable[[RetrieveOptions, Waits], AssociationLoan]
"""`Jobs.loan`."""


@dataclass(frozen=True, slots=True)
class Doctor:
    """The doctor's functions from `wiring`."""

    diagnose: Diagnose
    tell_administrator: TellAdministrator
    secrets: SecretStore = field(default_factory=SecretStore)
    loan: Loans = field(default=lambda options, waits: AssociationLoan((), options.peer, waits))

    def run(
        self,
        options: RetrieveOptions,
        report: Callable[[Finding], object],
        cancel: CancelToken,
        *,
        whole: bool,
        study: Selection | None = None,
    ) -> None:
        """Run the checks until they end or are cancelled; blocks.

        Errors that a peer or a setting causes are reported as a failed step.

        Args:
            options: The options of the retrieval.
            report: Receives every finding, on any thread.
            cancel: Ends the checks soon.
            whole: Run every check; else stop after C-ECHO.
            study: Retrieve one instance of it, too; None for no study.
        """

        def report_wait(reason: str) -> None:
            if reason:
                waits = Step(check=Check.ASSOCIATION, outcome=Outcome.WARNING, found=reason)
                report(waits)

        try:
            unlocked = self.secrets.fill_in(options)
            with (
                self.loan(options, report_wait) as loan,
                closing(self._findings(unlocked, loan, cancel, study)) as findings,
            ):
                for finding in findings:
                    if _refuses_us(finding):
                        self.secrets.forget_typed(options)
                    report(finding)
                    if not whole and _answered(finding):
                        return
        except Cancelled:
            pass
        except RetrieveError as error:
            report(step_of(error))

    def _findings(
        self,
        options: RetrieveOptions,
        loan: AssociationLoan,
        cancel: CancelToken,
        study: Selection | None,
    ) -> Generator[Finding, None, None]:
        """Yield findings; begin again if the PACS had no association left, without those before.

        Raises:
            Cancelled: `cancel` was requested.
        """
        told: set[tuple[type, Check]] = set()
        again = True
        while again:
            again, before = False, frozenset(told)
            with closing(self.diagnose(study, options, cancel)) as findings:
                for finding in findings:
                    if cancel.requested:
                        return
                    if not isinstance(finding, Conclusion):
                        if _is_rejected(finding) and loan.helps_rejected(cancel):
                            again = True
                            break
                        if _is_served(finding):
                            loan.note_answer()
                        if (type(finding), finding.check) in before:
                            continue
                        told.add((type(finding), finding.check))
                    yield finding

    def for_administrator(self, options: RetrieveOptions) -> str:
        """Return what the administrator of the PACS must register; may block on DNS."""
        return "\n".join(self.tell_administrator(options))


def _is_rejected(finding: Looking | Step) -> bool:
    return isinstance(finding, Step) and finding.no_association_left


def _is_served(finding: Looking | Step) -> bool:
    """True once the PACS has answered a request."""
    return isinstance(finding, Step) and finding.check not in _BEFORE_A_REQUEST


def _answered(finding: Finding) -> bool:
    return isinstance(finding, Step) and (
        finding.check is Check.ECHO or finding.outcome is Outcome.FAILED
    )


def _refuses_us(finding: Finding) -> bool:
    """True if a wrong passcode may be the cause."""
    return (
        isinstance(finding, Step)
        and finding.check is Check.ASSOCIATION
        and finding.outcome is Outcome.FAILED
        and not finding.no_association_left
    )


def step_of(error: RetrieveError) -> Step:
    """Convert an error into a failed step, with the key of the profile that is at fault."""
    option = error.option if isinstance(error, ConfigError) else ""
    key = option.removeprefix("--").replace("-", "_")
    if key not in KEYS:
        return Step(check=Check.HOST, outcome=Outcome.FAILED, found=str(error))
    check = Check.TLS if key.startswith("tls") else Check.ASSOCIATION
    found = str(error).removeprefix(option).lstrip()
    return Step(check=check, outcome=Outcome.FAILED, found=found, keys=(key,))


def finding_lines(finding: Finding, width: int) -> list[str]:
    """Return a finding as lines of at most `width` cells."""
    match finding:
        case Looking():
            return [f"{ELLIPSIS} {finding.check.label}"]
        case Step():
            head = f"{finding.outcome.mark} {finding.check.label:<{_INDENT - 2}}"
            return [
                *_hanging(head, in_fields(finding.found), width),
                *_hanging(" " * _INDENT, in_fields(finding.next_step), width),
            ]
        case Conclusion():
            head = f"{(Outcome.OK if finding.works else Outcome.FAILED).mark} "
            return [
                "",
                *_hanging(head, in_fields(finding.words), width),
                *_hanging("", in_fields(finding.next_step), width),
            ]


def _hanging(head: str, text: str, width: int) -> list[str]:
    """Wrap a text behind a head, with a hanging indent; no lines if the text is empty."""
    if not text:
        return []
    width = max(width, len(head) + _TEXT_MIN)
    return textwrap.wrap(f"{head}{text}", width, subsequent_indent=" " * len(head))
