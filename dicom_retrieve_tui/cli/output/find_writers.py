"""Where the matches of a search go as they come: JSON, UIDs, columns between tabs, or a table."""

import shutil
from typing import Protocol

from dicom_retrieve_tui.cli.console import DataStream
from dicom_retrieve_tui.cli.output import find_lines
from dicom_retrieve_tui.cli.output.command_output import Output
from dicom_retrieve_tui.cli.output.find_lines import Column
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.search import Match


class Writer(Protocol):
    """Writes matches; a reader that went away is noted by the stream."""

    def write(self, match: Match) -> None:
        """Write one match, or keep it for the end."""
        ...

    def finish(self) -> None:
        """Write what was kept."""
        ...


class JsonWriter:
    """One object a line."""

    def __init__(self, out: Output, noun: str) -> None:
        self._out = out
        self._event = f"{noun}_found"

    def write(self, match: Match) -> None:
        """Write one match."""
        self._out.record(self._event, find_lines.record(match))

    def finish(self) -> None:
        """Do nothing."""


class RowsWriter:
    """Columns between tabs below a heading, where there is anything to head."""

    def __init__(self, stdout: DataStream, columns: tuple[Column, ...], *, headed: bool) -> None:
        self._stdout = stdout
        self._columns = columns
        self._headed = headed

    def write(self, match: Match) -> None:
        """Write one match."""
        if self._headed:
            self._stdout.write_rows([find_lines.heading(self._columns)])
            self._headed = False
        self._stdout.write_rows([find_lines.row(self._columns, match)])

    def finish(self) -> None:
        """Do nothing."""


class TableWriter:
    """A table for a terminal, drawn when everything that it must hold is known."""

    def __init__(self, stdout: DataStream, level: Level) -> None:
        self._stdout = stdout
        self._level = level
        self._matches: list[Match] = []

    def write(self, match: Match) -> None:
        """Keep one match."""
        self._matches.append(match)

    def finish(self) -> None:
        """Draw the table."""
        if not self._matches:
            return
        from dicom_retrieve_tui.cli.output.find_table import in_order, render_table  # noqa: PLC0415

        width = shutil.get_terminal_size().columns
        self._stdout.write_lines(render_table(self._level, in_order(self._matches), width))


def uids_writer(stdout: DataStream, level: Level) -> Writer:
    """Study Instance UIDs alone, one a line; of what is below a study, a table of its UIDs.

    Alone, the UID of a series would be taken for that of a study.
    """
    return RowsWriter(stdout, find_lines.UID_COLUMNS[level], headed=level is not Level.STUDY)


def rows_writer(stdout: DataStream, level: Level) -> Writer:
    """Everything that is known, as a table that programs read."""
    return RowsWriter(stdout, find_lines.COLUMNS[level], headed=True)
