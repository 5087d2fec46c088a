"""The form of an order: texts that the user edits, and the options that they make.

Its fields are drawn from the table of options, and each fault is shown beside its field.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dicom_retrieve_tui.config.user_folders import expanded
from dicom_retrieve_tui.errors import ConfigError, reason_of
from dicom_retrieve_tui.model.address import parse_pacs_url
from dicom_retrieve_tui.model.option_values import YES
from dicom_retrieve_tui.model.options import (
    KEYS,
    PATHS,
    Option,
    RetrieveOptions,
    contradictions,
    read_options,
    texts_of,
    without_unused,
)
from dicom_retrieve_tui.model.uids import uid_fault
from dicom_retrieve_tui.platform_files import closest_existing
from dicom_retrieve_tui.tui.field_words import method_words

Draft = Mapping[str, str]
"""Texts by field, and those of options that come from the profile alone (`CARRIED`)."""

_ADDRESS = ("host", "port")
_WITHOUT_FIELD = (*_ADDRESS, "notes")
CARRIED = tuple(
    name for name, option in KEYS.items() if not option.of_order and name not in _WITHOUT_FIELD
)
"""Options of the profile that the form does not show, and no order changes."""

_FORMER_NAMES = {
    "called_ae_title": "called_aet",
    "calling_ae_title": "aet",
    "destination": "move_dest",
    "folder": "output",
}
"""Names of fields in the history of versions before 1.0."""


@dataclass(frozen=True, slots=True)
class FormField:
    """One line of the form."""

    name: str
    label: str
    default: str
    fault: Callable[[str], str | None]
    """Returns what is wrong with a text, as the end of a sentence, or None."""
    hint: str = ""
    """Stands in the empty field."""
    choices: tuple[str, ...] = ()
    group: str = ""
    of_study: bool = False
    """It narrows one study down, and is cleared once that is queued."""


class FormFault(ConfigError):
    """The text of a field is invalid."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def _pacs_fault(text: str) -> str | None:
    if not text:
        return "which PACS? give host:port"
    return _problem(lambda: parse_pacs_url(_url(text)))


def _url(text: str) -> str:
    return text if "://" in text else f"pacs://{text}"


def _uid_fault(text: str) -> str | None:
    return uid_fault(text) if text else None


def _folder_fault(text: str) -> str | None:
    if not text.strip():
        return "which folder?"
    try:
        place = closest_existing(expanded(text))
        return None if place.is_dir() else f"{place} is a file"
    except FileNotFoundError as error:
        return reason_of(error)
    except (OSError, ValueError) as error:
        return f"cannot be reached: {error}"
    except ConfigError as error:
        return error.problem


def _problem(parse: Callable[[], object]) -> str | None:
    try:
        parse()
    except ConfigError as error:
        return error.problem
    return None


def _field(option: Option) -> FormField:
    def fault(text: str) -> str | None:
        if not text and not option.default:
            return None
        return _problem(lambda: option.parse(option.name, text))

    return FormField(
        name=option.name,
        label=option.label,
        default=option.suggested or option.default,
        fault=_folder_fault if option.name == "output" else fault,
        hint=option.hint,
        choices=option.choices,
    )


_OF_OPTIONS = {option.name: _field(option) for option in KEYS.values() if option.of_order}
FIELDS = (
    FormField("pacs", "PACS", "", _pacs_fault, "host:port"),
    _OF_OPTIONS.pop("called_aet"),
    _OF_OPTIONS.pop("aet"),
    FormField("series", "Series", "", _uid_fault, "all of the study", of_study=True),
    FormField("instance", "Instance", "", _uid_fault, "all of them", of_study=True),
    *_OF_OPTIONS.values(),
)
_BY_NAME = {field.name: field for field in FIELDS}


def new_draft() -> dict[str, str]:
    """Return the texts of a form without a profile: as a new profile starts."""
    return {field.name: field.default for field in FIELDS}


def draft_of_texts(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the form for texts of options; where one is missing, the option's default holds."""
    defaults = {name: option.default for name, option in KEYS.items()}
    held = {**defaults, **texts}
    host = f"[{held['host']}]" if ":" in held["host"] else held["host"]
    draft = {field.name: held.get(field.name, "") for field in FIELDS}
    draft["pacs"] = f"{host}:{held['port']}" if host else ""
    return draft | {name: texts[name] for name in CARRIED if texts.get(name)}


def draft_of(options: RetrieveOptions) -> dict[str, str]:
    """Return the form that makes these options."""
    texts = texts_of(options)
    carried = {name: text for name, text in texts.items() if text != KEYS[name].default}
    return draft_of_texts({name: texts[name] for name in texts if name not in CARRIED} | carried)


def draft_of_history(texts: Mapping[str, str], output: Path) -> dict[str, str]:
    """Return the form that a job in the history was ordered with."""
    named = {_FORMER_NAMES.get(name, name): text for name, text in texts.items()}
    return {**draft_of_texts({}), **named, "output": str(output)}


def faults(draft: Draft) -> dict[str, str]:
    """Return the fields that are invalid, by themselves or beside the others, and why."""
    found = {}
    for field in FIELDS:
        if (fault := field.fault(draft[field.name].strip())) is not None:
            found[field.name] = fault
    if draft["instance"].strip() and not draft["series"].strip():
        found.setdefault("instance", "needs the series, too")
    for error in contradictions(_texts(draft), str):
        found.setdefault(error.option, error.problem)
    return {field.name: found[field.name] for field in FIELDS if field.name in found}


def read_draft(draft: Draft, profile: str = "") -> RetrieveOptions:
    """Return the options that a form makes.

    Raises:
        FormFault: A field is invalid; the first of them.
    """
    for name, fault in faults(draft).items():
        raise FormFault(name, f"{_BY_NAME[name].label}: {fault}")
    endpoint = parse_pacs_url(_url(draft["pacs"].strip()))
    address = {"host": endpoint.host, "port": str(endpoint.port)}
    return read_options({**_texts(draft), **address}, profile=profile)


def _texts(draft: Draft) -> dict[str, str]:
    """Return the texts of the options, without those that have no use."""
    texts = {name: draft[name].strip() for name in KEYS if name in draft}
    paths = {name: str(expanded(texts[name])) for name in PATHS if texts.get(name)}
    return without_unused({**texts, **paths})


def unverified(draft: Draft) -> bool:
    """Return true if TLS verifies no certificate."""
    return draft.get("tls") == YES and draft.get("tls_insecure") == YES


def carried_text(draft: Draft) -> str:
    """Return what the profile adds to the form; empty for nothing."""
    parts = []
    if draft.get("tls") == YES:
        parts.append("TLS INSECURE" if unverified(draft) else "TLS")
    if user := draft.get("user"):
        parts.append(f"as {user}")
    if model := draft.get("query_model"):
        parts.append(model)
    if length := draft.get("max_pdu"):
        parts.append(f"PDUs up to {length}")
    return f"From the profile: {', '.join(parts)}" if parts else ""


def summary(draft: Draft) -> str:
    """Return the form in a few words: `C-MOVE to MYAE → ~/dicom`."""
    return f"{method_words(draft['method'], draft['move_dest'])} → {draft['output']}"
