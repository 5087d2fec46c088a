"""What `doctor` looks at, what it found, and what follows from it. Pure values and rules.

A diagnosis is a series of `Looking` and `Step`, and last and once a `Conclusion`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.selection import Plan


class Check(StrEnum):
    """One thing that is looked at, in this order; the values are public in `--json`."""

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
        """What a person calls it."""
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
    """How a look at something ended; the values are public in `--json`."""

    OK = "ok"
    FAILED = "failed"
    """A retrieval with these settings would not work."""
    WARNING = "warning"
    """Not as it should be, or not known; a retrieval may work all the same."""
    SKIPPED = "skipped"
    """There was nothing to look at, or no need."""


@dataclass(frozen=True, slots=True)
class Looking:
    """Something is being looked at, which may take as long as the clocks allow."""

    check: Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something was looked at."""

    check: Check
    outcome: Outcome
    found: str
    """In words, with what the peer answered."""
    next_step: str = ""
    """What to do about it; empty if there is nothing to do."""
    keys: tuple[str, ...] = ()
    """The keys of a profile (`model.profile.KEYS`) that are to blame, the likeliest first."""
    round_trip_s: float | None = None
    """How long the answer took, of a C-ECHO that was answered."""

    @classmethod
    def ok(cls, check: Check, found: str) -> "Step":
        """It is as it should be."""
        return cls(check=check, outcome=Outcome.OK, found=found)

    @classmethod
    def failed(cls, check: Check, found: str, next_step: str) -> "Step":
        """A retrieval would not work because of it."""
        return cls(check=check, outcome=Outcome.FAILED, found=found, next_step=next_step)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What follows from all steps."""

    works: bool
    """Nothing was found because of which a retrieval with these settings would not work."""
    proven: bool
    """It works, and one real instance came in the way in which a retrieval would bring it."""
    words: str
    next_step: str = ""
    for_administrator: tuple[str, ...] = ()
    """What the administrator of the PACS needs to know of us, line by line."""


Finding = Looking | Step | Conclusion


@dataclass(frozen=True, slots=True, kw_only=True)
class OurSide:
    """What the PACS has to know of us."""

    calling_ae_title: str
    address: str
    """Of this machine, towards the PACS; empty if nobody can tell."""
    listening_port: int | None
    """Where our own Storage SCP listens; None if there is none."""


NAME_A_STUDY = "Name a study, too, and one instance of it is retrieved to see."

INSTANCE_BY = {Method.C_GET: Check.GET_INSTANCE, Method.C_MOVE: Check.MOVE_INSTANCE}
_VERBS = {Method.C_GET: "C-GET", Method.C_MOVE: "C-MOVE"}


def weighed(step: Step, of_method: Method | None, in_use: Method) -> Step:
    """The same step, its failure no failure if it is of a method that is not in use."""
    if step.outcome is not Outcome.FAILED or of_method in {None, in_use}:
        return step
    return replace(
        step,
        outcome=Outcome.WARNING,
        next_step=f"It is not needed for --method {in_use}.",
        keys=(),
    )


def conclude(steps: Iterable[Step], method: Method, plan: Plan, us: OurSide) -> Conclusion:
    """Judge all steps.

    Args:
        method: Which a retrieval would use: C-GET or C-MOVE, where the plan leaves it open.
    """
    outcomes = {step.check: step.outcome for step in steps}
    failed = [check.label for check, outcome in outcomes.items() if outcome is Outcome.FAILED]
    proven = outcomes.get(INSTANCE_BY[method]) is Outcome.OK and not failed
    verb = _VERBS[method]
    if failed:
        words = f"A retrieval by {verb} would not work: see {', '.join(failed)}."
    elif proven:
        words = f"A retrieval by {verb} works: one instance came, and is whole."
    else:
        words = f"Nothing stands against a retrieval by {verb}; no instance was retrieved to see."
    return Conclusion(
        works=not failed,
        proven=proven,
        words=words,
        next_step="" if proven else _advice(outcomes, method, plan, works=not failed),
        for_administrator=tuple(administrator_lines(plan, us)),
    )


def _advice(outcomes: Mapping[Check, Outcome], method: Method, plan: Plan, *, works: bool) -> str:
    if not works:
        other = Method.C_MOVE if method is Method.C_GET else Method.C_GET
        came = outcomes.get(INSTANCE_BY[other]) is Outcome.OK
        return f"{_VERBS[other]} works: --method {other}." if came else ""
    if method is Method.C_MOVE and not plan.listening:
        return "With --listen, one would come here; what goes elsewhere cannot be seen from here."
    return NAME_A_STUDY


def administrator_lines(plan: Plan, us: OurSide) -> Iterator[str]:
    """What to send to the administrator, a sentence a line."""
    where = f"at address {us.address}" if us.address else "at the address of this machine"
    destination = None if plan.method is Method.C_GET else plan.move_destination
    methods = [
        *([] if plan.method is Method.C_MOVE else ["C-GET"]),
        *([] if destination is None else ["C-MOVE"]),
    ]
    yield (
        f"Please let AE title {us.calling_ae_title} {where} query and retrieve "
        f"({', '.join(['C-ECHO', 'C-FIND', *methods])})."
    )
    if destination is None:
        return
    if us.listening_port is None:
        yield f"Please see that {destination} is known as a C-STORE destination."
    else:
        yield (
            f"Please add AE title {destination} {where}, port {us.listening_port}, "
            "as a C-STORE destination."
        )
