"""`--log-file`: the diagnostic log, with times in UTC. The only module that configures logging.

Names of patients are not logged. Paths may contain them through `--layout`, so events are logged
without paths.
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
from dicom_retrieve_tui.cli.paths import open_stream
from dicom_retrieve_tui.errors import ConfigError, reason_of
from dicom_retrieve_tui.model.events import BytesReceived, Event, event_fields
from dicom_retrieve_tui.model.option_values import PRIVATE_UMASK
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.storage.permissions import Permissions

_MESSAGE_CHARACTERS_MAX = 4000
_PACKAGE = "dicom_retrieve_tui"
_FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(threadName)s %(name)s: %(message)s"

logger = logging.getLogger(__name__)


@contextmanager
def logging_to(
    path: Path | None, report: Callable[[str], None], umask: int = PRIVATE_UMASK
) -> Iterator[None]:
    """Append everything that the package logs to `path`; without a path, log nothing.

    Args:
        path: The file or stream.
        report: Called once with a message if the log cannot be written further.
        umask: Permissions to hold back from a new file.

    Raises:
        ConfigError: The file cannot be written.
    """
    package = logging.getLogger(_PACKAGE)
    level = package.level
    handler = _handler(path, report, umask)
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
    """Log an event.

    Args:
        event: What happened.
        with_paths: Log paths, which may contain data of patients.
    """
    if isinstance(event, BytesReceived) or not logger.isEnabledFor(logging.DEBUG):
        return
    fields = dict(event_fields(event))
    if not with_paths:
        fields.pop("path", None)
    logger.debug("%s", json.dumps(fields))


class _Formatter(logging.Formatter):
    """Keeps the text of a peer on its line."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base's name
        record.message = clean_text(record.message, _MESSAGE_CHARACTERS_MAX)
        return super().formatMessage(record)

    def formatException(self, *args: Any) -> str:  # noqa: N802 - the base's name
        return "\n".join(map(clean_text, super().formatException(*args).split("\n")))


class _LogFile(logging.FileHandler):
    """A log file. A full disk ends the log with one message; the retrieval continues."""

    def __init__(self, path: Path, report: Callable[[str], None], umask: int) -> None:
        self._umask = umask
        super().__init__(path, encoding="utf-8", errors="backslashreplace")
        self._path = path
        self._report: Callable[[str], None] | None = report

    def _open(self) -> TextIOWrapper:
        """Open the file or stream to append."""
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
        report, self._report = self._report, None
        if report is not None:
            reason = reason_of(error)
            report(f"--log-file {self._path}: cannot be written: {reason}; the log is incomplete")


def _handler(path: Path | None, report: Callable[[str], None], umask: int) -> logging.Handler:
    if path is None:
        # Without a handler, Python prints warnings on stderr.
        return logging.NullHandler()
    try:
        handler = _LogFile(path, report, umask)
    except OSError as error:
        reason = reason_of(error)
        raise ConfigError(f"--log-file {path}: cannot be written: {reason}.") from error
    formatter = _Formatter(_FORMAT, datefmt="%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    return handler
