"""The journal is not what was written: the run sets it aside, checks the files and goes on."""

import gc
import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.writers import PRIVATE_FOLDER
from tests.faults.catalogue import Told, fault, words
from tests.faults.processes import c_get, retrieve_here
from tests.peers.raw_pacs import Conversation, RawPacs, Request, instances
from tests.runs import get_plan, run, settings, verdict_of

_FILES = [f"1.2.3.1.{n}.dcm" for n in range(1, 41)]


def _journal(folder: Path) -> Path:
    return folder / PRIVATE_FOLDER / "journal.db"


def _damaged(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / PRIVATE_FOLDER / "damaged").glob("*"))


def _retrieve(pacs: RawPacs, folder: Path) -> None:
    assert verdict_of(run(get_plan(), settings(pacs.port, folder))).verdict is Verdict.COMPLETE
    pacs.requests.clear()


def _execute(statements: str) -> Callable[[Path], None]:
    def damage(journal: Path) -> None:
        with closing(sqlite3.connect(journal)) as database:
            database.executescript(statements)

    return damage


def _overwrite(start: int, content: bytes) -> Callable[[Path], None]:
    def damage(journal: Path) -> None:
        whole = journal.read_bytes()
        journal.write_bytes(whole[:start] + content + whole[start + len(content) :])

    return damage


_DAMAGES: dict[str, Callable[[Path], object]] = {
    "text": lambda journal: journal.write_text("no database at all, but long enough" * 30),
    "cut short": lambda journal: journal.write_bytes(journal.read_bytes()[:5000]),
    "a page of zeros": _overwrite(4096, bytes(4096)),
    "its first page": _overwrite(0, bytes(4096)),
    "its first bytes": _overwrite(0, b"X"),
    "read-only by its header": _overwrite(18, b"\x07"),
    "its page size": _overwrite(16, b"\x00\x07"),
    "its encoding": _overwrite(56, b"\0\0\0\x02"),
    "its version": _overwrite(60, b"\0\0\0\x63"),
    "no version": _overwrite(60, b"\xff\xfe\xfd\xfc"),
    "no column": _execute("ALTER TABLE instances DROP COLUMN size_bytes"),
    "another table": _execute("DROP TABLE studies; CREATE TABLE studies (a, b)"),
    "a view": _execute("DROP TABLE missing; CREATE VIEW missing AS SELECT 1"),
    "not UTF-8": _execute("UPDATE instances SET path = CAST(X'FFFE31' AS TEXT)"),
    "a number": _execute("UPDATE instances SET path = X'00'"),
    "a path that leads out": _execute("UPDATE instances SET path = '../../../etc/passwd'"),
    "an absolute path": _execute("UPDATE instances SET path = '/etc/passwd'"),
    "NUL": _execute("UPDATE instances SET path = 'a' || char(0) || 'b'"),
    "another layout not UTF-8": _execute(
        "UPDATE instances SET layout = CAST(X'FFFE31' AS TEXT) WHERE sop_instance_uid LIKE '%9'"
    ),
    "no size": _execute("UPDATE instances SET size_bytes = 'x'"),
    "no turn": _execute("INSERT INTO turns VALUES ('1.2.3', X'616263')"),
    "a verdict of bytes": _execute("UPDATE studies SET verdict = X'616263'"),
    "missing of bytes": _execute("INSERT INTO missing VALUES ('1.2.3', X'616263')"),
    "missing not UTF-8": _execute("INSERT INTO missing VALUES ('1.2.3', CAST(X'FFFE31' AS TEXT))"),
}


