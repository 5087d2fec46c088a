"""Every option of a retrieval, declared once.

The command line, `profiles.toml`, both forms of the application, the help, `docs/cli.md`, the
completion of the shell and the command that the application copies are drawn from `OPTIONS`.

An option's value is kept as the text that its flag takes, and parsed by one rule, so that a flag,
a profile and a field of a form mean the same.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.address import DEFAULT_PORT, parse_listen, parse_pacs_url
from dicom_retrieve_tui.model.allowed_callers import parse_callers
from dicom_retrieve_tui.model.choices import Method, QueryModel
from dicom_retrieve_tui.model.layout import parse_layout
from dicom_retrieve_tui.model.sanitize import check_text
from dicom_retrieve_tui.model.series_filter import parse_descriptions, parse_modalities
from dicom_retrieve_tui.model.uids import ae_title_fault

YES, NO = "true", "false"
FLAT, HIERARCHICAL = "flat", "hierarchical"
"""The layouts that have a name; other values are templates."""
LAYOUTS = {
    FLAT: "{SOPInstanceUID}.dcm",
    HIERARCHICAL: "{StudyInstanceUID}/{SeriesInstanceUID}/{SOPInstanceUID}.dcm",
}

# Far beyond any PACS, and far below the longest timeout of a socket.
TIMEOUT_MAX_S = 86_400
# Larger PDUs were not faster; the least is what other tools go down to.
MAX_PDU_BYTES = 1 << 17
MAX_PDU_BYTES_LEAST = 4096
# The user identity item holds at most 65,535 bytes.
USER_BYTES_MAX = 1024

_FOR_OTHERS = 0o077
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{0,9})?|\.[0-9]{1,9}")
_SIZE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?) ?(%|[kMGT]?i?B?)")
_DECIMAL = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BINARY = {"ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}
_PROFILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

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


def _whole(least: int, most: int) -> Parse:
    return lambda where, text: parse_whole_number(where, text, least, most)


def _host(where: str, text: str) -> str:
    try:
        return parse_pacs_url(f"pacs://[{text}]" if ":" in text else f"pacs://{text}").host
    except ConfigError as error:
        raise ConfigError.of_value(where, text, "expected a host name or an address") from error


def _listen(where: str, text: str) -> tuple[str | None, int]:
    return parse_listen(text, where)


def _modalities(where: str, text: str) -> tuple[str, ...]:
    return parse_modalities(where, text) if text else ()


def _descriptions(where: str, text: str) -> tuple[str, ...]:
    return parse_descriptions(where, text) if text else ()


def _path(where: str, text: str) -> str:
    if not text.strip():
        problem = "is empty; leave it out instead"
        raise ConfigError(f"{where} {problem}.", option=where, problem=problem)
    return text


def _any_text(_where: str, text: str) -> str:
    return text


class Kind(StrEnum):
    """How a value is written in TOML."""

    TEXT = "a text in quotes"
    WHOLE = "a whole number"
    NUMBER = "a number"
    FLAG = "true or false"


class Group(StrEnum):
    """Flags that belong together, by the heading over them in the help."""

    SELECTION = "what to retrieve"
    SERIES = "which series"
    NETWORK = "network"
    SECURITY = "security"
    FILES = "files"
    OUTPUT = "output"


class FormGroup(StrEnum):
    """Fields that belong together, by the heading over them in the form of a profile."""

    PACS = "The PACS"
    HERE = "This computer"
    FILES = "Files"
    SERIES = "Series"
    SECURITY = "Security"
    MORE = "More"


class Command(StrEnum):
    """The commands that take options of a retrieval."""

    RETRIEVE = "retrieve"
    PROFILES = "profiles"
    DOCTOR = "doctor"
    FIND = "find"


_RETRIEVAL = frozenset({Command.RETRIEVE, Command.PROFILES})
_REQUESTS = _RETRIEVAL | {Command.DOCTOR}
_EVERY = frozenset(Command)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option, in every place where it can be given."""

    name: str
    """The key in a profile, and the flag without its dashes."""
    help: str
    """A noun phrase, without the default."""
    group: Group = Group.OUTPUT
    """Where its flag stands in the help."""
    commands: frozenset[Command] = frozenset({Command.RETRIEVE})
    """The commands that have the flag."""
    metavar: str = ""
    """Stands for the value in the help; empty for a flag without one."""
    short: str = ""
    """A second name of the flag, such as `-v`."""
    off: str = ""
    """The help of `--no-NAME`; empty if there is no such flag."""
    parse: Parse = _any_text
    choices: tuple[str, ...] = ()
    """Every possible value, if they are few."""
    default: str = ""
    """The value of an option that is given nowhere; empty for none."""
    default_words: str = ""
    """The default in words, where `default` does not show it."""
    suggested: str = ""
    """The value that a new profile starts with, if that is not the default."""
    saved: bool = True
    """A profile may hold it."""
    kind: Kind = Kind.TEXT
    is_path: bool = False
    field_group: FormGroup = FormGroup.MORE
    label: str = ""
    """What the forms call it, in at most 8 characters."""
    hint: str = ""
    """Stands in an empty field."""
    of_order: bool = False
    """The form of an order has a field for it; else it comes from the profile alone."""

    @property
    def flag(self) -> str:
        """The name on the command line."""
        return f"--{self.name.replace('_', '-')}"

    def help_for(self, command: Command) -> str:
        """Return the help with the default; a new profile has defaults of its own."""
        if not self.metavar:
            return self.help
        default = self.default_words or self.default
        if command is Command.PROFILES:
            default = self.suggested or default
        return f"{self.help} (default: {default})" if default else self.help


