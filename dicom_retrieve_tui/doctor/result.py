"""The checks of `doctor`, their outcomes and the conclusion: pure values and rules.

A run is a series of `Looking` and `Step`, and last and once a `Conclusion`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.options import RetrieveOptions


class Check(StrEnum):
    """A check, in the order in which they run; the values are public in `--json`."""

    HOST = "host"
    CONNECTION = "connection"
    TLS = "tls"
    ASSOCIATION = "association"
    ECHO = "c_echo"
    FIND = "c_find"
    GET = "c_get"
    STORAGE = "storage_classes"
    LISTENER = "listener"
    MOVE = "c_move"
    STUDY = "study"
    GET_INSTANCE = "c_get_instance"
    MOVE_INSTANCE = "c_move_instance"

    @property
    def label(self) -> str:
        """The name of the check on the screen."""
        return _LABELS[self]


_LABELS = {
    Check.HOST: "host name",
    Check.CONNECTION: "TCP connection",
    Check.TLS: "TLS handshake",
    Check.ASSOCIATION: "association",
    Check.ECHO: "C-ECHO",
    Check.FIND: "C-FIND",
    Check.GET: "C-GET",
    Check.STORAGE: "storage classes",
    Check.LISTENER: "our own port",
    Check.MOVE: "C-MOVE",
    Check.STUDY: "study",
    Check.GET_INSTANCE: "one by C-GET",
    Check.MOVE_INSTANCE: "one by C-MOVE",
}


class Outcome(StrEnum):
    """The result of a check; the values are public in `--json`."""

    OK = "ok"
    FAILED = "failed"
    """A retrieval with these settings would not work."""
    WARNING = "warning"
    """Not as it should be, or not known; a retrieval may work nevertheless."""
    SKIPPED = "skipped"
    """There was nothing to check, or no need."""

    @property
    def mark(self) -> str:
        """The mark of the outcome on a screen."""
        return _MARKS[self]


_MARKS = {Outcome.OK: "✓", Outcome.FAILED: "✗", Outcome.WARNING: "!", Outcome.SKIPPED: "-"}


@dataclass(frozen=True, slots=True)
class Looking:
    """A check has started, which may take as long as the timeouts allow."""

    check: Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A check has ended."""

    check: Check
    outcome: Outcome
    found: str
    """What was found, with what the peer answered, as a sentence."""
    next_step: str = ""
    """What to do; empty if there is nothing to do."""
    keys: tuple[str, ...] = ()
    """The profile keys (`model.options.KEYS`) that may be wrong, the likeliest first."""
    round_trip_s: float | None = None
    """Round trip of a C-ECHO that was answered."""
    no_association_left: bool = False
    """The check failed only because the PACS had no association left for us."""

    @classmethod
    def ok(cls, check: Check, found: str) -> "Step":
        """Return a step that passed."""
        return cls(check=check, outcome=Outcome.OK, found=found)

    @classmethod
    def failed(cls, check: Check, found: str, next_step: str) -> "Step":
        """Return a step because of which a retrieval would not work."""
        return cls(check=check, outcome=Outcome.FAILED, found=found, next_step=next_step)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """The conclusion from all steps."""

    works: bool
    """No step was found because of which a retrieval with these settings would not work."""
    proven: bool
    """It works, and one instance was retrieved in the same way."""
    words: str
    next_step: str = ""
    for_administrator: tuple[str, ...] = ()
    """What the administrator of the PACS needs to know of us, line by line."""


Finding = Looking | Step | Conclusion


@dataclass(frozen=True, slots=True, kw_only=True)
class OurSide:
    """Our side of the connection, as the PACS has to know it."""

    calling_ae_title: str
    address: str
    """Address of this machine towards the PACS; empty if unknown."""
    listening_port: int | None
    """Port of our own Storage SCP; None without one."""


NAME_A_STUDY = "Name a study, too: one instance of it is then retrieved as a test."

INSTANCE_BY = {Method.C_GET: Check.GET_INSTANCE, Method.C_MOVE: Check.MOVE_INSTANCE}
_VERBS = {Method.C_GET: "C-GET", Method.C_MOVE: "C-MOVE"}


def weighed(step: Step, of_method: Method | None, in_use: Method) -> Step:
    """Return the step, a failure turned into a warning if its method is not in use."""
    if step.outcome is not Outcome.FAILED or of_method in {None, in_use}:
        return step
    return replace(
        step,
        outcome=Outcome.WARNING,
        next_step=f"It is not needed for --method {in_use}.",
        keys=(),
    )


def conclude(
    steps: Iterable[Step], method: Method, options: RetrieveOptions, us: OurSide
) -> Conclusion:
    """Judge all steps.

    Args:
        method: C-GET or C-MOVE, which a retrieval would use.
    """
    outcomes = {step.check: step.outcome for step in steps}
    failed = [check.label for check, outcome in outcomes.items() if outcome is Outcome.FAILED]
    proven = outcomes.get(INSTANCE_BY[method]) is Outcome.OK and not failed
    verb = _VERBS[method]
    if failed:
        words = f"A retrieval by {verb} would not work: see {', '.join(failed)}."
    elif proven:
        words = f"A retrieval by {verb} works: one instance was retrieved, and is complete."
    else:
        words = f"A retrieval by {verb} should work; no instance was retrieved as a test."
    return Conclusion(
        works=not failed,
        proven=proven,
        words=words,
        next_step="" if proven else _advice(outcomes, method, options, works=not failed),
        for_administrator=tuple(administrator_lines(options, us)),
    )


def _advice(
    outcomes: Mapping[Check, Outcome], method: Method, options: RetrieveOptions, *, works: bool
) -> str:
    if not works:
        other = Method.C_MOVE if method is Method.C_GET else Method.C_GET
        came = outcomes.get(INSTANCE_BY[other]) is Outcome.OK
        return f"{_VERBS[other]} works: --method {other}." if came else ""
    if method is Method.C_MOVE and not options.listening:
        return "Add --listen to test that, too: what is sent elsewhere cannot be seen from here."
    return NAME_A_STUDY


def administrator_lines(options: RetrieveOptions, us: OurSide) -> Iterator[str]:
    """Yield what to send to the administrator of the PACS, a sentence a line."""
    where = f"at address {us.address}" if us.address else "at the address of this machine"
    destination = None if options.method is Method.C_GET else options.move_destination
    methods = [
        *([] if options.method is Method.C_MOVE else ["C-GET"]),
        *([] if destination is None else ["C-MOVE"]),
    ]
    yield (
        f"Please let AE title {us.calling_ae_title} {where} query and retrieve "
        f"({', '.join(['C-ECHO', 'C-FIND', *methods])})."
    )
    if destination is None:
        return
    if us.listening_port is None:
        yield f"Please make sure that {destination} is known as a C-STORE destination."
    else:
        yield (
            f"Please add AE title {destination} {where}, port {us.listening_port}, "
            "as a C-STORE destination."
        )
