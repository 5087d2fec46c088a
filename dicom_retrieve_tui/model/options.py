"""Every option of a retrieval, declared once.

The command line, `profiles.toml`, both forms of the application, the help, `docs/cli.md`, the
completion of the shell and the command that the application copies are drawn from `OPTIONS`.

An option's value is kept as the text that its flag takes, and parsed by one rule, so that a flag,
a profile and a field of a form mean the same.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.address import (
    DEFAULT_PORT,
    Endpoint,
    PeerAE,
)
from dicom_retrieve_tui.model.allowed_callers import AllowedCaller, parse_callers
from dicom_retrieve_tui.model.choices import Method, QueryModel
from dicom_retrieve_tui.model.hook_command import (
    HookCommand,
    parse_finish_command,
    parse_study_command,
)
from dicom_retrieve_tui.model.hours import Hours, parse_hours
from dicom_retrieve_tui.model.layout import parse_layout
from dicom_retrieve_tui.model.option_values import (
    DEFAULT_KEEP_FREE,
    FLAT,
    FLAT_LAYOUT,
    HIERARCHICAL,
    MAX_PDU_BYTES,
    MAX_PDU_BYTES_LEAST,
    NO,
    PRIVATE_UMASK,
    YES,
    KeepFree,
    Parse,
    parse_ae_title,
    parse_any,
    parse_flag,
    parse_host,
    parse_keep_free,
    parse_layout_text,
    parse_listen_text,
    parse_method,
    parse_outage_s,
    parse_path,
    parse_query_model,
    parse_timeout_s,
    parse_umask,
    parse_user_name,
    parse_whole,
    written,
    written_duration,
    written_layout,
    written_listen,
)
from dicom_retrieve_tui.model.rate_limit import Rate, parse_rate
from dicom_retrieve_tui.model.security import TlsSettings, UserIdentity
from dicom_retrieve_tui.model.series_filter import (
    NO_FILTER,
    SeriesFilter,
    modality_conflict,
    parse_descriptions,
    parse_modalities,
)
from dicom_retrieve_tui.model.uids import ae_title_fault
from dicom_retrieve_tui.model.workers import WorkerDestination, parse_cluster, parse_destinations
from dicom_retrieve_tui.model.writer import Writer

_PROFILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


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
    CLUSTER = "many machines"
    SECURITY = "security"
    FILES = "files"
    COMMANDS = "after each study and at the end"
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
    """The help of `--no-NAME`; empty if the option has no such flag."""
    parse: Parse = parse_any
    write: Callable[[Any], str] = written
    """The reverse of `parse`."""
    attribute: str = ""
    """Where `RetrieveOptions` has the value; empty if it has none."""
    choices: tuple[str, ...] = ()
    """Every possible value, if they are few."""
    default: str = ""
    """The value of an option that is given nowhere; empty for none."""
    default_words: str = ""
    """The default in words, where `default` does not show it."""
    suggested: str = ""
    """The value that a new profile starts with, if that is not the default."""
    suggested_words: str = ""
    """It in words, where `suggested` does not show it."""
    saved: bool = True
    """A profile may hold it."""
    kind: Kind = Kind.TEXT
    is_path: bool = False
    field_group: FormGroup = FormGroup.MORE
    label: str = ""
    """What the forms call it, in at most 11 characters."""
    hint: str = ""
    """Stands in an empty field."""
    of_order: bool = False
    """The form of an order has a field for it; else it comes from the profile alone."""

    @property
    def flag(self) -> str:
        """The name on the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def off_flag(self) -> str:
        """The name of `--no-NAME`."""
        return self.flag.replace("--", "--no-", 1)

    def help_for(self, command: Command) -> str:
        """Return the help with the default; a new profile has defaults of its own."""
        if not self.metavar:
            return self.help
        default = self.default_words or self.default
        if command is Command.PROFILES:
            default = self.suggested_words or self.suggested or default
        return f"{self.help} (default: {default})" if default else self.help


