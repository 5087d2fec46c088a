"""Starts the command, a scheduler and workers as processes, and waits for what they do."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.interop.process import PeerProcess

PATIENCE_S = 150.0
_POLL_S = 0.02


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Return once it holds."""
    until_s, pause = time.monotonic() + PATIENCE_S, threading.Event()
    while not condition():
        assert time.monotonic() < until_s, f"waited {PATIENCE_S:.0f} s for {what}"
        pause.wait(_POLL_S)


class Command:
    """`dicom-retrieve` against a counting PACS, with its events in a file."""

    def __init__(self, folder: Path, port: int, uids: list[str], *flags: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._events, self._errors = folder / "events.jsonl", folder / "stderr.txt"
        self._report = folder / "report.json"
        listed = folder / "list.txt"
        listed.write_text("\n".join(uids))
        argv = [
            sys.executable, "-m", "dicom_retrieve_tui", f"pacs://127.0.0.1:{port}",
            "--uid-list", str(listed), "--report", str(self._report), "--json",
            "--timeout", "10", *flags,
        ]  # fmt: skip
        if "--method" not in flags:
            argv += ["--method", "c-get"]
        with self._events.open("w") as stdout, self._errors.open("w") as stderr:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
            )

    def __enter__(self) -> "Command":
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @property
    def errors(self) -> str:
        return self._errors.read_text()

    def count(self, event: str) -> int:
        return self._events.read_text().count(f'{{"event": "{event}"')

    def causes(self, event: str) -> list[str]:
        """The causes of the holds that these events are about."""
        lines = map(json.loads, self._events.read_text().splitlines())
        return [line["cause"] for line in lines if line["event"] == event]

    def wait_until_stored(self, instances: int) -> None:
        def came() -> bool:
            assert self.process.poll() is None, self.errors
            return self.count("instance_stored") >= instances

        wait_for(came, f"{instances} instances")

    def end(self) -> int:
        """Wait for the exit code."""
        return self.process.wait(PATIENCE_S)

    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._report.read_text())
        return found

    def verdicts(self) -> Counter[str]:
        return Counter(study["verdict"] for study in self.report()["studies"])

    def local_workers(self) -> list[int]:
        """The processes of `--cluster local:N`."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
                argv = (stat.parent / "cmdline").read_bytes()
            except OSError:
                continue
            if int(fields[1]) == self.process.pid and b"spawn_main" in argv:
                found.append(int(stat.parent.name))
        return found

    def kill_a_worker(self) -> None:
        os.kill(self.local_workers()[0], signal.SIGKILL)


class Scheduler:
    """A Dask scheduler and its workers, each a process with one thread."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._file = folder / "scheduler.json"
        self._processes: list[PeerProcess] = []
        self.scheduler = self._process(
            "scheduler", ["--host", "127.0.0.1", "--port", "0", "--no-dashboard",
                          "--scheduler-file", str(self._file)],
        )  # fmt: skip
        self.scheduler.start(self._is_described)
        self.address: str = json.loads(self._file.read_text())["address"]

    def _is_described(self) -> bool:
        """Return True once the scheduler has written all of its file."""
        return self._file.exists() and self._file.read_text().endswith("\n}")

    def _process(self, kind: str, flags: list[str], **environ: str) -> PeerProcess:
        env = [f"{name}={value}" for name, value in environ.items()]
        argv = ["env", "-C", str(self._folder), *env, sys.executable, "-m", "dask", kind, *flags]
        name = f"{kind}-{len(self._processes)}"
        process = PeerProcess(argv, self._folder / f"{name}.log")
        self._processes.append(process)
        return process

    def add_worker(self, name: str, *, folder: Path | None = None, **environ: str) -> PeerProcess:
        """Start a worker whose current folder is `folder`, and wait until it is registered."""
        home, self._folder = self._folder, folder or self._folder
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            worker = self._process(
                "worker", [self.address, "--name", name, "--nthreads", "1", "--no-nanny",
                           "--no-dashboard", "--host", "127.0.0.1",
                           "--local-directory", str(home / name)], **environ,
            )  # fmt: skip
            log = self._folder / f"worker-{len(self._processes) - 1}.log"
        finally:
            self._folder = home
        worker.start(lambda: log.exists() and "Registered to" in log.read_text())
        return worker

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.stop()
