"""The profiles file: what is said is kept, and every mistake is named where it stands."""

import codecs
import stat
import tomllib
from pathlib import Path

import pytest

from dicom_retrieve_tui.config.precedence import BUILT_IN, DEFAULTS, FLAG, Value, resolve
from dicom_retrieve_tui.config.profiles_file import ProfileBook, profiles_path
from dicom_retrieve_tui.errors import ConfigError

FIVE_MISTAKES = """\
[defaults]
timeout = "60"

[profiles.hospital]
host = "pacs.test"
mov_dest = "US"
port = 70000
parallel = 4.5
called_aet = "MUCH_TOO_LONG_FOR_AN_AE"
"""


def book(tmp_path: Path, text: str) -> ProfileBook:
    path = tmp_path / "profiles.toml"
    path.write_text(text)
    return ProfileBook.load(path)


def test_five_mistakes_make_five_sentences(tmp_path: Path) -> None:
    assert book(tmp_path, FIVE_MISTAKES).faults() == [
        "[defaults] timeout = '60': expected a number.",
        "[profiles.hospital] mov_dest: no such key; did you mean move_dest?",
        "[profiles.hospital] port '70000': expected a whole number from 1 to 65535.",
        "[profiles.hospital] parallel = 4.5: expected a whole number.",
        (
            "[profiles.hospital] called_aet 'MUCH_TOO_LONG_FOR_AN_AE' has 23 characters; "
            "an AE title has at most 16."
        ),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[profiles.a]\nhost = "h"\ntls = "true"\n', "tls = 'true': expected true or false."),
        ("[profiles.a]\nport = 104\n", "[profiles.a]: host is missing."),
        ("[profiles.a]\nhost = 'a b'\n", "expected a host name"),
        ("[profiles.a]\nhost = 'h'\nmethod = 'wado'\n", "choose c-move, c-get or auto."),
        (
            "[profiles.a]\nhost = 'h'\nlisten = 'here'\n",
            "listen: 'here' is not a port",
        ),
        ("[profiles.a]\nhost = 'h'\nlayout = '{Color}'\n", "{Color}"),
        ("[profiles.a]\nhost = 'h'\nparallel = true\n", "expected a whole number."),
        ("[profiles.a]\nhost = 'h'\noutput = ' '\n", "output is empty"),
        ("[profiles.'a b']\nhost = 'h'\n", "is not a valid profile name"),
        ("[defaults]\nhost = 'h'\n", "[defaults] host: no such key"),
        ("profiles = 5\n", "expected a table for each PACS"),
        ("[profiles]\na = 5\n", "[profiles.a]: expected a table, found 5."),
    ],
)
def test_a_mistake_is_named(text: str, words: str, tmp_path: Path) -> None:
    (fault,) = book(tmp_path, text).faults()

    assert words in fault


def test_what_is_no_toml_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"this is not TOML: .*line 2"):
        book(tmp_path, "[defaults]\nparallel = \n")


def test_a_byte_order_mark_is_no_mistake_and_the_rest_stays_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "profiles.toml"
    text = b"# ours\r\n[profiles.a]\r\nhost = 'h'\r\n"
    path.write_bytes(codecs.BOM_UTF8 + text)

    profiles = ProfileBook.load(path)
    assert profiles.faults() == []
    profiles.put("a", {"port": "104"})
    profiles.save()

    assert path.read_bytes().removeprefix(codecs.BOM_UTF8).startswith(text)
    assert ProfileBook.load(path).profile("a")["port"] == "104"


def test_a_profile_with_mistakes_is_not_used_and_its_neighbour_is(tmp_path: Path) -> None:
    profiles = book(tmp_path, "[profiles.a]\nhots = 'a'\n[profiles.b]\nhost = 'b'\n")

    assert profiles.profile("b") == {"host": "b"}
    with pytest.raises(ConfigError, match="hots: no such key"):
        profiles.profile("a")


@pytest.mark.parametrize(
    ("name", "words"),
    [("hospitl", "did you mean @hospital?"), ("zzz", "there are @hospital, @research.")],
)
def test_an_unknown_name_lists_the_nearest(name: str, words: str, tmp_path: Path) -> None:
    text = "[profiles.hospital]\nhost = 'a'\n[profiles.research]\nhost = 'b'\n"
    with pytest.raises(ConfigError) as caught:
        book(tmp_path, text).profile(name)

    assert words in str(caught.value)


