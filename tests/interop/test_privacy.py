"""After the whole corpus was retrieved, nothing beside the instances knows whose they are.

Who the patients are is read from the files that the peer holds, by pydicom, and looked for in every
way in which it could be written: as text in UTF-8 and as JSON escapes it, and in the very bytes of
the data set, which no text editor would find.
"""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from dicom_retrieve_tui.config.preferences_file import SettingsFile
from dicom_retrieve_tui.model.person_name import name_text
from dicom_retrieve_tui.model.store_records import Placed
from dicom_retrieve_tui.storage.history import History
from dicom_retrieve_tui.storage.part_file import PartFile
from dicom_retrieve_tui.storage.store import InstanceStore
from dicom_retrieve_tui.tui.app import RetrieveApp
from dicom_retrieve_tui.tui.doctor_job import Doctor
from dicom_retrieve_tui.tui.history import JobHistory
from dicom_retrieve_tui.tui.profile_store import ProfileStore
from dicom_retrieve_tui.tui.screens.find import FindScreen
from dicom_retrieve_tui.tui.snapshot import State
from dicom_retrieve_tui.wiring import diagnose, find, find_each, open_session, tell_administrator
from tests.faults.processes import retrieve_here
from tests.interop.command import CommandResult, run_cli
from tests.interop.comparison import assert_same_as_peer
from tests.interop.corpus import ALL_STUDIES, CT_CHEST
from tests.interop.files import is_part10
from tests.interop.orthanc import Orthanc
from tests.interop.peers import DRTUI, url_of
from tests.tui.application import Bench
from tests.tui.pilot import running
from tests.tui.scripted_session import Sessions

pytestmark = pytest.mark.peers

_SHORTEST_BYTES = 4
"""What is shorter stands everywhere by chance."""
_STUDIES = "\n".join(study.study_instance_uid for study in ALL_STUDIES)
_INSTANCES = [uid for study in ALL_STUDIES for uid in study.sop_instance_uids]
_IDENTIFYING = ("PatientID", "PatientBirthDate", "OtherPatientIDs", "IssuerOfPatientID")

Flags = Callable[[Orthanc], list[str]]


def _c_get(peer: Orthanc) -> list[str]:
    return [url_of(peer), "--called-aet", peer.ae_title, "--method", "c-get"]


def _c_move(peer: Orthanc) -> list[str]:
    where = ["--move-dest", DRTUI, "--listen", f"127.0.0.1:{peer.move_ports[DRTUI]}"]
    return [url_of(peer), "--called-aet", peer.ae_title, *where, "--aet", DRTUI]


both_methods = pytest.mark.parametrize("flags", [_c_get, _c_move], ids=["c-get", "c-move"])


@cache
def _traces() -> frozenset[bytes]:
    """Every name, ID and birth date of the corpus, and every part of a name, as bytes."""
    data_sets = [
        dcmread(io.BytesIO(instance.file)) for study in ALL_STUDIES for instance in study.instances
    ]
    found = {trace for data_set in data_sets for trace in _traces_of(data_set)}
    return frozenset(each for each in found if len(each.strip(b"^= ")) >= _SHORTEST_BYTES)


def _traces_of(data_set: Dataset) -> Iterator[bytes]:
    for keyword in _IDENTIFYING:
        yield from _written(str(data_set.get(keyword, "")))
    raw = data_set.get_item("PatientName").value
    assert isinstance(raw, bytes), "pydicom has decoded it, and its bytes are lost"
    yield from (raw.strip(), *raw.strip().split(b"="), *raw.strip().split(b"^"))
    for element in data_set.iterall():
        if element.VR == "PN" and element.value:
            name = element.value
            yield from _written(str(name))
            for group in (name.alphabetic, name.ideographic, name.phonetic):
                for part in (group, *group.split("^")):
                    yield from _written(part)


def _written(text: str) -> Iterator[bytes]:
    yield text.strip().encode()
    yield json.dumps(text.strip())[1:-1].encode()


def _named_in(data: bytes) -> list[bytes]:
    return sorted(trace for trace in _traces() if trace in data)


def _assert_nobody_named(folder: Path, said: CommandResult | None = None) -> list[str]:
    """Holds everything that was written to it; returns the names of the files beside instances."""
    files = [path for path in folder.rglob("*") if path.is_file() and not is_part10(path)]
    told = {str(path.relative_to(folder)): path.read_bytes() for path in files}
    beside = sorted(told)
    if said is not None:
        told |= {"stdout": said.stdout.encode(), "stderr": said.stderr.encode()}
    told["the names of files"] = "\n".join(str(path) for path in folder.rglob("*")).encode()
    named = {where: traces for where, data in told.items() if (traces := _named_in(data))}
    assert not named
    return beside


def test_whatever_identifies_a_patient_is_found_where_it_is() -> None:
    for study in ALL_STUDIES:
        for instance in study.instances:
            if not instance.transfer_syntax_uid.endswith(".1.99"):  # deflated
                assert len(_named_in(instance.file)) >= 4
    written = b" ".join(_traces())
    for text in ("山田", "홍", "小东", "Jörg"):
        assert text.encode() in written
    for raw in (b"\x1b$B;3ED", b"\x1b$)C\xfb\xf3", b"J\xf6rg"):
        assert raw in written


