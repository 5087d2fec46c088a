"""What a PACS says in every text that it controls stays text, wherever the command writes it."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.events import RetrieveFinished
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.search import Remark
from dicom_retrieve_tui.model.verdict import Verdict
from tests.hostile import HOSTILE, odd_characters, saying, story
from tests.unit.cli.commands.test_find import HONG, SERIES, find
from tests.unit.cli.scripted import C_GET, OTHER, STUDY, Engine, Stream, run, started
from tests.unit.storage.kept import journal_of, keep

_TWO = (*C_GET[:-2], "--uid-list", "-")

every_text = pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE)


def _engine(said: str) -> Engine:
    told = [each for uid in (STUDY, OTHER) for each in story(uid, said)]
    return Engine([started(2), *told, RetrieveFinished(verdict=Verdict.PARTIAL)])


def _words(said: str) -> str:
    return " ".join(clean_text(said).split())


def _joined(text: str) -> str:
    return " ".join(text.split())


def _texts(value: object) -> list[str]:
    match value:
        case str():
            return [value]
        case dict():
            return [text for each in value.values() for text in _texts(each)]
        case list():
            return [text for each in value for text in _texts(each)]
        case _:
            return []


@every_text
def test_piped_it_is_told_word_for_word(said: str, tmp_path: Path) -> None:
    files = ("--log-file", str(tmp_path / "log"), "--report", str(tmp_path / "report"))
    result = run(*_TWO, "-v", *files, engine=_engine(said), stdin=f"{STUDY}\n{OTHER}\n")

    told = result.out + result.err
    assert not odd_characters(told)
    assert _joined(told).count(_words(said)) >= 8
    assert not odd_characters((tmp_path / "log").read_text())
    report = _texts(json.loads((tmp_path / "report").read_text()))
    assert not odd_characters("".join(report), allowed="")
    assert sum(_words(said) in _joined(text) for text in report) >= 6


@every_text
def test_on_a_terminal_it_steers_nothing(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    result = run(
        *_TWO,
        "-v",
        engine=_engine(said),
        stdin=f"{STUDY}\n{OTHER}\n",
        stderr=Stream(terminal=True),
    )

    # rich's own codes move the cursor by lines; they clear no screen and name no window.
    assert "\x1b[2J" not in result.err
    assert "\x1b]" not in result.err
    assert not odd_characters(result.err, allowed="\x1b\r\n")
    assert _joined(result.err).count(_words(said)) >= 8


@every_text
def test_for_programs_it_is_told_clean(said: str) -> None:
    result = run(*_TWO, "--json", engine=_engine(said), stdin=f"{STUDY}\n{OTHER}\n")

    events = [json.loads(line) for line in result.out.splitlines()]
    assert not odd_characters("".join(_texts(events)), allowed="")
    assert sum(_words(said) in _joined(text) for text in _texts(events)) >= 10


@every_text
@pytest.mark.parametrize(
    ("flags", "terminal"),
    [((), True), ((), False), (("--json",), False), (("--uids",), False)],
    ids=["table", "rows", "json", "uids"],
)
def test_what_is_found_is_told_word_for_word(
    said: str, flags: tuple[str, ...], *, terminal: bool
) -> None:
    match, series = saying(HONG, said), saying(SERIES, said)
    for level, each in (("study", match), ("series", series)):
        result = find(
            *("--patient-id", "P", "--level", level, *flags),
            found=[each, Remark(text=said)],
            stdout=Stream(terminal=terminal),
        )
        told = result.out + result.err
        assert not odd_characters(told, allowed="\n\t" if not terminal else "\r\n")
        assert _words(said) in _joined(result.err)
        if "--json" in flags:
            texts = [text for line in result.out.splitlines() for text in _texts(json.loads(line))]
            assert not odd_characters("".join(texts), allowed="")
            assert sum(_words(said) in _joined(text) for text in texts) >= 6
        elif not flags:
            assert _joined(result.out.replace('""', '"')).count(_words(said)[:6]) >= 2


@every_text
def test_what_a_journal_says_is_told_as_text(said: str, tmp_path: Path) -> None:
    uid = said.encode("utf-8", "replace").decode()  # SQLite keeps nothing else
    keep(tmp_path, 1, uid=STUDY, verdict=uid, missing=[uid])
    with closing(sqlite3.connect(journal_of(tmp_path))) as database:
        if "../" not in uid:  # that is damage
            database.execute("UPDATE instances SET path = ?", (uid,))
        database.execute("UPDATE studies SET study_instance_uid = ?", (uid,))
        database.commit()

    told = run("verify", str(tmp_path))
    as_json = run("verify", str(tmp_path), "--json")

    assert not odd_characters(told.out + told.err)
    assert not odd_characters(as_json.err)
    texts = [text for line in as_json.out.splitlines() for text in _texts(json.loads(line))]
    assert not odd_characters("".join(texts), allowed="")
    assert _words(uid) in _joined(told.out)


@every_text
def test_what_a_profile_says_is_told_as_text(said: str, tmp_path: Path) -> None:
    said = said.encode("utf-8", "replace").decode()  # TOML is nothing else
    text = json.dumps(said, ensure_ascii=True).replace("\\ud", "\\u0")
    config = tmp_path / "profiles.toml"
    config.write_text(
        f"[profiles.a]\nhost = {text}\n[profiles.b]\nhost = 'b.test'\noutput = {text}\n"
        f"called_aet = {text}\n[profiles.c]\nhost = 'c.test'\noutput = {text}\n"
    )

    for words in (("list",), ("show", "a"), ("show", "b"), ("show", "c"), ("test", "a")):
        result = run("profiles", *words, "--config", str(config))
        assert not odd_characters(result.out + result.err)
