"""Looks at a PACS step by step, from its name to what it answers, for `doctor`."""

from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial

from dicom_retrieve_tui.doctor.connecting import Approach
from dicom_retrieve_tui.doctor.requests import Listening, Questions
from dicom_retrieve_tui.doctor.result import (
    Check,
    Finding,
    Looking,
    OurSide,
    Outcome,
    Step,
    weighed,
)
from dicom_retrieve_tui.errors import (
    AssociationRejected,
    ContextNotAccepted,
    PeerTimeout,
    RequestAborted,
    RetrieveError,
)
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.inventory import Inventory
from dicom_retrieve_tui.model.selection import Plan
from dicom_retrieve_tui.network.association import AssociationParameters

_BLAMED = {
    Check.HOST: ("host",),
    Check.CONNECTION: ("host", "port"),
    Check.TLS: ("tls_ca", "tls_cert", "tls", "port"),
    Check.ASSOCIATION: ("port", "called_aet", "aet"),
    Check.GET: ("method",),
    Check.STORAGE: ("method",),
    Check.LISTENER: ("listen",),
    Check.MOVE: ("move_dest", "listen", "method"),
}
"""The keys of a profile that may be wrong where a look fails."""
_BLAMED_IN_REJECTION = {(1, 3): ("aet",), (1, 7): ("called_aet", "aet")}
"""By source and reason. Source: PS3.8 Table 9-21."""

_METHOD_OF = {
    Check.GET: Method.C_GET,
    Check.STORAGE: Method.C_GET,
    Check.MOVE: Method.C_MOVE,
}


class Examination:
    """One PACS, looked at once."""

    def __init__(
        self, parameters: AssociationParameters, plan: Plan, listening: Listening | None
    ) -> None:
        """Prepare; nothing is sent before the steps are read.

        Args:
            plan: How a retrieval would ask. If it names a study, that is listed.
            listening: None where there is to be no Storage SCP of our own.
        """
        self._plan = plan
        self._parameters = parameters
        self._listening = listening
        # Nothing that is asked for here comes from tape.
        parameters = replace(
            parameters, timeouts=replace(parameters.timeouts, first_s=parameters.timeouts.stall_s)
        )
        self._approach = Approach(parameters)
        self._questions = Questions(parameters, plan, listening, self._approach)
        self.method = Method.C_MOVE if plan.method is Method.C_MOVE else Method.C_GET
        """Which a retrieval would use, as far as is known by now."""
        self.works: dict[Check, bool] = {}
        """What was looked at, and if it was as it should be."""

    @property
    def us(self) -> OurSide:
        """What the PACS has to know of us."""
        return OurSide(
            calling_ae_title=self._parameters.calling_ae_title,
            address=self._approach.own_address,
            listening_port=self._listening.port if self._listening else None,
        )

    @property
    def inventory(self) -> Inventory | None:
        """What the PACS has of the study in the plan; None while it was not asked."""
        return self._questions.inventory

    def steps(self) -> Generator[Finding, None, None]:
        """Look at one thing after the other, and no further than makes sense.

        Raises:
            Cancelled: The user stops.
        """
        go, ask, plan, tls = self._approach, self._questions, self._plan, self._parameters.tls
        reached = (
            (yield from self._look(Check.HOST, go.name))
            and (yield from self._look(Check.CONNECTION, go.connection))
            and (tls is None or (yield from self._look(Check.TLS, partial(go.tls, tls))))
            and (yield from self._look(Check.ASSOCIATION, go.association))
        )
        if reached:
            yield from self._look(Check.ECHO, go.echo)
            yield from self._look(Check.FIND, ask.find)
            if (yield from self._look(Check.GET, ask.get)):
                yield from self._look(Check.STORAGE, ask.storage_classes)
        if plan.listening:
            yield from self._look(Check.LISTENER, ask.listener)
        if reached and self.works.get(Check.LISTENER, True):
            needless = plan.move_destination is None and self.method is Method.C_GET
            yield from self._look(Check.MOVE, ask.offer_of_move if needless else ask.move)
        if reached and plan.selections:
            yield from self._look(Check.STUDY, partial(ask.study, plan.selections[0]))

    def _look(self, check: Check, look: Callable[[], Step]) -> Generator[Finding, None, bool]:
        """Look at one thing; True if it is as it should be."""
        yield Looking(check)
        try:
            step = look()
        except RetrieveError as error:
            step = self._failure(check, error)
        self.works[check] = step.outcome is not Outcome.FAILED
        if not self.works[check] and not step.keys:
            step = replace(step, keys=_BLAMED.get(check, ()))
        yield weighed(step, _METHOD_OF.get(check), self.method)
        return self.works[check]

    def _failure(self, check: Check, error: RetrieveError) -> Step:
        plan = self._plan
        not_offered = check is Check.GET and isinstance(error, ContextNotAccepted | RequestAborted)
        if not_offered and plan.method is Method.AUTO and plan.move_destination is not None:
            self.method = Method.C_MOVE  # as a retrieval would
        keys: tuple[str, ...] = ()
        if isinstance(error, AssociationRejected):
            keys = _BLAMED_IN_REJECTION.get((error.source, error.reason), ())
        elif isinstance(error, PeerTimeout):
            keys = (*_BLAMED.get(check, ()), "timeout")
        return Step(
            check=check,
            outcome=Outcome.FAILED,
            found=error.found,
            next_step=error.next_step,
            keys=keys,
        )