@both_methods
def test_no_log_report_journal_or_narration(orthanc: Orthanc, flags: Flags, tmp_path: Path) -> None:
    log, report = tmp_path / "run.log", tmp_path / "report.json"
    done = run_cli(
        *flags(orthanc), "--uid-list", "-", "--parallel", "2", "--output", tmp_path / "out",
        "--json", "-v", "--log-file", log, "--report", report,
        stdin=_STUDIES,
    )  # fmt: skip
    again = run_cli(
        *flags(orthanc), "--uid-list", "-", "--output", tmp_path / "out", "-v", stdin=_STUDIES
    )

    assert (done.exit_code, again.exit_code) == (0, 0), done.stderr
    assert_same_as_peer(tmp_path / "out", orthanc, _INSTANCES)
    beside = _assert_nobody_named(tmp_path, done)
    assert {"run.log", "report.json", "out/.dicom-retrieve/journal.db"} <= set(beside)
    assert not _named_in((again.stdout + again.stderr).encode())
    assert not _named_in(run_cli("verify", tmp_path / "out", "--deep", "--json").stdout.encode())


def test_nothing_that_was_looked_up_by_patient(orthanc: Orthanc, tmp_path: Path) -> None:
    patients = [study.patient_id for study in ALL_STUDIES]
    log, report = tmp_path / "run.log", tmp_path / "report.json"
    done = run_cli(
        *_c_get(orthanc), "--patient-list", "-", "--output", tmp_path / "out",
        "--json", "-v", "--log-file", log, "--report", report,
        stdin="\n".join([*patients, f"{patients[0]}-OF-NOBODY"]),
    )  # fmt: skip

    assert done.exit_code == 1
    assert "line 8" in done.stderr
    assert "line 8: 0 studies listed, 0 taken" in log.read_text()
    assert_same_as_peer(tmp_path / "out", orthanc, _INSTANCES)
    _assert_nobody_named(tmp_path, done)


@both_methods
def test_no_report_of_a_bug(
    orthanc: Orthanc, flags: Flags, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = InstanceStore.place

    def break_down(
        self: InstanceStore, part: PartFile, values: dict[int, bytes], irregular: str = ""
    ) -> Placed:
        if "Jörg".encode("latin-1") in Path(part.path).read_bytes():
            int("Prüfling^Jörg")
        return place(self, part, values, irregular)

    monkeypatch.setattr(InstanceStore, "place", break_down)
    monkeypatch.setattr("sys.stdin", io.StringIO(_STUDIES))
    done = retrieve_here(
        *flags(orthanc), "--uid-list", "-", "--output", tmp_path / "out", "-v",
        "--log-file", tmp_path / "run.log", "--report", tmp_path / "report.json",
    )  # fmt: skip

    assert done.exit_code == 1
    assert "ValueError" in done.stderr
    assert "This is a bug" in done.stderr
    # The line of this test is shown, as it would be of the program; the program names nobody.
    ours = done.stderr.replace('int("Prüfling^Jörg")', "")
    _assert_nobody_named(tmp_path, CommandResult(1, done.stdout, ours))


@pytest.mark.parametrize("hidden", [True, False], ids=["hidden", "shown"])
async def test_the_history_of_the_application_names_only_patients_that_are_shown(
    orthanc: Orthanc, tmp_path: Path, *, hidden: bool
) -> None:
    (tmp_path / "profiles.toml").write_text(
        f'[profiles.archive]\nhost = "127.0.0.1"\nport = {orthanc.port}\n'
        f'called_aet = "{orthanc.ae_title}"\naet = "{DRTUI}"\nmethod = "c-move"\n'
        f'move_dest = "{DRTUI}"\nlisten = "127.0.0.1:{orthanc.move_ports[DRTUI]}"\n'
        f'output = "{tmp_path / "out"}"\n'
    )
    with closing(History(tmp_path / "history.db")) as history:
        profile_store = ProfileStore(tmp_path / "profiles.toml", lambda: ("pc", 0))
        app = RetrieveApp(
            open_session,
            profile_store.presets()[0],
            find=find,
            find_each=find_each,
            settings=SettingsFile(tmp_path / "settings.toml"),
            profile_store=profile_store,
            doctor=Doctor(diagnose, tell_administrator),
            job_history=JobHistory(lambda: history),
        )
        async with running(app, (160, 45)) as pilot:
            bench = Bench(app, pilot, Sessions())
            await bench.until(lambda: app.screen_stack[0].query("#form"))
            await pilot.press("f3")
            await bench.until(lambda: isinstance(app.screen, FindScreen))
            await pilot.press("T", "-", "*", "enter")
            await bench.until(lambda: f"{len(ALL_STUDIES)} studies" in bench.text())
            assert "山田" in bench.text()
            await pilot.press("a", "r")
            rows = [study.study_instance_uid for study in ALL_STUDIES]
            await bench.until(
                lambda: all((r := bench.row(uid)) and r.state is State.DONE for uid in rows)
            )
            await bench.until(lambda: not app.jobs.busy)
            assert name_text(CT_CHEST.patient_name) in bench.text(), "the queue knows the patients"
            named = b"".join(path.read_bytes() for path in tmp_path.glob("history.db*"))
            assert _named_in(named), "the history knows them, too"
            if hidden:
                await pilot.press("h")
            else:
                app._job_history.forget([job.job_id for job in history.past_jobs()])
        app.finder.close(5.0)
        assert app.jobs.close()

    assert_same_as_peer(tmp_path / "out", orthanc, _INSTANCES)
    beside = _assert_nobody_named(tmp_path)
    assert {"history.db", "out/.dicom-retrieve/journal.db"} <= set(beside)
