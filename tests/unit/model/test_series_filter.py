"""Which series are wanted: by modality and description, decided only by what is known."""

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.inventory import Inventory, LeftOutSeries
from dicom_retrieve_tui.model.options import read_options
from dicom_retrieve_tui.model.selection import Selection, SeriesSelection
from dicom_retrieve_tui.model.series_filter import SeriesFilter

_ALL = SeriesFilter()
_CT = SeriesFilter(modalities=("CT",))
_NO_SR = SeriesFilter(excluded_modalities=("SR",))
_HEAD = SeriesFilter(descriptions=("*head*",))
_BOTH = SeriesFilter(modalities=("CT",), descriptions=("*head*",))


@pytest.mark.parametrize(
    ("chosen", "modality", "description", "wanted"),
    [
        (_ALL, None, None, True),
        (_CT, "CT", None, True),
        (_CT, "ct", None, True),
        (_CT, "MR", None, False),
        (_CT, "", None, None),
        (_CT, None, None, None),
        (_NO_SR, "SR", None, False),
        (_NO_SR, "CT", None, True),
        (_NO_SR, None, None, None),
        (_HEAD, None, "CT HEAD native ", True),
        (_HEAD, None, "Thorax", False),
        (_HEAD, None, "", False),
        (_HEAD, None, None, None),
        (_BOTH, "CT", "head", True),
        (_BOTH, "MR", None, False),
        (_BOTH, None, "thorax", False),
        (_BOTH, None, "head", None),
        (_BOTH, "CT", None, None),
    ],
)
def test_a_series_is_wanted_if_all_that_is_known_of_it_fits(
    chosen: SeriesFilter, modality: str | None, description: str | None, *, wanted: bool | None
) -> None:
    assert chosen.wants(modality, description) is wanted
    assert bool(chosen.unknown(modality, description)) is (wanted is None)


def test_what_is_unknown_is_named() -> None:
    assert _BOTH.unknown(None, None) == "modality and description"
    assert _BOTH.unknown(None, "head") == "modality"
    assert _BOTH.unknown("CT", None) == "description"


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("T1", "T1", True),
        ("T1", "AX T1", False),
        ("t1*", "T1 mprage", True),
        ("*", "", True),
        ("?", "", False),
        ("T?", "T2", True),
        ("T?", "T12", False),
        ("[T1]", "[t1]", True),
        ("[T1]", "T", False),
        ("a.c", "abc", False),
        ("*GR\u00d6SSE", "gr\u00f6sse", True),
        ("*stra\u00dfe", "STRASSE", True),
    ],
)
def test_a_pattern_is_for_the_whole_description(pattern: str, text: str, *, matches: bool) -> None:
    assert SeriesFilter(descriptions=(pattern,)).wants(None, text) is matches


def test_many_stars_are_decided_at_once() -> None:
    slow = SeriesFilter(descriptions=("*a" * 60 + "b",))

    assert slow.wants(None, "a" * 1000) is False


def test_texts_make_a_filter() -> None:
    found = _read(
        modality=" ct, PT,ct,", exclude_modality="SR,ko", series_description="T1*| *flair, 3D |"
    )

    assert found.modalities == ("CT", "PT")
    assert found.excluded_modalities == ("SR", "KO")
    assert found.descriptions == ("T1*", "*flair, 3D")
    assert str(found) == "modality CT, PT; not SR, KO; description T1*, *flair, 3D"
    assert found.flags() == (
        ("--modality", "CT,PT"),
        ("--exclude-modality", "SR,KO"),
        ("--series-description", "T1*|*flair, 3D"),
    )


def test_the_flags_of_a_filter_make_the_same_filter() -> None:
    found = _read(modality="CT", series_description="a|b")

    assert _read(**{f.strip("-").replace("-", "_"): t for f, t in found.flags()}) == found


def test_no_text_is_no_filter() -> None:
    assert not _read()
    assert bool(_read(modality="CT"))
    assert str(_read()) == ""


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({"modality": ""}, "--modality '': it names no modality"),
        ({"modality": " , "}, "--modality ' , ': it names no modality"),
        ({"exclude_modality": ""}, "--exclude-modality '': it names no modality"),
        ({"series_description": ""}, "--series-description '': it holds no pattern"),
        ({"series_description": " | "}, "it holds no pattern"),
        ({"modality": "CT PT"}, "'CT PT' is not a modality"),
        ({"modality": "C*"}, "'C*' is not a modality"),
        ({"modality": "CT;PT"}, "'CT;PT' is not a modality"),
        ({"modality": "COMPUTED TOMOGRAPHY"}, "is not a modality"),
        (
            {"modality": "CT,SR", "exclude_modality": "sr"},
            "contradict each other: SR is both wanted and left out",
        ),
        ({"series_description": "a\\b"}, "no backslash"),
        ({"series_description": "a\x1bb"}, "no control character"),
        ({"series_description": "x" * 257}, "at most 256 characters"),
        ({"series_description": "a\udcff"}, "no control character"),
    ],
)
def test_an_invalid_filter_is_refused(texts: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _read(**texts)

    assert words in str(caught.value)


def _read(**texts: str) -> SeriesFilter:
    """Return the filter that these options make."""
    return read_options({"host": "pacs.test", "method": "c-get", **texts}).series_filter


def _inventory(*series: str, left_out: tuple[LeftOutSeries, ...] = ()) -> Inventory:
    return Inventory(
        study_instance_uid="1",
        listed=True,
        series_instance_uids=series,
        filtered=True,
        left_out=left_out,
    )


def test_a_selection_is_narrowed_to_the_series_that_are_wanted() -> None:
    named = SeriesSelection(series_instance_uid="1.1", sop_instance_uids=("1.1.1",))
    selection = Selection(study_instance_uid="1", series=(named,))

    assert _inventory("1.1", "1.2").narrow(Selection(study_instance_uid="1")).series == (
        SeriesSelection(series_instance_uid="1.1"),
        SeriesSelection(series_instance_uid="1.2"),
    )
    assert _inventory("1.1").narrow(selection) == selection


def test_a_study_of_which_all_is_left_out_is_not_an_empty_study() -> None:
    left_out = (
        LeftOutSeries(series_instance_uid="1.1", modality="SR"),
        LeftOutSeries(series_instance_uid="1.2", unknown="modality"),
    )
    inventory = _inventory(left_out=left_out)

    assert not inventory.empty
    assert not inventory.has_match
    assert inventory.left_out_on_purpose == (("1.1", "SR"),)
    assert [each.series_instance_uid for each in inventory.undecided] == ["1.2"]
    assert _inventory().empty
