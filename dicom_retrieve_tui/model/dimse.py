"""What a peer says: of an instance before it sends it, and of a request when it has ended."""

from collections.abc import Sequence
from dataclasses import dataclass

from dicom_retrieve_tui.model.status import SUCCESS

COUNTER_MAX = 0xFFFF
"""Of sub-operations: the counters have 16 bits, and begin again at 0. Source: PS3.7 annex E.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceOffer:
    """One C-STORE request. Every text comes from the peer and is not to be trusted."""

    sop_class_uid: str
    """Affected SOP Class UID (0000,0002)."""
    sop_instance_uid: str
    """Affected SOP Instance UID (0000,1000)."""
    transfer_syntax_uid: str
    """As negotiated for the presentation context on which the data set comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalResponse:
    """How a C-GET or C-MOVE ended, by the peer's own account. Source: PS3.4 C.4.2 and C.4.3."""

    status: int
    """(0000,0900)."""
    remaining: int | None = None
    completed: int | None = None
    failed: int | None = None
    warning: int | None = None
    """Numbers of sub-operations (0000,1020) to (0000,1023); None where the peer left them out."""
    failed_sop_instance_uids: tuple[str, ...] = ()
    """(0008,0058)."""
    comment: str = ""
    """Error Comment (0000,0902), cleaned for the screen."""


def combined(finals: Sequence[FinalResponse]) -> FinalResponse:
    """One account of several requests: a status that is not Success counts, numbers are added.

    Args:
        finals: At least one, in the order in which they came.
    """
    told = next((each for each in finals if each.status != SUCCESS), finals[-1])
    return FinalResponse(
        status=told.status,
        remaining=_sum([each.remaining for each in finals]),
        completed=_sum([each.completed for each in finals]),
        failed=_sum([each.failed for each in finals]),
        warning=_sum([each.warning for each in finals]),
        failed_sop_instance_uids=tuple(
            uid for each in finals for uid in each.failed_sop_instance_uids
        ),
        comment=told.comment,
    )


def _sum(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None
