"""Checks by DIMSE requests, each on an association of its own.

A peer that aborts one association does not affect the other checks. Where a request needs a study,
it names one that does not exist: that shows what is forbidden, and moves nothing.
"""

import ipaddress
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from dicom_retrieve_tui.doctor.connection_checks import ConnectionChecks
from dicom_retrieve_tui.doctor.result import NAME_A_STUDY, Check, Outcome, Step
from dicom_retrieve_tui.errors import (
    AssociationAborted,
    ConfigError,
    ContextNotAccepted,
    InstanceUnfit,
)
from dicom_retrieve_tui.model import tags
from dicom_retrieve_tui.model.allowed_callers import RefusedCaller
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.dimse import (
    Activity,
    FinalResponse,
    IncomingInstance,
    RetrieveOperation,
    StoreRequest,
)
from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import RetrieveRequest, Selection
from dicom_retrieve_tui.model.sop_classes import (
    FIND_CLASSES,
    GET_CLASSES,
    MOVE_CLASSES,
    NATIVE_SYNTAXES,
    PATIENT_ROOT_CLASSES,
    plainest_classes,
)
from dicom_retrieve_tui.model.status import (
    SOP_CLASS_NOT_SUPPORTED,
    SUB_OPERATIONS_FAILED,
    SUCCESS,
    TRY_C_GET,
    Asked,
    forbids,
    meaning_of,
    next_step,
    try_c_move,
)
from dicom_retrieve_tui.network.access import ScpReceiver
from dicom_retrieve_tui.network.association import Association, AssociationParameters
from dicom_retrieve_tui.network.c_find import c_find, find_context
from dicom_retrieve_tui.network.c_retrieve import c_get, c_move
from dicom_retrieve_tui.network.negotiation import Context, Proposal
from dicom_retrieve_tui.network.peer import query_retrieve
from dicom_retrieve_tui.network.storage_scp import StorageScp
from dicom_retrieve_tui.network.study_inventory import take_inventory

if TYPE_CHECKING:
    from dicom_retrieve_tui.model.inventory import Inventory


@dataclass(frozen=True, slots=True)
class OurListener:
    """Opens our own Storage SCP."""

    port: int
    bind: Callable[[ScpReceiver], StorageScp]


_UNKNOWN_PATIENT_ID = "NOT-A-PATIENT"
_MODALITIES_SHOWN_MAX = 10


