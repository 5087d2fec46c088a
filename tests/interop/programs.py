"""The peers' programs: where they are, and which are missing."""

import os
import shutil
import subprocess
from functools import cache

PROGRAMS = (
    "Orthanc",
    "dcmqrscp",
    "storescp",
    "echoscu",
    "findscu",
    "getscu",
    "movescu",
    "storescu",
)
SHELLS = ("zsh", "fish")
"""Shells with a completion of ours that are not on every machine."""

# Debian installs Orthanc as a system daemon, outside the PATH of ordinary users. The folder of its
# programs comes first: pynetdicom brings some of the same names as DCMTK's into an environment.
_SEARCH_PATH = os.pathsep.join(["/usr/bin", os.environ.get("PATH", os.defpath), "/usr/sbin"])

_RUN_S = 60.0


def peers_required() -> bool:
    """Whether missing peers are a failure instead of a reason to skip."""
    return os.environ.get("DICOM_RETRIEVE_REQUIRE_PEERS") == "1"


@cache
def missing_programs() -> tuple[str, ...]:
    return tuple(name for name in PROGRAMS if shutil.which(name, path=_SEARCH_PATH) is None)


def program(name: str) -> str:
    """The path of a peer's program."""
    path = shutil.which(name, path=_SEARCH_PATH)
    if path is None:
        raise FileNotFoundError(f"{name} is not installed (Debian: apt install orthanc dcmtk)")
    return path


def run_tool(name: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Run one of DCMTK's tools to its end; its narration is on `stdout`, with its errors."""
    return subprocess.run(
        [program(name), *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=_RUN_S,
        check=False,
    )


ECHOSCU = "ECHOSCU"


def answers_echo(port: int, called_ae_title: str, calling_ae_title: str = ECHOSCU) -> bool:
    """Whether a C-ECHO to a loopback port succeeds."""
    titles = ("-aet", calling_ae_title, "-aec", called_ae_title)
    args = ("-to", "5", "-ta", "5", "-td", "5", *titles, "127.0.0.1", str(port))
    return run_tool("echoscu", *args).returncode == 0
