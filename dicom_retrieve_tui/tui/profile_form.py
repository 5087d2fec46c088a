"""The form of a profile: its fields, drawn from the table of options, and what is wrong in them."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.address import parse_pacs_url
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.option_values import NO, YES
from dicom_retrieve_tui.model.options import (
    KEYS,
    FormGroup,
    Kind,
    Option,
    profile_name_fault,
    suggested_values,
)

NAME = "name"
"""The field that is not a key: what the profile is called."""
_NAME_LENGTH_MAX = 64


@dataclass(frozen=True, slots=True)
class ProfileField:
    """One line of the form."""

    name: str
    """A key, or `NAME`."""
    label: str
    group: str
    hint: str
    """Stands in the empty field: what holds then."""
    choices: tuple[str, ...] = ()


def profile_fields(held: Mapping[str, str] = MappingProxyType({})) -> list[ProfileField]:
    """Return every line, in the order of the form.

    Args:
        held: The value of a key that the profile does not have, if that is not the default.
    """
    fields = []
    for group in FormGroup:
        if group is FormGroup.HERE:
            fields.append(ProfileField(NAME, "Name", group, ""))
        options = (option for option in KEYS.values() if option.field_group is group)
        fields += [_field(option, group, held) for option in options]
    return fields


def _field(option: Option, group: FormGroup, held: Mapping[str, str]) -> ProfileField:
    choices = (YES, NO) if option.kind is Kind.FLAG else option.choices
    hint = held.get(option.name) or option.default or option.hint
    return ProfileField(option.name, option.label, group, hint, ("", *choices) if choices else ())


def new_profile(host_name: str, listen_port: int) -> dict[str, str]:
    """Return what a new profile starts with: C-GET if the PACS has it, else C-MOVE to ourselves.

    Args:
        host_name: Of this computer.
        listen_port: A free port.
    """
    values = suggested_values(host_name)
    listening = {"move_dest": values["aet"], "listen": str(listen_port)}
    return {**values, "method": str(Method.AUTO), **listening}


def usual_name(texts: Mapping[str, str], taken: Collection[str]) -> str:
    """Return a new name for a profile, after the AE title or the host of the PACS."""
    wanted = texts.get("called_aet", "").strip() or texts.get("host", "").strip()
    base = re.sub(r"[^A-Za-z0-9_.-]+", "-", wanted).strip("-_.").lower() or "pacs"
    base = base[: _NAME_LENGTH_MAX - 3]
    number = 2
    name = base
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    return name


def tidied(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the texts without blanks around them, and with a whole address split.

    The host may be `pacs.example:11112`, `ARCHIVE@pacs.example:11112` or a `pacs://` URL.
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
    """Return the values of the profile: every key with a text."""
    return {key: texts[key] for key in KEYS if texts.get(key)}


def field_faults(texts: Mapping[str, str], taken: Collection[str]) -> dict[str, str]:
    """Return what is wrong with each field by itself, by its name, in the order of the form.

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


def warning(texts: Mapping[str, str], held: Mapping[str, str]) -> str:
    """Return what the PACS has to know of us to send to us; empty if it does not send.

    Args:
        texts: Of the form, tidied.
        held: The value of a field that is empty.
    """
    ours, method, destination, listen = (
        texts.get(key) or held.get(key, "") for key in ("aet", "method", "move_dest", "listen")
    )
    if method == Method.C_GET or not (destination and listen):
        return ""
    if destination != ours:
        ours = f"{ours}, and {destination}"
    return f"For C-MOVE, the PACS must know {ours} at this computer, port {listen.split(':')[-1]}."