OPTIONS = (
    Option(
        name="host",
        help="host name or address of the PACS",
        commands=frozenset(),
        parse=parse_host,
        attribute="peer.endpoint.host",
        field_group=FormGroup.PACS,
        label="Host",
        hint="name or address",
    ),
    Option(
        name="port",
        help="port of the PACS",
        commands=frozenset(),
        parse=parse_whole(1, 65535),
        attribute="peer.endpoint.port",
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
        name="shard",
        help="the K-th of N shares of what is selected, by a hash of the Study Instance UID; auto: "
        "from a Slurm array, a Kubernetes Indexed Job or GNU parallel",
        group=Group.SELECTION,
        metavar="K/N",
        default_words="all of it",
        saved=False,
    ),
    Option(
        name="shards",
        help="number of shards for --shard auto, where the environment does not have it",
        group=Group.SELECTION,
        metavar="N",
        saved=False,
    ),
    Option(
        name="called_aet",
        help="AE title of the PACS",
        group=Group.NETWORK,
        commands=_EVERY,
        metavar="AET",
        parse=parse_ae_title,
        attribute="peer.ae_title",
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
        attribute="calling_ae_title",
        default="DICOMRETRIEVE",
        suggested_words="name of this computer",
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
        parse=parse_modalities,
        attribute="series_filter.modalities",
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
        parse=parse_modalities,
        attribute="series_filter.excluded_modalities",
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
        parse=parse_descriptions,
        write="|".join,
        attribute="series_filter.descriptions",
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
        attribute="method",
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
        attribute="query_model",
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
        attribute="move_destination",
        field_group=FormGroup.HERE,
        label="Dest AE",
        hint="for C-MOVE",
        of_order=True,
    ),
    Option(
        name="listen",
        help="receive the files ourselves on this port, as the move destination",
        group=Group.NETWORK,
        commands=_REQUESTS,
        metavar="[HOST:]PORT",
        parse=parse_listen_text,
        write=written_listen,
        attribute="listen",
        field_group=FormGroup.HERE,
        label="Listen",
        hint="[host:]port, to receive",
        of_order=True,
    ),
    Option(
        name="accept_from",
        help="further hosts or networks that may send to us",
        group=Group.NETWORK,
        commands=_REQUESTS,
        metavar="HOST[,..]",
        parse=parse_callers,
        attribute="accept_from",
        default_words="the PACS alone",
        field_group=FormGroup.HERE,
        label="Also accept",
        hint="who else may send here",
        of_order=True,
    ),
    Option(
        name="output",
        help="folder for the files, created if missing",
        group=Group.FILES,
        commands=_RETRIEVAL,
        metavar="DIR",
        parse=parse_path,
        attribute="output",
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
        write=written_layout,
        attribute="layout",
        default=FLAT,
        suggested=HIERARCHICAL,
        field_group=FormGroup.FILES,
        label="Layout",
        of_order=True,
    ),
    Option(
        name="umask",
        help="umask for new files and folders (077: only you can read them)",
        group=Group.FILES,
        commands=_RETRIEVAL,
        metavar="OCTAL",
        parse=parse_umask,
        write="{:03o}".format,
        attribute="umask",
        default=f"{PRIVATE_UMASK:03o}",
        label="Umask",
        hint="octal",
        of_order=True,
    ),
    Option(
        name="keep_free",
        help="disk space to leave free, such as 5G or 5%; 0 also begins what cannot fit",
        group=Group.FILES,
        commands=_RETRIEVAL,
        metavar="SIZE",
        parse=parse_keep_free,
        attribute="keep_free",
        default_words="1 GiB or 2 %, the lesser",
        label="Keep free",
        hint="1 GiB or 2 %, the lesser",
        of_order=True,
    ),
    Option(
        name="parallel",
        help="associations at once, 1 to 64",
        group=Group.NETWORK,
        commands=_RETRIEVAL,
        metavar="N",
        parse=parse_whole(1, 64),
        attribute="parallel",
        default="1",
        suggested="4",
        kind=Kind.WHOLE,
        label="Connections",
        of_order=True,
    ),
    Option(
        name="timeout",
        help="seconds without a byte before an association is given up; for the first byte of an "
        "answer, 5 times as long",
        group=Group.NETWORK,
        commands=_EVERY,
        metavar="S",
        parse=parse_timeout_s,
        attribute="timeout_s",
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
        parse=parse_whole(0, 100),
        attribute="retries",
        default="3",
        kind=Kind.WHOLE,
        label="Retries",
        of_order=True,
    ),
    Option(
        name="outage",
        help="how long to wait for a PACS that has answered and is gone, or for room on the disk, "
        "such as 2h; 0: not at all",
        group=Group.NETWORK,
        commands=_RETRIEVAL,
        metavar="TIME",
        parse=parse_outage_s,
        write=written_duration,
        attribute="outage_s",
        default="30m",
        label="Outage",
        hint="30m",
        of_order=True,
    ),
    Option(
        name="between",
        help="hours for requests, local time, such as 'mon-fri 19:00-06:30, sat-sun'",
        group=Group.NETWORK,
        commands=_RETRIEVAL,
        metavar="HOURS",
        parse=parse_hours,
        attribute="between",
        default_words="always",
        label="Hours",
        hint="always, or 19:00-06:30",
        of_order=True,
    ),
    Option(
        name="max_rate",
        help="bytes a second to receive at most, such as 20MB/s, all associations together",
        group=Group.NETWORK,
        commands=_RETRIEVAL,
        metavar="RATE",
        parse=parse_rate,
        attribute="max_rate",
        default_words="no limit",
        label="Rate",
        hint="no limit, or 20MB/s",
        of_order=True,
    ),
    Option(
        name="cluster",
        help="retrieve on the workers of a Dask cluster, by its scheduler's address; local:N "
        "starts N workers here; needs the extra [cluster]",
        group=Group.CLUSTER,
        commands=_RETRIEVAL,
        metavar="ADDRESS",
        parse=parse_cluster,
        attribute="cluster",
        label="Cluster",
        hint="tcp://host:8786, or local:4",
    ),
    Option(
        name="worker_dest",
        help="move destinations of the workers for C-MOVE, by name or host, such as "
        "node1=NODE1:11112,node2=NODE2:11112",
        group=Group.CLUSTER,
        commands=_RETRIEVAL,
        metavar="TABLE",
        parse=parse_destinations,
        attribute="worker_destinations",
        label="Their dest",
        hint="node1=NODE1:11112,..",
    ),
    Option(
        name="own_folders",
        help="each worker writes to an --output of its own; without it, all must see the same",
        off="all workers write to one shared --output",
        group=Group.CLUSTER,
        commands=_RETRIEVAL,
        parse=parse_flag,
        write=lambda value: YES if value else NO,
        attribute="own_folders",
        default=NO,
        kind=Kind.FLAG,
        label="Own folders",
    ),
    Option(
        name="max_pdu",
        help="largest PDU to receive, 4096 to 131072",
        group=Group.NETWORK,
        commands=_EVERY,
        metavar="BYTES",
        parse=parse_whole(MAX_PDU_BYTES_LEAST, MAX_PDU_BYTES),
        attribute="max_pdu_bytes",
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
        write=lambda value: YES if value else NO,
        attribute="tls",
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
        parse=parse_path,
        attribute="tls.ca",
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
        parse=parse_path,
        attribute="tls.certificate",
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
        parse=parse_path,
        attribute="tls.key",
        default_words="in the file of --tls-cert",
        is_path=True,
        field_group=FormGroup.SECURITY,
        label="Its key",
    ),
    Option(
        name="tls_insecure",
        help="do not verify certificates (unsafe)",
        group=Group.SECURITY,
        commands=_EVERY,
        parse=parse_flag,
        write=lambda verify: YES if verify is False else NO,
        attribute="tls.verify",
        default=NO,
        kind=Kind.FLAG,
        field_group=FormGroup.SECURITY,
        label="Skip verify",
    ),
    Option(
        name="user",
        help="user identity; prompts for the passcode",
        group=Group.SECURITY,
        commands=_EVERY,
        metavar="NAME",
        parse=parse_user_name,
        attribute="user.name",
        field_group=FormGroup.SECURITY,
        label="User",
    ),
    Option(
        name="passcode_file",
        help="file with the passcode of --user, readable by its owner alone",
        group=Group.SECURITY,
        commands=_EVERY,
        metavar="FILE",
        parse=parse_path,
        attribute="user.passcode_file",
        is_path=True,
        field_group=FormGroup.SECURITY,
        label="Passcode",
        hint="a file with it",
    ),
    Option(
        name="on_study",
        help="run for each complete study, without a shell, such as 'dcm2niix -o nii {folder}'",
        group=Group.COMMANDS,
        commands=_RETRIEVAL,
        metavar="COMMAND",
        parse=parse_study_command,
        attribute="on_study",
        label="On study",
        hint="command with {folder}",
    ),
    Option(
        name="on_study_parallel",
        help="commands of --on-study at once, 1 to 64",
        group=Group.COMMANDS,
        commands=_RETRIEVAL,
        metavar="N",
        parse=parse_whole(1, 64),
        attribute="on_study_parallel",
        default="1",
        kind=Kind.WHOLE,
        label="At once",
    ),
    Option(
        name="on_finish",
        help="run at the end, without a shell; the summary is its standard input",
        group=Group.COMMANDS,
        commands=_RETRIEVAL,
        metavar="COMMAND",
        parse=parse_finish_command,
        attribute="on_finish",
        label="At end",
        hint="command",
    ),
    Option(
        name="command_timeout",
        help="seconds until a command of --on-study or --on-finish is ended",
        group=Group.COMMANDS,
        commands=_RETRIEVAL,
        metavar="S",
        parse=parse_timeout_s,
        attribute="command_timeout_s",
        default="3600",
        kind=Kind.NUMBER,
        label="Cmd time",
        hint="seconds",
    ),
    Option(
        name="notify",
        help="bell, title and notice of the terminal after a run of 10 s or more; on by default",
        off="leave the terminal alone",
        group=Group.COMMANDS,
        commands=_RETRIEVAL,
        parse=parse_flag,
        write=lambda value: YES if value else NO,
        attribute="notify",
        default=YES,
        kind=Kind.FLAG,
        label="Notify",
    ),
    Option(name="notes", help="any text", commands=frozenset(), label="Notes"),
    Option(
        name="dry_run", help="list what the PACS has and the space it takes, and stop", saved=False
    ),
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
"""The options that choose among series."""
MAY_BE_EMPTY = SERIES_KEYS | {"on_study", "on_finish"}
"""An empty text takes away what a profile or `[defaults]` hold."""

PATHS = frozenset(option.name for option in OPTIONS if option.is_path)
SECURITY_FILES = PATHS - {"output"}

REFUSED = {
    "passcode": "a profile holds no passcode, because it is copied and shown to others; name a "
    "file by passcode_file, or leave it out and be asked.",
}
"""Keys that a profile must not have, and why."""

NOT_IN_DEFAULTS = frozenset({"host", "notes"})
"""Keys that belong to one PACS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveOptions:
    """How and where to retrieve: everything but the UIDs, as every face hands it to the engine."""

    profile: str = ""
    """The name of the profile; empty if there is none."""
    peer: PeerAE
    calling_ae_title: str = "DICOMRETRIEVE"
    method: Method = Method.C_MOVE
    move_destination: str | None = None
    """AE title (0000,0600) that C-MOVE sends to."""
    listen: tuple[str | None, int] | None = None
    """Host and port of our own Storage SCP, the move destination; host None is the interface
    towards the PACS, port 0 any free one. None: the files do not come to us by C-MOVE."""
    accept_from: tuple[AllowedCaller, ...] = ()
    """Callers that may send to it, besides the PACS's own addresses."""
    query_model: QueryModel = QueryModel.AUTO
    series_filter: SeriesFilter = NO_FILTER
    """The series to retrieve of what is selected."""
    output: Path
    """The folder for the files; created if missing."""
    layout: str = FLAT_LAYOUT
    """Template of a file's path below the output folder."""
    umask: int = PRIVATE_UMASK
    """Permissions to hold back, as of the shell's command."""
    keep_free: KeepFree = DEFAULT_KEEP_FREE
    """Space to leave free on the disk of the output folder."""
    parallel: int = 1
    """Associations with the PACS at once, at most."""
    timeout_s: float = 60.0
    """Time without an answer or a byte after which an association is given up."""
    retries: int = 3
    """Further attempts at a study whose failure may be temporary."""
    outage_s: float = 1800.0
    """How long to wait for a PACS that has answered in this run and is gone, or for room on the
    disk."""
    between: Hours | None = None
    """When requests may be made; None: always."""
    max_rate: Rate | None = None
    """Limit of what all associations receive together; None: no limit."""
    cluster: str = ""
    """Address of the Dask scheduler whose workers retrieve, or `local:N`; empty for none."""
    worker_destinations: tuple[WorkerDestination, ...] = ()
    """The move destinations of its workers."""
    own_folders: bool = False
    """Each worker writes to an `output` of its own, because they share no file system."""
    max_pdu_bytes: int = MAX_PDU_BYTES
    """Largest PDU that the PACS may send us."""
    tls: TlsSettings | None = None
    """None: unencrypted."""
    user: UserIdentity | None = None
    """None: no user identity is sent."""
    on_study: HookCommand | None = None
    """Run for each complete study; None for no command."""
    on_study_parallel: int = 1
    """Such commands at once, at most."""
    on_finish: HookCommand | None = None
    """Run when the run has ended; None for no command."""
    command_timeout_s: float = 3600.0
    """Time after which one of these commands is ended."""
    writer: Writer | None = None
    """What this run is among several that write into the output folder at once; None: it has the
    folder alone."""
    listed: tuple[str, ...] = ()
    """Study Instance UIDs of the whole list, where this run has a share of it; else none."""
    notify: bool = True
    """Ring the terminal's bell, set its title and show a notice when a run ends."""

    @property
    def listening(self) -> bool:
        """True if our own Storage SCP is the move destination: the files come to us."""
        return self.listen is not None

    @property
    def delivering(self) -> bool:
        """True if the instances go to another SCP, and we see none of them."""
        return self.method is Method.C_MOVE and not (self.listening or self.worker_destinations)

    @property
    def dangers(self) -> tuple[str, ...]:
        """Warnings about security, to be shown in every run."""
        found = []
        if self.tls is not None and not self.tls.verify:
            found.append(
                "--tls-insecure: certificates are not verified, so others on the network can read "
                "and change what is sent."
            )
        if self.tls is None and self.user is not None and self.user.passcode is not None:
            found.append("The passcode goes to the PACS unencrypted; add --tls.")
        return tuple(found)

    def clashes_with(self, other: "RetrieveOptions") -> bool:
        """Return true if both cannot run at once: a folder and a port have one user."""
        same_port = self.listening and self.listen == other.listen
        return same_port or self.output.absolute() == other.output.absolute()


def read_options(
    texts: Mapping[str, str],
    *,
    where: Callable[[str], str] | None = None,
    profile: str = "",
    to_retrieve: bool = True,
) -> RetrieveOptions:
    """Parse the texts of options.

    Args:
        texts: By name; the default holds for those that are missing.
        where: Names an option in messages; None uses its flag.
        profile: The name of the profile that the texts come from.
        to_retrieve: False for a command that sends no C-GET or C-MOVE.

    Raises:
        ConfigError: A value is invalid, or two contradict each other.
    """
    where = where or flag_of
    given = {name: option.default for name, option in KEYS.items() if option.default}
    given |= texts
    value = {name: KEYS[name].parse(where(name), text) for name, text in given.items()}
    for error in contradictions(given, where, to_retrieve=to_retrieve):
        raise error
    if to_retrieve and value["method"] is Method.C_GET:
        value.pop("move_dest", None)
    simple = {
        option.attribute: value[name]
        for name, option in KEYS.items()
        if name in value and option.attribute and "." not in option.attribute and name != "tls"
    }
    return RetrieveOptions(
        profile=profile,
        peer=PeerAE(
            ae_title=value["called_aet"],
            endpoint=Endpoint(host=value["host"], port=value["port"]),
        ),
        series_filter=SeriesFilter(
            modalities=value.get("modality", ()),
            excluded_modalities=value.get("exclude_modality", ()),
            descriptions=value.get("series_description", ()),
        ),
        tls=TlsSettings(
            ca=value.get("tls_ca"),
            certificate=value.get("tls_cert"),
            key=value.get("tls_key"),
            verify=not value["tls_insecure"],
        )
        if value["tls"]
        else None,
        user=UserIdentity(name=value["user"], passcode_file=value.get("passcode_file"))
        if "user" in value
        else None,
        **simple,
    )


_REQUIRED = {
    "accept_from": ("listen", "our own Storage SCP, to which the hosts may send"),
    "tls_ca": ("tls", ""),
    "tls_cert": ("tls", ""),
    "tls_key": ("tls", ""),
    "tls_insecure": ("tls", ""),
    "passcode_file": ("user", "whose passcode it holds"),
    "worker_dest": ("cluster", ""),
    "own_folders": ("cluster", ""),
}
"""What an option has no use without, and why if that is not plain."""


def contradictions(
    texts: Mapping[str, str], where: Callable[[str], str], *, to_retrieve: bool = True
) -> Iterator[ConfigError]:
    """Return what is wrong with options because of others, each error with the option to blame.

    Args:
        texts: By name, with the defaults.
        where: Names an option in messages.
        to_retrieve: As for `read_options`.
    """
    for name, (required, why) in _REQUIRED.items():
        missing = texts.get(name, NO) != NO and texts.get(required, NO) == NO
        if missing and (to_retrieve or required != "listen"):
            yield _requires(where, name, required, why)
    yield from _tls_contradictions(texts, where)
    if fault := modality_conflict(texts.get("modality", ""), texts.get("exclude_modality", "")):
        names = f"{where('modality')} and {where('exclude_modality')}"
        found = f"{names} contradict each other: {fault}."
        yield ConfigError(found, option=where("exclude_modality"), problem=fault)
    if to_retrieve and "worker_dest" in texts:
        yield from _destination_contradictions(texts, where)
    elif to_retrieve:
        yield from _method_contradictions(texts, where)
    if to_retrieve:
        if "cluster" in texts and "listen" in texts:
            problem = "with Cluster, each worker needs a destination: Their dest"
            yield ConfigError(
                f"{where('listen')} with {where('cluster')}: the PACS would send to one machine; "
                f"name the destination of each worker by {where('worker_dest')}.",
                option=where("listen"),
                problem=problem,
            )
        yield from _command_contradictions(texts, where)


def _requires(where: Callable[[str], str], name: str, required: str, why: str) -> ConfigError:
    reason = f", {why}" if why else ""
    found = f"{where(name)} requires {where(required)}{reason}."
    problem = f"requires {KEYS[required].label}{reason}"
    return ConfigError(found, option=where(name), problem=problem)


def _tls_contradictions(
    texts: Mapping[str, str], where: Callable[[str], str]
) -> Iterator[ConfigError]:
    if "tls_cert" in texts:
        return
    if "tls_key" in texts:
        yield _requires(where, "tls_key", "tls_cert", "the certificate of the key")
    elif texts.get("tls") == YES and "listen" in texts:
        why = "the certificate that we show to the PACS when it sends to us"
        yield ConfigError(
            f"{where('listen')} with {where('tls')} requires {where('tls_cert')} and "
            f"{where('tls_key')}, {why}.",
            option=where("listen"),
            problem=f"with TLS, the profile must name tls_cert, {why}",
        )


def _method_contradictions(
    texts: Mapping[str, str], where: Callable[[str], str]
) -> Iterator[ConfigError]:
    method = texts["method"]
    if method == Method.C_GET:
        if "listen" in texts:
            found = (
                f"{where('listen')} has no use with {where('method')} c-get, which brings the "
                "files over our own association; leave it out."
            )
            yield ConfigError(found, option=where("listen"), problem="has no use with C-GET")
    elif "move_dest" in texts:
        return
    elif method == Method.C_MOVE:
        found = (
            f"C-MOVE requires {where('move_dest')}, the AE title that the PACS sends to; to "
            f"retrieve over our own association, use {where('method')} c-get."
        )
        problem = "C-MOVE requires the AE title to send to"
        yield ConfigError(found, option=where("move_dest"), problem=problem)
    elif "listen" in texts:
        why = "the AE title under which the PACS knows us"
        found = f"{where('listen')} requires {where('move_dest')}, {why}."
        yield ConfigError(found, option=where("move_dest"), problem=f"Listen requires {why}")


def _destination_contradictions(
    texts: Mapping[str, str], where: Callable[[str], str]
) -> Iterator[ConfigError]:
    if texts["method"] == Method.C_GET:
        found = f"{where('worker_dest')} has no use with {where('method')} c-get; leave it out."
        yield ConfigError(found, option=where("worker_dest"), problem="has no use with C-GET")
    for name in ("move_dest", "listen"):
        if name in texts:
            found = f"{where('worker_dest')} and {where(name)} cannot be combined."
            problem = f"cannot be combined with {KEYS[name].label}"
            yield ConfigError(found, option=where("worker_dest"), problem=problem)


def _command_contradictions(
    texts: Mapping[str, str], where: Callable[[str], str]
) -> Iterator[ConfigError]:
    if "on_study" not in texts:
        return
    layout = texts.get("layout", FLAT)
    try:
        template = parse_layout_text(where("layout"), layout)
    except ConfigError:  # reported for the layout itself
        return
    if not parse_layout(template).study_folder_depth:
        problem = "requires a layout with a folder for each study, such as hierarchical"
        yield ConfigError(
            f"{where('on_study')} requires a folder for each study, and {where('layout')} "
            f"{layout} has none; use {where('layout')} hierarchical, or put "
            "{StudyInstanceUID}/ into the template.",
            option=where("on_study"),
            problem=problem,
        )
    elif texts["method"] == Method.C_MOVE and not {"listen", "worker_dest"} & texts.keys():
        problem = "C-MOVE to another Storage SCP leaves no files here"
        found = f"{where('on_study')} requires {where('listen')}: {problem}."
        yield ConfigError(found, option=where("on_study"), problem=problem)


def without_unused(texts: Mapping[str, str], given: Collection[str] = ()) -> dict[str, str]:
    """Return the texts without what has no use beside the others, unless the user gave it.

    A profile serves several methods: a port for C-MOVE does not contradict C-GET.

    Args:
        texts: By name, with the defaults; empty for no value.
        given: Names that must stay, because an error is to be reported if they have no use.
    """
    found = {name: text for name, text in texts.items() if text or name in given}
    if found.get("method") == Method.C_GET and "listen" not in given:
        found.pop("listen", None)
    for name, (required, _) in _REQUIRED.items():
        if found.get(required, NO) == NO and name not in given:
            found.pop(name, None)
    return found


def texts_of(options: RetrieveOptions) -> dict[str, str]:
    """Return the texts from which `read_options` makes these options; empty for no value."""
    texts = {}
    for name, option in KEYS.items():
        value: Any = options
        for attribute in filter(None, option.attribute.split(".")):
            value = None if value is None else getattr(value, attribute)
        texts[name] = option.write(value) if option.attribute else ""
    return texts


def flags_for(options: RetrieveOptions) -> Iterator[str]:
    """Return the words of a command line that give these options; defaults are left out."""
    for name, text in texts_of(options).items():
        option = KEYS[name]
        if Command.RETRIEVE in option.commands and text not in {"", option.default}:
            if option.off and text == NO:
                yield option.off_flag
                continue
            yield option.flag
            if option.metavar:
                yield text


def suggested_values(host_name: str) -> dict[str, str]:
    """Return what a new profile starts with, in every face.

    Args:
        host_name: The name of this computer.
    """
    values = {name: option.suggested for name, option in KEYS.items() if option.suggested}
    return {"aet": ae_title_of(host_name), **values}


def ae_title_of(host_name: str) -> str:
    """Return a host name as an AE title: upper case, without its domain, cut to what fits."""
    title = re.sub(r"[^A-Z0-9_-]", "_", host_name.partition(".")[0].upper())[:16]
    return KEYS["aet"].default if ae_title_fault(title) or not title.strip("_-") else title


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
