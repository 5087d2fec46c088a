import io
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from dicom_retrieve_tui.cli.main import main
from dicom_retrieve_tui.cli.signals import Interruption
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import Event, RetrieveFinished, StudyFinished, StudyStarted
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.verdict import Verdict
from tests.signals import ALL_SIGNALS, HANG_UP
from tests.unit.cli.scripted import (
    C_GET,
    OTHER,
    ClosedPipe,
    Engine,
    FullDisk,
    Stream,
    run,
    started,
    study_of,
    whole_run,
)


@pytest.mark.parametrize("verdict", Verdict)
def test_only_complete_and_delivered_exit_with_0(verdict: Verdict) -> None:
    engine = whole_run(study_of(verdict, came=3))

    result = run(*C_GET, engine=engine)

    assert result.code == (0 if verdict in {Verdict.COMPLETE, Verdict.DELIVERED} else 1)
    assert engine.closed


def test_one_bad_study_among_good_ones_exits_with_1() -> None:
    engine = whole_run(
        study_of(Verdict.COMPLETE, came=3), study_of(Verdict.NOT_FOUND, uid=OTHER, expected=0)
    )

    assert run(*C_GET, engine=engine).code == 1


def test_an_unusable_folder_is_one_sentence_although_the_engine_finds_it() -> None:
    def engine(
        selections: Sequence[Selection], options: RetrieveOptions, cancel: CancelToken
    ) -> Iterator[Event]:
        del selections, cancel
        yield from ()
        raise ConfigError(f"--output {options.output}: cannot write there: permission denied.")

    err = Stream()
    code = main(list(C_GET), stdout=Stream(), stderr=err, retrieve=engine)

    assert code == 1
    assert err.getvalue() == (
        "dicom-retrieve: --output .: cannot write there: permission denied.\n"
    )


def test_a_bug_is_shown_as_one() -> None:
    def engine(
        selections: Sequence[Selection], options: RetrieveOptions, cancel: CancelToken
    ) -> Iterator[Event]:
        del selections, options, cancel
        yield started()
        raise ZeroDivisionError("Example^Ada")

    err = Stream()
    code = main(list(C_GET), stdout=Stream(), stderr=err, retrieve=engine)

    assert code == 1
    assert "Traceback" in err.getvalue()
    assert "ZeroDivisionError\n" in err.getvalue()
    assert "Ada" not in err.getvalue().replace('ZeroDivisionError("Example^Ada")', "")
    assert err.getvalue().endswith("please report it with the lines above.\n")


def interrupted_at(kind: type[Event], number: signal.Signals, *studies: list[Event]) -> Engine:
    def interrupt(event: Event) -> None:
        if isinstance(event, kind):
            signal.raise_signal(number)

    engine = whole_run(*studies)
    engine.on_event = interrupt
    return engine


@pytest.mark.parametrize("number", ALL_SIGNALS)
def test_the_first_signal_asks_the_engine_to_stop_and_exits_with_130(
    number: signal.Signals,
) -> None:
    engine = interrupted_at(StudyStarted, number, study_of(Verdict.CANCELLED, came=1))
    before = signal.getsignal(number)

    result = run(*C_GET, engine=engine)

    assert result.code == 130
    assert engine.cancel.requested
    assert "press Ctrl-C again to end at once" in result.err
    assert "cancelled: 1 of 3 instances of study" in result.out
    assert signal.getsignal(number) is before


def test_a_run_that_is_complete_exits_with_0_although_it_was_interrupted_late() -> None:
    engine = interrupted_at(StudyFinished, signal.SIGINT, study_of(Verdict.COMPLETE, came=3))

    assert run(*C_GET, engine=engine).code == 0


def test_the_second_signal_ends_the_process_at_once() -> None:
    told: list[str] = []
    with Interruption(
        on_first=lambda: told.append("first"),
        on_second=lambda: told.append("second"),
        end=lambda code: told.append(f"end {code}"),
    ):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    assert told == ["first", "second", "end 130"]


