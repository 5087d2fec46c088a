from pathlib import Path

import pytest

from dicom_retrieve_tui.cli.commands import retrieve
from tests.unit.cli.scripted import C_GET, PACS, STUDY, run

UID_1025 = "1." + "2" * 1023

CASES = {
    "no target": ((), "No PACS was named"),
    "a command misspelt": (("verfiy", "studies"), "'verfiy'; did you mean verify?"),
    "help for nothing": (("help", "wash"), "Unknown command 'wash'. Commands: find, "),
    "http URL": (("http://pacs.test", "--study-uid", STUDY), "http://"),
    "ftp URL": (("ftp://pacs.test", "--study-uid", STUDY), "ftp://"),
    "no scheme": (("pacs.test", "--study-uid", STUDY), "no scheme"),
    "port that is a word": (("pacs://pacs.test:dicom", "--study-uid", STUDY), "'dicom'"),
    "port 0": (("pacs://pacs.test:0", "--study-uid", STUDY), "1 to 65535"),
    "port 65536": (("pacs://pacs.test:65536", "--study-uid", STUDY), "1 to 65535"),
    "AE title of 17": ((*C_GET, "--aet", "A" * 17), "--aet 'AAAAAAAAAAAAAAAAA' has 17"),
    "AE title with backslash": ((*C_GET, "--called-aet", "A\\B"), "--called-aet 'A\\\\B'"),
    "empty AE title": ((*C_GET, "--aet", ""), "--aet '' is empty"),
    "bad move destination": (
        (PACS, "--study-uid", STUDY, "--move-dest", "B" * 17),
        "--move-dest",
    ),
    "UID of 1,025": ((PACS, "--method", "c-get", "--study-uid", UID_1025), "has 1025 characters"),
    "UID with a wildcard": ((PACS, "--method", "c-get", "--study-uid", "1.2.*"), "--study-uid"),
    "UIDs in one": ((PACS, "--method", "c-get", "--study-uid", "1\\2"), "has a backslash"),
    "UID with a line end": ((PACS, "--method", "c-get", "--study-uid", "1\n2"), "a control char"),
    "UID in Greek": ((PACS, "--method", "c-get", "--study-uid", "1.\u03b1"), "beyond Latin-1"),
    "empty UID": ((PACS, "--method", "c-get", "--study-uid", ""), "--study-uid '' is empty"),
    "bad series": ((*C_GET, "--series-uid", "1.?"), "--series-uid '1.?'"),
    "bad instance": (
        (*C_GET, "--series-uid", "1.2", "--instance-uid", "1.*"),
        "--instance-uid '1.*'",
    ),
    "series alone": ((PACS, "--method", "c-get", "--series-uid", "1.2"), "requires --study-uid"),
    "instance without series": ((*C_GET, "--instance-uid", "1.2"), "requires --series-uid"),
    "instance without study": (
        (PACS, "--method", "c-get", "--series-uid", "1.2", "--instance-uid", "1.2"),
        "requires --study-uid",
    ),
    "a UID in two ways": ((*C_GET, "1.2.3"), "'1.2.3' and --study-uid cannot be combined"),
    "a UID and a list": (
        (PACS, "1.2.3", "--method", "c-get", "--uid-list", "bad.txt"),
        "'1.2.3' and --uid-list cannot be combined",
    ),
    "shard 0": ((*C_GET, "--shard", "0/4"), "--shard '0/4': shards are numbered from 1 to 4"),
    "shard 5 of 4": ((*C_GET, "--shard", "5/4"), "--shard '5/4'"),
    "a shard that is a word": ((*C_GET, "--shard", "x"), "expected K/N, such as 2/8, or auto"),
    "a shard of nothing": ((*C_GET, "--shard", "auto"), "--shard auto needs SLURM_ARRAY_TASK_ID"),
    "shards alone": ((*C_GET, "--shards", "4"), "--shards requires --shard auto"),
    "shards twice": ((*C_GET, "--shard", "1/4", "--shards", "4"), "--shard 1/4 has the number"),
    "a user in bytes that are no text": (
        (*C_GET, "--user", "M\udcfcller"),
        "--user 'M\\udcfcller' has bytes that are not UTF-8 text.",
    ),
    "a name in bytes that are no text": (
        ("find", PACS, "--patient-name", "M\udcfcller"),
        "The patient name 'M\\udcfcller*' has bytes that are not UTF-8 text.",
    ),
    "a profile in bytes that are no text": (
        ("profiles", "add", "x", PACS, "--output", "M\udcfcller"),
        "--output 'M\\udcfcller' has bytes that are not UTF-8 text.",
    ),
    "a stray word": ((PACS, "--method", "c-get", "study"), "'study' has no digit"),
    "nothing to retrieve": ((PACS, "--method", "c-get"), "--study-uid or --uid-list"),
    "C-MOVE to nowhere": ((PACS, "--study-uid", STUDY), "--method c-get"),
    "list and study": ((*C_GET, "--uid-list", "list.txt"), "cannot be combined"),
    "list that is missing": (
        (PACS, "--method", "c-get", "--uid-list", "missing.txt"),
        "missing.txt: cannot be read: no such file",
    ),
    "list without end": (
        (PACS, "--method", "c-get", "--uid-list", "/dev/zero"),
        "--uid-list /dev/zero: it has more than 100 MB, the most that is read; use another",
    ),
    "profiles without end": (
        ("profiles", "list", "--config", "/dev/zero"),
        "/dev/zero: it has more than 20 MB, the most that is read",
    ),
    "list that is empty": (
        (PACS, "--method", "c-get", "--uid-list", "empty.txt"),
        "empty.txt: the list names no UID.",
    ),
    "list with a bad line": (
        (PACS, "--method", "c-get", "--uid-list", "bad.txt"),
        "bad.txt: line 2: '1.2.*' has a wildcard",
    ),
    "list that is no text": (
        (PACS, "--method", "c-get", "--uid-list", "binary.txt"),
        "this is not text",
    ),
    "list that is a folder": ((PACS, "--method", "c-get", "--uid-list", "."), "directory"),
    "empty stdin": ((PACS, "--method", "c-get", "--uid-list", "-"), "--uid-list -: "),
    "output that is a file": ((*C_GET, "--output", "empty.txt"), "this is a file"),
    "output below a file": ((*C_GET, "--output", "empty.txt/a/b"), "empty.txt is a file"),
    "empty output": ((*C_GET, "--output", ""), "--output is empty"),
    "a query model that is none": (
        (*C_GET, "--query-model", "study"),
        "--query-model 'study': choose study-root, patient-root or auto",
    ),
    "PDUs without limit": ((*C_GET, "--max-pdu", "0"), "--max-pdu '0': expected a whole number"),
    "PDUs too long": ((*C_GET, "--max-pdu", "131073"), "from 4096 to 131072"),
    "parallel 0": ((*C_GET, "--parallel", "0"), "from 1 to 64"),
    "parallel 65": ((*C_GET, "--parallel", "65"), "from 1 to 64"),
    "parallel -1": ((*C_GET, "--parallel", "-1"), "from 1 to 64"),
    "parallel a word": ((*C_GET, "--parallel", "four"), "--parallel 'four'"),
    "retries -1": ((*C_GET, "--retries", "-1"), "from 0 to 100"),
    "retries 101": ((*C_GET, "--retries", "101"), "from 0 to 100"),
    "retries a word": ((*C_GET, "--retries", "often"), "--retries 'often': expected a whole"),
    "verify of nowhere": (("verify", "nowhere"), "nowhere: there is no such folder"),
    "verify of a file": (("verify", "empty.txt"), "empty.txt: there is no such folder"),
    "verify of a strange folder": (("verify", "."), "no journal"),
    "timeout 0": ((*C_GET, "--timeout", "0"), "more than 0"),
    "timeout negative": ((*C_GET, "--timeout", "-5"), "more than 0"),
    "timeout not a number": ((*C_GET, "--timeout", "nan"), "--timeout 'nan'"),
    "timeout for ever": ((*C_GET, "--timeout", "inf"), "--timeout 'inf'"),
    "timeout of years": ((*C_GET, "--timeout", "99999999"), "at most 86400"),
    "method": ((PACS, "--study-uid", STUDY, "--method", "wado"), "c-move, c-get or auto"),
    "two layouts": (
        (*C_GET, "--hierarchical", "--layout", "{SOPInstanceUID}"),
        "cannot be combined",
    ),
    "layout of unknown field": ((*C_GET, "--layout", "{Color}.dcm"), "{Color}"),
    "layout that climbs": ((*C_GET, "--layout", "../{SOPInstanceUID}.dcm"), "--layout"),
    "listen to a word": (
        (PACS, "--study-uid", STUDY, "--move-dest", "ME", "--listen", "here:there"),
        "--listen",
    ),
    "a umask that locks us out": ((*C_GET, "--umask", "777"), "the owner's permissions stay"),
    "a umask in decimal": ((*C_GET, "--umask", "0o77"), "expected octal digits"),
    "to keep free what is no size": ((*C_GET, "--keep-free", "much"), "--keep-free 'much'"),
    "accept from nobody": (
        (PACS, "--study-uid", STUDY, "--move-dest", "ME", "--listen", "1", "--accept-from", ","),
        "--accept-from ''",
    ),
    "accept without a listener": (
        (PACS, "--study-uid", STUDY, "--move-dest", "ME", "--accept-from", "10.1.2.3"),
        "--accept-from requires --listen, our own Storage SCP, to which the hosts may send.",
    ),
    "listen with C-GET": ((*C_GET, "--listen", "11112"), "--listen has no use"),
    "listen as nobody": (
        (PACS, "--study-uid", STUDY, "--method", "auto", "--listen", "11112"),
        "--listen requires --move-dest",
    ),
    "report in no folder": (
        (*C_GET, "--report", "nowhere/r.json"),
        "nowhere does not exist",
    ),
    "report that is a folder": ((*C_GET, "--report", "."), "expected the name of a file"),
    "report without a name": ((*C_GET, "--report", ""), "expected the name of a file"),
    "report on a device": ((*C_GET, "--report", "/dev/null"), "expected the name of a file"),
    "report with a null character": ((*C_GET, "--report", "a\0b/c"), "folder ab does not exist"),
    "report into a closed stream": (
        (*C_GET, "--report", "/dev/fd/987654"),
        "--report /dev/fd/987654: this stream is not open.",
    ),
    "log in no folder": ((*C_GET, "--log-file", "nowhere/l.log"), "nowhere does not exist"),
}

