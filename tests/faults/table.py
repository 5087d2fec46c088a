"""Draws `docs/faults.md` from the tests; `python -m tests.faults.table` writes it anew."""

import importlib
from collections.abc import Iterator
from pathlib import Path

from tests.faults.catalogue import FAULTS

FOLDER = Path(__file__).parent
DOCUMENT = FOLDER.parent.parent / "docs" / "faults.md"

TITLES = {
    1: "The connection is refused, or the name unknown",
    2: "Nothing answers the TCP connect",
    3: "TCP is accepted, DICOM is not answered",
    4: "Our AE title is refused",
    5: "The PACS's AE title is refused",
    6: "No association is left for us, for a while",
    7: "C-GET is not offered, or the role selection not answered",
    8: "Silence after the request",
    9: "A stall within a PDU's header",
    10: "A stall within a data set",
    11: "Slow, but flowing",
    12: "A slow first byte",
    13: "Pending for ever",
    14: "The connection is closed in the middle of an object",
    15: "The connection is reset in the middle of an object",
    16: "A-ABORT in the middle of an object",
    17: "A-RELEASE before the final response",
    18: "A PDU of unknown type",
    19: "A command set with an unknown or no command field",
    20: "A response without a status, or to another message",
    21: "Success, and two of ten are missing",
    22: "Success, and nothing was sent",
    23: "Sub-operations failed, with and without a list of them",
    24: "Failure statuses, and comments with control characters",
    25: "Counters that are absent, frozen or absurd",
    26: "Stores after the final response",
    27: "A study over several associations, shuffled",
    28: "Instances of another study",
    29: "The same UID twice, with the same bytes and with others",
    30: "Hostile UIDs",
    31: "A command that disagrees with its data set",
    32: "A cut-short, empty or senseless data set",
    33: "Private classes, compressed objects, bombs and deep nesting",
    34: "An object of more than 2 GiB",
    35: "Two messages in one PDU",
    36: "Strangers that connect and say little or nothing",
    37: "A PDU that claims 1 GiB",
    38: "A stranger that sends what nobody asked for",
    39: "A full, read-only or vanished disk",
    40: "Interruption and kill",
    41: "The wall clock jumps",
    42: "Our port is taken, or the PACS cannot connect back",
    43: "A second run in the same folder",
    44: "A store association that is never released",
    45: "A list that is cut short, and no counts",
    46: "Failures of instances that are not listed",
    47: "The association ends after the last instance, before the final response",
    48: "A study that is still arriving",
    49: "What earlier runs knew, and the list has no longer",
    50: "One instance at which the PACS breaks off, always",
    51: "C-GET brings some of it, and C-MOVE could bring the rest",
    60: "A data set with padding, or with stray, missing or wrong delimiters",
    61: "Odd VRs and lengths, a file meta and other foreign elements in a data set",
    62: "A data set without its UIDs, or of another class than its command says",
    63: "A data set in another transfer syntax than its presentation context's",
    64: "Compressed pixel data in a context for uncompressed, and the reverse",
    65: "A damaged data set, always: its bytes are kept, once",
    66: "Irregular instances that an earlier run kept",
    67: "Zeros in a file after a power cut",
    68: "A damaged journal",
    69: "A disk that takes long to sync",
    71: "The same SOP Instance UIDs in two studies",
    72: "No file descriptor is left",
    74: "A presentation context that is answered in a way that was not proposed",
    75: "Foreign elements in a command set",
    76: "A match without an identifier, or with one that cannot be read",
    77: "A PDU larger than allowed, an empty value, a data set in another context",
    78: "A data set that is announced and not sent",
    79: "A class, a transfer syntax or a number of contexts that no first proposal suits",
    80: "C-FIND in one query model, the retrieval in the other",
    81: "Keys that C-FIND ignores and does not return",
    82: "Instances of another than was looked up",
    83: "All matches of a C-FIND in one row",
    84: "UIDs that break the standard's letter",
    85: "Six runs at once in one folder",
    86: "A signal at a random moment",
    87: "A fault of our own code",
    88: "A disk that fails at a rename",
    89: "Failures that suggest the wrong cause",
}

_PREFACE = """# Faults

What PACS, networks, disks and people do wrong, which test does it to us, and what the user reads.
After each of these tests the threads, open files, listening ports and part files are as before.

Drawn from the tests by `python -m tests.faults.table`; a test fails when it is out of date.

| # | fault | tests (in `tests/faults/`) | the user reads |
|---|---|---|---|
"""


def render() -> str:
    """The whole document."""
    for module in sorted(FOLDER.glob("test_*.py")):
        importlib.import_module(f"tests.faults.{module.stem}")
    return _PREFACE + "".join(_rows())


def _rows() -> Iterator[str]:
    # Pytest may have imported any of the modules before us; within one, the order is its own.
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
