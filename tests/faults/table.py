"""Draw `docs/faults.md` from the tests: `python -m tests.faults.table`."""

import importlib
from collections.abc import Iterator
from pathlib import Path

from tests.faults.catalogue import FAULTS

FOLDER = Path(__file__).parent
DOCUMENT = FOLDER.parent.parent / "docs" / "faults.md"

TITLES = {
    1: "The PACS refuses the TCP connection, or its host name is unknown",
    2: "No answer to the TCP connect",
    3: "TCP is accepted, DICOM is not answered",
    4: "The PACS rejects our AE title",
    5: "The PACS rejects its own AE title",
    6: "The PACS has no free association for a while",
    7: "C-GET is not offered, or the role selection is not answered",
    8: "Silence after the request",
    9: "A stall within the header of a PDU",
    10: "A stall within a data set",
    11: "A slow transfer that keeps flowing",
    12: "A slow first byte",
    13: "Pending responses without end",
    14: "The connection is closed in the middle of an instance",
    15: "The connection is reset in the middle of an instance",
    16: "A-ABORT in the middle of an instance",
    17: "A-RELEASE before the final response",
    18: "A PDU of unknown type",
    19: "A command set with an unknown command field, or with none",
    20: "A response without a status, or to another message",
    21: "Success, and two of ten instances are missing",
    22: "Success, and no instance was sent",
    23: "Failed sub-operations, with and without a list of them",
    24: "Failure statuses, and comments with control characters",
    25: "Counters that are absent, frozen or absurd",
    26: "C-STORE requests after the final response",
    27: "One study over several associations, in random order",
    28: "Instances of another study",
    29: "The same UID twice, with the same bytes and with different ones",
    30: "Hostile UIDs",
    31: "A C-STORE command that disagrees with its data set",
    32: "A truncated, empty or invalid data set",
    33: "Private classes, compressed instances, deflate bombs and deep nesting",
    34: "An instance of more than 2 GiB",
    35: "Two messages in one PDU",
    36: "Unknown callers that connect and send little or nothing",
    37: "A PDU that claims to be 1 GiB long",
    38: "An unknown caller that sends instances",
    39: "A disk that is full, read-only or gone",
    40: "Interruption and kill",
    41: "A wall clock that jumps",
    42: "Our port is in use, or the PACS cannot connect to it",
    43: "A second run in the same folder",
    44: "A C-STORE association that is never released",
    45: "A truncated C-FIND list, without counts",
    46: "Failed sub-operations for instances that are not listed",
    47: "The association ends after the last instance, before the final response",
    48: "A study that is still arriving at the PACS",
    49: "Instances known from earlier runs that the list no longer has",
    50: "One instance at which the PACS always breaks off",
    51: "C-GET brings a part, and C-MOVE could bring the rest",
    52: "A data set with padding, or with stray, missing or wrong delimiters",
    53: "A data set with odd VRs or lengths, a file meta or other foreign elements",
    54: "A data set without its UIDs, or of another class than its command says",
    55: "A data set in another transfer syntax than its presentation context",
    56: "Compressed pixel data in a context for uncompressed, and the reverse",
    57: "A data set that is always damaged: its bytes are kept once",
    58: "Irregular instances that an earlier run kept",
    59: "Zeros in a file after a power cut",
    60: "A damaged journal",
    61: "A disk that is slow to sync",
    62: "The same SOP Instance UIDs in two studies",
    63: "No file descriptor is left",
    64: "A presentation context that is accepted with values that were not proposed",
    65: "Foreign elements in a command set",
    66: "A match without an identifier, or with an unreadable one",
    67: "A PDU over the limit, an empty value, a data set in another context",
    68: "A data set that is announced and not sent",
    69: "A class, transfer syntax or number of contexts that the first proposal does not suit",
    70: "C-FIND in one query model, C-GET or C-MOVE in the other",
    71: "Keys that C-FIND ignores and does not return",
    72: "Instances that do not match the patient ID or accession number looked up",
    73: "All matches of a C-FIND in one response",
    74: "UIDs that break the rules of the standard",
    75: "Six runs at once in one folder",
    76: "A signal at a random moment",
    77: "A bug in our own code",
    78: "A disk that fails at a rename",
    79: "Failures that suggest the wrong cause",
}

_PREFACE = """# Faults

Faults of PACS, networks, disks and users, the tests that provoke them, and the text that the user
reads. After each test, threads, open files, listening ports and part files are as before it.

Drawn from the tests by `python -m tests.faults.table`; a test fails if it is out of date.

| # | fault | tests (in `tests/faults/`) | the user reads |
|---|---|---|---|
"""


def render() -> str:
    """Return the whole document."""
    for module in sorted(FOLDER.glob("test_*.py")):
        importlib.import_module(f"tests.faults.{module.stem}")
    return _PREFACE + "".join(_rows())


def _rows() -> Iterator[str]:
    # Pytest may have imported the modules in any order; within one, the order is that of its tests.
    faults = sorted(FAULTS, key=lambda fault: fault.module)
    for number, title in TITLES.items():
        entries = [fault for fault in faults if fault.number == number]
        tests = dict.fromkeys(_short(entry.test) for entry in entries)
        texts = dict.fromkeys(_cell(entry.user_reads) for entry in entries)
        yield f"| {number} | {title} | {'<br>'.join(tests)} | {'<br>'.join(texts)} |\n"


def _short(test: str) -> str:
    module, _, name = test.removeprefix("tests/faults/").partition("::")
    return f"`{module}`: {name.removeprefix('test_').replace('_', ' ')}"


def _cell(text: str) -> str:
    return text.strip().replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    DOCUMENT.write_text(render(), encoding="utf-8")
