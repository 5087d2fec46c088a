"""DIMSE statuses in words: what a code means, and what to do next.

Source: PS3.4 sections C.4.1.1.4, C.4.2.1.5 and C.4.3.1.4, PS3.7 annex C; the hints come from what
archives are known to do.
"""

from dataclasses import dataclass

SUCCESS = 0x0000
CANCELLED = 0xFE00
SUB_OPERATIONS_FAILED = 0xB000
MOVE_DESTINATION_UNKNOWN = 0xA801


@dataclass(frozen=True, slots=True)
class StatusWords:
    """What a status means to a person."""

    meaning: str
    next_step: str = ""
    """What to try; empty if there is nothing to do."""


_PACS_LOG = "The log of the PACS says more."

_WORDS = {
    SUCCESS: StatusWords("success"),
    CANCELLED: StatusWords("cancelled", "Nobody here asked for it. " + _PACS_LOG),
    SUB_OPERATIONS_FAILED: StatusWords("sub-operations complete, one or more failed", _PACS_LOG),
    0x0110: StatusWords("processing failure", _PACS_LOG),
    0x0120: StatusWords("missing attribute", "The PACS wants a key that we did not send."),
    0x0122: StatusWords("SOP class not supported", "The PACS does not offer this; try --method."),
    0x0124: StatusWords(
        "not authorised", "Ask the PACS administrator for the right to retrieve with our AE title."
    ),
    0x0210: StatusWords("duplicate invocation", _PACS_LOG),
    0x0211: StatusWords("unrecognised operation", "The PACS does not offer this; try --method."),
    0x0212: StatusWords("mistyped argument", _PACS_LOG),
    0xA700: StatusWords("out of resources", "Try again later."),
    0xA701: StatusWords("out of resources: unable to calculate the matches", "Try again later."),
    0xA702: StatusWords(
        "out of resources: unable to perform the sub-operations",
        "With C-MOVE this most often means that the PACS cannot connect to the move destination: "
        "check the address and port that it has on record, and the firewall between. With C-GET "
        "it means that the PACS has no presentation context for what it holds, or cannot convert "
        "it: try --method c-move.",
    ),
    MOVE_DESTINATION_UNKNOWN: StatusWords(
        "move destination unknown",
        "Ask the PACS administrator to add the move destination with its address and port, or use "
        "--method c-get.",
    ),
    0xA900: StatusWords(
        "identifier does not match the SOP class",
        "The PACS may want the other query model: try --query-model patient-root.",
    ),
    0xC801: StatusWords(
        "move destination not allowed", "Ask the PACS administrator to allow the move destination."
    ),
}

_RANGES = {
    0xA7: StatusWords("out of resources", "Try again later."),
    0xB0: StatusWords("warning", _PACS_LOG),
}


def status_words(status: int) -> StatusWords:
    """What `status` means, by its number or else by its range."""
    if words := _WORDS.get(status) or _RANGES.get(status >> 8):
        return words
    if status >> 12 == 0xC:
        return StatusWords(
            "unable to process",
            f"{_PACS_LOG} With C-MOVE, some answer like this where they do not know the move "
            "destination.",
        )
    return StatusWords("a status that the standard does not give", _PACS_LOG)


def meaning_of(status: int, comment: str = "") -> str:
    """The hex code always, its meaning, and the peer's comment.

    Args:
        status: The DIMSE status (0000,0900).
        comment: Error Comment (0000,0902), already cleaned for the screen.
    """
    said = f' ("{comment}")' if comment else ""
    return f"status 0x{status:04X}: {status_words(status).meaning}{said}"


def describe_status(status: int, comment: str = "") -> str:
    """`meaning_of`, and the next step: one or two sentences."""
    return f"{meaning_of(status, comment)}. {status_words(status).next_step}".rstrip()


def forbids(status: int) -> bool:
    """True if no request of the kind will be served, whatever it asks for."""
    return status in _FORBIDDING


_FORBIDDING = frozenset({0x0122, 0x0124, 0x0211, MOVE_DESTINATION_UNKNOWN, 0xC801})


TRY_C_GET = "Try --method c-get."


def try_c_move(calling_ae_title: str, move_destination: str | None) -> str:
    """What to do where C-GET does not work. We are the likeliest move destination ourselves."""
    if move_destination is not None:
        return "Try --method c-move."
    return f"Try --method c-move --move-dest {calling_ae_title} --listen 11112."
