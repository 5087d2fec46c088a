"""A claim on a folder without locks: who holds it, who judges it, and who takes it over."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from time import time

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.storage.heartbeat import (
    STALE_S,
    Heartbeat,
    Owner,
    _start_of,
    is_claimed,
    us,
)

_SOON_S = 0.01


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "heartbeat"
    assert [t.name for t in threading.enumerate() if t.name == "heartbeat"] == []


def _elsewhere(**changes: object) -> Owner:
    return replace(us(), host="other-host", **changes)  # type: ignore[arg-type]


def _write(path: Path, owner: Owner, age_s: float = 0.0) -> None:
    path.write_text(json.dumps(asdict(owner)))
    os.utime(path, (time() - age_s,) * 2)


def test_a_second_claim_is_refused_with_the_holder_and_the_first_released(path: Path) -> None:
    first = Heartbeat.claim(path)
    assert is_claimed(path)
    with pytest.raises(ConfigError, match=f"process {os.getpid()} on host .* is retrieving"):
        Heartbeat.claim(path)
    first.release()

    assert not path.exists()
    assert not is_claimed(path)
    Heartbeat.claim(path).release()


def test_a_claim_of_a_process_of_this_machine_that_has_ended_is_taken_over_at_once(
    path: Path,
) -> None:
    _write(path, replace(us(), started="before this process", nonce="x"))
    assert not is_claimed(path)
    Heartbeat.claim(path).release()
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize(("age_s", "alive"), [(0, True), (STALE_S - 5, True), (STALE_S + 5, False)])
def test_a_claim_from_elsewhere_is_judged_by_its_heartbeat(
    path: Path, age_s: float, *, alive: bool
) -> None:
    _write(path, _elsewhere(), age_s)
    if alive:
        assert is_claimed(path)
        with pytest.raises(ConfigError, match="on host other-host"):
            Heartbeat.claim(path)
        assert path.exists()
    else:
        Heartbeat.claim(path).release()
        assert not path.exists()


@pytest.mark.parametrize(("age_s", "taken"), [(STALE_S - 5, False), (STALE_S + 5, True)])
def test_a_claim_of_a_frozen_process_of_this_machine_is_taken_over_where_that_is_wanted(
    path: Path, age_s: float, *, taken: bool
) -> None:
    _write(path, replace(us(), nonce="x"), age_s)
    with pytest.raises(ConfigError, match=f"process {os.getpid()}"):
        Heartbeat.claim(path)
    if taken:
        Heartbeat.claim(path, from_frozen=True).release()
        assert not path.exists()
    else:
        with pytest.raises(ConfigError, match=f"process {os.getpid()}"):
            Heartbeat.claim(path, from_frozen=True)


def test_a_claim_that_is_being_written_is_not_abandoned(path: Path) -> None:
    path.touch()
    with pytest.raises(ConfigError, match="another process is retrieving"):
        Heartbeat.claim(path)


def test_a_claim_is_renewed(path: Path) -> None:
    claim = Heartbeat.claim(path, beat_s=_SOON_S)
    os.utime(path, (1, 1))
    pause, until_s = threading.Event(), time() + 10
    while path.stat().st_mtime == 1 and time() < until_s:
        pause.wait(_SOON_S)
    assert path.stat().st_mtime > 1
    assert json.loads(path.read_text())["process"] == os.getpid()
    claim.release()


def test_a_run_that_lost_its_claim_learns_who_has_it_and_leaves_it(path: Path) -> None:
    claim = Heartbeat.claim(path, beat_s=_SOON_S)
    _write(path, _elsewhere(process=7))
    claim._thread.join(10)
    assert claim.lost_to == "process 7 on host other-host"
    claim.release()
    assert path.exists()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux has /proc")
def test_a_claim_of_a_process_that_has_ended_unnoticed_is_taken_over(path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = replace(us(), process=child.pid, started=_start_of(child.pid))
    _write(path, owner)
    ran = owner.runs
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it stays a zombie

    runs = owner.runs
    Heartbeat.claim(path).release()
    child.communicate()

    assert (ran, runs) == (True, False)
