"""On what it was measured, and with what."""

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

from benchmarks.places import ROOT
from tests.interop.programs import program


def describe() -> dict[str, str]:
    """The machine and the versions, as text by name; no names of hosts, users or folders."""
    return {
        "cpu": f"{os.cpu_count()} x {_cpu_model()}",
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 1e9:.0f} GB, "
        "used before each run",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "dicom-retrieve": f"{version('dicom-retrieve-tui')} ({_commit()})",
        "pynetdicom": version("pynetdicom"),
        "pydicom": version("pydicom"),
        "dcmtk": _first_match("getscu", r"v(\d[\w.]*)"),
        "orthanc": _first_match("Orthanc", r"(\d+\.\d+[\w.]*)"),
    }


def _cpu_model() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _first_match(name: str, pattern: str) -> str:
    found = re.search(pattern, _output(program(name), "--version"))
    return found[1] if found else "unknown"


def _commit() -> str:
    return _output("git", "-C", str(ROOT), "describe", "--always", "--dirty").strip() or "no commit"


def _output(*argv: str) -> str:
    try:
        return subprocess.run(  # noqa: S603 - our own list of programs
            argv, capture_output=True, text=True, check=False, timeout=30
        ).stdout
    except FileNotFoundError:
        return ""
