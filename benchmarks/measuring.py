"""Runs a tool as whole processes and measures what it takes, start-up included. Linux only.

Times and memory are the kernel's own account (`wait4`). Threads are counted, and memory is looked
at a second time, in /proc while the process runs: a child starts its life with the peak of its
parent, so the kernel's figure counts only where it is above our own.
"""

import json
import os
import re
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_SAMPLE_S = 0.02
_LOG_BYTES = 2000
_STATUS = re.compile(r"^(VmHWM|Threads):\s+(\d+)", re.MULTILINE)


class ToolFailed(Exception):
    """A tool ended with another exit code than it should, or did not end in time."""


@dataclass(slots=True)
class _Watch:
    """What was seen of one process while it ran."""

    pid: int
    peak_kb: int = 0
    threads: int = 1
    over: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self) -> None:
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return
        seen = dict(_STATUS.findall(status))
        self.peak_kb = max(self.peak_kb, int(seen.get("VmHWM", 0)))
        self.threads = max(self.threads, int(seen.get("Threads", 1)))

    def kill(self) -> None:
        """End it, unless its process id is no longer its own."""
        with self.lock:
            if not self.over:
                os.kill(self.pid, signal.SIGKILL)


@dataclass(slots=True)
class _Usage:
    """The kernel's account of all processes of a tool."""

    user_s: float = 0.0
    sys_s: float = 0.0
    peak_kb: int = 0
    exit_codes: list[int] = field(default_factory=list)


def run(
    commands: Sequence[Sequence[str]],
    log: Path,
    environ: Mapping[str, str],
    limit_s: float,
    exit_code: int = 0,
) -> dict[str, float]:
    """Run all of `commands` at once to their end; the figures of the run.

    What a command prints as JSON on its last line is among them.

    Args:
        commands: Whole command lines.
        log: What they print goes beside this file.
        environ: Added to the environment.
        limit_s: What takes longer is ended, and has failed.
        exit_code: Of a command that has done what it was to do.

    Raises:
        ToolFailed: One of them failed.
    """
    outputs = [log.with_suffix(f".{number}") for number in range(len(commands))]
    # The clock of the files' time stamps, which the last instance is told by.
    began_s, started_s = time.time(), time.monotonic()
    watches: list[_Watch] = []
    done = threading.Event()
    sampler = threading.Thread(target=_sample, args=(watches, done, limit_s))
    usage = _Usage()
    try:
        for command, output in zip(commands, outputs, strict=True):
            watches.append(_Watch(_spawn(command, output, environ)))
        sampler.start()
        for watch in watches:
            _wait(watch, usage)
        wall_s = time.monotonic() - started_s
    finally:
        for watch in watches:
            watch.kill()  # does nothing, unless we are ended ourselves
        done.set()
        if sampler.ident is not None:
            sampler.join()
    if any(code != exit_code for code in usage.exit_codes):
        raise ToolFailed(
            f"exit codes {usage.exit_codes}: {' '.join(commands[0])}\n{_tail(outputs)}"
        )
    return {
        "wall_s": wall_s,
        "user_s": usage.user_s,
        "sys_s": usage.sys_s,
        "cpu_s": usage.user_s + usage.sys_s,
        "peak_mb": usage.peak_kb / 1000,
        "threads": sum(watch.threads for watch in watches),
        "began_s": began_s,
        **_reported(outputs[0]),
    }


def _spawn(command: Sequence[str], output: Path, environ: Mapping[str, str]) -> int:
    write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    return os.posix_spawn(
        command[0],
        list(command),
        {**os.environ, **environ},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(output), write, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )


def _wait(watch: _Watch, usage: _Usage) -> None:
    os.waitid(os.P_PID, watch.pid, os.WEXITED | os.WNOWAIT)
    with watch.lock:
        watch.over = True
        _, status, spent = os.wait4(watch.pid, 0)
    genuine = spent.ru_maxrss > _own_peak_kb()
    usage.user_s += spent.ru_utime
    usage.sys_s += spent.ru_stime
    usage.peak_kb += spent.ru_maxrss if genuine else watch.peak_kb
    usage.exit_codes.append(os.waitstatus_to_exitcode(status))


def _own_peak_kb() -> int:
    own = _Watch(os.getpid())
    own.look()
    return own.peak_kb


def _sample(watches: list[_Watch], done: threading.Event, limit_s: float) -> None:
    """Look at the processes until they are done; end those that take too long."""
    deadline_s = time.monotonic() + limit_s
    while not done.wait(_SAMPLE_S):
        for watch in watches:
            watch.look()
            if time.monotonic() > deadline_s:
                watch.kill()


def _reported(output: Path) -> dict[str, float]:
    lines = output.read_text(errors="replace").splitlines()
    if not lines or not lines[-1].startswith("{"):
        return {}
    reported: dict[str, float] = json.loads(lines[-1])
    return reported


def _tail(outputs: Sequence[Path]) -> str:
    return "\n".join(output.read_text(errors="replace")[-_LOG_BYTES:] for output in outputs)