@pytest.fixture
def _no_garbage_collection() -> Iterator[None]:
    """A connection that only the garbage collector closes is still open at the end."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_garbage_collection")
@pytest.mark.parametrize("damage", _DAMAGES)
@fault(60, user_reads="has been set aside at ")
def test_a_run_sets_a_damaged_journal_aside_and_checks_the_files(
    tmp_path: Path, damage: str
) -> Told:
    with RawPacs(instances(40)) as pacs:
        _retrieve(pacs, tmp_path)
        _DAMAGES[damage](_journal(tmp_path))
        events = run(get_plan(), settings(pacs.port, tmp_path))

        assert not pacs.retrievals
    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert sorted(path.name for path in tmp_path.glob("*.dcm")) == sorted(_FILES)
    assert _damaged(tmp_path)[0] == "journal-1.db"
    assert retrieve_here("verify", tmp_path, "--deep").exit_code == 0
    return events


@pytest.mark.usefixtures("_no_garbage_collection")
@pytest.mark.parametrize("damage", _DAMAGES)
@fault(60, user_reads="Move it away and run the retrieval again: it checks the files.")
def test_verify_says_that_the_journal_is_damaged(tmp_path: Path, damage: str) -> str:
    with RawPacs(instances(40)) as pacs:
        _retrieve(pacs, tmp_path)
    _DAMAGES[damage](_journal(tmp_path))

    result = retrieve_here("verify", tmp_path)

    assert result.exit_code == 1
    assert "is damaged (" in result.stderr
    return result.stderr


class _Interferes(RawPacs):
    """Does something to the journal after half of its instances."""

    interfere: Callable[[], None]

    def on_get(self, conversation: Conversation, request: Request) -> None:
        wanted = [i for i in self.holdings if request.matches(i)]
        for number, instance in enumerate(wanted):
            if number == len(wanted) // 2:
                self.interfere()
            conversation.store(instance)
        self.finish(conversation, request, completed=len(wanted))


@fault(60, user_reads="Run the same command again to have all files of this run on record.")
def test_a_journal_that_is_damaged_while_it_is_written_costs_no_instance(tmp_path: Path) -> Told:
    pause = threading.Event()

    def drop_the_table() -> None:
        with closing(sqlite3.connect(_journal(tmp_path), timeout=20)) as database, database:
            while not database.execute("SELECT 1 FROM instances").fetchone():
                pause.wait(0.01)
            database.execute("DROP TABLE instances")

    with _Interferes(instances(40)) as pacs:
        pacs.interfere = drop_the_table
        first = run(get_plan(), settings(pacs.port, tmp_path))
        in_between = retrieve_here("verify", tmp_path)
        pacs.requests.clear()
        second = run(get_plan(), settings(pacs.port, tmp_path))

        assert not pacs.retrievals
    assert [verdict_of(events).verdict for events in (first, second)] == [Verdict.COMPLETE] * 2
    assert "unfinished" in in_between.stdout
    assert "whole             40/40" in retrieve_here("verify", tmp_path, "--deep", "-v").stdout
    return first


@pytest.mark.parametrize("part", ["journal.db", "journal.db-wal", "journal.db-shm"])
@pytest.mark.parametrize("seed", range(12))
def test_random_damage_never_costs_more_than_the_journal(
    tmp_path: Path, part: str, seed: int
) -> None:
    draw = random.Random(f"{part} {seed}")
    with RawPacs(instances(40)) as pacs:
        _retrieve(pacs, tmp_path)
        with closing(sqlite3.connect(_journal(tmp_path))) as database:
            database.execute("UPDATE instances SET synced = 1")
            database.commit()
            _strike(_journal(tmp_path).with_name(part), draw)
            left = {path: path.read_bytes() for path in _journal(tmp_path).parent.glob("journal*")}
        for path, content in left.items():  # closing the database has removed what is beside it
            path.write_bytes(content)
        seen = retrieve_here("verify", tmp_path)
        result = retrieve_here(*c_get(pacs, tmp_path))
        again = retrieve_here("verify", tmp_path, "--deep")

    assert result.exit_code == 0, result.stdout + result.stderr
    assert again.exit_code == 0, again.stdout + again.stderr
    for told in (seen, result, again):
        assert "Traceback" not in told.stderr
    assert {*_FILES} <= {path.name for path in tmp_path.glob("*.dcm")}


def _strike(path: Path, draw: random.Random) -> None:
    """Flip, zero, cut or replace something of a file."""
    content = bytearray(path.read_bytes() or bytes(100))
    kind = draw.randrange(5)
    if kind == 0:
        for _ in range(draw.randrange(1, 20)):
            content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    elif kind == 1:
        start = draw.randrange(len(content))
        content[start : start + 4096] = bytes(min(4096, len(content) - start))
    elif kind == 2:
        del content[draw.randrange(len(content)) :]
    elif kind == 3:
        start = draw.randrange(len(content))
        content[start : start + 512] = draw.randbytes(min(512, len(content) - start))
    else:
        content = bytearray(draw.randbytes(draw.randrange(20_000)))
    path.write_bytes(content)


def test_what_is_not_damage_is_named_and_stays(tmp_path: Path) -> None:
    with RawPacs(instances(3)) as pacs:
        _retrieve(pacs, tmp_path)
        _execute("CREATE TABLE later (a TEXT); PRAGMA user_version = 3;")(_journal(tmp_path))
        result = retrieve_here(*c_get(pacs, tmp_path))

    assert result.exit_code == 1
    assert "was written by a newer version" in result.stderr
    assert not _damaged(tmp_path)


def test_a_notice_of_damage_is_a_note_of_the_run(tmp_path: Path) -> None:
    with RawPacs(instances(3)) as pacs:
        _retrieve(pacs, tmp_path)
        _journal(tmp_path).write_bytes(b"damaged" * 1000)
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert "The journal was damaged (file is not a database)" in words(events)
