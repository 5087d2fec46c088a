"""Run the checks of `doctor` against one PACS, from its host name to one real instance."""

from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial

from dicom_retrieve_tui.doctor.connection_checks import ConnectionChecks
from dicom_retrieve_tui.doctor.request_checks import OurListener, RequestChecks
from dicom_retrieve_tui.doctor.result import (
    INSTANCE_BY,
    Check,
    Finding,
    Looking,
    OurSide,
    Outcome,
    Step,
    conclude,
    weighed,
)
from dicom_retrieve_tui.doctor.sample import Retrieve, retrieve_sample, sample_of
from dicom_retrieve_tui.errors import (
    AssociationRejected,
    Cancelled,
    ContextNotAccepted,
    PeerTimeout,
    RequestAborted,
    RetrieveError,
)
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.network.association import AssociationParameters

_KEYS_BY_CHECK = {
    Check.HOST: ("host",),
    Check.CONNECTION: ("host", "port"),
    Check.TLS: ("tls_ca", "tls_cert", "tls", "port"),
    Check.ASSOCIATION: ("port", "called_aet", "aet"),
    Check.GET: ("method",),
    Check.STORAGE: ("method",),
    Check.LISTENER: ("listen",),
    Check.MOVE: ("move_dest", "listen", "method"),
}
"""The profile keys that may be wrong where a check fails."""
_KEYS_BY_REJECTION = {(1, 3): ("aet",), (1, 7): ("called_aet", "aet")}
"""By source and reason. Source: PS3.8 Table 9-21."""

_METHOD_OF = {
    Check.GET: Method.C_GET,
    Check.STORAGE: Method.C_GET,
    Check.MOVE: Method.C_MOVE,
}


def run_checks(
    parameters: AssociationParameters,
    study: Selection | None,
    options: RetrieveOptions,
    listener: OurListener | None,
    retrieve: Retrieve,
) -> Generator[Finding, None, None]:
    """Yield what each check starts and finds, and last the conclusion, unless the user stops.

    Args:
        parameters: How to call the PACS.
        study: It is listed, and one instance of it retrieved; None for neither.
        options: How a retrieval would be made.
        listener: Opens our own Storage SCP; None where there is none.
        retrieve: Runs a retrieval.
    """
    checks = _Checks(parameters, study, options, listener)
    steps: list[Step] = []

    def run() -> Generator[Finding, None, None]:
        yield from checks.without_instance()
        yield from checks.with_instance(retrieve)

    try:
        for finding in run():
            if isinstance(finding, Step):
                steps.append(finding)
            yield finding
    except Cancelled:
        return
    yield conclude(steps, checks.method, options, checks.us)


class _Checks:
    """The checks of one PACS, and what they found so far."""

    def __init__(
        self,
        parameters: AssociationParameters,
        study: Selection | None,
        options: RetrieveOptions,
        listener: OurListener | None,
    ) -> None:
        self._study = study
        self._options = options
        self._parameters = parameters
        self._listener = listener
        # No request of these waits for a tape.
        timeouts = replace(parameters.timeouts, first_s=parameters.timeouts.stall_s)
        parameters = replace(parameters, timeouts=timeouts)
        self._connection = ConnectionChecks(parameters)
        self._requests = RequestChecks(parameters, options, study, listener, self._connection)
        self.method = Method.C_MOVE if options.method is Method.C_MOVE else Method.C_GET
        """The method that a retrieval would use, as far as is known by now."""
        self._passed: dict[Check, bool] = {}

    @property
    def us(self) -> OurSide:
        """Our side of the connection, as the PACS has to know it."""
        return OurSide(
            calling_ae_title=self._parameters.calling_ae_title,
            address=self._connection.own_address,
            listening_port=self._listener.port if self._listener else None,
        )

    def without_instance(self) -> Generator[Finding, None, None]:
        """Run every check that makes sense, in order, without retrieving.

        Raises:
            Cancelled: The user stops.
        """
        connection, requests, options = self._connection, self._requests, self._options
        tls = self._parameters.tls
        reached = (
            (yield from self._run(Check.HOST, connection.name))
            and (yield from self._run(Check.CONNECTION, connection.connection))
            and (tls is None or (yield from self._run(Check.TLS, partial(connection.tls, tls))))
            and (yield from self._run(Check.ASSOCIATION, connection.association))
        )
        if reached:
            yield from self._run(Check.ECHO, connection.echo)
            yield from self._run(Check.FIND, requests.find)
            if (yield from self._run(Check.GET, requests.get)):
                yield from self._run(Check.STORAGE, requests.storage_classes)
        if options.listening:
            yield from self._run(Check.LISTENER, requests.listener)
        if reached and self._passed.get(Check.LISTENER, True):
            needless = options.move_destination is None and self.method is Method.C_GET
            yield from self._run(Check.MOVE, requests.offer_of_move if needless else requests.move)
        if reached and self._study is not None:
            yield from self._run(Check.STUDY, partial(requests.study, self._study))

    def with_instance(self, retrieve: Retrieve) -> Generator[Finding, None, None]:
        """Retrieve one instance by each method that works; call after `without_instance`.

        Raises:
            Cancelled: The user stops.
        """
        inventory = self._requests.inventory
        if inventory is None or not inventory.instances:
            return
        sample, cancel = sample_of(inventory), self._parameters.cancel
        for method, offered in (
            (Method.C_GET, self._passed.get(Check.GET)),
            (Method.C_MOVE, self._passed.get(Check.MOVE) and self._listener is not None),
        ):
            if offered:
                yield Looking(INSTANCE_BY[method])
                step = retrieve_sample(retrieve, method, sample, self._options, cancel)
                yield weighed(step, method, self.method)

    def _run(self, check: Check, run: Callable[[], Step]) -> Generator[Finding, None, bool]:
        """Run one check; return True if it passed."""
        yield Looking(check)
        try:
            step = run()
        except RetrieveError as error:
            step = self._failure(check, error)
        self._passed[check] = step.outcome is not Outcome.FAILED
        if not self._passed[check] and not step.keys:
            step = replace(step, keys=_KEYS_BY_CHECK.get(check, ()))
        yield weighed(step, _METHOD_OF.get(check), self.method)
        return self._passed[check]

    def _failure(self, check: Check, error: RetrieveError) -> Step:
        options = self._options
        not_offered = check is Check.GET and isinstance(error, ContextNotAccepted | RequestAborted)
        if not_offered and options.method is Method.AUTO and options.move_destination is not None:
            self.method = Method.C_MOVE  # as a retrieval would
        keys: tuple[str, ...] = ()
        busy = False
        if isinstance(error, AssociationRejected):
            busy = error.no_association_left
            keys = _KEYS_BY_REJECTION.get((error.source, error.reason), ())
        elif isinstance(error, PeerTimeout):
            keys = (*_KEYS_BY_CHECK.get(check, ()), "timeout")
        return Step(
            check=check,
            outcome=Outcome.FAILED,
            found=error.found,
            next_step=error.next_step,
            keys=keys,
            no_association_left=busy,
        )