USAGE = {
    "unknown flag": ((*C_GET, "--patience", "3"), "Unknown flag --patience"),
    "mistyped flag": ((PACS, "--studyuid", STUDY), "did you mean --study-uid?"),
    "abbreviated flag": ((PACS, "--study", STUDY), "did you mean --study-uid?"),
    "flag without a value": ((PACS, "--study-uid"), "--study-uid needs a value."),
    "flag given twice": ((*C_GET, "--study-uid", OTHER_UID := "1.2.3"), "use --uid-list"),
    "verify of nothing": (("verify",), "verify needs the folder"),
    "verify of nothing deeply": (("verify", "--deep"), "verify needs the folder"),
    "verify of two": (("verify", "a", "b"), "Unexpected argument 'b'."),
    "verify with a stray flag": (("verify", ".", "--deap"), "did you mean --deep?"),
    "demo of both": (("demo", "--headless", "--serve"), "--headless"),
    "demo that serves a folder": (
        ("demo", "--serve", "--output", "x"),
        "cannot be combined with --serve",
    ),
    "demo with a stray flag": (("demo", "--headless", "--aet", "X"), "Unknown flag --aet"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "empty.txt").touch()
    (tmp_path / "bad.txt").write_text("# studies\n1.2.*\n")
    (tmp_path / "binary.txt").write_bytes(b"\xc3\x281\x00\x01\x02")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("argv", "words"), CASES.values(), ids=CASES.keys())
