"""The flags that several commands share, and those of a retrieval, in the groups of `--help`."""

import argparse
from typing import Any

from dicom_retrieve_tui.cli.parser_base import add_switch, add_values
from dicom_retrieve_tui.model.choices import Method, QueryModel


def add_which(parser: argparse.ArgumentParser) -> None:
    """Which PACS is asked."""
    group = parser.add_argument_group("which PACS")
    group.add_argument(
        "target",
        nargs="?",
        metavar="pacs://HOST[:PORT]",
        help="its address, port 104 if not given; or @PROFILE",
    )
    add_config(group)


def add_what(parser: argparse.ArgumentParser) -> None:
    """What is retrieved from it."""
    add_values(
        parser.add_argument_group(
            "what to retrieve", "UIDs without a flag are Study Instance UIDs."
        ),
        ("--study-uid", "UID", "Study Instance UID"),
        ("--series-uid", "UID", "one series of that study"),
        ("--instance-uid", "UID", "one instance of that series"),
        ("--uid-list", "FILE", "one UID per line, or a table with a heading; - is stdin"),
        ("--accession-list", "FILE", "the same with accession numbers, looked up first"),
        ("--patient-list", "FILE", "the same with patient IDs; further columns narrow"),
        ("--column", "NAME", "the table's column, if not StudyInstanceUID or the like"),
    )


def add_filter(parser: argparse.ArgumentParser) -> None:
    """Which series of what is retrieved."""
    add_values(
        parser.add_argument_group(
            "which series of it", "A series must match all of these, by what the PACS says of it."
        ),
        ("--modality", "M[,..]", "the modalities to retrieve, such as CT,PT (all)"),
        ("--exclude-modality", "M[,..]", "the modalities to leave out, such as SR,KO (none)"),
        ("--series-description", "GLOB[|..]", "a pattern for all of it: '*T1*|FLAIR*' (any)"),
    )


AE_TITLES = (
    ("--aet", "AET", "our AE title (DICOMRETRIEVE)"),
    ("--called-aet", "AET", "the AE title of the PACS (ANY-SCP)"),
)
METHOD = ("--method", "M", "c-move, c-get, or auto: c-get, else c-move (c-move)", tuple(Method))
QUERY_MODEL = (
    "--query-model",
    "MODEL",
    "study-root, patient-root, or auto: what there is (auto)",
    tuple(QueryModel),
)
MAX_PDU = ("--max-pdu", "BYTES", "largest PDU that we take, 4096 to 131072 (131072)")
TIMEOUT = ("--timeout", "S", "seconds without a byte before we give up (60)")
ASKING = (
    *AE_TITLES,
    METHOD,
    QUERY_MODEL,
    ("--move-dest", "AET", "where C-MOVE sends to, an AE title the PACS knows"),
    ("--listen", "[HOST:]PORT", "be that destination ourselves: files land here"),
    ("--accept-from", "WHO[,..]", "further hosts or networks that may send here"),
    TIMEOUT,
    MAX_PDU,
)


def add_how(parser: argparse.ArgumentParser) -> None:
    """How it is asked."""
    add_values(
        parser.add_argument_group("how to ask for it"),
        *ASKING,
        ("--parallel", "N", "associations at once, 1 to 64 (1)"),
        ("--retries", "N", "further attempts at what may heal, 0 to 100 (3)"),
    )


def add_protection(parser: argparse.ArgumentParser) -> None:
    """TLS, and in whose name."""
    group = parser.add_argument_group("how it is protected")
    add_switch(group, "--tls", "true", "TLS 1.2 or 1.3, both ways")
    add_switch(group, "--no-tls", "false", "none, whatever the profile says", dest="tls")
    add_values(
        group,
        ("--tls-ca", "FILE", "whom to trust, PEM (whom this machine trusts)"),
        ("--tls-cert", "FILE", "our certificate, PEM; to listen needs one"),
        ("--tls-key", "FILE", "its private key, PEM, if in a file of its own"),
    )
    add_switch(group, "--tls-insecure", "true", "verify no certificate: believe anybody")
    add_values(
        group,
        ("--user", "NAME", "ask in the name of this user; the passcode is asked for"),
        ("--passcode-file", "FILE", "holds it, and only you may read it"),
    )


def add_where(parser: argparse.ArgumentParser) -> None:
    """Where the files go."""
    group = parser.add_argument_group("where it goes")
    add_values(group, ("--output", "DIR", "folder for the files, created if missing (.)"))
    group.add_argument("--hierarchical", action="store_true", help="STUDY/SERIES/INSTANCE.dcm")
    add_values(
        group,
        ("--layout", "TEMPLATE", "such as {PatientID}/{SOPInstanceUID}.dcm"),
        ("--umask", "OCTAL", "permissions to hold back; 077 is for you alone (077)"),
        ("--keep-free", "SIZE", "left free on the disk, such as 5G (1GiB, or 2 percent)"),
    )


LOG_FILE = ("--log-file", "FILE", "append a full diagnostic log, no patient names")


def add_account(parser: argparse.ArgumentParser) -> None:
    """What is told of a retrieval."""
    group = parser.add_argument_group("what to tell")
    group.add_argument("--dry-run", action="store_true", help="list what there is, and stop")
    group.add_argument(
        "--json", action="store_true", help="events on stdout, one JSON object a line"
    )
    add_values(group, ("--report", "FILE", "write the final account as JSON"))
    group.add_argument("-v", "--verbose", action="store_true", help="say more on stderr")
    add_values(group, LOG_FILE)
    group.add_argument(
        "--log-patient-data", action="store_true", help="log and report paths of a --layout, too"
    )


def add_general(parser: argparse.ArgumentParser) -> None:
    """What every command takes."""
    group = parser.add_argument_group("about")
    group.add_argument("--no-color", action="store_true", help="as NO_COLOR in the environment")
    group.add_argument("-h", "--help", action="store_true", help="this text")
    group.add_argument("--version", action="store_true", help="the version")


def add_config(group: Any) -> None:
    """Where the profiles are."""
    add_values(group, ("--config", "FILE", "where the profiles are (see: profiles path)"))
