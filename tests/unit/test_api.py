"""What the library refuses before anything is sent, and what it offers by name."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import dicom_retrieve_tui
from dicom_retrieve_tui import (
    ConfigError,
    Pacs,
    RetrieveKeywords,
    Secret,
    Selection,
    TlsSettings,
    find,
    retrieve,
    verify,
)

_GET = Pacs("pacs.test", method="c-get")


def test_every_name_of_the_library_is_there() -> None:
    for name in dicom_retrieve_tui.__all__:
        assert getattr(dicom_retrieve_tui, name) is not None
    assert set(dicom_retrieve_tui.__all__) <= set(dir(dicom_retrieve_tui))
    with pytest.raises(AttributeError, match="retrieve_some"):
        getattr(dicom_retrieve_tui, "retrieve_some")  # noqa: B009 - mypy knows that it is not there


def test_every_name_has_a_docstring() -> None:
    plain = {"Event", "__version__"}
    for name in set(dicom_retrieve_tui.__all__) - plain:
        assert getattr(dicom_retrieve_tui, name).__doc__, name


def test_the_import_loads_neither_the_engine_nor_a_face() -> None:
    code = (
        "import sys, dicom_retrieve_tui; "
        "print([m for m in sys.modules if m.startswith('dicom_retrieve_tui.')])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(dicom_retrieve_tui.__file__).parent / "py.typed").is_file()


def test_a_pacs_prints_as_its_address() -> None:
    assert str(Pacs("::1", 11112, called_ae_title="ARCHIVE")) == "ARCHIVE@[::1]:11112"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"host": "no host"}, "host 'no host'"),
        ({"port": 0}, "port '0'"),
        ({"method": "c-push"}, "method 'c-push'"),
        ({"move_destination": "A\\B"}, "move_destination"),
        ({"called_ae_title": "LONGER_THAN_SIXTEEN"}, "called_ae_title"),
        ({"calling_ae_title": ""}, "calling_ae_title"),
        ({"timeout_s": -1.0}, "timeout_s"),
        ({"query_model": "series-root"}, "query_model"),
        ({"max_pdu_bytes": 1}, "max_pdu_bytes"),
        ({"listen": "nowhere:port"}, "listen"),
        ({"listen": 11113, "accept_from": "not a host"}, "accept_from"),
        ({"accept_from": "10.0.0.1"}, "accept_from requires listen"),
        ({"passcode": "secret"}, "require user"),
        ({"user": "me", "passcode": "x", "passcode_file": "y"}, "cannot be combined"),
        ({"user": " "}, "user"),
    ],
)
def test_an_invalid_value_of_a_pacs_is_refused_by_its_name(
    arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        Pacs(**{"host": "pacs.test", **arguments})  # type: ignore[arg-type]


def test_no_passcode_is_shown_or_pickled() -> None:
    pacs = Pacs("pacs.test", user="reader", passcode="open sesame")

    assert pacs.passcode == Secret("open sesame")
    assert "sesame" not in repr(pacs)
    with pytest.raises(TypeError):
        pickle.dumps(pacs)


@pytest.mark.parametrize(
    ("pacs", "message"),
    [
        (Pacs("pacs.test"), "requires move_destination"),
        (Pacs("pacs.test", method="c-get", listen=11113), "listen has no use with method c-get"),
        (Pacs("pacs.test", method="auto", listen=11113), "listen requires move_destination"),
        (
            Pacs("pacs.test", move_destination="ME", listen=11113, tls=True),
            "requires a certificate",
        ),
    ],
)
def test_a_pacs_that_cannot_be_retrieved_from_is_refused(pacs: Pacs, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        retrieve(pacs, "1.2.3", "out")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": "{Nothing}"}, "Nothing"),
        ({"parallel": 0}, "parallel"),
        ({"retries": -1}, "retries"),
        ({"modality": ["CT", "PT"], "exclude_modality": "CT"}, "contradict each other"),
        ({"modality": "C-T"}, "modality"),
        ({"series_description": "a\\b"}, "series_description"),
        ({"umask": 0o7777}, "umask"),
        ({"keep_free": "much"}, "keep_free"),
        ({"between": "nights"}, "between 'nights'"),
        ({"max_rate": "slow"}, "max_rate 'slow'"),
        ({"outage": "30"}, "outage"),
    ],
)
def test_an_invalid_option_is_refused_by_its_name(options: RetrieveKeywords, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        retrieve(_GET, "1.2.3", "out", **options)


def test_an_unknown_option_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="parallels"):
        retrieve(_GET, "1.2.3", "out", parallels=2)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("selections", "message"),
    [
        ([], "No study"),
        ("1.2.*", "wildcard"),
        (["1.2.3", ""], "is empty"),
        (Selection.of("1.2.3", "1.2\\3"), "backslash"),
    ],
)
def test_an_invalid_selection_is_refused(
    selections: str | Selection | list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        retrieve(_GET, selections, "out")


def test_a_retrieval_that_is_never_read_leaves_nothing(tmp_path: Path) -> None:
    with retrieve(_GET, "1.2.3", tmp_path / "out") as events:
        assert events.account().studies[0].reason == "not started"

    assert not (tmp_path / "out").exists()


def test_one_cancelled_before_its_first_event_has_a_story_too(tmp_path: Path) -> None:
    with retrieve(_GET, ["1.2.3", "1.2.4"], tmp_path / "out") as events:
        events.cancel()
        names = [type(event).__name__ for event in events]

    assert names == ["RetrieveStarted", "RetrieveFinished"]
    assert events.account().verdict == "cancelled"
    assert not (tmp_path / "out").exists()


def test_a_search_without_criteria_is_refused() -> None:
    with pytest.raises(ConfigError, match="everything=True"):
        find(_GET)
    with pytest.raises(ConfigError, match="split requires"):
        find(_GET, patient_id="1", split=True)
    with pytest.raises(ConfigError, match="level"):
        find(_GET, patient_id="1", level="patient")


def test_a_folder_without_a_journal_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no journal"):
        verify(tmp_path)


def test_a_key_that_needs_a_passphrase_asks_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DICOM_RETRIEVE_KEY_PASSPHRASE", raising=False)
    key = tmp_path / "key.pem"
    key.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    pacs = Pacs("pacs.test", method="c-get", tls=TlsSettings(certificate=key))

    with pytest.raises(ConfigError, match="passphrase"):
        retrieve(pacs, "1.2.3", tmp_path)
