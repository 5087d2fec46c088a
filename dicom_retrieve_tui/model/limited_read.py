"""Reads what may have no end, such as a device or a pipe, as far as its kind can reach. Pure."""

from typing import Protocol, TypeVar

from dicom_retrieve_tui.errors import ConfigError

LIST_MAX_BYTES = 100_000_000
"""Far above a table of 200,000 instances; what is to be read goes into the memory."""
SETTINGS_MAX_BYTES = 20_000_000
"""Far above any profile, key or bundle of certificates."""

_Content_co = TypeVar("_Content_co", str, bytes, covariant=True)


class Readable(Protocol[_Content_co]):
    """A file that is open, or a stream."""

    def read(self, size: int, /) -> _Content_co:
        """Up to `size` bytes or characters; fewer only at the end."""
        ...


def read_at_most(file: Readable[_Content_co], limit: int) -> _Content_co:
    """All of `file`. How large it says it is, is not asked: devices and pipes say 0.

    Args:
        file: Buffered, so that it gives less than is asked for only at its end.
        limit: Bytes, or characters of text.

    Raises:
        ConfigError: It has more; what it says follows the name of the file.
    """
    content = file.read(limit + 1)
    if len(content) > limit:
        raise ConfigError(
            f"it has more than {limit // 1_000_000} MB, the most that is read; "
            "name another file, or divide it"
        )
    return content
