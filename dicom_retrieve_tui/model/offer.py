"""What a peer says of an instance before it sends it: the C-STORE request without its data set."""

from dataclasses import dataclass


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