class RequestChecks:
    """Checks of one PACS by requests; each method makes one check and returns what it found.

    Each raises `PeerError` or `ConfigError` if the check fails, and `Cancelled`.
    """

    def __init__(
        self,
        parameters: AssociationParameters,
        options: RetrieveOptions,
        study: Selection | None,
        listener: OurListener | None,
        connection: ConnectionChecks,
    ) -> None:
        self._parameters = parameters
        self._options = options
        self._study = study
        self._listener = listener
        self._connection = connection
        self._unknown_study = f"2.25.{uuid.uuid4().int}"
        self.inventory: Inventory | None = None
        """What the PACS has of the study that was named; None before that check."""

    def find(self) -> Step:
        """Check whether the PACS takes C-FIND requests."""
        keys = {tags.STUDY_INSTANCE_UID: self._unknown_study, tags.PATIENT_ID: ""}
        with self._associated() as association:
            for _ in c_find(association, find_context(association), Level.STUDY, keys):
                """Ignore matches: the study does not exist."""
        return Step.ok(Check.FIND, f"{self._models(FIND_CLASSES)}: offered, and it answers.")

    def get(self) -> Step:
        """Check whether the PACS takes C-GET requests."""
        with self._associated() as association:
            try:
                context = association.first_context(*GET_CLASSES, service="C-GET")
                final = c_get(
                    association,
                    context,
                    self._operation(),
                    _Refusing(),
                    patient_id=_unknown_patient_id(context),
                )
            except AssociationAborted as error:
                raise self._aborted(error, "C-GET", self._try_c_move) from error
        will_try = self._study is not None
        asked = Asked(operation="C-GET", other_way=self._try_c_move)
        return self._judged(Check.GET, final, self._models(GET_CLASSES), asked, will_try=will_try)

    def storage_classes(self) -> Step:
        """Check whether storage classes are accepted, without which no instance comes by C-GET."""
        classes = plainest_classes()
        proposals = tuple(
            Proposal(uid, syntax, as_scp=True)
            for uid in dict.fromkeys(classes.values())
            for syntax in NATIVE_SYNTAXES
        )
        with self._associated(proposals) as association:
            accepted = {context.abstract_syntax for context in association.contexts.values()}
            roles = association.acceptance.scp_roles
        taken = [modality for modality, uid in classes.items() if uid in accepted]
        if not taken:
            raise ContextNotAccepted(
                "No storage class is accepted, so no instance can come by C-GET.",
                next_step=self._try_c_move,
            )
        found = f"Accepted for {_shortened(taken, len(classes))}"
        if roles.isdisjoint(classes.values()):
            return Step(
                check=Check.STORAGE,
                outcome=Outcome.WARNING,
                found=f"{found}; whether we may be the SCP was not answered.",
                next_step=f"Some PACS send nevertheless. {NAME_A_STUDY}",
            )
        return Step.ok(Check.STORAGE, f"{found}, with us as the SCP.")

    def listener(self) -> Step:
        """Check whether our own Storage SCP can listen."""
        if self._listener is None:
            raise ConfigError("There is no port to listen on.", next_step="Set --listen.")
        with self._listener.bind(_Refusing()) as scp:
            host, port = scp.host, scp.port
        found = f"We can listen on {host} port {port}."
        if (
            _is_loopback(host)
            and self._connection.own_address
            and not _is_loopback(self._connection.own_address)
        ):
            return Step(
                check=Check.LISTENER,
                outcome=Outcome.WARNING,
                found=f"{found} Only this machine can connect to that.",
                next_step=f"Try --listen {port}, which means our address towards the PACS.",
            )
        return Step.ok(Check.LISTENER, found)

    def offer_of_move(self) -> Step:
        """Check whether C-MOVE is offered, without a request."""
        models = self._models(MOVE_CLASSES)
        found = f"{models}: offered. Not asked, without a move destination."
        return Step(
            check=Check.MOVE, outcome=Outcome.SKIPPED, found=found if models else "Not offered."
        )

    def move(self) -> Step:
        """Check whether the PACS takes C-MOVE requests to our destination."""
        move_destination = self._options.move_destination
        if move_destination is None:
            raise ConfigError("No move destination is set.", next_step=self._try_c_move)
        reception = _Refusing()
        with ExitStack() as stack:
            if self._listener is not None:
                # Some PACS connect to the destination before they look for matches.
                stack.enter_context(self._listener.bind(reception))
            association = stack.enter_context(self._associated())
            try:
                context = association.first_context(*MOVE_CLASSES, service="C-MOVE")
                final = c_move(
                    association,
                    context,
                    self._operation(),
                    move_destination,
                    patient_id=_unknown_patient_id(context),
                )
            except AssociationAborted as error:
                raise self._aborted(error, "C-MOVE", TRY_C_GET) from error
        for caller in reception.refused[:1]:
            return Step.failed(Check.MOVE, caller.found, caller.advice)
        whose = "us" if self._listener else "not to us: no file will come here"
        how = f"{self._models(MOVE_CLASSES)}, to {move_destination} ({whose})"
        will_try = self._options.listening and self._study is not None
        asked = Asked(operation="C-MOVE", other_way=TRY_C_GET)
        step = self._judged(Check.MOVE, final, how, asked, will_try=will_try)
        if step.outcome is not Outcome.OK or will_try:
            return step
        # If nothing matches, dcmqrscp answers Success even for an unknown destination.
        return Step(
            check=Check.MOVE,
            outcome=Outcome.WARNING,
            found=f"{step.found} Whether it knows {move_destination} shows only when it has "
            "something to send.",
            next_step=NAME_A_STUDY if self._listener else "",
        )

    def study(self, selection: Selection) -> Step:
        """Check what the PACS has of a study."""
        with self._associated() as association:
            self.inventory = inventory = take_inventory(association, selection)
        if inventory.empty:
            return Step.failed(
                Check.STUDY,
                f"The PACS has no {selection.study_instance_uid}.",
                "Name one that it has.",
            )
        if not inventory.listed:
            return Step.failed(
                Check.STUDY, inventory.doubt, "Without a list, nothing can be proven complete."
            )
        series = count(len(inventory.series_instance_uids), "series")
        return Step.ok(
            Check.STUDY,
            f"The PACS lists {series} with {count(len(inventory.instances), 'instance')}.",
        )

    def _associated(self, proposals: tuple[Proposal, ...] = ()) -> Association:
        services = query_retrieve(self._parameters.query_model)
        return Association.request(self._parameters, services + proposals)

    def _operation(self) -> RetrieveOperation:
        now_s = monotonic()
        return RetrieveOperation(
            request=RetrieveRequest(level=Level.STUDY, study_instance_uid=self._unknown_study),
            patient_id=_UNKNOWN_PATIENT_ID,
            cancel=self._parameters.cancel,
            activity=Activity(last_byte_s=now_s, last_instance_s=now_s),
            on_response=lambda _response: None,
        )

    def _judged(
        self, check: Check, final: FinalResponse, how: str, asked: Asked, *, will_try: bool
    ) -> Step:
        """Judge the answer to a request for a study that does not exist.

        Args:
            will_try: An instance is retrieved in the same way later, which decides.
        """
        if final.status in {SUCCESS, SUB_OPERATIONS_FAILED}:
            return Step.ok(check, f"{how}: offered, and it answers.")
        answer = meaning_of(final.status, final.comment)
        if forbids(final.status):
            found = f"{how}: offered, but a request is answered {answer}."
            return Step.failed(check, found, next_step(final.status, asked))
        found = f"{how}: offered; asked for a study that does not exist, it answers {answer}."
        if will_try:
            return Step.ok(check, found)
        return Step(
            check=check,
            outcome=Outcome.WARNING,
            found=found,
            next_step=f"This may be its answer to any unknown study. {NAME_A_STUDY}",
        )

    def _models(self, classes: tuple[str, ...]) -> str:
        names = [
            "Patient Root" if uid in PATIENT_ROOT_CLASSES else "Study Root"
            for uid in classes
            if uid in self._connection.offered
        ]
        return " and ".join(names)

    @property
    def _try_c_move(self) -> str:
        return try_c_move(self._parameters.calling_ae_title, self._options.move_destination)

    def _aborted(self, error: AssociationAborted, verb: str, otherwise: str) -> AssociationAborted:
        calling = self._parameters.calling_ae_title
        return type(error)(
            error.found,
            next_step=f"Some abort where they do not allow {verb}: ask the PACS administrator to "
            f"allow it to {calling}. {otherwise}",
        )


def _unknown_patient_id(context: Context) -> str | None:
    """Return a Patient ID that does not exist, where the query model needs one."""
    return _UNKNOWN_PATIENT_ID if context.abstract_syntax in PATIENT_ROOT_CLASSES else None


class _Refusing:
    """A receiver that refuses every instance, because none was requested."""

    # Accept associations: some PACS connect before they look for matches.
    expecting = True

    def __init__(self) -> None:
        self.refused: list[RefusedCaller] = []

    def refuse_caller(self, caller: RefusedCaller) -> None:
        self.refused.append(caller)

    def begin(self, request: StoreRequest) -> IncomingInstance:
        raise InstanceUnfit(
            f"Instance {request.sop_instance_uid!r} was not asked for.",
            status=SOP_CLASS_NOT_SUPPORTED,
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _shortened(modalities: list[str], of: int) -> str:
    if len(modalities) == of:
        return f"all {of} modalities"
    shown = ", ".join(modalities[:_MODALITIES_SHOWN_MAX])
    more = len(modalities) - _MODALITIES_SHOWN_MAX
    return f"{shown} and {more} more of {of} modalities" if more > 0 else shown
