"""DIMSE statuses: their meaning, and what to do next.

Source: PS3.4 sections C.4.1.1.4, C.4.2.1.5 and C.4.3.1.4, PS3.7 annex C; the hints come from the
behaviour of real archives.
"""

from dataclasses import dataclass

SUCCESS = 0x0000
PENDING = frozenset({0xFF00, 0xFF01})
CANCELLED = 0xFE00
SUB_OPERATIONS_FAILED = 0xB000
SOP_CLASS_NOT_SUPPORTED = 0x0122
OUT_OF_RESOURCES = 0xA700
DOES_NOT_MATCH_SOP_CLASS = 0xA900
CANNOT_UNDERSTAND = 0xC000
MOVE_DESTINATION_UNKNOWN = 0xA801


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The request that a status answers; the advice depends on it."""

    operation: str
    """C-FIND, C-GET or C-MOVE."""
    came: bool = False
    """Instances came, so that neither the operation nor the move destination is the cause."""
    other_way: str = ""
    """Advice to try another operation, in a sentence; empty if there is no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusWords:
    """The meaning of a status, and advice; an empty text means no advice."""

    meaning: str
    next_step: str = ""
    """Advice for every operation."""
    of_find: str = ""
    """Replaces it for a C-FIND."""
    of_get: str = ""
    """Replaces it for a C-GET."""
    of_move: str = ""
    """Follows it for a C-MOVE that brought nothing."""
    other_way: bool = False
    """True if another operation may work."""


_PACS_LOG = "The log of the PACS says more."
_NOT_OFFERED = "The PACS does not offer this."
_LATER = "Try again later."

_WORDS = {
    SUCCESS: StatusWords(meaning="success"),
    CANCELLED: StatusWords(
        meaning="cancelled", next_step="The PACS did so by itself; its log says why."
    ),
    SUB_OPERATIONS_FAILED: StatusWords(
        meaning="sub-operations complete, one or more failed", next_step=_PACS_LOG
    ),
    0x0110: StatusWords(meaning="processing failure", next_step=_PACS_LOG),
    0x0120: StatusWords(
        meaning="missing attribute",
        next_step="The PACS wants a key that we did not send, perhaps the Patient ID: try another "
        "--query-model. Its log says which.",
    ),
    0x0122: StatusWords(meaning="SOP class not supported", next_step=_NOT_OFFERED, other_way=True),
    0x0124: StatusWords(
        meaning="not authorised",
        next_step="Ask the PACS administrator for the right to retrieve with our AE title.",
        of_find="Ask the PACS administrator for the right to query with our AE title.",
    ),
    0x0210: StatusWords(meaning="duplicate invocation", next_step=_PACS_LOG),
    0x0211: StatusWords(meaning="unrecognised operation", next_step=_NOT_OFFERED, other_way=True),
    0x0212: StatusWords(meaning="mistyped argument", next_step=_PACS_LOG),
    OUT_OF_RESOURCES: StatusWords(meaning="out of resources", next_step=_LATER),
    0xA701: StatusWords(
        meaning="out of resources: unable to calculate the matches", next_step=_LATER
    ),
    0xA702: StatusWords(
        meaning="out of resources: unable to perform the sub-operations",
        next_step=_PACS_LOG,
        of_get="The PACS has no presentation context for what it holds, or cannot convert it.",
        of_move="Most often, the PACS cannot connect to the move destination: check the address "
        "and port that it has on record, and the firewall between.",
        other_way=True,
    ),
    MOVE_DESTINATION_UNKNOWN: StatusWords(
        meaning="move destination unknown",
        next_step="Ask the PACS administrator to add the move destination with its address and "
        "port.",
        other_way=True,
    ),
    DOES_NOT_MATCH_SOP_CLASS: StatusWords(
        meaning="identifier does not match the SOP class",
        next_step="The PACS may want the other query model: try another --query-model.",
    ),
    0xC801: StatusWords(
        meaning="move destination not allowed",
        next_step="Ask the PACS administrator to allow the move destination.",
        other_way=True,
    ),
}

_RANGES = {
    0xA7: StatusWords(meaning="out of resources", next_step=_LATER),
    0xB0: StatusWords(meaning="warning", next_step=_PACS_LOG),
}
_UNABLE = StatusWords(
    meaning="unable to process",
    next_step=_PACS_LOG,
    of_move="Some answer like this where they do not know the move destination.",
)
_UNKNOWN = StatusWords(meaning="a status that the standard does not give", next_step=_PACS_LOG)


def _words(status: int) -> StatusWords:
    """Return the texts for a status by its number, or else by its range."""
    if words := _WORDS.get(status) or _RANGES.get(status >> 8):
        return words
    return _UNABLE if status >> 12 == 0xC else _UNKNOWN


def meaning_of(status: int, comment: str = "") -> str:
    """Return the status as a hex number, its meaning, and the comment of the peer.

    Args:
        status: The DIMSE status (0000,0900).
        comment: Error Comment (0000,0902), sanitized.
    """
    remark = f' ("{comment}")' if comment else ""
    return f"status 0x{status:04X}: {_words(status).meaning}{remark}"


def next_step(status: int, asked: Asked) -> str:
    """Return advice after `status`, in sentences; empty without any."""
    words = _words(status)
    instead = {"C-FIND": words.of_find, "C-GET": words.of_get}.get(asked.operation)
    steps = [instead or words.next_step]
    if asked.operation == "C-MOVE" and words.of_move and not asked.came:
        steps.append(words.of_move)
    if words.other_way:
        steps.append(asked.other_way)
    return " ".join(filter(None, steps))


def describe_status(status: int, comment: str, asked: Asked) -> str:
    """Return the meaning of a status and the advice, in sentences."""
    return f"{meaning_of(status, comment)}. {next_step(status, asked)}".rstrip()


def forbids(status: int) -> bool:
    """True if no request of this kind will be served."""
    return status in _FORBIDDING


_FORBIDDING = frozenset({0x0122, 0x0124, 0x0211, MOVE_DESTINATION_UNKNOWN, 0xC801})


TRY_C_GET = "Try --method c-get."


def try_c_move(calling_ae_title: str, move_destination: str | None) -> str:
    """Return the advice for a PACS without C-GET; by default, to our own Storage SCP."""
    if move_destination is not None:
        return "Try --method c-move."
    return f"Try --method c-move --move-dest {calling_ae_title} --listen 11112."
