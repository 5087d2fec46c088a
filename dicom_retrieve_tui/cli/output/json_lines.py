"""`--json`: one JSON object a line on stdout, with the time at which it is written.

The first line, `retrieve_started`, has the version of the schema, the last, `retrieve_finished`,
the reasons for which studies are not complete. Received bytes are reported once a second and
study at most, everything else at once.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from dicom_retrieve_tui import __version__
from dicom_retrieve_tui.cli.console import Console, DataStream, utc_text
from dicom_retrieve_tui.model.events import (
    SCHEMA_VERSION,
    BytesReceived,
    Event,
    RetrieveFinished,
    RetrieveStarted,
    StudyFinished,
    event_fields,
)
from dicom_retrieve_tui.model.narration import verdict_word
from dicom_retrieve_tui.model.sanitize import clean_values

BYTES_EVERY_S = 1.0


class JsonLines:
    """Writes events; errors are noted by the stream."""

    def __init__(
        self,
        stdout: DataStream,
        utc_now: Callable[[], datetime],
        *,
        dry_run: bool,
        reasons: Callable[[], Iterable[Mapping[str, object]]] = tuple,
    ) -> None:
        """Write nothing yet.

        Args:
            stdout: Where the lines go.
            utc_now: The clock.
            dry_run: Nothing is retrieved.
            reasons: Returns the reasons at the end of the run; see `report.reason_record`.
        """
        self._reasons = reasons
        self._stdout = stdout
        self._utc_now = utc_now
        self._dry_run = dry_run
        self._unwritten: dict[str, int] = {}
        self._written: dict[str, datetime] = {}

    def write(self, event: Event) -> None:
        """Write an event, or add its bytes to those that are written later."""
        now = self._utc_now()
        if isinstance(event, BytesReceived):
            self._collect(event, now)
            return
        if isinstance(event, StudyFinished):
            self._flush(event.study_instance_uid, now)
            self._written.pop(event.study_instance_uid, None)
        self._write(event, now)

    def _collect(self, event: BytesReceived, now: datetime) -> None:
        uid = event.study_instance_uid
        self._unwritten[uid] = self._unwritten.get(uid, 0) + event.size_bytes
        written = self._written.setdefault(uid, now)
        if (now - written).total_seconds() >= BYTES_EVERY_S:
            self._written[uid] = now
            self._flush(uid, now)

    def _flush(self, uid: str, now: datetime) -> None:
        if size_bytes := self._unwritten.pop(uid, 0):
            self._write(BytesReceived(study_instance_uid=uid, size_bytes=size_bytes), now)

    def _write(self, event: Event, now: datetime) -> None:
        fields = dict(event_fields(event))
        record: dict[str, object] = {"event": fields.pop("event"), "time": utc_text(now)}
        if isinstance(event, RetrieveStarted):
            record |= {
                "schema": SCHEMA_VERSION,
                "version": __version__,
                "dry_run": self._dry_run,
            }
        record |= fields
        if isinstance(event, StudyFinished | RetrieveFinished):
            record["verdict"] = verdict_word(event.verdict, dry_run=self._dry_run)
        if isinstance(event, RetrieveFinished):
            record["reasons"] = clean_values(list(self._reasons()))
        self._stdout.write_lines([json.dumps(record)])


class Output:
    """Writes text or JSON on stdout, for commands other than a retrieval."""

    def __init__(self, console: Console, *, as_json: bool) -> None:
        self._console = console
        self._as_json = as_json

    def record(self, event: str, fields: Mapping[str, object]) -> None:
        """Write an object, if the output is JSON."""
        if self._as_json:
            time = utc_text(self._console.utc_now())
            record = clean_values({"event": event, "time": time, **fields})
            self._console.stdout.write_lines([json.dumps(record)])

    def lines(self, *lines: str) -> None:
        """Write lines, unless the output is JSON."""
        if not self._as_json:
            self._console.stdout.write_lines(lines)

    def last(self, *lines: str) -> None:
        """Write the summary; to stderr if the output is JSON."""
        self.lines(*lines)
        if self._as_json:
            for line in lines:
                self._console.stderr.write_line(line)
