"""What an examination asks of a PACS that answers, each question on an association of its own.

So a peer that aborts one costs no other. Where a question needs a study, it asks for one that
nobody has: that shows what is forbidden, and moves nothing.
"""

import ipaddress
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from dicom_retrieve_tui.doctor.connecting import Approach
from dicom_retrieve_tui.doctor.result import NAME_A_STUDY, Check, Outcome, Step
from dicom_retrieve_tui.errors import (
    AssociationAborted,
    ConfigError,
    ContextNotAccepted,
    InstanceUnfit,
)
from dicom_retrieve_tui.model import tags
from dicom_retrieve_tui.model.activity import Activity
from dicom_retrieve_tui.model.allowed_callers import RefusedCaller
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.dimse import FinalResponse, InstanceOffer
from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.retrieve_operation import Order
from dicom_retrieve_tui.model.selection import Plan, RetrieveRequest, Selection
from dicom_retrieve_tui.model.sop_classes import (
    NATIVE_SYNTAXES,
    plainest_classes,
)
from dicom_retrieve_tui.model.status import (
    SUB_OPERATIONS_FAILED,
    SUCCESS,
    TRY_C_GET,
    Asked,
    forbids,
    meaning_of,
    next_step,
    try_c_move,
)
from dicom_retrieve_tui.network.access_control import Reception
from dicom_retrieve_tui.network.association import Association, AssociationParameters
from dicom_retrieve_tui.network.c_find import c_find, find_context
from dicom_retrieve_tui.network.c_retrieve import c_get, c_move
from dicom_retrieve_tui.network.c_store import SOP_CLASS_NOT_SUPPORTED, Incoming
from dicom_retrieve_tui.network.inventory import take_inventory
from dicom_retrieve_tui.network.negotiation import Context, Proposal
from dicom_retrieve_tui.network.peer import query_retrieve
from dicom_retrieve_tui.network.query_retrieve_classes import FIND, GET, MOVE, PATIENT_ROOT
from dicom_retrieve_tui.network.storage_scp import StorageScp

if TYPE_CHECKING:
    from dicom_retrieve_tui.model.inventory import Inventory


@dataclass(frozen=True, slots=True)
class Listening:
    """How our own Storage SCP is to listen."""

    port: int
    bind: Callable[[Reception], StorageScp]


_NOBODY = "NOBODY"
_MODALITIES_SHOWN_MAX = 10


