"""The filter in the application: from the form or a profile into the session, and told of."""

from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input

from dicom_retrieve_tui.config.profiles_file import ProfileBook
from dicom_retrieve_tui.model.events import Event, StudyInventoried
from dicom_retrieve_tui.model.narration import narrate
from dicom_retrieve_tui.model.progress import Progress
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.series_filter import NO_FILTER, SeriesFilter
from dicom_retrieve_tui.tui.copied_command import copied_command
from dicom_retrieve_tui.tui.profile_form import NAME, field_faults, profile_fields
from dicom_retrieve_tui.tui.profile_store import preset_of
from dicom_retrieve_tui.tui.retrieve_form import draft_of, faults, new_draft, read_draft
from dicom_retrieve_tui.tui.screens.options import OptionsScreen
from tests.tui.application import SIZES, Bench, opened, preset
from tests.tui.builders import uids
from tests.tui.scripted_session import begins, ends

(A,) = uids(1)
_CHOSEN = SeriesFilter(
    modalities=("CT", "PT"), excluded_modalities=("SR",), descriptions=("*T1*", "FLAIR, 3D")
)
_TEXTS = {
    "modality": "ct, PT",
    "exclude_modality": "SR",
    "series_description": "*T1*|FLAIR, 3D",
}
_NO_MATCH = "No series matches the filter; 1 left out on purpose."


def _draft(**texts: str) -> dict[str, str]:
    return {**new_draft(), "pacs": "pacs.test:104", "method": "c-get", **texts}


def test_the_fields_make_the_filter_and_are_made_of_it() -> None:
    options = read_draft(_draft(**_TEXTS))

    assert options.series_filter == _CHOSEN
    assert read_draft(draft_of(options)) == options
    assert read_draft(_draft()).series_filter == NO_FILTER


def test_the_copied_command_has_the_flags() -> None:
    study = Selection(study_instance_uid="1.2.3")
    command = copied_command(read_draft(_draft(**_TEXTS)), study)

    assert (
        "--modality CT,PT --exclude-modality SR --series-description '*T1*|FLAIR, 3D' --method"
        in command
    )
    assert "modality" not in copied_command(read_draft(_draft()), study)


def test_a_study_asked_for_with_another_filter_is_another_group() -> None:
    assert read_draft(_draft(modality="CT")) != read_draft(_draft(modality="MR"))


@pytest.mark.parametrize(
    ("name", "texts", "fault"),
    [
        ("modality", {"modality": "CT PT"}, "'CT PT' is not a modality; give codes such as"),
        ("modality", {"modality": ","}, "it names no modality"),
        ("exclude_modality", {"exclude_modality": "C*"}, "'C*' is not a modality"),
        (
            "exclude_modality",
            {"modality": "CT", "exclude_modality": "ct"},
            "CT is both wanted and left out",
        ),
        ("series_description", {"series_description": "|"}, "it holds no pattern"),
    ],
)
def test_a_fault_stands_beside_its_field(name: str, texts: dict[str, str], fault: str) -> None:
    found = faults(_draft(**texts)).get(name)

    assert found is not None
    assert found.startswith(fault)


def test_an_empty_field_is_no_fault() -> None:
    assert all(not faults(_draft(**{name: "  "})) for name in _TEXTS)


def test_a_profile_fills_the_fields(tmp_path: Path) -> None:
    path = tmp_path / "profiles.toml"
    path.write_text(
        '[defaults]\nexclude_modality = "KO"\n[profiles.a]\nhost = "h"\nmethod = "c-get"\n'
        'modality = "CT"\nseries_description = "x|y"\n'
        '[profiles.b]\nhost = "h"\nmethod = "c-get"\nexclude_modality = ""\n'
    )
    book = ProfileBook.load(path)

    assert read_draft(preset_of(book, "a").draft).series_filter == SeriesFilter(
        modalities=("CT",), excluded_modalities=("KO",), descriptions=("x", "y")
    )
    assert not read_draft(preset_of(book, "b").draft).series_filter


def test_the_form_of_a_profile_has_the_keys() -> None:
    fields = [field for field in profile_fields() if field.group == "Series"]
    texts = {field.name: "" for field in profile_fields()} | {NAME: "a", "host": "h"}

    assert [field.name for field in fields] == list(_TEXTS)
    assert all(field.hint for field in fields)
    assert field_faults(texts | _TEXTS, []) == {}
    assert "is not a modality" in field_faults(texts | {"modality": "C T"}, [])["modality"]


def _some_left_out(*left_out: tuple[str, str]) -> list[Event]:
    return [
        replace(event, left_out=left_out, left_out_series=len(left_out))
        if isinstance(event, StudyInventoried)
        else event
        for event in begins(A, 3)
    ]


def test_the_events_say_how_many_were_left_out() -> None:
    (told,) = [narrate(e, Progress()) for e in _some_left_out(("1.1", "SR"), ("1.2", "KO"))
               if isinstance(e, StudyInventoried)]  # fmt: skip

    assert told is not None
    assert "3 instances in 1 series, 2 more left out" in told.text


async def _type(bench: Bench, field: str, text: str) -> None:
    """Type into a field of the form, which is open."""
    bench.app.screen.query_one(f"#field-{field}", Input).focus()
    await bench.pilot.press(*text)


async def test_what_is_typed_into_the_form_reaches_the_session() -> None:
    async with opened(SIZES["large"]) as bench:
        await bench.pilot.press("f4")
        await _type(bench, "modality", "CT,PT")
        await _type(bench, "exclude_modality", "SR")
        await _type(bench, "series_description", "head")
        await bench.pilot.press("enter")
        session = await bench.start(A)

        assert session.options.series_filter == SeriesFilter(
            modalities=("CT", "PT"), excluded_modalities=("SR",), descriptions=("head",)
        )


async def test_a_fault_is_shown_and_keeps_the_study_from_the_queue() -> None:
    async with opened(SIZES["large"]) as bench:
        await bench.paste(A)
        await bench.pilot.press("f4")
        await _type(bench, "modality", "CT;PT")
        await bench.until(lambda: "'CT;PT' is not a modality" in bench.joined())
        await bench.pilot.press("enter")

        assert isinstance(bench.app.screen, OptionsScreen)
        assert bench.sessions.opened == []


async def test_the_details_name_what_was_left_out() -> None:
    chosen = replace(preset(), draft={**preset().draft, "modality": "CT"})
    async with opened(SIZES["large"], presets=[chosen]) as bench:
        await bench.start(A)
        done = ends(A, stored=0, expected=0, reason=_NO_MATCH)
        await bench.tell(_some_left_out(("1.1", "SR")), done)
        await bench.until(bench.session.told)
        await bench.pilot.press("enter")
        await bench.until(lambda: "Series left out by the filter (1)" in bench.text())

        assert "1.1  SR" in bench.text()
        assert _NO_MATCH in bench.text()
        assert "Failure, and" not in bench.text()
        assert "--modality CT" in bench.joined()
