"""`--modality` and its like: from flags and profiles into the plan, and into the account."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from dicom_retrieve_tui.cli.commands.find import read_find_options
from dicom_retrieve_tui.cli.parser import parse_command_line
from dicom_retrieve_tui.model.events import Event, StudyInventoried
from dicom_retrieve_tui.model.series_filter import SeriesFilter
from dicom_retrieve_tui.model.verdict import Verdict
from tests.unit.cli.scripted import C_GET, OTHER, PACS, STUDY, Engine, run, study_of, whole_run

_PROFILES = """\
[defaults]
exclude_modality = "SR,KO"
[profiles.hospital]
host = "pacs.test"
method = "c-get"
modality = "ct,pt"
series_description = "*T1*|FLAIR*"
[profiles.all]
host = "pacs.test"
method = "c-get"
exclude_modality = ""
"""
_NO_MATCH = "No series matches the filter; 1 left out on purpose."


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "profiles.toml"
    path.write_text(_PROFILES)
    monkeypatch.setenv("DICOM_RETRIEVE_CONFIG", str(path))
    return path


def _engine() -> Engine:
    return whole_run(study_of(Verdict.COMPLETE, came=3))


def _filter_of(*argv: str) -> SeriesFilter:
    engine = _engine()
    result = run(*argv, engine=engine)
    assert result.code == 0, result.err
    ((_, options),) = engine.asked
    return options.series_filter


def test_without_flags_every_series_is_wanted() -> None:
    assert not _filter_of(*C_GET)


def test_the_flags_make_the_filter() -> None:
    chosen = _filter_of(
        *C_GET, "--modality", "ct, PT", "--exclude-modality=SR", "--series-description", "*a*|b"
    )

    assert chosen == SeriesFilter(
        modalities=("CT", "PT"), excluded_modalities=("SR",), descriptions=("*a*", "b")
    )


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--modality", ""), "--modality '': it names no modality; leave it out"),
        (("--modality", "CT PT"), "'CT PT' is not a modality"),
        (("--modality", "SR", "--exclude-modality", "sr"), "SR is both wanted and left out"),
        (("--series-description", "|"), "holds no pattern"),
        (("--modality", "CT", "--modality", "PT"), "--modality is given twice"),
    ],
)
def test_an_invalid_filter_is_refused_at_once(flags: tuple[str, ...], words: str) -> None:
    result = run(*C_GET, *flags)

    assert result.code == 1
    assert words in result.err


@pytest.mark.usefixtures("file")
def test_a_profile_has_a_filter_and_a_flag_wins_over_it() -> None:
    assert _filter_of("@hospital", STUDY) == SeriesFilter(
        modalities=("CT", "PT"),
        excluded_modalities=("SR", "KO"),
        descriptions=("*T1*", "FLAIR*"),
    )
    assert _filter_of("@hospital", STUDY, "--modality", "MR").modalities == ("MR",)


@pytest.mark.usefixtures("file")
def test_an_empty_text_takes_what_stands_below_it_away() -> None:
    flags = ("--modality", "", "--exclude-modality", "", "--series-description", "")

    assert not _filter_of("@hospital", STUDY, *flags)
    assert not _filter_of("@all", STUDY)
    assert run("profiles", "show", "hospital", "--modality", "").code == 0


@pytest.mark.usefixtures("file")
def test_a_flag_against_the_profile_s_own_is_told() -> None:
    result = run("@hospital", STUDY, "--modality", "KO")

    assert result.code == 1
    assert "contradict each other: KO is both wanted and left out." in result.err


def test_profiles_add_keeps_a_filter(file: Path) -> None:
    added = run(
        "profiles",
        "add",
        "hospital",
        "--modality",
        "MR",
        "--series-description",
        "x|y",
        "--replace",
    )

    assert added.code == 0, added.err
    assert 'modality = "MR"' in file.read_text()
    assert _filter_of("@hospital", STUDY).descriptions == ("x", "y")


def test_a_profile_with_an_odd_filter_is_told_when_it_is_read(file: Path) -> None:
    file.write_text('[profiles.odd]\nhost = "pacs.test"\nmodality = "CT PT"\n')

    result = run("profiles", "list")

    assert result.code == 1
    assert "[profiles.odd] modality 'CT PT': 'CT PT' is not a modality" in result.err


@pytest.mark.parametrize(("flags", "asked"), [((), ""), (("--modality", "MR"), "MR")])
def test_find_has_its_own_modality(flags: tuple[str, ...], asked: str, file: Path) -> None:
    args = parse_command_line(
        ["find", "@hospital", "--patient-id", "T-1", *flags, "--config", str(file)]
    )

    options = read_find_options(args, {}, date(2024, 3, 31))

    assert options.search.modality == asked


def _filtered(events: list[Event], *left_out: tuple[str, str]) -> list[Event]:
    """The story of a study, of which a filter left these series out."""
    return [
        replace(event, left_out=left_out, left_out_series=len(left_out))
        if isinstance(event, StudyInventoried)
        else event
        for event in events
    ]


def _several() -> Engine:
    first = _filtered(study_of(Verdict.COMPLETE, came=3), ("1.1", "SR"), ("1.2", "KO"))
    second = study_of(Verdict.COMPLETE, uid=OTHER, expected=0, reason=_NO_MATCH)
    return whole_run(first, _filtered(second, ("2.1", "SR")))


def _list(*flags: str) -> tuple[str, ...]:
    return (PACS, "--method", "c-get", "--modality", "CT", *flags, STUDY, OTHER)


def test_the_summary_says_what_was_left_out_on_purpose() -> None:
    result = run(*_list(), engine=_several())

    assert result.code == 0
    lines = result.out.splitlines()
    assert "3 series (SR 2, KO 1) left out by the filter: modality CT" in lines
    assert "1 study has no series that matches" in lines
    assert f"{OTHER}: {_NO_MATCH}" in result.err


def test_a_lone_study_is_told_of_as_what_it_is() -> None:
    argv = (*C_GET, "--modality", "CT")
    some = whole_run(_filtered(study_of(Verdict.COMPLETE, came=3), ("1.1", "SR")))
    none = study_of(Verdict.COMPLETE, expected=0, reason=_NO_MATCH)

    assert (
        "complete: all 3 instances of the matching series of study" in run(*argv, engine=some).out
    )
    assert (
        f"complete: no series of study {STUDY} matches; nothing was retrieved\n"
        in run(*argv, engine=whole_run(_filtered(none, ("1.1", "SR")))).out
    )


def test_nothing_left_out_is_nothing_to_tell() -> None:
    assert "left out" not in run(*C_GET, "--modality", "CT", engine=_engine()).out


def test_verbosely_each_study_says_how_many() -> None:
    result = run(*_list("-v"), engine=_several())

    assert f"study {STUDY}: 3 instances in 1 series, 2 more left out" in result.err


def test_a_dry_run_says_it_as_well() -> None:
    result = run(*_list("--dry-run"), engine=_several())

    assert result.code == 0, result.err
    assert "3 series (SR 2, KO 1) left out by the filter: modality CT" in result.out
    assert "1 study has no series that matches" in result.out


def test_the_report_has_the_filter_and_what_it_left_out(tmp_path: Path) -> None:
    path = tmp_path / "report.json"

    run(*_list("--report", str(path)), engine=_several())

    report = json.loads(path.read_text())
    assert report["series_filter"] == {
        "modality": ["CT"],
        "exclude_modality": [],
        "series_description": [],
    }
    assert report["totals"]["left_out_series"] == 3
    assert report["totals"]["left_out_modalities"] == {"SR": 2, "KO": 1}
    first, second = report["studies"]
    assert first["left_out_series"] == [
        {"series_instance_uid": "1.1", "modality": "SR"},
        {"series_instance_uid": "1.2", "modality": "KO"},
    ]
    assert (second["verdict"], second["reason"]) == ("complete", _NO_MATCH)


def test_the_report_without_a_filter_says_so(tmp_path: Path) -> None:
    path = tmp_path / "report.json"

    run(*C_GET, "--report", str(path), engine=_engine())

    assert json.loads(path.read_text())["series_filter"] is None


def test_the_events_have_what_was_left_out() -> None:
    result = run(*_list("--json"), engine=_several())

    events = [json.loads(line) for line in result.out.splitlines() if line.startswith("{")]
    (first, _) = [each for each in events if each["event"] == "study_inventoried"]
    assert first["left_out_series"] == 2
    assert first["left_out"] == [["1.1", "SR"], ["1.2", "KO"]]
