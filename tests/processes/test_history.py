"""A history whose process is killed."""

import signal
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.history import History
from dicom_retrieve_tui.storage.history_database import HistoryDatabase

_WRITES_UNTIL_KILLED = """
import itertools, sys
from datetime import UTC, datetime
from pathlib import Path
from dicom_retrieve_tui.model.history_records import StudyEnd
from dicom_retrieve_tui.model.selection import Selection, join
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.history import History

history = History(Path(sys.argv[1]))
job_id = history.record_job(
    begun=datetime.now(UTC), profile="p", output=Path("/nowhere"), options={},
    selections=[Selection(study_instance_uid=f"1.{n}") for n in range(20_000)],
)
for n in itertools.count():
    end = StudyEnd(
        study_instance_uid=f"1.{n}", verdict=Verdict.COMPLETE, expected=1, stored=1
    )
    history.record_ends(job_id, [end])
    print(n, flush=True)
"""


def test_what_was_recorded_outlives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "data" / "history.db"
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITES_UNTIL_KILLED, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    with writer.stdout as told:
        for _ in range(200):
            assert told.readline()
        writer.send_signal(signal.SIGKILL)
        last = int((["199", *told.read().split()])[-1])
    writer.wait()

    with closing(History(path)) as history:
        (job,) = history.unfinished()

    assert history.notice == ""
    ended = [study for study in job.studies if study.verdict is Verdict.COMPLETE]
    assert len(job.studies) == 20_000
    # One more may have been recorded, and not told any more.
    assert len(ended) in {last + 1, last + 2}


_WRITES_ONCE = """
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.storage.history import History

with closing(History(Path(sys.argv[1]))) as history:
    history.record_job(
        begun=datetime.now(UTC), profile="other", output=Path("/elsewhere"), options={},
        selections=[Selection(study_instance_uid="1.3")],
    )
"""


def test_a_command_beside_an_application_that_has_the_history_twice_takes_nothing_from_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "data" / "history.db"
    with closing(History(path)) as history:
        _record(history, "1.1")
        HistoryDatabase(path).close()
        subprocess.run([sys.executable, "-c", _WRITES_ONCE, str(path)], check=True)
        # The last to close it removes the log, and that process is not the last.
        assert path.with_name(f"{path.name}-wal").exists()
        _record(history, "1.2")
        assert len(history.past_jobs()) == 3

    with closing(History(path)) as again:
        found = {
            study.selection.study_instance_uid
            for job in again.unfinished()
            for study in job.studies
        }
    assert found == {"1.1", "1.2", "1.3"}


def _record(history: History, uid: str) -> None:
    history.record_job(
        begun=datetime.now(UTC),
        profile="p",
        output=Path("/nowhere"),
        options={},
        selections=[Selection(study_instance_uid=uid)],
    )
