"""What stands in the place of the queue's rows where none is shown. Pure."""

_EMPTY = (
    "Nothing is queued yet.",
    "",
    "Paste a Study Instance UID above and press enter;",
    "ctrl+o loads a list from a file, f3 finds studies in the PACS,",
    "f2 saves your PACS.",
)


def hint(offer: str, *, queued: bool) -> tuple[str, ...]:
    """What to do, line by line.

    Args:
        offer: What an earlier run left; empty if there is nothing.
        queued: There are rows, and the filter lets none of them through.
    """
    if queued:
        return ("No match; esc clears the filter.",)
    if offer:
        return (f"{offer}.", "u takes up again what is missing; U forgets it.")
    return _EMPTY
