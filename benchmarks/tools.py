"""The command lines that are compared: ours, and other people's as they come and tuned."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers import MOVE_DESTINATION, Address
from benchmarks.places import BENCHMARKS, DICOM_RETRIEVE, PYTHON
from tests.interop.programs import program

Commands = Callable[[Path], list[list[str]]]
"""The command lines of one run, from the folder that its files go to; more than one run at once."""

_ENV = "/usr/bin/env"
_TUNED = ("--max-pdu", "131072")
_NODELAY = {"TCP_NODELAY": "1"}
"""DCMTK's own variable."""


def _nobody() -> AbstractContextManager[Mapping[str, float]]:
    """The tool has the machine for itself."""
    return nullcontext({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One column of a comparison."""

    name: str
    commands: Commands
    environ: Mapping[str, str] = field(default_factory=dict)
    runs_max: int | None = None
    """Takes so long that it is run this often at most, and without a warm-up."""
    expected: Mapping[str, str] | None = None
    """Digests of what is to arrive, by SOP Instance UID, where the files are ours to answer for."""
    count: int = 0
    """Files that are to arrive."""
    exit_code: int = 0
    """1 where studies are asked for that are not there."""
    beside: Callable[[], AbstractContextManager[Mapping[str, float]]] = _nobody
    """What goes on meanwhile and is no part of the tool; at its end it has something to tell."""


def ours(*flags: str, address: Address, sync: bool) -> Commands:
    """`dicom-retrieve`, as users get it or without its syncs."""
    without = [PYTHON, "-P", str(BENCHMARKS / "without_sync.py")]
    program_ = [DICOM_RETRIEVE] if sync else without
    target = [f"pacs://127.0.0.1:{address.port}", "--called-aet", address.ae_title, *flags]
    return lambda folder: [[*program_, *target, "--output", str(folder)]]


def get_flags(study_uid: str) -> list[str]:
    """A C-GET of one study."""
    return ["--method", "c-get", "--study-uid", study_uid]


def move_flags(study_uid: str, port: int) -> list[str]:
    """A C-MOVE of one study to our own Storage SCP."""
    listen = ["--move-dest", MOVE_DESTINATION, "--listen", f"127.0.0.1:{port}"]
    return ["--aet", MOVE_DESTINATION, *listen, "--study-uid", study_uid]


def getscu(address: Address, *study_uids: str, tuned: bool) -> Commands:
    """DCMTK's getscu, a process for each study."""
    tuning = [*_TUNED, "+B"] if tuned else []
    argv = [program("getscu"), *tuning, "-aec", address.ae_title]
    return lambda folder: [
        [*argv, *_dcmtk_query(uid), "-od", str(folder), "127.0.0.1", str(address.port)]
        for uid in study_uids
    ]


def movescu(address: Address, port: int, study_uid: str, *, tuned: bool) -> Commands:
    """DCMTK's movescu with its own Storage SCP."""
    tuning = [*_TUNED, "+B"] if tuned else []
    argv = [program("movescu"), *tuning, *_dcmtk_query(study_uid), "-aec", address.ae_title]
    argv += ["-aet", MOVE_DESTINATION, "-aem", MOVE_DESTINATION, "+P", str(port)]
    # With +B, DCMTK 3.6.7 writes to the folder that it is started in, whatever -od says.
    return lambda folder: [
        [_ENV, "-C", str(folder), *argv, "-od", str(folder), "127.0.0.1", str(address.port)]
    ]


def _dcmtk_query(study_uid: str) -> list[str]:
    return ["-S", "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study_uid}"]


def pynetdicom_get(address: Address, study_uid: str) -> Commands:
    """The getscu application of pynetdicom."""
    return _pynetdicom("getscu", address, study_uid)


def pynetdicom_move(address: Address, port: int, study_uid: str) -> Commands:
    """The movescu application of pynetdicom, with its own Storage SCP."""
    store = ["-aem", MOVE_DESTINATION, "--store", "--store-port", str(port)]
    return _pynetdicom("movescu", address, study_uid, *store, "--store-aet", MOVE_DESTINATION)


def _pynetdicom(app: str, address: Address, study_uid: str, *more: str) -> Commands:
    argv = [PYTHON, "-m", "pynetdicom", app, "-q", "127.0.0.1", str(address.port), "-S"]
    argv += ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study_uid}"]
    argv += ["-aec", address.ae_title, *more]
    return lambda folder: [[*argv, "-od", str(folder)]]


def engine(address: Address, study_uid: str, *flags: str) -> Commands:
    """The engine alone, start-up taken off."""
    return _module("engine_get", address, study_uid, *flags)


def floor(address: Address, study_uid: str) -> Commands:
    """A bare socket."""
    return _module("floor_get", address, study_uid)


def _module(name: str, address: Address, study_uid: str, *flags: str) -> Commands:
    argv = [PYTHON, "-m", f"benchmarks.{name}", str(address.port), address.ae_title, study_uid]
    return lambda folder: [[*argv, str(folder), *flags]]


def tuned_environment(*, tuned: bool) -> Mapping[str, str]:
    """What DCMTK reads of its environment."""
    return _NODELAY if tuned else {}


def python(code: str) -> Commands:
    """The bare interpreter."""
    return lambda _folder: [[PYTHON, "-c", code]]


def ours_alone(*flags: str) -> Commands:
    """`dicom-retrieve` without a peer and without an output folder."""
    return lambda _folder: [[DICOM_RETRIEVE, *flags]]
