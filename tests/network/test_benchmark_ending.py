"""A benchmark that is ended leaves nothing behind that runs."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = """
import sys
from contextlib import ExitStack
from pathlib import Path
from benchmarks.ending import unwind_when_ended
from benchmarks.measuring import run
from benchmarks.peers import Peers
from benchmarks.raw_holdings import Holdings

folder, held = Path(sys.argv[1]), sys.argv[2]
unwind_when_ended()
tool = [sys.executable, "-c", f"import os, time; os.write({held}, b'!'); time.sleep(600)"]
with ExitStack() as stack:
    print(Peers(folder, stack).raw(Holdings(1, 1, 2)).port, flush=True)
    run([tool], folder / "log", {}, 600)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_its_peers_and_its_tool_end_with_it(number: signal.Signals, tmp_path: Path) -> None:
    alive, held = os.pipe()  # open at the other end as long as the benchmark or its tool lives
    argv = [sys.executable, "-c", BENCHMARK, str(tmp_path), str(held)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          pass_fds=[held]) as benchmark:  # fmt: skip
        os.close(held)
        assert benchmark.stdout is not None
        port = int(benchmark.stdout.readline())
        assert os.read(alive, 1) == b"!"

        benchmark.send_signal(number)

        assert benchmark.wait(30) == 128 + number
    with os.fdopen(alive, "rb") as pipe:
        assert pipe.read() == b""
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
