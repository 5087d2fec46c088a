"""Saved profiles at the command line: quick pulls, and the commands that manage them."""

from pathlib import Path

import pytest

from dicom_retrieve_tui.cli.main import main
from dicom_retrieve_tui.config.profiles_file import ProfileBook
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.options import suggested_values
from dicom_retrieve_tui.model.verdict import Verdict
from tests.unit.cli.scripted import OTHER, PACS, STUDY, Engine, Stream, run, study_of, whole_run

HOSPITAL = """\
[defaults]
output = "~/all"
[profiles.hospital]
host = "pacs.test"
port = 11112
called_aet = "ARCHIVE"
move_dest = "US"
listen = "11113"
accept_from = "10.1.2.3, NODE@10.1.3.0/24"
layout = "hierarchical"
parallel = 4
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "profiles.toml"
    path.write_text(HOSPITAL)
    monkeypatch.setenv("DICOM_RETRIEVE_CONFIG", str(path))
    for name in ("HOME", "USERPROFILE"):  # the latter is Windows'
        monkeypatch.setenv(name, str(tmp_path))
    return path


def _engine() -> Engine:
    return whole_run(study_of(Verdict.COMPLETE, came=1))


@pytest.mark.usefixtures("file")
def test_a_quick_pull_takes_everything_from_the_profile(tmp_path: Path) -> None:
    engine = _engine()

    result = run("@hospital", STUDY, engine=engine)

    assert result.code == 0, result.err
    ((selections, options),) = engine.asked
    assert [each.study_instance_uid for each in selections] == [STUDY]
    assert (options.method, options.move_destination, options.listening) == (
        Method.C_MOVE,
        "US",
        True,
    )
    assert options.parallel == 4
    assert str(options.peer) == "ARCHIVE@pacs.test:11112"
    assert options.listen == (None, 11113)
    assert [str(each) for each in options.accept_from] == ["10.1.2.3", "NODE@10.1.3.0/24"]
    assert options.output == tmp_path / "all"
    assert options.layout.startswith("{StudyInstanceUID}/")


@pytest.mark.usefixtures("file")
def test_a_flag_wins_and_uids_stand_anywhere() -> None:
    engine = _engine()

    run(
        *("@hospital", "--parallel", "2", STUDY, "--method", "c-get", OTHER, STUDY),
        *("--layout", "{SOPInstanceUID}", "--output", "here"),
        engine=engine,
    )

    ((selections, options),) = engine.asked
    assert [each.study_instance_uid for each in selections] == [STUDY, OTHER]
    assert (options.method, options.parallel, options.listen) == (Method.C_GET, 2, None)
    assert options.accept_from == ()
    assert options.layout == "{SOPInstanceUID}"
    assert options.output == Path("here")


@pytest.mark.usefixtures("file")
def test_a_flag_that_contradicts_is_still_refused() -> None:
    result = run("@hospital", STUDY, "--method", "c-get", "--listen", "5")

    assert result.code == 1
    assert "--listen has no use" in result.err


@pytest.mark.usefixtures("file")
def test_an_address_takes_nothing_from_any_file() -> None:
    engine = _engine()

    run(PACS, STUDY, "--method", "c-get", engine=engine)

    ((_, options),) = engine.asked
    assert (options.parallel, options.output) == (1, Path())


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("@hospitl", STUDY), "did you mean @hospital?"),
        (("@", STUDY), "Unknown profile ''"),
        (("@hospital",), "Give Study Instance UIDs, --study-uid or --uid-list"),
        (("profiles", "shwo"), "choose one of list, show, path, add, remove, test"),
        (("profiles", "show"), "needs the name of a profile"),
        (("profiles", "show", "nobody"), "Unknown profile 'nobody'"),
        (("profiles", "remove", "hospital"), "requires --yes"),
        (("profiles", "add", "new"), "needs the address of its PACS"),
        (("profiles", "add", "a/b", PACS), "is not a valid profile name"),
        (("profiles", "add", "new", PACS, "--parallel", "0"), "--parallel '0': expected"),
        (("profiles", "add", "new", "http://x"), "starts with http://"),
    ],
)
def test_invalid_arguments_are_reported_and_the_file_is_unchanged(
    argv: tuple[str, ...], words: str, file: Path
) -> None:
    result = run(*argv)

    assert result.code == 1
    assert words in result.err
    assert file.read_text() == HOSPITAL


def test_a_profile_is_added_changed_shown_listed_and_removed(tmp_path: Path) -> None:
    config = ("--config", str(tmp_path / "new" / "profiles.toml"))

    added = run("profiles", "add", "lab", PACS, "--method", "c-get", "--output", "out", *config)
    assert added.code == 0, added.err
    assert "dicom-retrieve @lab STUDY_INSTANCE_UID" in added.err
    refused = run("profiles", "add", "@lab", "--parallel", "3", *config)
    assert refused.code == 1
    assert "There is a profile 'lab'" in refused.err
    assert run("profiles", "add", "@lab", "--parallel", "3", "--replace", *config).code == 0

    shown = run("profiles", "show", "lab", "--timeout", "5", *config).out.splitlines()
    assert ["method", "c-get", "@lab"] in [line.split() for line in shown]
    assert ["timeout", "5", "flag"] in [line.split() for line in shown]
    assert ["parallel", "3", "@lab"] in [line.split() for line in shown]
    assert ["retries", "3", "built-in"] in [line.split() for line in shown]

    assert run("profiles", *config).out == "@lab  ANY-SCP@pacs.test:11112  c-get into out\n"
    assert run("profiles", "path", *config).out.strip() == config[1]
    assert run("profiles", "remove", "lab", "--yes", *config).code == 0
    empty = run("profiles", "list", *config)
    assert (empty.code, empty.out) == (0, "")
    assert "profiles add" in empty.err


def test_a_profile_that_cannot_retrieve_yet_is_saved_with_a_warning(tmp_path: Path) -> None:
    config = ("--config", str(tmp_path / "profiles.toml"))

    added = run("profiles", "add", "lab", PACS, *config)

    assert added.code == 0
    assert "saved @lab in" in added.err
    assert "C-MOVE requires --move-dest" in added.err
    assert "profiles add @lab --replace OPTION VALUE" in added.err
    assert "@lab STUDY_INSTANCE_UID" not in added.err
    mended = run("profiles", "add", "lab", "--replace", "--move-dest", "ME", *config)
    assert "@lab STUDY_INSTANCE_UID" in mended.err
    assert "requires" not in mended.err


def test_a_new_profile_says_what_one_of_the_application_does(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "reading-room.test")

    added = run("profiles", "add", "lab", PACS, "--method", "c-get", "--parallel", "2")

    assert "--aet READING-ROOM, --layout hierarchical" in added.err
    table = ProfileBook.load(file).profile("lab")
    # [defaults] name the folder.
    assert (
        table.items() >= {"aet": "READING-ROOM", "layout": "hierarchical", "parallel": "2"}.items()
    )
    assert "output" not in table
    assert suggested_values("reading-room.test").keys() == {"aet", "layout", "output", "parallel"}


@pytest.mark.parametrize(("answer", "port"), [("y\n", 4242), ("n\n", 11112)])
def test_a_terminal_is_asked_before_a_profile_changes(answer: str, port: int, file: Path) -> None:
    typed = Stream(terminal=True)
    typed.write(answer)
    typed.seek(0)

    code = main(
        ["profiles", "add", "hospital", "pacs://pacs.test:4242"],
        stdin=typed, stdout=Stream(), stderr=Stream(),
    )  # fmt: skip

    assert code == (0 if port == 4242 else 1)
    assert file.read_text() == HOSPITAL.replace("11112", str(port))


def test_a_list_names_every_mistake_in_the_file(file: Path) -> None:
    file.write_text(HOSPITAL + "[profiles.bad]\nhots = 'a'\nport = 0\n")

    result = run("profiles")

    assert result.code == 1
    assert result.out.splitlines()[1].split() == ["@bad", "has", "mistakes"]
    assert "hots: no such key; did you mean host?" in result.err
    assert "port '0': expected" in result.err
    assert "host is missing" in result.err


def test_a_test_of_nobody_says_so(tmp_path: Path) -> None:
    config = ("--config", str(tmp_path / "profiles.toml"))
    run("profiles", "add", "gone", "pacs://127.0.0.1:1", *config)

    result = run("profiles", "test", "gone", *config)

    assert result.code == 1
    assert "Cannot reach 127.0.0.1:1: connection refused" in result.err
