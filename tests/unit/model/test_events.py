import dataclasses
import json
from typing import get_args

import pytest

from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.verdict import Verdict
from tests.unit.model.told import stored

KINDS: tuple[type[events.Event], ...] = get_args(events.Event)
PLAIN = {
    *(
        "str",
        "int",
        "float",
        "bool",
        "Verdict",
        "HoldCause",
        "str | None",
        "int | None",
        "float | None",
    ),
    "tuple[str, ...]",
}
"""What stands in JSON as it is."""


def test_every_class_here_is_one_of_the_events() -> None:
    classes = {
        value
        for value in vars(events).values()
        if isinstance(value, type) and value.__module__ == events.__name__
    }

    assert classes == set(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_event_is_frozen_slotted_and_of_plain_values(kind: type[events.Event]) -> None:
    types = {getattr(field.type, "__name__", None) or str(field.type) for field in _fields(kind)}

    assert kind.__dataclass_params__.frozen  # type: ignore[union-attr]
    assert "__slots__" in vars(kind)
    assert all(field.kw_only for field in _fields(kind))
    assert types <= PLAIN | {"tuple"}


def test_names_are_unique_and_in_snake_case() -> None:
    names = [events.event_name(kind.__new__(kind)) for kind in KINDS]

    assert len(set(names)) == len(KINDS)
    assert {"retrieve_started", "instance_set_aside", "study_finished"} <= set(names)
    assert all(name.islower() and not name.startswith("_") for name in names)


def test_an_event_is_written_as_json_with_its_name_first() -> None:
    event = events.StudyFinished(
        study_instance_uid="1.2", verdict=Verdict.NOT_FOUND, expected=None, stored=0
    )

    line = json.dumps(events.event_fields(event))

    assert line == (
        '{"event": "study_finished", "study_instance_uid": "1.2", "verdict": "not found", '
        '"expected": null, "stored": 0, "missing": [], "reason": "", '
        '"irregular": 0, "irregular_example": ""}'
    )


def test_events_are_equal_by_value() -> None:
    assert stored("1.2", 1) == stored("1.2", 1)
    assert stored("1.2", 1) != stored("1.2", 2)


def _fields(kind: type[events.Event]) -> tuple["dataclasses.Field[object]", ...]:
    return dataclasses.fields(kind)
