"""Parse and write the values of options, each by one rule for every face."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.address import Endpoint, parse_listen, parse_pacs_url
from dicom_retrieve_tui.model.choices import Method, QueryModel
from dicom_retrieve_tui.model.layout import parse_layout
from dicom_retrieve_tui.model.sanitize import check_text
from dicom_retrieve_tui.model.uids import ae_title_fault

YES, NO = "true", "false"
FLAT, HIERARCHICAL = "flat", "hierarchical"
"""The layouts that have a name; other values are templates."""
FLAT_LAYOUT = "{SOPInstanceUID}.dcm"
HIERARCHICAL_LAYOUT = "{StudyInstanceUID}/{SeriesInstanceUID}/{SOPInstanceUID}.dcm"
LAYOUTS = {FLAT: FLAT_LAYOUT, HIERARCHICAL: HIERARCHICAL_LAYOUT}

# Far beyond any PACS, and far below the longest timeout of a socket.
TIMEOUT_MAX_S = 86_400
OUTAGE_MAX_S = 30 * 86_400
# Larger PDUs were not faster; the least is what other tools go down to.
MAX_PDU_BYTES = 1 << 17
MAX_PDU_BYTES_LEAST = 4096
# The user identity item holds at most 65,535 bytes.
USER_BYTES_MAX = 1024

PRIVATE_UMASK = 0o077
"""New files and folders are for their owner alone."""
_FOR_OTHERS = 0o077
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{0,9})?|\.[0-9]{1,9}")
_DURATION = re.compile(r"([0-9]{1,7}(?:\.[0-9]{1,3})?) ?(s|m|min|h|)")
_UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_SIZE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?) ?(%|[kMGT]?i?B?)")
_DECIMAL = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BINARY = {"ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}

Parse = Callable[[str, str], Any]
"""Takes the place that messages name, and the text; returns the value or raises `ConfigError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepFree:
    """Disk space to leave free: so many bytes, or a part of the disk; the lesser of both."""

    size_bytes: int | None = None
    percent: float | None = None
    text: str = ""
    """As the user gave it; empty for the default."""

    def of(self, disk_bytes: int) -> int:
        """Return the bytes to leave free on a disk of that size."""
        sizes = [] if self.size_bytes is None else [self.size_bytes]
        if self.percent is not None:
            sizes.append(int(disk_bytes * self.percent / 100))
        return min(sizes, default=0)


DEFAULT_KEEP_FREE = KeepFree(size_bytes=1 << 30, percent=2.0)


def parse_ae_title(where: str, text: str) -> str:
    """Parse an AE title. Raises `ConfigError`."""
    if (fault := ae_title_fault(text)) is not None:
        raise ConfigError(f"{where} {text!r} {fault}.", option=where, problem=fault)
    return text


def parse_method(where: str, text: str) -> Method:
    """Parse a retrieve method. Raises `ConfigError`."""
    if text not in set(Method):
        raise ConfigError.of_value(where, text, "choose c-move, c-get or auto")
    return Method(text)


def parse_query_model(where: str, text: str) -> QueryModel:
    """Parse a query model. Raises `ConfigError`."""
    if text not in set(QueryModel):
        raise ConfigError.of_value(where, text, "choose study-root, patient-root or auto")
    return QueryModel(text)


def parse_timeout_s(where: str, text: str) -> float:
    """Parse seconds. Raises `ConfigError`."""
    seconds = float(text) if _SECONDS.fullmatch(text) else 0.0
    if not 0 < seconds <= TIMEOUT_MAX_S:
        raise ConfigError.of_value(
            where, text, f"expected seconds, more than 0 and at most {TIMEOUT_MAX_S}"
        )
    return seconds


def parse_outage_s(where: str, text: str) -> float:
    """Parse `90s`, `30m`, `2h` or `0`. Raises `ConfigError`."""
    match = _DURATION.fullmatch(text)
    seconds = float(match[1]) * _UNITS_S[match[2]] if match else -1.0
    if not 0 <= seconds <= OUTAGE_MAX_S or (match and seconds and not match[2]):
        raise ConfigError.of_value(
            where, text, "expected a time such as 90s, 30m or 12h, at most 30 days; 0 for none"
        )
    return seconds


def parse_user_name(where: str, text: str) -> str:
    """Parse the name of a user identity. Raises `ConfigError`."""
    check_text(where, text)
    if not text.strip() or len(text.encode()) > USER_BYTES_MAX:
        problem = f"expected a user name of at most {USER_BYTES_MAX:,} bytes"
        raise ConfigError(f"{where}: {problem}.", option=where, problem=problem)
    return text


def parse_flag(where: str, text: str) -> bool:
    """Parse true or false. Raises `ConfigError`."""
    if text not in {YES, NO}:
        raise ConfigError.of_value(where, text, f"expected {YES} or {NO}")
    return text == YES


def parse_umask(where: str, text: str) -> int:
    """Parse an octal umask. Raises `ConfigError`."""
    value = int(text, 8) if re.fullmatch(r"[0-7]{1,4}", text) else -1
    if value < 0 or value & ~_FOR_OTHERS:
        raise ConfigError.of_value(
            where,
            text,
            "expected octal digits, such as 077 for the owner alone or 027 to include the group; "
            "the owner's permissions stay",
        )
    return value


def parse_whole_number(where: str, text: str, least: int, most: int) -> int:
    """Parse a whole number within bounds. Raises `ConfigError`."""
    number = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else -1
    if not least <= number <= most:
        raise ConfigError.of_value(where, text, f"expected a whole number from {least} to {most}")
    return number


def parse_keep_free(where: str, text: str) -> KeepFree:
    """Parse `500M`, `2GiB`, `5%` or `0`. Raises `ConfigError`."""
    match = _SIZE.fullmatch(text)
    number, unit = (float(match[1]), match[2]) if match else (0.0, "invalid")
    if unit == "%" and number < 100:
        return KeepFree(percent=number, text=text)
    factor = (_DECIMAL | _BINARY).get(unit.removesuffix("B"))
    if factor is None:
        raise ConfigError.of_value(
            where, text, "expected a size such as 500M or 2G, or 5%; 0 for none"
        )
    return KeepFree(size_bytes=int(number * factor), text=text)


def parse_layout_text(where: str, text: str) -> str:
    """Parse `flat`, `hierarchical` or a template; returns the template. Raises `ConfigError`."""
    template = LAYOUTS.get(text, text)
    parse_layout(template, where)
    return template


def parse_whole(least: int, most: int) -> Parse:
    """Return a parser of a whole number within bounds."""
    return lambda where, text: parse_whole_number(where, text, least, most)


def parse_host(where: str, text: str) -> str:
    """Parse a host name or an address. Raises `ConfigError`."""
    try:
        return parse_pacs_url(f"pacs://[{text}]" if ":" in text else f"pacs://{text}").host
    except ConfigError as error:
        raise ConfigError.of_value(where, text, "expected a host name or an address") from error


def parse_listen_text(where: str, text: str) -> tuple[str | None, int]:
    """Parse `[HOST:]PORT`. Raises `ConfigError`."""
    return parse_listen(text, where)


def parse_path(where: str, text: str) -> Path:
    """Parse the name of a file or folder. Raises `ConfigError`."""
    if not text.strip():
        problem = "is empty; leave it out instead"
        raise ConfigError(f"{where} {problem}.", option=where, problem=problem)
    return Path(text)


def parse_any(_where: str, text: str) -> str:
    """Return the text itself."""
    return text


def written(value: object) -> str:
    """Return the text of a parsed value; empty for none."""
    match value:
        case None:
            return ""
        case KeepFree():
            return value.text
        case tuple():
            return ",".join(map(str, value))
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def written_duration(seconds: float) -> str:
    """Return the text of a duration that `parse_outage_s` takes: `30m`."""
    for unit in ("h", "m"):
        if seconds and not seconds % _UNITS_S[unit]:
            return f"{seconds / _UNITS_S[unit]:g}{unit}"
    return f"{seconds:g}s" if seconds else "0"


def written_listen(value: tuple[str | None, int] | None) -> str:
    """Return the text of `[HOST:]PORT`; empty for none."""
    if value is None:
        return ""
    host, port = value
    return str(port) if host is None else str(Endpoint(host=host, port=port))


def written_layout(template: str) -> str:
    """Return the name of a layout, or the template if it has none."""
    return next((name for name, each in LAYOUTS.items() if each == template), template)
