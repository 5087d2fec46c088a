"""Runs test files on Windows' Python, each in a process of its own, two at a time.

    python -m tests.windows.lane PROGRAM FILE...

Wine itself crashes or hangs now and then. A file whose process ended without a result of pytest is
run once more, and that is printed; a test that fails is not repeated.
"""

import os
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.windows import left_out
from tests.windows.environment import FOLDER

_AT_ONCE = 2
_FILE_S = 420
_LAST_LINES_S = 2.0
_PASSED, _FAILED = 0, 1
_COUNTS = re.compile(r"(\d+) (passed|failed|skipped|error)")


@dataclass(frozen=True, slots=True)
class Result:
    """How a file ended: the exit code of pytest, or another one of a crash."""

    file: str
    code: int
    output: str


def _run_once(program: str, file: str) -> Result:
    options = ["-u", "-m", "pytest", "-p", "no:cacheprovider", "--capture=sys", "-q", "-rs"]
    process = subprocess.Popen(
        [program, *options, file],
        cwd=FOLDER / "checkout",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    # Not to the end of the pipe: services that Wine starts for the first program inherit it.
    pieces: list[bytes] = []
    stream = process.stdout
    assert stream is not None
    reader = threading.Thread(target=lambda: pieces.extend(iter(stream.readline, b"")), daemon=True)
    reader.start()
    try:
        process.wait(_FILE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    reader.join(_LAST_LINES_S)
    output = b"".join(pieces)
    return Result(file, process.returncode, output.decode(errors="replace"))


def _run(program: str, file: str) -> Result:
    result = _run_once(program, file)
    if result.code not in {_PASSED, _FAILED}:
        print(f"{file}: Wine ended with {result.code}; once more", flush=True)  # noqa: T201
        result = _run_once(program, file)
    return result


def _files(names: list[str]) -> list[str]:
    """Return the test files that are meant, those of a folder one by one."""
    top = FOLDER / "checkout"
    found_files = [
        found.relative_to(top).as_posix()
        for name in names
        for found in (sorted((top / name).rglob("test_*.py")) or [Path(top, name)])
    ]
    for file, reason in left_out.FILES.items():
        if file in found_files:
            print(f"{file}: left out: it {reason}")  # noqa: T201
    return [file for file in found_files if file not in left_out.FILES]


def main(program: str, names: list[str]) -> int:
    """Run the files; return the exit code."""
    totals: dict[str, int] = {}
    bad: list[str] = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for result in pool.map(lambda file: _run(program, file), _files(names)):
            lines = result.output.strip().splitlines() or ["no output"]
            print(f"{result.file}: {lines[-1]}")  # noqa: T201
            for number, word in _COUNTS.findall(lines[-1]):
                totals[word] = totals.get(word, 0) + int(number)
            if result.code not in {_PASSED, 5}:
                bad.append(result.file)
                print(result.output)  # noqa: T201
            else:
                print(*(f"  {line}" for line in lines if "SKIPPED" in line), sep="\n")  # noqa: T201
            sys.stdout.flush()
    print("on Windows:", ", ".join(f"{count} {word}" for word, count in totals.items()))  # noqa: T201
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
