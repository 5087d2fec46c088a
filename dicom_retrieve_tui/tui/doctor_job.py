"""Asking a PACS whether it would work with us, in a thread of its own. Knows no screen."""

import textwrap
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

from dicom_retrieve_tui.doctor.result import Check, Conclusion, Finding, Looking, Outcome, Step
from dicom_retrieve_tui.errors import ConfigError, RetrieveError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.options import KEYS, RetrieveOptions
from dicom_retrieve_tui.tui.cells import ELLIPSIS
from dicom_retrieve_tui.tui.ports import Diagnose, TellAdministrator
from dicom_retrieve_tui.tui.secret_store import SecretStore

_INDENT = 18
_TEXT_MIN = 20


@dataclass(frozen=True, slots=True)
class Doctor:
    """How the application asks: `wiring`, or a script in a test."""

    diagnose: Diagnose
    tell_administrator: TellAdministrator
    secrets: SecretStore = field(default_factory=SecretStore)

    def ask(
        self,
        options: RetrieveOptions,
        tell: Callable[[Finding], object],
        cancel: CancelToken,
        *,
        whole: bool,
    ) -> None:
        """Ask until it is over or cancelled; blocks, and never raises what a peer brings about.

        Args:
            options: How a retrieval would go.
            tell: Gets every finding, on this thread.
            cancel: Ends it soon.
            whole: Look at everything; else no further than C-ECHO.
        """
        try:
            unlocked = self.secrets.fill_in(options)
            with closing(self.diagnose(None, unlocked, cancel)) as findings:
                for finding in findings:
                    if cancel.requested:
                        return
                    if _refuses_us(finding):
                        self.secrets.forget_typed(options)
                    tell(finding)
                    if not whole and _answered(finding):
                        return
        except RetrieveError as error:
            tell(step_of(error))

    def for_administrator(self, options: RetrieveOptions) -> str:
        """What the administrator of the PACS needs to know of us; asks for names, and may block."""
        return "\n".join(self.tell_administrator(options))


def _answered(finding: Finding) -> bool:
    return isinstance(finding, Step) and (
        finding.check is Check.ECHO or finding.outcome is Outcome.FAILED
    )


def _refuses_us(finding: Finding) -> bool:
    """True if a wrong passcode may be why."""
    return (
        isinstance(finding, Step)
        and finding.check is Check.ASSOCIATION
        and finding.outcome is Outcome.FAILED
    )


def step_of(error: RetrieveError) -> Step:
    """Why nothing could be asked, with the key of the profile that the message begins with."""
    option = error.option if isinstance(error, ConfigError) else ""
    key = option.removeprefix("--").replace("-", "_")
    if key not in KEYS:
        return Step(check=Check.HOST, outcome=Outcome.FAILED, found=str(error))
    check = Check.TLS if key.startswith("tls") else Check.ASSOCIATION
    found = str(error).removeprefix(option).lstrip()
    return Step(check=check, outcome=Outcome.FAILED, found=found, keys=(key,))


def finding_lines(finding: Finding, width: int) -> list[str]:
    """A finding as it stands on the screen, in so many cells: what is too long goes on below."""
    match finding:
        case Looking():
            return [f"{ELLIPSIS} {finding.check.label}"]
        case Step():
            head = f"{finding.outcome.mark} {finding.check.label:<{_INDENT - 2}}"
            return [
                *_hanging(head, finding.found, width),
                *_hanging(" " * _INDENT, finding.next_step, width),
            ]
        case Conclusion():
            head = f"{(Outcome.OK if finding.works else Outcome.FAILED).mark} "
            return [
                "",
                *_hanging(head, finding.words, width),
                *_hanging("", finding.next_step, width),
            ]


def _hanging(head: str, text: str, width: int) -> list[str]:
    """Lines below the beginning of a text; none if there is no text."""
    if not text:
        return []
    width = max(width, len(head) + _TEXT_MIN)
    return textwrap.wrap(f"{head}{text}", width, subsequent_indent=" " * len(head))
