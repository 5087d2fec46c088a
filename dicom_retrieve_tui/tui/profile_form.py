"""A profile as text that a person edits: its fields, what is usual, and what is wrong. Pure.

The fields are drawn from the table of keys, so that a key which is new there is here, too.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.address import parse_pacs_url
from dicom_retrieve_tui.model.choices import Method, QueryModel
from dicom_retrieve_tui.model.options import (
    HIERARCHICAL,
    KEYS,
    NO,
    SECURITY_FILES,
    YES,
    Kind,
    profile_name_fault,
)
from dicom_retrieve_tui.model.settings import DEFAULT_CALLING_AE_TITLE
from dicom_retrieve_tui.model.uids import ae_title_fault

NAME = "name"
"""The field that is no key: what the profile is called."""
_LABELS = {
    "host": "Host",
    "port": "Port",
    "called_aet": "Its AE",
    NAME: "Name",
    "aet": "Our AE",
    "method": "Method",
    "move_dest": "Dest AE",
    "listen": "Listen",
    "modality": "Modality",
    "exclude_modality": "Without",
    "series_description": "Descr.",
    "output": "Folder",
    "layout": "Layout",
    "accept_from": "Accept",
    "query_model": "Model",
    "max_pdu": "Max PDU",
    "parallel": "Assoc.",
    "tls": "TLS",
    "tls_ca": "CA file",
    "tls_cert": "Our cert",
    "tls_key": "Its key",
    "tls_insecure": "Insecure",
    "passcode_file": "Passcode",
}
_GROUPS = (
    ("The PACS", ("host", "port", "called_aet")),
    ("This computer", (NAME, "aet", "method", "move_dest", "listen", "accept_from")),
    ("Files", ("output", "layout")),
    ("Series", ("modality", "exclude_modality", "series_description")),
)
_SECURITY, _MORE = "Security", "More"
_CHOICES = {"method": tuple(map(str, Method)), "query_model": tuple(map(str, QueryModel))}
_HINTS = {
    "host": "name or address",
    "move_dest": "for C-MOVE",
    "listen": "[host:]port",
    "accept_from": "who else may send here",
    "modality": "all, or such as CT,PT",
    "exclude_modality": "modalities, as SR,KO",
    "series_description": "any, or *T1*|FLAIR*",
    "passcode_file": "a file with it",
}
_AE_TITLE_LENGTH_MAX = 16
_NAME_LENGTH_MAX = 64


@dataclass(frozen=True, slots=True)
class ProfileField:
    """One line of the form."""

    name: str
    """A key, or `NAME`."""
    label: str
    group: str
    hint: str
    """What stands there while it is empty: what holds then."""
    choices: tuple[str, ...] = ()


def profile_fields(usual: Mapping[str, str] = MappingProxyType({})) -> list[ProfileField]:
    """Every line, in the order of the form.

    Args:
        usual: What holds for a key of which a profile says nothing, where that is not built in.
    """
    grouped = {key for _, keys in _GROUPS for key in keys}
    rest: dict[str, list[str]] = {}
    for key in KEYS:
        if key not in grouped:
            rest.setdefault(
                _SECURITY if key in SECURITY_FILES or key.startswith(("tls", "user")) else _MORE, []
            ).append(key)
    ordered = [*_GROUPS, *sorted(rest.items(), reverse=True)]
    return [_field(key, group, usual) for group, keys in ordered for key in keys]


def _field(key: str, group: str, usual: Mapping[str, str]) -> ProfileField:
    label = _LABELS.get(key) or key.replace("_", " ").capitalize()[:9]
    built_in = KEYS[key].default if key in KEYS else ""
    hint = usual.get(key) or built_in or _HINTS.get(key, "")
    choices = _CHOICES.get(key, ())
    if key in KEYS and KEYS[key].kind is Kind.FLAG:
        choices = (YES, NO)
    return ProfileField(key, label, group, hint, ("", *choices) if choices else ())


def usual_profile(host_name: str, listen_port: int) -> dict[str, str]:
    """What a new profile says until somebody says otherwise.

    By C-GET where the PACS offers it, else by C-MOVE to ourselves (`docs/decisions/0018`).

    Args:
        host_name: Of this machine.
        listen_port: One on which we may listen.
    """
    ours = ae_title_of(host_name)
    return {
        "aet": ours,
        "method": str(Method.AUTO),
        "move_dest": ours,
        "listen": str(listen_port),
        "output": "~/dicom",
        "layout": HIERARCHICAL,
        "parallel": "4",
    }


def ae_title_of(host_name: str) -> str:
    """A host name as an AE title: upper case, without its domain, cut to what fits."""
    title = re.sub(r"[^A-Z0-9_-]", "_", host_name.partition(".")[0].upper())
    title = title[:_AE_TITLE_LENGTH_MAX]
    return DEFAULT_CALLING_AE_TITLE if ae_title_fault(title) or not title.strip("_-") else title


def usual_name(texts: Mapping[str, str], taken: Collection[str]) -> str:
    """What to call a profile: as the PACS calls itself, made a name, and made the only one."""
    wanted = texts.get("called_aet", "").strip() or texts.get("host", "").strip()
    base = re.sub(r"[^A-Za-z0-9_.-]+", "-", wanted).strip("-_.").lower() or "pacs"
    base = base[: _NAME_LENGTH_MAX - 3]
    number = 2
    name = base
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    return name


def tidied(texts: Mapping[str, str]) -> dict[str, str]:
    """The same without blanks, and an address that was given whole taken apart.

    `pacs.example:11112` and `ARCHIVE@pacs.example:11112` are welcome as a host, as is a `pacs://`.
    """
    found = {name: text.strip() for name, text in texts.items()}
    host = found.get("host", "").removeprefix("pacs://")
    title, at, address = host.rpartition("@")
    if not (at or host != found.get("host") or re.search(r"^[^:]*:[0-9]+$|^\[", host)):
        return found
    try:
        endpoint = parse_pacs_url(f"pacs://{address}")
    except ConfigError:
        return found
    found["host"] = endpoint.host
    if re.search(r":[0-9]+$", address.rpartition("]")[2]):
        found["port"] = str(endpoint.port)
    if title:
        found["called_aet"] = title
    return found


def keys_said(texts: Mapping[str, str]) -> dict[str, str]:
    """What the profile is to say: every key with a text."""
    return {key: texts[key] for key in KEYS if texts.get(key)}


def field_faults(texts: Mapping[str, str], taken: Collection[str]) -> dict[str, str]:
    """What is wrong with each field by itself, by its name, the uppermost first.

    Args:
        texts: Tidied.
        taken: Names of other profiles.
    """
    faults = {}
    if fault := profile_name_fault(texts[NAME]):
        faults[NAME] = f"{texts[NAME]!r} {fault}."
    elif texts[NAME] in taken:
        faults[NAME] = f"There is a profile {texts[NAME]!r} already."
    if not texts["host"]:
        faults["host"] = "Where is the PACS? Its host name or address."
    for field in profile_fields():
        text = texts[field.name]
        if field.name in KEYS and text and (fault := _fault(field, text)):
            faults[field.name] = fault
    if texts["tls"] == YES and texts["tls_key"] and not texts["tls_cert"]:
        faults["tls_cert"] = "The private key needs the certificate that it belongs to."
    if texts["passcode_file"] and not texts["user"]:
        faults["user"] = "Whose passcode is in the file?"
    return {field.name: faults[field.name] for field in profile_fields() if field.name in faults}


def _fault(field: ProfileField, text: str) -> str | None:
    try:
        KEYS[field.name].parse(field.label, text)
    except ConfigError as error:
        return str(error)
    return None


def warning(texts: Mapping[str, str], usual: Mapping[str, str]) -> str:
    """What the PACS has to know of us, where it is to send to us; empty if it is not.

    Args:
        texts: Of the form, tidied.
        usual: What holds for a field that is empty.
    """
    ours, method, destination, listen = (
        texts.get(key) or usual.get(key, "") for key in ("aet", "method", "move_dest", "listen")
    )
    if method == Method.C_GET or not (destination and listen):
        return ""
    if destination != ours:
        ours = f"{ours}, and {destination}"
    return f"For C-MOVE, the PACS must know {ours} at this computer, port {listen.split(':')[-1]}."
