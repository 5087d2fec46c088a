"""`--log-file`: what developers need to see, with the time in UTC. Nothing else configures logging.

Patients' names stay out: paths may hold them through `--layout`, so events are logged without.
"""

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from dicom_retrieve_tui import __version__
from dicom_retrieve_tui.cli.fd_paths import open_stream
from dicom_retrieve_tui.errors import ConfigError, reason_of
from dicom_retrieve_tui.model.events import BytesReceived, Event, event_fields
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.settings import PRIVATE_UMASK
from dicom_retrieve_tui.storage.permissions import Permissions

_MESSAGE_CHARACTERS_MAX = 4000
_PACKAGE = "dicom_retrieve_tui"
_FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(threadName)s %(name)s: %(message)s"

logger = logging.getLogger(__name__)


@contextmanager
def logging_to(
    path: Path | None, tell: Callable[[str], None], umask: int = PRIVATE_UMASK
) -> Iterator[None]:
    """Append everything that our package logs to `path`; without one, keep it silent.

    Args:
        tell: Told once if the disk takes no more of it, which ends nothing.

    Raises:
        ConfigError: The file cannot be written.
    """
    package = logging.getLogger(_PACKAGE)
    level = package.level
    handler = _handler(path, tell, umask)
    package.addHandler(handler)
    if path is not None:
        import platform  # noqa: PLC0415 - most runs keep no log

        package.setLevel(logging.DEBUG)
        logger.info(
            "dicom-retrieve %s, Python %s, %s",
            __version__,
            platform.python_version(),
            platform.platform(),
        )
    try:
        yield
    finally:
        package.removeHandler(handler)
        package.setLevel(level)
        handler.close()


def log_event(event: Event, *, with_paths: bool = False) -> None:
    """Log an event for whoever has to find out later what went on.

    Args:
        with_paths: A path may be made of a patient's data.
    """
    if isinstance(event, BytesReceived) or not logger.isEnabledFor(logging.DEBUG):
        return
    told = event_fields(event).items()
    fields = {name: value for name, value in told if with_paths or name != "path"}
    logger.debug("%s", json.dumps(fields))


class _Formatter(logging.Formatter):
    """What a peer said stays on its line."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base's name
        record.message = clean_text(record.message, _MESSAGE_CHARACTERS_MAX)
        return super().formatMessage(record)

    def formatException(self, *args: Any) -> str:  # noqa: N802 - the base's name
        return "\n".join(map(clean_text, super().formatException(*args).split("\n")))


class _LogFile(logging.FileHandler):
    """A log that may end before its time: a full disk costs a retrieval its log and no more."""

    def __init__(self, path: Path, tell: Callable[[str], None], umask: int) -> None:
        self._umask = umask
        super().__init__(path, encoding="utf-8", errors="backslashreplace")
        self._path = path
        self._tell: Callable[[str], None] | None = tell

    def _open(self) -> TextIOWrapper:
        """Open the file, or the stream of that name, to write behind what is there."""
        path = Path(self.baseFilename)
        descriptor = open_stream(path)
        if descriptor is None:
            descriptor = Permissions(self._umask).open(path, os.O_WRONLY | os.O_APPEND)
        return os.fdopen(descriptor, "w", encoding=self.encoding, errors=self.errors)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base's name
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            self._lost(error)
        else:
            super().handleError(record)

    def close(self) -> None:
        try:
            super().close()
        except OSError as error:
            self._lost(error)

    def _lost(self, error: OSError) -> None:
        tell, self._tell = self._tell, None
        if tell is not None:
            reason = reason_of(error)
            tell(f"--log-file {self._path}: cannot be written any more: {reason}; it has gaps")


def _handler(path: Path | None, tell: Callable[[str], None], umask: int) -> logging.Handler:
    if path is None:
        # Without any handler, Python prints warnings on stderr by itself.
        return logging.NullHandler()
    try:
        handler = _LogFile(path, tell, umask)
    except OSError as error:
        reason = reason_of(error)
        raise ConfigError(f"--log-file {path}: cannot be written: {reason}.") from error
    formatter = _Formatter(_FORMAT, datefmt="%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    return handler