def test_flag_over_profile_over_defaults_over_built_in(tmp_path: Path) -> None:
    profiles = book(
        tmp_path,
        "[defaults]\ntimeout = 30\nparallel = 2\naet = 'D'\n"
        "[profiles.a]\nhost = 'h'\nparallel = 3\naet = 'P'\n",
    )

    held = resolve(profiles, "a", {"aet": "F", "method": None})

    assert held["aet"] == Value("F", FLAG)
    assert held["parallel"] == Value("3", "@a")
    assert held["timeout"] == Value("30", DEFAULTS)
    assert held["retries"] == Value("3", BUILT_IN)
    assert "move_dest" not in held


def test_what_is_not_ours_is_kept(tmp_path: Path) -> None:
    profiles = book(
        tmp_path,
        "version = 9\n[profiles.a]\nhost = 'h'\nfuture = [1, 2]\n[other.program]\nx = 1979-05-27\n",
    )

    profiles.put("a", {"port": "11112"})
    profiles.put("b", {"host": "b", "timeout": "2.5"})
    profiles.save()

    written = tomllib.loads(profiles.path.read_text())
    assert written["profiles"]["a"] == {"host": "h", "future": [1, 2], "port": 11112}
    assert written["profiles"]["b"] == {"host": "b", "timeout": 2.5}
    assert written["version"] == 9
    assert str(written["other"]["program"]["x"]) == "1979-05-27"


def test_comments_and_the_other_tables_are_kept_byte_for_byte(tmp_path: Path) -> None:
    rest = "# mine\r\n[defaults]\r\ntimeout=  30 # slow\r\n\r\n"
    before = "[profiles.a] # the archive\r\nhost = 'h' # by name\r\n# port = 4242\r\n"
    path = tmp_path / "profiles.toml"
    path.write_bytes(f"{rest}{before}".encode())

    profiles = ProfileBook.load(path)
    profiles.put("a", {"port": "11112"})
    profiles.put("b", {"host": "b"})
    profiles.remove("b")
    profiles.put("c", {"host": "c"})
    profiles.save()

    after = (
        "[profiles.a] # the archive\r\nhost = 'h' # by name\r\nport = 11112\r\n# port = 4242\r\n"
    )
    new = '\r\n[profiles.c]\r\nhost = "c"\r\n'
    assert path.read_bytes().decode() == f"{rest}{after}{new}"


@pytest.mark.parametrize(
    "text",
    [
        "profiles = {a = {host = 'h'}}\n",
        "profiles.a.host = 'h'\n",
        "[profiles]\na.host = 'h'\n",
        "[[profiles.a.list]]\nx = 1\n[[profiles.a.list]]\n[profiles.b]\nhost = 'h'\n",
    ],
)
def test_what_cannot_be_edited_in_place_is_written_whole(text: str, tmp_path: Path) -> None:
    profiles = book(tmp_path, text)

    profiles.rewrite("new", {"host": "x", "port": "5"}, was="a")
    profiles.save()

    read = ProfileBook.load(profiles.path)
    assert read.profile("new")["port"] == "5" if "list" not in text else read.names == ["new", "b"]


def test_a_file_is_for_its_owner_alone_and_a_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real.toml"
    real.write_text("")
    link = tmp_path / "profiles.toml"
    link.symlink_to(real)
    profiles = ProfileBook.load(link)
    profiles.put("a", {"host": "h"})

    profiles.save()

    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert ProfileBook.load(link).names == ["a"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["profiles.toml", "real.toml"]


def test_a_write_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles = book(tmp_path, "[profiles.a]\nhost = 'h'\n")
    profiles.put("a", {"host": "other"})

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(ConfigError, match="no space left on device; it is unchanged"):
        profiles.save()

    assert [path.name for path in tmp_path.iterdir()] == ["profiles.toml"]
    assert ProfileBook.load(profiles.path).profile("a") == {"host": "h"}


@pytest.mark.parametrize(
    ("flag", "environ", "path"),
    [
        ("a.toml", {"DICOM_RETRIEVE_CONFIG": "b.toml"}, "a.toml"),
        (None, {"DICOM_RETRIEVE_CONFIG": "b.toml"}, "b.toml"),
    ],
)
def test_the_flag_names_the_file_or_else_the_environment(
    flag: str | None, environ: dict[str, str], path: str
) -> None:
    assert profiles_path(flag, environ) == Path(path)


def test_without_either_it_is_in_the_users_folder() -> None:
    path = profiles_path(None, {})

    assert path.is_absolute()
    assert path.parts[-2:] == ("dicom-retrieve", "profiles.toml")


def test_values_nested_without_end_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "profiles.toml"
    path.write_text("a = " + "[" * 3000 + "]" * 3000)

    with pytest.raises(ConfigError, match="nested too deep"):
        ProfileBook.load(path)
