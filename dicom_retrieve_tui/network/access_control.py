"""Who gets an association of our Storage SCP: whoever may be the PACS, and calls us by our name.

From any other address, nobody gets as much as an answer; who may have been the PACS is told of.
Source: PS3.8 section 9.3.4.
"""

from typing import Protocol

from dicom_retrieve_tui.model.allowed_callers import RefusedCaller
from dicom_retrieve_tui.model.sanitize import quoted
from dicom_retrieve_tui.model.sop_classes import VERIFICATION
from dicom_retrieve_tui.network.access_rules import Callers
from dicom_retrieve_tui.network.c_store import InstanceReceiver
from dicom_retrieve_tui.network.connection_limits import Visitor, Visitors
from dicom_retrieve_tui.network.negotiation import AssociateRequest

_NOT_OUR_TITLE = (1, 1, 7)
_NOT_THEIR_TITLE = (1, 1, 3)
_NOTHING_EXPECTED = (2, 1, 1)
_NO_ROOM = (2, 3, 2)
"""Result, source and reason of an A-ASSOCIATE-RJ. Source: PS3.8 Table 9-21."""


class Reception(InstanceReceiver, Protocol):
    """Takes instances from whoever calls, while it expects any."""

    @property
    def expecting(self) -> bool:
        """True while anybody waits for instances."""

    def refuse_caller(self, caller: RefusedCaller) -> None:
        """Note that somebody was refused who may have been the PACS."""


class Refused(Exception):
    """There is no association for this caller."""

    def __init__(self, reason: str, rejection: tuple[int, int, int] | None = None) -> None:
        super().__init__(reason)
        self.rejection = rejection
        """What to answer; None says nothing at all."""


class Admission:
    """Lets callers in, or says why not."""

    def __init__(
        self, receiver: Reception, callers: Callers, visitors: Visitors, ae_title: str
    ) -> None:
        """Prepare.

        Args:
            ae_title: Ours, by which a caller must call us.
            visitors: Who is here, and how many may be.
        """
        self._receiver = receiver
        self._callers = callers
        self._visitors = visitors
        self._ae_title = ae_title

    def check_address(self, visitor: Visitor, ours: str) -> None:
        """Look where somebody calls from, before anything is read.

        Args:
            ours: Our own address, that was called.

        Raises:
            Refused: It is no address of the PACS.
        """
        if (fault := self._callers.address_fault(visitor.address, ours)) is not None:
            advice = f"If it belongs to the archive, add --accept-from {visitor.address}."
            self._receiver.refuse_caller(RefusedCaller(visitor.address, fault, advice))
            raise Refused(fault)

    def admit(self, request: AssociateRequest, visitor: Visitor, ours: str) -> None:
        """Let a caller in who asks for an association.

        Args:
            ours: Our own address, that was called.

        Raises:
            Refused: It does not get one.
        """
        self._check_titles(request, visitor, ours)
        if not (self._receiver.expecting or _only_verifies(request)):
            raise Refused("nothing is expected just now", _NOTHING_EXPECTED)
        if not self._visitors.associate(visitor):
            raise Refused("it has as many associations as it may have", _NO_ROOM)

    def _check_titles(self, request: AssociateRequest, visitor: Visitor, ours: str) -> None:
        called, calling = request.called_ae_title, request.calling_ae_title
        if called != self._ae_title:
            fault = f"it called {quoted(called)}, and we are {self._ae_title}"
            advice = "The PACS's entry for our address needs the AE title of --move-dest."
            rejection = _NOT_OUR_TITLE
        elif (wrong := self._callers.title_fault(visitor.address, ours, calling)) is not None:
            fault, rejection = wrong, _NOT_THEIR_TITLE
            advice = "If it belongs to the archive, add its AE title to --accept-from."
        else:
            return
        self._receiver.refuse_caller(RefusedCaller(visitor.address, fault, advice))
        raise Refused(fault, rejection)


def _only_verifies(request: AssociateRequest) -> bool:
    """True for a C-ECHO, by which an administrator looks whether we can be reached."""
    return {context.abstract_syntax for context in request.contexts} <= {VERIFICATION}