def test_bad_input_ends_with_one_sentence_and_nothing_written(
    argv: tuple[str, ...], words: str, folder: Path
) -> None:
    before = sorted(folder.iterdir())

    result = run(*argv)

    sentence = result.err.removesuffix("\ndicom-retrieve --help lists the flags.\n").rstrip("\n")
    assert result.code == 1
    assert result.out == ""
    assert words in sentence
    assert sentence.startswith("dicom-retrieve: ")
    assert "\n" not in sentence
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(("argv", "words"), USAGE.values(), ids=USAGE.keys())
def test_a_usage_error_exits_with_1_and_points_to_the_help(
    argv: tuple[str, ...], words: str, folder: Path
) -> None:
    result = run(*argv)

    first, second, rest = result.err.split("\n")
    assert result.code == 1
    assert words in first
    command = "dicom-retrieve verify" if argv[:1] == ("verify",) else "dicom-retrieve"
    assert second == f"{command} --help lists the flags."
    assert rest == ""
    assert result.out == ""
    assert len(list(folder.iterdir())) == 3


def test_every_bad_line_of_a_list_is_named(folder: Path) -> None:
    (folder / "bad.txt").write_text("1.2.*\n1\\.2\n1.?2\n")

    result = run(PACS, "--method", "c-get", "--uid-list", "bad.txt")

    assert result.code == 1
    assert all(f"line {number}" in result.err for number in (1, 2, 3))


def test_standard_input_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieve, "LIST_MAX_BYTES", 3_000_000)

    result = run(PACS, "--method", "c-get", "--uid-list", "-", stdin="1.2\n" * 1_000_000)

    assert result.code == 1
    assert "--uid-list -: it has more than 3 MB, the most that is read; use" in result.err


def test_control_characters_in_an_argument_do_not_reach_the_terminal(folder: Path) -> None:
    result = run(*C_GET, "--output", f"{folder}/empty.txt/\x1b[31mred")

    assert result.code == 1
    assert "\x1b" not in result.err
