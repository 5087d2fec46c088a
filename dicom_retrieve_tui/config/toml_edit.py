"""Change one table of a TOML text, and leave every other byte as it is."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str, ...]
"""The keys that lead to a table: `("profiles", "hospital")`."""

# Each attempt parses the statement again, so a statement of many lines takes quadratic time.
_STATEMENT_LINES_MAX = 200


class NotEditable(Exception):
    """The text is written in a way that cannot be edited in place."""


def edit_table(text: str, path: Path, values: Mapping[str, Any] | None, new_path: Path = ()) -> str:
    """Return the text with one table changed.

    Lines of values that stay are kept, and so are comments. A table that is not there is appended.

    Args:
        text: Valid TOML.
        path: The table, written as `[a.b]`.
        values: What the table is to hold; None removes it with the tables below it.
        new_path: Its new name; empty if that stays.

    Raises:
        NotEditable: A statement is too long.
    """
    sections = list(_sections(text))
    newline = "\r\n" if "\r\n" in text else "\n"
    below = {each.path[len(path)] for each in sections if each.starts_with(path, 1)}
    written = False
    for section in sections:
        if section.path == path and values is not None:
            section.set_values({k: v for k, v in values.items() if k not in below}, newline)
            written = True
        if section.starts_with(path):
            if values is None:
                section.remove()
            elif new_path:
                section.rename(new_path + section.path[len(path) :], newline)
    result = "".join(map(str, sections))
    if values is None or written:
        return result
    if result and not result.endswith("\n"):
        result += newline
    blank = newline if result else ""
    table = {key: value for key, value in values.items() if key not in below}
    return result + blank + _header(new_path or path, newline) + _lines(table, newline)


@dataclass(slots=True)
class _Statement:
    """A key with its value, a header, a comment or a blank line, with the end of its line."""

    text: str
    parsed: dict[str, Any]

    @property
    def is_header(self) -> bool:
        return self.text.lstrip().startswith("[")

    @property
    def key(self) -> str:
        return next(iter(self.parsed), "")

    @property
    def comment(self) -> str:
        """The comment behind a value, from its blanks on; empty if there is none."""
        for at, character in enumerate(self.text):
            if character == "#" and _parse(self.text[:at]) == self.parsed:
                blanks = len(self.text[:at]) - len(self.text[:at].rstrip(" \t"))
                return self.text[at - blanks :].rstrip("\r\n")
        return ""


@dataclass(slots=True)
class _Section:
    """A header and everything up to the next one; the first section has no header."""

    path: Path = ()
    header: str = ""
    body: list[_Statement] = field(default_factory=list)

    def __str__(self) -> str:
        return self.header + "".join(each.text for each in self.body)

    def starts_with(self, path: Path, deeper: int = 0) -> bool:
        return self.path[: len(path)] == path and len(self.path) >= len(path) + deeper

    def set_values(self, values: Mapping[str, Any], newline: str) -> None:
        kept: list[_Statement] = []
        seen: set[str] = set()
        end = 0
        for each in self.body:
            if each.parsed and each.key not in values:
                continue
            if each.parsed:
                value = values[each.key]
                if each.parsed[each.key] != value and each.key not in seen:
                    line = _lines({each.key: value}, newline).removesuffix(newline)
                    each.text = f"{line}{each.comment}{newline}"
                seen.add(each.key)
                end = len(kept) + 1
            kept.append(each)
        new = _lines({key: value for key, value in values.items() if key not in seen}, newline)
        if new and end and not kept[end - 1].text.endswith("\n"):
            kept[end - 1].text += newline
        if new and not self.header.endswith("\n"):
            self.header += newline
        self.body = [*kept[:end], _Statement(new, {}), *kept[end:]]

    def rename(self, path: Path, newline: str) -> None:
        comment = _Statement(self.header, _parse(self.header) or {}).comment
        self.path, self.header = path, _header(path, newline).rstrip("\r\n") + comment + newline

    def remove(self) -> None:
        """Remove header and values; comments behind the last value may belong to what follows."""
        last = max((n for n, each in enumerate(self.body) if each.parsed), default=-1)
        rest = self.body[last + 1 :]
        while rest and not rest[0].text.strip():
            rest.pop(0)
        self.header, self.body = "", rest


def _sections(text: str) -> Iterator[_Section]:
    section = _Section()
    for statement in _statements(text):
        if statement.is_header:
            yield section
            section = _Section(_path(statement.parsed), statement.text)
        else:
            section.body.append(statement)
    yield section


def _statements(text: str) -> Iterator[_Statement]:
    """Split a text: a statement ends with the first line at which it is valid TOML."""
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1].removesuffix("\n")
    at = 0
    while at < len(lines):
        for end in range(at + 1, min(at + _STATEMENT_LINES_MAX, len(lines)) + 1):
            statement = "".join(lines[at:end])
            if (parsed := _parse(statement)) is not None:
                yield _Statement(statement, parsed)
                break
        else:
            raise NotEditable
        at = end


def _parse(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _path(header: dict[str, Any]) -> Path:
    """Return the keys of a parsed header: `{"a": {"b": {}}}`."""
    path = []
    table: object = header
    while isinstance(table, dict) and table:
        ((key, table),) = table.items()
        path.append(key)
    return tuple(path)


def _header(path: Path, newline: str) -> str:
    import tomli_w  # noqa: PLC0415 - only a write needs it

    table: dict[str, Any] = {}
    for key in reversed(path):
        table = {key: table}
    return tomli_w.dumps(table).strip().split("\n")[-1] + newline


def _lines(values: Mapping[str, Any], newline: str) -> str:
    import tomli_w  # noqa: PLC0415 - only a write needs it

    return tomli_w.dumps(values).replace("\n", newline)