OPTIONS = (
    Option(
        name="host",
        help="host name or address of the PACS",
        commands=frozenset(),
        parse=_host,
        field_group=FormGroup.PACS,
        label="Host",
        hint="name or address",
    ),
    Option(
        name="port",
        help="port of the PACS",
        commands=frozenset(),
        parse=_whole(1, 65535),
        default=str(DEFAULT_PORT),
        kind=Kind.WHOLE,
        field_group=FormGroup.PACS,
        label="Port",
    ),
    Option(
        name="study_uid",
        help="Study Instance UID",
        group=Group.SELECTION,
        metavar="UID",
        saved=False,
    ),
    Option(
        name="series_uid",
        help="one series of that study",
        group=Group.SELECTION,
        metavar="UID",
        saved=False,
    ),
    Option(
        name="instance_uid",
        help="one instance of that series",
        group=Group.SELECTION,
        metavar="UID",
        saved=False,
    ),
    Option(
        name="uid_list",
        help="Study Instance UIDs, one a line, or a table with a heading; - is stdin",
        group=Group.SELECTION,
        metavar="FILE",
        saved=False,
    ),
    Option(
        name="accession_list",
        help="accession numbers, looked up before the retrieval; - is stdin",
        group=Group.SELECTION,
        metavar="FILE",
        saved=False,
    ),
    Option(
        name="patient_list",
        help="patient IDs, looked up; further columns narrow the search; - is stdin",
        group=Group.SELECTION,
        metavar="FILE",
        saved=False,
    ),
    Option(
        name="column",
        help="column of the table",
        group=Group.SELECTION,
        metavar="NAME",
        default_words="StudyInstanceUID or the like",
        saved=False,
    ),
    Option(
        name="called_aet",
        help="AE title of the PACS",
        group=Group.NETWORK,
        commands=_EVERY,
        metavar="AET",
        parse=parse_ae_title,
        default="ANY-SCP",
        field_group=FormGroup.PACS,
        label="Its AE",
        of_order=True,
    ),
    Option(
        name="aet",
        help="our AE title",
        group=Group.NETWORK,
        commands=_EVERY,
        metavar="AET",
        parse=parse_ae_title,
        default="DICOMRETRIEVE",
        suggested="this computer's name",
        field_group=FormGroup.HERE,
        label="Our AE",
        of_order=True,
    ),
    Option(
        name="modality",
        help="modalities to retrieve, such as CT,PT",
        group=Group.SERIES,
        commands=_RETRIEVAL,
        metavar="M[,..]",
        parse=_modalities,
        default_words="all",
        field_group=FormGroup.SERIES,
        label="Modality",
        hint="all, or such as CT,PT",
        of_order=True,
    ),
    Option(
        name="exclude_modality",
        help="modalities to leave out, such as SR,KO",
        group=Group.SERIES,
        commands=_RETRIEVAL,
        metavar="M[,..]",
        parse=_modalities,
        default_words="none",
        field_group=FormGroup.SERIES,
        label="Without",
        hint="modalities, as SR,KO",
        of_order=True,
    ),
    Option(
        name="series_description",
        help="pattern for the whole description, such as '*T1*|FLAIR*'",
        group=Group.SERIES,
        commands=_RETRIEVAL,
        metavar="GLOB[|..]",
        parse=_descriptions,
        default_words="any",
        field_group=FormGroup.SERIES,
        label="Descr.",
        hint="any, or *T1*|FLAIR*",
        of_order=True,
    ),
    Option(
        name="method",
        help="c-move, c-get, or auto: C-GET, else C-MOVE",
        group=Group.NETWORK,
        commands=_REQUESTS,
        metavar="M",
        parse=parse_method,
        choices=tuple(map(str, Method)),
        default=str(Method.C_MOVE),
        field_group=FormGroup.HERE,
        label="Method",
        of_order=True,
    ),
    Option(
        name="query_model",
        help="study-root, patient-root, or auto: the one that the PACS accepts",
        group=Group.NETWORK,
        commands=_EVERY,
        metavar="MODEL",
        parse=parse_query_model,
        choices=tuple(map(str, QueryModel)),
        default=str(QueryModel.AUTO),
        label="Model",
    ),
    Option(
        name="move_dest",
        help="move destination of C-MOVE, an AE title that the PACS knows",
        group=Group.NETWORK,
        commands=_REQUESTS,
        metavar="AET",
        parse=parse_ae_title,
        field_group=FormGroup.HERE,
        label="Dest AE",
        hint="for C-MOVE",
        of_order=True,
    ),
    Option(
        name="listen",
        help="be the move destination: receive on this port into --output",
        group=Group.NETWORK,
        commands=_REQUESTS,
        metavar="[HOST:]PORT",
        parse=_listen,
        field_group=FormGroup.HERE,
        label="Listen",
        hint="[host:]port, to be it",
        of_order=True,
    ),
    Option(
        name="accept_from",
        help="further hosts or networks that may send to us",
        group=Group.NETWORK,
        commands=_REQUESTS,
        metavar="HOST[,..]",
        parse=parse_callers,
        default_words="the PACS alone",
        field_group=FormGroup.HERE,
        label="Accept",
        hint="who else may send here",
        of_order=True,
    ),
    Option(
        name="output",
        help="folder for the files, created if missing",
        group=Group.FILES,
        commands=_RETRIEVAL,
        metavar="DIR",
        parse=_path,
        default=".",
        suggested="~/dicom",
        is_path=True,
        field_group=FormGroup.FILES,
        label="Folder",
        of_order=True,
    ),
    Option(
        name="hierarchical",
        help="same as --layout hierarchical: STUDY/SERIES/INSTANCE.dcm",
        group=Group.FILES,
        commands=_RETRIEVAL,
        saved=False,
    ),
    Option(
        name="layout",
        help="flat, hierarchical, or such as {PatientID}/{SOPInstanceUID}.dcm",
        group=Group.FILES,
        commands=_RETRIEVAL,
        metavar="TEMPLATE",
        parse=parse_layout_text,
        default=FLAT,
        suggested=HIERARCHICAL,
        field_group=FormGroup.FILES,
        label="Layout",
        of_order=True,
    ),
    Option(
        name="umask",
        help="umask for new files and folders",
        group=Group.FILES,
        commands=_RETRIEVAL,
        metavar="OCTAL",
        parse=parse_umask,
        default="077",
        label="Umask",
        hint="octal",
        of_order=True,
    ),
    Option(
        name="keep_free",
        help="disk space to leave free, such as 5G or 5%",
        group=Group.FILES,
        commands=_RETRIEVAL,
        metavar="SIZE",
        parse=parse_keep_free,
        default_words="1GiB or 2%, the lesser",
        label="Spare",
        hint="1GiB or 2%, the lesser",
        of_order=True,
    ),
    Option(
        name="parallel",
        help="associations at once, 1 to 64",
        group=Group.NETWORK,
        commands=_RETRIEVAL,
        metavar="N",
        parse=_whole(1, 64),
        default="1",
        suggested="4",
        kind=Kind.WHOLE,
        label="Assoc.",
        of_order=True,
    ),
    Option(
        name="timeout",
        help="seconds without a byte before an association is given up",
        group=Group.NETWORK,
        commands=_EVERY,
        metavar="S",
        parse=parse_timeout_s,
        default="60",
        kind=Kind.NUMBER,
        label="Timeout",
        hint="seconds",
        of_order=True,
    ),
    Option(
        name="retries",
        help="further attempts at a study after a failure that may be temporary, 0 to 100",
        group=Group.NETWORK,
        commands=_RETRIEVAL,
        metavar="N",
        parse=_whole(0, 100),
        default="3",
        kind=Kind.WHOLE,
        label="Retries",
        of_order=True,
    ),
    Option(
        name="max_pdu",
        help="largest PDU to receive, 4096 to 131072",
        group=Group.NETWORK,
        commands=_EVERY,
        metavar="BYTES",
        parse=_whole(MAX_PDU_BYTES_LEAST, MAX_PDU_BYTES),
        default=str(MAX_PDU_BYTES),
        kind=Kind.WHOLE,
        label="Max PDU",
    ),
    Option(
        name="tls",
        help="TLS 1.2 or 1.3, for every association",
        off="disable TLS set by a profile",
        group=Group.SECURITY,
        commands=_EVERY,
        parse=parse_flag,
        default=NO,
        kind=Kind.FLAG,
        field_group=FormGroup.SECURITY,
        label="TLS",
    ),
    Option(
        name="tls_ca",
        help="CA certificates, PEM",
        group=Group.SECURITY,
        commands=_EVERY,
        metavar="FILE",
        parse=_path,
        default_words="system store",
        is_path=True,
        field_group=FormGroup.SECURITY,
        label="CA file",
    ),
    Option(
        name="tls_cert",
        help="our certificate, PEM; --listen with --tls needs one",
        group=Group.SECURITY,
        commands=_EVERY,
        metavar="FILE",
        parse=_path,
        is_path=True,
        field_group=FormGroup.SECURITY,
        label="Our cert",
    ),
    Option(
        name="tls_key",
        help="private key of our certificate, PEM",
        group=Group.SECURITY,
        commands=_EVERY,
        metavar="FILE",
        parse=_path,
        default_words="in the file of --tls-cert",
        is_path=True,
        field_group=FormGroup.SECURITY,
        label="Its key",
    ),
    Option(
        name="tls_insecure",
        help="do not verify certificates",
        group=Group.SECURITY,
        commands=_EVERY,
        parse=parse_flag,
        default=NO,
        kind=Kind.FLAG,
        field_group=FormGroup.SECURITY,
        label="Insecure",
    ),
    Option(
        name="user",
        help="user identity; prompts for the passcode",
        group=Group.SECURITY,
        commands=_EVERY,
        metavar="NAME",
        parse=parse_user_name,
        field_group=FormGroup.SECURITY,
        label="User",
    ),
    Option(
        name="passcode_file",
        help="file with the passcode of --user, readable by its owner alone",
        group=Group.SECURITY,
        commands=_EVERY,
        metavar="FILE",
        parse=_path,
        is_path=True,
        field_group=FormGroup.SECURITY,
        label="Passcode",
        hint="a file with it",
    ),
    Option(name="notes", help="any text", commands=frozenset(), label="Notes"),
    Option(name="dry_run", help="list what the PACS has, and stop", saved=False),
    Option(name="json", help="events on stdout, one JSON object a line", saved=False),
    Option(name="report", help="write the final account as JSON", metavar="FILE", saved=False),
    Option(name="verbose", help="more messages on stderr", short="-v", saved=False),
    Option(
        name="log_file",
        help="append a full diagnostic log, without patient names",
        commands=frozenset({Command.RETRIEVE, Command.FIND}),
        metavar="FILE",
        saved=False,
    ),
    Option(
        name="log_patient_data",
        help="log and report paths of a --layout with patient data, too",
        saved=False,
    ),
)
"""In the order in which the help, a profile and the forms show them."""

KEYS: Mapping[str, Option] = {option.name: option for option in OPTIONS if option.saved}
"""What a profile may hold, by key."""

SERIES_KEYS = frozenset({"modality", "exclude_modality", "series_description"})
"""The options that choose among series; an empty text in a profile wants all of them."""

PATHS = frozenset(option.name for option in OPTIONS if option.is_path)
SECURITY_FILES = PATHS - {"output"}

REFUSED = {
    "passcode": "a profile holds no passcode, because it is copied and shown to others; name a "
    "file by passcode_file, or leave it out and be asked.",
}
"""Keys that a profile must not have, and why."""

NOT_IN_DEFAULTS = frozenset({"host", "notes"})
"""Keys that belong to one PACS."""


def flag_of(name: str) -> str:
    """Return the flag of an option's name."""
    return f"--{name.replace('_', '-')}"


def profile_name_fault(name: str) -> str | None:
    """Return why `name` cannot be the name of a profile, or None if it can."""
    if _PROFILE_NAME.fullmatch(name):
        return None
    return (
        "is not a valid profile name: letters, digits, '-', '_' and '.', at most 64, the first a "
        "letter or digit"
    )
