"""The failures in a journal: why a study is not complete, kept until it is."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime

from dicom_retrieve_tui.model.folder_account import UNFINISHED, WAITING
from dicom_retrieve_tui.model.selection import SeriesSelection
from dicom_retrieve_tui.model.store_records import StudyRecord
from dicom_retrieve_tui.model.verdict import GOOD, Verdict

_VERDICT = "SELECT verdict FROM studies WHERE study_instance_uid = ?"
_FORGET = "DELETE FROM failures WHERE study_instance_uid = ?"
_SET = "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?, ?, ?)"
_SET_NOT_TRIED = (
    f"UPDATE studies SET verdict = '{Verdict.NOT_TRIED}'"  # noqa: S608 - our own words
    f" WHERE study_instance_uid = ? AND verdict = '{UNFINISHED}'"
)
_EXPLAIN_NOT_TRIED = f"""
INSERT INTO failures
SELECT study_instance_uid, verdict, ?, NULL, ?, ?, '' FROM studies
WHERE study_instance_uid = ? AND verdict = '{Verdict.NOT_TRIED}'
ON CONFLICT (study_instance_uid) DO UPDATE
SET verdict = excluded.verdict, reason = excluded.reason, peer = excluded.peer,
    ended = excluded.ended
"""  # noqa: S608 - our own words
"""What an earlier run recorded of the selection stays."""
_GOOD = frozenset(map(str, GOOD))
_TABLES = ("instances", "studies", "missing", "left_out", "failures", "turns")


def keeps_failure(database: sqlite3.Connection, study: StudyRecord) -> bool:
    """Return True if an earlier failure must stand: this run stopped before it requested anything.

    Args:
        database: Has the earlier verdict.
        study: How the study ended now.
    """
    if study.asked or study.verdict not in WAITING:
        return False
    (earlier,) = database.execute(_VERDICT, (study.study_instance_uid,)).fetchone() or (UNFINISHED,)
    return earlier not in WAITING


def write_failure(database: sqlite3.Connection, study: StudyRecord, peer: str) -> None:
    """Record why a study is not complete, after its verdict was written.

    A verdict that is about other parts of the study keeps its own explanation.
    """
    uid = study.study_instance_uid
    (verdict,) = database.execute(_VERDICT, (uid,)).fetchone() or (UNFINISHED,)
    if verdict in _GOOD:
        database.execute(_FORGET, (uid,))
    elif verdict == study.verdict:
        ended = _now_text()
        series = series_text(study.selected)
        row = (uid, verdict, study.reason, study.expected, peer, ended, series)
        database.execute(_SET, row)


def write_not_tried(
    database: sqlite3.Connection, uids: Sequence[str], reason: str, peer: str
) -> None:
    """Record that a run gave up studies before it began them; an earlier failure stands."""
    ended = _now_text()
    database.executemany(_SET_NOT_TRIED, ((uid,) for uid in uids))
    database.executemany(_EXPLAIN_NOT_TRIED, ((reason, peer, ended, uid) for uid in uids))


def _now_text() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def forget_study(database: sqlite3.Connection, uid: str) -> bool:
    """Delete everything that is recorded of a study; False if nothing is."""
    deleted = 0
    for table in _TABLES:
        query = f"DELETE FROM {table} WHERE study_instance_uid = ?"  # noqa: S608 - our own names
        deleted += database.execute(query, (uid,)).rowcount
    return deleted > 0


def series_text(selected: tuple[SeriesSelection, ...]) -> str:
    """Return series and instances as one text: `SERIES SERIES:INSTANCE,INSTANCE`."""
    return " ".join(
        f"{each.series_instance_uid}:{','.join(each.sop_instance_uids)}".rstrip(":")
        for each in selected
    )


def series_of(text: str) -> tuple[SeriesSelection, ...]:
    """Parse what `series_text` returned."""
    parts = (part.partition(":") for part in text.split())
    return tuple(
        SeriesSelection(
            series_instance_uid=uid, sop_instance_uids=tuple(filter(None, instances.split(",")))
        )
        for uid, _, instances in parts
    )
