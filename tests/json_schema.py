"""A strict checker for the part of JSON Schema that `docs/schema/` uses.

Stricter than the standard on purpose: a key without a description in the schema is a problem, so
that a schema cannot fall behind the code.
"""

from collections.abc import Iterator, Mapping
from typing import Any

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def problems(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[str]:
    """Yield what in `value` departs from `schema`; `root` is the document with its `$defs`."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    if "oneOf" in schema:
        yield from _of_one(value, schema["oneOf"], root)
        return
    yield from _of_value(value, schema)
    if isinstance(value, dict):
        yield from _of_object(value, schema, root)
    if isinstance(value, list) and "items" in schema:
        for item in value:
            yield from problems(item, schema["items"], root)


def _of_value(value: Any, schema: Mapping[str, Any]) -> Iterator[str]:
    types = schema.get("type", ())
    types = [types] if isinstance(types, str) else types
    if types and not any(_is(value, name) for name in types):
        yield f"{value!r} is not of type {' or '.join(types)}"
    if "const" in schema and value != schema["const"]:
        yield f"{value!r} is not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{value!r} is not one of {schema['enum']}"


def _of_one(value: Any, schemas: list[Mapping[str, Any]], root: Mapping[str, Any]) -> Iterator[str]:
    found = [list(problems(value, each, root)) for each in schemas]
    if [] not in found:
        yield min(found, key=len)[0]


def _of_object(
    value: Mapping[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any]
) -> Iterator[str]:
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties")
    yield from (f"{name!r} is missing" for name in schema.get("required", ()) if name not in value)
    for name, each in value.items():
        if name in properties:
            yield from (f"{name}: {text}" for text in problems(each, properties[name], root))
        elif isinstance(others, dict):
            yield from (f"{name}: {text}" for text in problems(each, others, root))
        else:
            yield f"{name!r} is not in the schema"


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, _TYPES[name])
