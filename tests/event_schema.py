"""Draw `docs/schema/events.json` from the events: `python -m tests.event_schema`."""

import json
import types
from dataclasses import fields
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from dicom_retrieve_tui.model.choices import HoldCause
from dicom_retrieve_tui.model.events import Event, RetrieveFinished, RetrieveStarted, StudyFinished
from dicom_retrieve_tui.model.verdict import Verdict

COMMAND = "python -m tests.event_schema"
SCHEMAS = Path(__file__).parent.parent / "docs" / "schema"
DOCUMENT = SCHEMAS / "events.json"

_STRING = {"type": "string"}
_TIME = {"type": "string", "format": "date-time"}
_SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
_WRITTEN_WITH_THE_FIRST = {
    "schema": {"type": "integer"},
    "version": _STRING,
    "dry_run": {"type": "boolean"},
}


def render() -> str:
    """Return the whole document."""
    kinds = {_name(kind): _of_event(kind) for kind in get_args(Event)}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of dicom-retrieve --json",
        "description": "Later versions may add events and fields.",
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in kinds],
        "$defs": kinds,
    }
    return json.dumps(schema, indent=2) + "\n"


def _name(kind: type) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in kind.__name__).strip("_")


def _of_event(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    properties: dict[str, Any] = {"event": {"const": _name(kind)}, "time": _TIME}
    if kind is RetrieveStarted:
        properties |= _WRITTEN_WITH_THE_FIRST
    properties |= {field.name: _of_type(hints[field.name]) for field in fields(kind)}
    if kind in {StudyFinished, RetrieveFinished}:
        properties["verdict"]["enum"].append("planned")  # by a dry run
    if kind is RetrieveFinished:
        report = json.loads((SCHEMAS / "report.json").read_text(encoding="utf-8"))
        properties["reasons"] = report["properties"]["reasons"]
    return {"type": "object", "properties": properties, "required": list(properties)}


def _of_type(hint: Any) -> dict[str, Any]:
    if hint in {Verdict, HoldCause}:
        return {"enum": [str(word) for word in hint]}
    if get_origin(hint) in {Union, types.UnionType}:
        return {"type": [_SIMPLE[each] for each in get_args(hint)]}
    if get_origin(hint) is tuple:
        first, *rest = get_args(hint)
        item = _of_type(first)
        return {"type": "array", "items": item} | (
            {} if Ellipsis in rest else {"minItems": 1 + len(rest), "maxItems": 1 + len(rest)}
        )
    return {"type": _SIMPLE[hint]}


if __name__ == "__main__":
    DOCUMENT.write_text(render(), encoding="utf-8")
