"""Read files that may not end, such as devices and pipes, up to a limit."""

from typing import Protocol, TypeVar

from dicom_retrieve_tui.errors import ConfigError

LIST_MAX_BYTES = 100_000_000
"""Far more than a table of 200,000 instances; the content is held in memory."""
SETTINGS_MAX_BYTES = 20_000_000
"""Far more than any profile, key or bundle of certificates."""

_Content_co = TypeVar("_Content_co", str, bytes, covariant=True)


class Readable(Protocol[_Content_co]):
    """An open file or a stream."""

    def read(self, size: int, /) -> _Content_co:
        """Return up to `size` bytes or characters; fewer only at the end."""
        ...


def read_at_most(file: Readable[_Content_co], limit: int) -> _Content_co:
    """Return all of `file`, without asking for its size, which devices and pipes report as 0.

    Args:
        file: Must be buffered, so that only its end returns less than requested.
        limit: Bytes, or characters of text.

    Raises:
        ConfigError: It has more; the message is to follow the name of the file.
    """
    content = file.read(limit + 1)
    if len(content) > limit:
        raise ConfigError(
            f"it has more than {limit // 1_000_000} MB, the most that is read; "
            "use another file, or split it"
        )
    return content