class Questions:
    """What can be asked of one PACS; each method asks, and says what it found.

    Each raises `PeerError` or `ConfigError` where the answer is bad, and `Cancelled`.
    """

    def __init__(
        self,
        parameters: AssociationParameters,
        plan: Plan,
        listening: Listening | None,
        approach: Approach,
    ) -> None:
        self._parameters = parameters
        self._plan = plan
        self._listening = listening
        self._approach = approach
        self._nobodys_study = f"2.25.{uuid.uuid4().int}"
        self.inventory: Inventory | None = None
        """What the PACS has of the study that was asked for."""

    def find(self) -> Step:
        """Whether it takes queries."""
        keys = {tags.STUDY_INSTANCE_UID: self._nobodys_study, tags.PATIENT_ID: ""}
        with self._associated() as association:
            for _ in c_find(association, find_context(association), Level.STUDY, keys):
                """What matches, if anything does, is nothing that was asked for."""
        return Step.ok(Check.FIND, f"{self._models(FIND)}: offered, and it answers.")

    def get(self) -> Step:
        """Whether it takes C-GET requests."""
        with self._associated() as association:
            try:
                context = association.first_context(*GET, service="C-GET")
                final = c_get(
                    association, context, self._order(), _Refusing(), patient_id=_nobody(context)
                )
            except AssociationAborted as error:
                raise self._aborted(error, "C-GET", self._try_c_move) from error
        will_try = bool(self._plan.selections)
        asked = Asked(operation="C-GET", other_way=self._try_c_move)
        return self._judged(Check.GET, final, self._models(GET), asked, will_try=will_try)

    def storage_classes(self) -> Step:
        """Whether instances may come to us by C-GET: each needs its class accepted."""
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
                "None is accepted, so that nothing can come by C-GET.", next_step=self._try_c_move
            )
        found = f"Accepted for {_shortened(taken, len(classes))}"
        if roles.isdisjoint(classes.values()):
            return Step(
                check=Check.STORAGE,
                outcome=Outcome.WARNING,
                found=f"{found}; not said whether we may be the SCP.",
                next_step=f"Some send all the same. {NAME_A_STUDY}",
            )
        return Step.ok(Check.STORAGE, f"{found}, with us as the SCP.")

    def listener(self) -> Step:
        """Whether our own Storage SCP can listen."""
        if self._listening is None:
            raise ConfigError("There is no port to listen on.", next_step="Set --listen.")
        with self._listening.bind(_Refusing()) as scp:
            host, port = scp.host, scp.port
        found = f"We can listen on {host} port {port}."
        if (
            _is_loopback(host)
            and self._approach.own_address
            and not _is_loopback(self._approach.own_address)
        ):
            return Step(
                check=Check.LISTENER,
                outcome=Outcome.WARNING,
                found=f"{found} Only this machine can connect to that.",
                next_step=f"Try --listen {port}, which means our address towards the PACS.",
            )
        return Step.ok(Check.LISTENER, found)

    def offer_of_move(self) -> Step:
        """Whether C-MOVE is offered, without asking for anything."""
        models = self._models(MOVE)
        found = f"{models}: offered. Not asked, without a move destination."
        return Step(
            check=Check.MOVE, outcome=Outcome.SKIPPED, found=found if models else "Not offered."
        )

    def move(self) -> Step:
        """Whether it takes C-MOVE requests to our destination."""
        move_destination = self._plan.move_destination
        if move_destination is None:
            raise ConfigError("No move destination is set.", next_step=self._try_c_move)
        reception = _Refusing()
        with ExitStack() as stack:
            if self._listening is not None:
                # Some connect to the destination before they look what there is to send.
                stack.enter_context(self._listening.bind(reception))
            association = stack.enter_context(self._associated())
            try:
                context = association.first_context(*MOVE, service="C-MOVE")
                final = c_move(
                    association,
                    context,
                    self._order(),
                    move_destination,
                    patient_id=_nobody(context),
                )
            except AssociationAborted as error:
                raise self._aborted(error, "C-MOVE", TRY_C_GET) from error
        for caller in reception.turned_away[:1]:
            return Step.failed(Check.MOVE, caller.found, caller.advice)
        whose = "us" if self._listening else "not to us: no file will come here"
        how = f"{self._models(MOVE)}, to {move_destination} ({whose})"
        will_try = self._plan.listening and bool(self._plan.selections)
        asked = Asked(operation="C-MOVE", other_way=TRY_C_GET)
        step = self._judged(Check.MOVE, final, how, asked, will_try=will_try)
        if step.outcome is not Outcome.OK or will_try:
            return step
        # dcmqrscp says Success to a destination that it does not know, if nothing matches.
        return Step(
            check=Check.MOVE,
            outcome=Outcome.WARNING,
            found=f"{step.found} Whether it knows {move_destination} shows only when it has "
            "something to send.",
            next_step=NAME_A_STUDY if self._listening else "",
        )

    def study(self, selection: Selection) -> Step:
        """What it has of a study."""
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

    def _order(self) -> Order:
        now_s = monotonic()
        return Order(
            request=RetrieveRequest(level=Level.STUDY, study_instance_uid=self._nobodys_study),
            patient_id=_NOBODY,
            cancel=self._parameters.cancel,
            activity=Activity(last_byte_s=now_s, last_instance_s=now_s),
            on_response=lambda _response: None,
        )

    def _judged(
        self, check: Check, final: FinalResponse, how: str, asked: Asked, *, will_try: bool
    ) -> Step:
        """Weigh the answer to a request for a study that nobody has.

        Args:
            will_try: An instance is to come in the same way, and will tell all.
        """
        if final.status in {SUCCESS, SUB_OPERATIONS_FAILED}:
            return Step.ok(check, f"{how}: offered, and it answers.")
        answer = meaning_of(final.status, final.comment)
        if forbids(final.status):
            found = f"{how}: offered, but a request is answered {answer}."
            return Step.failed(check, found, next_step(final.status, asked))
        found = f"{how}: offered; asked for a study that nobody has, it answers {answer}."
        if will_try:
            return Step.ok(check, found)
        return Step(
            check=check,
            outcome=Outcome.WARNING,
            found=found,
            next_step=f"That may be its way of saying so. {NAME_A_STUDY}",
        )

    def _models(self, classes: tuple[str, ...]) -> str:
        names = [
            "Patient Root" if uid in PATIENT_ROOT else "Study Root"
            for uid in classes
            if uid in self._approach.offered
        ]
        return " and ".join(names)

    @property
    def _try_c_move(self) -> str:
        return try_c_move(self._parameters.calling_ae_title, self._plan.move_destination)

    def _aborted(self, error: AssociationAborted, verb: str, otherwise: str) -> AssociationAborted:
        calling = self._parameters.calling_ae_title
        return type(error)(
            error.found,
            next_step=f"Some abort where they do not allow {verb}: ask the PACS administrator to "
            f"allow it to {calling}. {otherwise}",
        )


def _nobody(context: Context) -> str | None:
    """A Patient ID that none has, where the query model wants one."""
    return _NOBODY if context.abstract_syntax in PATIENT_ROOT else None


class _Refusing:
    """Nothing was asked for that could come."""

    expecting = True  # whoever connects only to look, shall find us

    def __init__(self) -> None:
        self.turned_away: list[RefusedCaller] = []

    def turn_away(self, caller: RefusedCaller) -> None:
        self.turned_away.append(caller)

    def begin(self, offer: InstanceOffer) -> Incoming:
        raise InstanceUnfit(
            f"Instance {offer.sop_instance_uid!r} was not asked for.",
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
    return f"{shown} and {more} more of {of} modalities" if more > 0 else f"{shown}"
