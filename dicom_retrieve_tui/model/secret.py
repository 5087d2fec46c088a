"""A text that nobody may read by accident: it is in no repr, log, report or traceback."""

from typing import NoReturn


class Secret:
    """Holds a passcode or a passphrase until whoever needs it says so with `reveal`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(...)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # Both are our user's; to compare in constant time would load OpenSSL at every start.
        return self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")
