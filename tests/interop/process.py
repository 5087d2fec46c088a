"""Starts a program that listens, waits until it answers, and ends it by its own process id."""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

READY_S = 60.0
_STOP_S = 30.0
_POLL_S = 0.02
_LOG_LINES = 40

_candidates = count(20000 + os.getpid() * 61 % 9000)


def free_port() -> int:
    """A loopback port that nobody listens on, and that this process hands out once.

    A peer learns our ports long before we listen on them. They are below the range that Linux
    takes the ports of outgoing connections from, so that none of these lands there in between.
    """
    for port in _candidates:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("unreachable: the ports never end")


class PeerProcess:
    """A peer's process, in a process group of its own with whatever it forks."""

    def __init__(self, argv: Sequence[str], log: Path) -> None:
        self._argv = argv
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, ready: Callable[[], bool]) -> None:
        """Start it, and return when `ready` says so.

        Raises:
            RuntimeError: It ended, or did not answer in time; with the end of its log.
        """
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._process = process
        deadline = time.monotonic() + READY_S
        pause = threading.Event()
        while not ready():
            if process.poll() is not None:
                raise RuntimeError(self._explain(f"ended with exit code {process.returncode}"))
            if time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(self._explain(f"did not answer within {READY_S:.0f} s"))
            pause.wait(_POLL_S)

    def stop(self) -> None:
        """End it and its children; does nothing where it never started."""
        process, self._process = self._process, None
        if process is None:
            return
        self._signal(process, signal.SIGTERM)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._signal(process, signal.SIGKILL)
            process.wait(_STOP_S)

    def kill(self) -> None:
        """End it and its children at once, in the middle of whatever they do."""
        process, self._process = self._process, None
        if process is not None:
            self._signal(process, signal.SIGKILL)
            process.wait(_STOP_S)

    @staticmethod
    def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        # The group's id is the id of the process that we started, because it leads a session.
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return

    def log(self) -> str:
        """What it has said so far."""
        return self._log.read_text(errors="replace")

    def _explain(self, what: str) -> str:
        tail = "\n".join(self.log().splitlines()[-_LOG_LINES:])
        return f"{self._argv[0]} {what}. The end of its log:\n{tail}"
