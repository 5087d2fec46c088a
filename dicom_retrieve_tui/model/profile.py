"""What a saved profile of a PACS may say: one table of keys, from which every face draws.

A key is the flag's name without dashes in front. Values are kept as the text that the flag would
take, so that a flag, a profile and a form field are judged by the same rule.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model import values
from dicom_retrieve_tui.model.address import DEFAULT_PORT, parse_listen, parse_pacs_url
from dicom_retrieve_tui.model.allowed_callers import parse_callers
from dicom_retrieve_tui.model.choices import Method, QueryModel
from dicom_retrieve_tui.model.keep_free import parse_spare
from dicom_retrieve_tui.model.layout import parse_layout
from dicom_retrieve_tui.model.series_filter import parse_descriptions, parse_modalities
from dicom_retrieve_tui.model.settings import (
    DEFAULT_CALLED_AE_TITLE,
    DEFAULT_CALLING_AE_TITLE,
    DEFAULT_TIMEOUT_S,
    PRIVATE_UMASK,
)

FLAT, HIERARCHICAL = "flat", "hierarchical"
"""The layouts that have a name; anything else is a template."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class Kind(StrEnum):
    """How a value is written in TOML."""

    TEXT = "a text in quotes"
    WHOLE = "a whole number"
    NUMBER = "a number"
    FLAG = "true or false"


@dataclass(frozen=True, slots=True)
class Key:
    """One thing that a profile may say."""

    name: str
    kind: Kind
    default: str
    """What holds where nobody says anything; empty for nothing."""
    check: Callable[[str, str], object]
    """Takes a name for messages and the text; raises `ConfigError`."""


def _host(where: str, text: str) -> None:
    try:
        parse_pacs_url(f"pacs://[{text}]" if ":" in text else f"pacs://{text}")
    except ConfigError as error:
        raise ConfigError(f"{where} {text!r}: expected a host name or an address.") from error


def _port(where: str, text: str) -> None:
    values.whole_number(where, text, 1, 65535)


def _listen(where: str, text: str) -> None:
    parse_listen(text, where)


def _layout(where: str, text: str) -> None:
    if text in {FLAT, HIERARCHICAL}:
        return
    try:
        parse_layout(text)
    except ConfigError as error:
        raise ConfigError(f"{where}: {str(error).removeprefix('--layout ')}") from error


def _modalities(where: str, text: str) -> None:
    if text:
        parse_modalities(where, text)


def _descriptions(where: str, text: str) -> None:
    if text:
        parse_descriptions(where, text)


def _not_empty(where: str, text: str) -> None:
    if not text.strip():
        raise ConfigError(f"{where} is empty; leave it out instead.")


def _anything(_where: str, _text: str) -> None:
    """Nobody reads it but people."""


_KEYS = (
    Key("host", Kind.TEXT, "", _host),
    Key("port", Kind.WHOLE, str(DEFAULT_PORT), _port),
    Key("called_aet", Kind.TEXT, DEFAULT_CALLED_AE_TITLE, values.ae_title),
    Key("aet", Kind.TEXT, DEFAULT_CALLING_AE_TITLE, values.ae_title),
    Key("query_model", Kind.TEXT, str(QueryModel.AUTO), values.query_model),
    Key("method", Kind.TEXT, str(Method.C_MOVE), values.method),
    Key("move_dest", Kind.TEXT, "", values.ae_title),
    Key("listen", Kind.TEXT, "", _listen),
    Key("accept_from", Kind.TEXT, "", parse_callers),
    Key("timeout", Kind.NUMBER, f"{DEFAULT_TIMEOUT_S:g}", values.timeout_s),
    Key("max_pdu", Kind.WHOLE, str(values.MAX_PDU_BYTES), values.max_pdu_bytes),
    Key("parallel", Kind.WHOLE, str(values.DEFAULT_PARALLEL), values.parallel),
    Key("retries", Kind.WHOLE, str(values.DEFAULT_RETRIES), values.retries),
    Key("modality", Kind.TEXT, "", _modalities),
    Key("exclude_modality", Kind.TEXT, "", _modalities),
    Key("series_description", Kind.TEXT, "", _descriptions),
    Key("output", Kind.TEXT, ".", _not_empty),
    Key("layout", Kind.TEXT, FLAT, _layout),
    Key("tls", Kind.FLAG, values.NO, values.flag),
    Key("tls_ca", Kind.TEXT, "", _not_empty),
    Key("tls_cert", Kind.TEXT, "", _not_empty),
    Key("tls_key", Kind.TEXT, "", _not_empty),
    Key("tls_insecure", Kind.FLAG, values.NO, values.flag),
    Key("user", Kind.TEXT, "", values.user_name),
    Key("passcode_file", Kind.TEXT, "", _not_empty),
    Key("umask", Kind.TEXT, f"{PRIVATE_UMASK:03o}", values.umask),
    Key("keep_free", Kind.TEXT, "", parse_spare),
    Key("notes", Kind.TEXT, "", _anything),
)
KEYS: Mapping[str, Key] = {key.name: key for key in _KEYS}
"""By name, in the order in which they are shown."""

FILTERS = frozenset({"modality", "exclude_modality", "series_description"})
"""What chooses among series; an empty text wants them all, whatever stands below it."""

SECURITY_FILES = frozenset({"tls_ca", "tls_cert", "tls_key", "passcode_file"})
PATHS = SECURITY_FILES | {"output"}
"""What names a file or a folder."""

REFUSED = {
    "passcode": "a profile keeps no passcode, for it is copied and shown around; name a file with "
    "it by passcode_file, or leave it out and be asked.",
}
"""What is no key, and why."""

NOT_IN_DEFAULTS = frozenset({"host", "notes"})
"""What belongs to one PACS."""


def profile_name_fault(name: str) -> str | None:
    """Say why `name` is no name for a profile, or None if it is one."""
    if _NAME.fullmatch(name):
        return None
    return (
        "is no name for a profile: letters, digits, '-', '_' and '.', at most 64, the first a "
        "letter or digit"
    )
