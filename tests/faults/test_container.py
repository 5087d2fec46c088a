"""What a container gives a command: a user without a name, one writable folder, process 1."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.mounts import namespace
from tests.faults.processes import PATIENCE_S, assert_whole
from tests.interop.command import CommandResult
from tests.peers.raw_pacs import Conversation, RawPacs, Request, instances
from tests.runs import STUDY

pytestmark = [pytest.mark.mount, pytest.mark.root]

_USER = 12345
_READS_PYTHON = "+dac_read_search"
"""The interpreter of the tests may be in the home of root."""
_SCRIPT = f"""
volume=$1; shift
mount --bind "$volume" "$volume"
for place in / /tmp /var/tmp /dev/shm /run; do
    mountpoint -q $place && mount -o remount,ro,bind $place
done
mount -o remount,rw,bind "$volume"
cd /; ulimit -n 64
exec setpriv --reuid {_USER} --regid {_USER} --clear-groups --inh-caps {_READS_PYTHON} \
    --ambient-caps {_READS_PYTHON} --bounding-set -all,{_READS_PYTHON} \
    env -i PATH=/usr/bin:/bin LANG=C PYTHONDONTWRITEBYTECODE=1 "PYTHONPATH=$PYTHONPATH" "$@"
"""


def _start(volume: Path, *args: object) -> subprocess.Popen[str]:
    """Run the command as process 1 where nothing but `volume` can be written."""
    volume.mkdir(exist_ok=True)
    volume.chmod(0o777)
    process_1 = [*namespace(), "--pid", "--fork", "--mount-proc", "--kill-child"]
    root = str(Path(__file__).parent.parent.parent)
    return subprocess.Popen(
        [*process_1, "sh", "-c", _SCRIPT, "sh", str(volume), sys.executable, "-m",
         "dicom_retrieve_tui", *map(str, args)],
        env={**os.environ, "PYTHONPATH": root},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def _end(process: subprocess.Popen[str]) -> CommandResult:
    out, err = process.communicate(timeout=PATIENCE_S)
    assert "Traceback" not in err, err
    return CommandResult(process.returncode, out, err)


def _args(pacs: RawPacs, output: Path) -> list[object]:
    url = f"pacs://127.0.0.1:{pacs.port}"
    return [url, "--method", "c-get", "--study-uid", STUDY, "--output", output]


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    return tmp_path / "volume"


def test_a_retrieval_and_what_belongs_to_it_need_one_writable_folder(volume: Path) -> None:
    output = volume / "out"
    with RawPacs(instances(40)) as pacs:
        result = _end(_start(volume, *_args(pacs, output), "--parallel", 16))
        asked = len(pacs.retrievals)
        again = _end(_start(volume, *_args(pacs, output)))
        asked_again = len(pacs.retrievals) - asked
        elsewhere = _end(_start(volume, *_args(pacs, Path("/elsewhere"))))
        doctor = _end(_start(volume, "doctor", f"pacs://127.0.0.1:{pacs.port}", STUDY))

        assert (result.exit_code, again.exit_code) == (0, 0), result.stderr
        assert not asked_again
        assert len(assert_whole(output, pacs.holdings)) == 40
    assert output.stat().st_uid == _USER
    assert _end(_start(volume, "verify", output, "--deep")).exit_code == 0
    assert "read-only file system" in elsewhere.stderr
    assert "Set TMPDIR to a folder that is writable." in doctor.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_process_1_and_keeps_what_is_finished(
    volume: Path, number: signal.Signals
) -> None:
    class _Stops(RawPacs):
        """Sends a signal to the command before its third instance."""

        process: subprocess.Popen[str]

        def on_get(self, conversation: Conversation, request: Request) -> None:
            for instance in self.holdings[:2]:
                conversation.store(instance)
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
            os.kill(int(children.read_text().split()[0]), number)
            conversation.read()  # C-CANCEL, or the end of the association

    with _Stops(instances(5)) as pacs:
        pacs.process = _start(volume, *_args(pacs, volume / "out"))
        result = _end(pacs.process)

        assert result.exit_code == 130, result.stderr
        assert len(assert_whole(volume / "out", pacs.holdings)) == 2
