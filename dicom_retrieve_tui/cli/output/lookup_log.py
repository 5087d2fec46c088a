"""What `--log-file` keeps of a look-up: numbers of lines, counts, statuses and UIDs.

Accession numbers, patient IDs and what a PACS says in its own words stay out, and so does what it
gives for a UID and is none.
"""

import logging
from collections.abc import Sequence

from dicom_retrieve_tui.errors import OperationFailed
from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.lookup_result import Answer, some_of
from dicom_retrieve_tui.model.search import Match, Remark
from dicom_retrieve_tui.model.selection import Selection

_LOG = logging.getLogger(__name__)


class LookupLog:
    """Tells of one look-up from its begin to its end."""

    def __init__(self, lines: int, peer: str) -> None:
        """Log its begin."""
        self._lines = count(lines, "line")
        _LOG.info("looking up %s at %s", self._lines, peer)

    def answer(self, line: int, answer: Answer, taken: Sequence[Selection]) -> None:
        """Log what came for a line, and which studies are to be retrieved because of it."""
        _LOG.debug("line %d: %s", line, _words(answer, taken))

    def ended(self, lines: int, how: str) -> None:
        """Log that so many lines were looked up, and what came of it."""
        _LOG.info("looked up %d of %s: %s", lines, self._lines, how)

    def failed(self, lines: int, reason: str) -> None:
        """Log that it came no further."""
        _LOG.error("looked up %d of %s: %s", lines, self._lines, reason)


def _words(answer: Answer, taken: Sequence[Selection]) -> str:
    if isinstance(answer, OperationFailed):
        return f"{answer.operation} refused with status 0x{answer.status:04X}"
    listed = count(sum(isinstance(each, Match) for each in answer), "study")
    uids = some_of([each.study_instance_uid for each in taken])
    which = f" ({uids})" if uids else ""
    cut_short = any(isinstance(each, Remark) and each.incomplete for each in answer)
    more = "; there may be more" if cut_short else ""
    return f"{listed} listed, {len(taken):,} taken{which}{more}"