def test_a_terminal_that_goes_away_ends_nothing_at_once_however_often_it_says_so() -> None:
    told: list[str] = []
    with Interruption(
        on_first=lambda: told.append("first"),
        on_second=lambda: told.append("second"),
        end=lambda code: told.append(f"end {code}"),
    ):
        signal.raise_signal(HANG_UP)
        signal.raise_signal(HANG_UP)

    assert told == ["first"]


@pytest.mark.parametrize("number", [signal.SIGINT, ALL_SIGNALS[-1]])
def test_a_signal_that_was_ignored_before_stays_so(number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    told: list[str] = []
    try:
        with Interruption(on_first=lambda: told.append("first"), on_second=lambda: None):
            signal.raise_signal(number)
    finally:
        signal.signal(number, before)

    assert told == []


def test_json_that_nobody_reads_stops_the_run_and_exits_with_1() -> None:
    engine = whole_run(study_of(Verdict.COMPLETE, came=3))

    result = run(*C_GET, "--json", engine=engine, stdout=ClosedPipe())

    assert result.code == 1
    assert engine.cancel.requested
    assert "stdout could not be written: its reader closed the pipe" in result.err


@pytest.mark.parametrize(
    "argv", [("--help",), ("find", "--help"), ("--version",), ("completion", "bash")]
)
def test_a_text_that_cannot_be_written_is_a_failure(argv: tuple[str, ...]) -> None:
    result = run(*argv, stdout=FullDisk())

    assert result.code == 1
    assert result.err == "stdout could not be written: no space left on device\n"


def test_a_summary_that_nobody_reads_changes_nothing() -> None:
    engine = whole_run(study_of(Verdict.COMPLETE, came=3))

    result = run(*C_GET, engine=engine, stdout=ClosedPipe())

    assert result.code == 0
    assert not engine.cancel.requested


def test_ctrl_c_while_typing_the_list_exits_with_130() -> None:
    class Typing(io.StringIO):
        def read(self, size: int | None = -1, /) -> str:
            raise KeyboardInterrupt

    argv = ["pacs://pacs.test", "--method", "c-get", "--uid-list", "-"]

    assert main(argv, stdin=Typing(), stdout=Stream(), stderr=Stream()) == 130


FLAGS = (
    *("--study-uid", "--series-uid", "--instance-uid", "--uid-list", "--aet", "--called-aet"),
    *("--method", "--move-dest", "--listen", "--parallel", "--timeout", "--retries"),
    *(
        "--output",
        "--hierarchical",
        "--layout",
        "--dry-run",
        "--json",
        "--report",
        "--verbose",
        "--log-file",
    ),
    *("--help", "--version"),
)


def test_help_fits_80_columns_and_names_every_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    result = run("--help")

    assert result.code == 0
    assert result.err == ""
    assert all(flag in result.out for flag in FLAGS)
    assert max(map(len, result.out.splitlines())) <= 80


def test_help_is_a_command_too() -> None:
    assert run("help").out == run("--help").out
    assert run("help", "verify").out == run("verify", "--help").out
    assert run("help", "--help").out.startswith("usage: dicom-retrieve help [COMMAND]")


def test_the_log_file_is_appended_to_and_names_no_path(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    log.write_text("earlier\n")

    run(*C_GET, "--log-file", str(log), engine=whole_run(study_of(Verdict.COMPLETE, came=1)))

    text = log.read_text()
    assert text.startswith("earlier\n")
    assert '"event": "instance_stored"' in text
    assert ".dcm" not in text
    assert "Z INFO" in text


def test_nothing_is_logged_on_stderr_by_default() -> None:
    engine = Engine([started(), *study_of(Verdict.COMPLETE, came=3)])
    engine.events = [*engine.events, RetrieveFinished(verdict=Verdict.COMPLETE)]

    result = run(*C_GET, engine=engine)

    assert result.err == (
        "retrieving 1 study from ANY-SCP@pacs.test:11112 by C-GET into the current folder\n"
    )
