"""Settings as people type them, judged: text in, value out, or a sentence that says what is wrong.

`where` names the place in messages: a flag, a key in a file, a form's field.
"""

import re

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.choices import Method, QueryModel
from dicom_retrieve_tui.model.sanitize import check_text
from dicom_retrieve_tui.model.uids import ae_title_fault

DEFAULT_PARALLEL = 1
PARALLEL_MAX = 64
DEFAULT_RETRIES = 3
RETRIES_MAX = 100
TIMEOUT_MAX_S = 86_400
"""A day: far beyond any PACS, and far below what a socket's clock can hold."""

MAX_PDU_BYTES = 1 << 17
"""Largest PDU that we let a peer send; larger ones were not faster."""
MAX_PDU_BYTES_LEAST = 4096
"""As little as other tools go down to."""

USER_BYTES_MAX = 1024
"""Far beyond any user name or passcode; the item that holds both has at most 65,535."""
YES, NO = "true", "false"

_FOR_OTHERS = 0o077
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{0,9})?|\.[0-9]{1,9}")


def ae_title(where: str, text: str) -> str:
    """An AE title. Raises `ConfigError`."""
    if (fault := ae_title_fault(text)) is not None:
        raise ConfigError(f"{where} {text!r} {fault}.")
    return text


def method(where: str, text: str) -> Method:
    """A retrieve method. Raises `ConfigError`."""
    if text not in set(Method):
        raise ConfigError(f"{where} {text!r}: choose c-move, c-get or auto.")
    return Method(text)


def query_model(where: str, text: str) -> QueryModel:
    """A query model. Raises `ConfigError`."""
    if text not in set(QueryModel):
        raise ConfigError(f"{where} {text!r}: choose study-root, patient-root or auto.")
    return QueryModel(text)


def max_pdu_bytes(where: str, text: str) -> int:
    """The largest PDU that we take. Raises `ConfigError`."""
    return whole_number(where, text, MAX_PDU_BYTES_LEAST, MAX_PDU_BYTES)


def timeout_s(where: str, text: str) -> float:
    """Seconds. Raises `ConfigError`."""
    seconds = float(text) if _SECONDS.fullmatch(text) else 0.0
    if not 0 < seconds <= TIMEOUT_MAX_S:
        raise ConfigError(
            f"{where} {text!r}: expected seconds, more than 0 and at most {TIMEOUT_MAX_S}."
        )
    return seconds


def user_name(where: str, text: str) -> str:
    """The name of a user identity. Raises `ConfigError`."""
    check_text(where, text)
    if not text.strip() or len(text.encode()) > USER_BYTES_MAX:
        raise ConfigError(f"{where}: expected a user name of at most {USER_BYTES_MAX:,} bytes.")
    return text


def flag(where: str, text: str) -> bool:
    """Yes or no. Raises `ConfigError`."""
    if text not in {YES, NO}:
        raise ConfigError(f"{where} {text!r}: expected {YES} or {NO}.")
    return text == YES


def parallel(where: str, text: str) -> int:
    """Associations at once. Raises `ConfigError`."""
    return whole_number(where, text, 1, PARALLEL_MAX)


def retries(where: str, text: str) -> int:
    """Further attempts. Raises `ConfigError`."""
    return whole_number(where, text, 0, RETRIES_MAX)


def umask(where: str, text: str) -> int:
    """Permissions to hold back, octal. Raises `ConfigError`."""
    value = int(text, 8) if re.fullmatch(r"[0-7]{1,4}", text) else -1
    if value < 0 or value & ~_FOR_OTHERS:
        raise ConfigError(
            f"{where} {text!r}: expected octal digits, such as 077 for the owner alone or 027 for "
            "his group, too; the owner's own permissions stay."
        )
    return value


def whole_number(where: str, text: str, least: int, most: int) -> int:
    """A whole number within bounds. Raises `ConfigError`."""
    number = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else -1
    if not least <= number <= most:
        raise ConfigError(f"{where} {text!r}: expected a whole number from {least} to {most}.")
    return number
