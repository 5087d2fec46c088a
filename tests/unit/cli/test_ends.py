"""However a run ends, its report and its JSON events are written, and say what was done."""

import json
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from dicom_retrieve_tui.cli.main import main
from dicom_retrieve_tui.cli.signals import Interruption
from dicom_retrieve_tui.errors import Cancelled, ConfigError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import Event, StudyFinished
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.verdict import Verdict
from tests.signals import ALL_SIGNALS
from tests.unit.cli.scripted import C_GET, Stream, started, study_of, whole_run

Engine = Callable[[Sequence[Selection], RetrieveOptions, CancelToken], Iterator[Event]]
_ENDS_S = 10.0


def _raising(error: BaseException, *events: Event) -> Engine:
    def engine(
        selections: Sequence[Selection], options: RetrieveOptions, cancel: CancelToken
    ) -> Iterator[Event]:
        del selections, options, cancel
        yield from events
        raise error

    return engine


class _Ended:
    """One run with `--json` and `--report`."""

    def __init__(
        self,
        folder: Path,
        engine: Engine,
        *,
        stdout: Stream | None = None,
        stderr: Stream | None = None,
    ) -> None:
        report = folder / "report.json"
        out, err = stdout or Stream(), stderr or Stream()
        argv = [*C_GET, "--json", "--report", str(report)]
        self.code = main(argv, stdout=out, stderr=err, retrieve=engine)
        self.err = err.getvalue()
        self.events = [json.loads(line) for line in out.getvalue().splitlines()]
        self.report: dict[str, Any] = json.loads(report.read_text())
        assert self.report["exit_code"] == self.code

    @property
    def kinds(self) -> list[str]:
        return [event["event"] for event in self.events]


def test_a_folder_that_cannot_be_used_is_in_the_report_and_the_events(tmp_path: Path) -> None:
    reason = "--output x: cannot write there: permission denied."

    ended = _Ended(tmp_path, _raising(ConfigError(reason)))

    assert ended.code == 1
    assert ended.kinds == ["retrieve_started", "noted", "retrieve_finished"]
    assert ended.events[-1]["verdict"] == "failed"
    assert ended.report["verdict"] == "failed"
    assert ended.report["notes"] == [reason]
    assert ended.err.endswith(f"dicom-retrieve: {reason}\n")


def test_a_stop_before_the_first_event_is_in_the_report_and_the_events(tmp_path: Path) -> None:
    ended = _Ended(tmp_path, _raising(Cancelled()))

    assert ended.code == 130
    assert ended.kinds == ["retrieve_started", "retrieve_finished"]
    assert ended.report["verdict"] == "cancelled"
    assert "stopped; nothing was retrieved" in ended.err


def test_after_a_bug_of_the_engine_what_was_done_is_in_the_report(tmp_path: Path) -> None:
    events = [started(), *study_of(Verdict.COMPLETE, came=2)[:-1]]

    ended = _Ended(tmp_path, _raising(ZeroDivisionError("secret"), *events))

    assert ended.code == 1
    assert ended.kinds[-2:] == ["noted", "retrieve_finished"]
    assert ended.report["verdict"] == "failed"
    assert ended.report["totals"]["stored"] == 2
    assert ended.report["notes"] == ["A bug in dicom-retrieve ended the run (ZeroDivisionError)."]
    assert "Traceback" in ended.err
    assert ended.err.endswith("please report it with the lines above.\n")


class _FailsOnce(Stream):
    """A stream with a fault that nothing expects, at the first write of some words."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words

    def write(self, text: str) -> int:
        if self._words and self._words in text:
            self._words = ""
            raise ZeroDivisionError
        return super().write(text)


@pytest.mark.parametrize(
    ("words", "stopped"), [("retrieving 1 study", True), ("complete: all 3 instances", False)]
)
def test_after_a_bug_of_the_display_everything_is_in_the_report(
    tmp_path: Path, words: str, *, stopped: bool
) -> None:
    engine = whole_run(study_of(Verdict.COMPLETE, came=3))

    ended = _Ended(tmp_path, engine, stderr=_FailsOnce(words))

    assert ended.code == 1
    assert engine.cancel.requested is stopped
    assert ended.report["totals"]["stored"] == 3
    assert ended.report["notes"] == ["A bug in dicom-retrieve ended the run (ZeroDivisionError)."]
    assert "Traceback" in ended.err


class _Strikes(Stream):
    """A stream at whose first write of some words a signal comes."""

    def __init__(self, words: str, number: signal.Signals) -> None:
        super().__init__()
        self._words, self._number = words, number

    def write(self, text: str) -> int:
        if self._words and self._words in text:
            self._words = ""
            signal.raise_signal(self._number)
        return super().write(text)


@pytest.mark.parametrize("number", ALL_SIGNALS)
@pytest.mark.parametrize("words", ["complete: all 3 instances", "the full account is in"])
def test_a_signal_behind_the_last_event_costs_no_account_and_no_exit_code(
    tmp_path: Path, number: signal.Signals, words: str
) -> None:
    engine = whole_run(study_of(Verdict.COMPLETE, came=3))

    ended = _Ended(tmp_path, engine, stderr=_Strikes(words, number))

    assert ended.code == 0
    assert ended.report["verdict"] == "complete"
    assert "press Ctrl-C again" not in ended.err


def test_a_second_signal_during_the_run_leaves_it_a_moment_for_its_accounts(
    tmp_path: Path,
) -> None:
    engine = whole_run(study_of(Verdict.CANCELLED, came=1))

    def strike(event: Event) -> None:
        if isinstance(event, StudyFinished):
            signal.raise_signal(signal.SIGINT)
            assert not engine.cancel.insisted
            signal.raise_signal(signal.SIGINT)

    engine.on_event = strike

    ended = _Ended(tmp_path, engine)

    assert ended.code == 130
    assert engine.cancel.insisted
    assert ended.kinds[-1] == "retrieve_finished"
    assert ended.report["totals"]["stored"] == 1


def test_what_does_not_end_by_itself_after_a_second_signal_is_ended() -> None:
    told: list[str] = []
    ended = threading.Event()

    def end(code: int) -> None:
        told.append(f"end {code}")
        ended.set()

    with Interruption(
        on_first=lambda: told.append("first"),
        on_second=lambda: told.append("second"),
        grace_s=0.05,
        end=end,
    ):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert ended.wait(_ENDS_S)

    assert told == ["first", "second", "end 130"]


def test_a_third_signal_ends_the_process_at_once() -> None:
    told: list[str] = []

    with Interruption(
        on_first=lambda: told.append("first"),
        on_second=lambda: told.append("second"),
        grace_s=60.0,
        end=lambda code: told.append(f"end {code}"),
    ):
        for _ in range(3):
            signal.raise_signal(signal.SIGTERM)

    assert told == ["first", "second", "end 130"]
