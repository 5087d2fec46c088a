"""What a command other than a retrieval writes: lines for people, or JSON for programs."""

import json
from collections.abc import Mapping

from dicom_retrieve_tui.cli.console import Surroundings, utc_text
from dicom_retrieve_tui.model.sanitize import clean_values


class Output:
    """Lines or JSON on stdout, whichever was asked for."""

    def __init__(self, around: Surroundings, *, as_json: bool) -> None:
        self._around = around
        self._as_json = as_json

    def record(self, event: str, fields: Mapping[str, object]) -> None:
        """Write an object, if JSON was asked for."""
        if self._as_json:
            time = utc_text(self._around.utc_now())
            record = clean_values({"event": event, "time": time, **fields})
            self._around.stdout.write_lines([json.dumps(record)])

    def lines(self, *lines: str) -> None:
        """Write lines, unless JSON was asked for."""
        if not self._as_json:
            self._around.stdout.write_lines(lines)

    def last(self, *lines: str) -> None:
        """Say the last words, on stderr where stdout is for JSON."""
        self.lines(*lines)
        if self._as_json:
            for line in lines:
                self._around.stderr.say(line)
