import errno
import io
import itertools
import json
import re
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from dicom_retrieve_tui.cli.output.account import Account
from dicom_retrieve_tui.cli.output.live import LiveNumbers, Picture, draw
from dicom_retrieve_tui.cli.parser import parse_command_line
from dicom_retrieve_tui.cli.read_options import RetrieveCommand, read_command
from dicom_retrieve_tui.model.choices import HoldCause
from dicom_retrieve_tui.model.events import (
    BytesReceived,
    Event,
    HelpStarted,
    PeerBack,
    PeerCounted,
    PeerLost,
    ProbeFailed,
    StudyInventoried,
    StudyStarted,
)
from dicom_retrieve_tui.model.verdict import Verdict
from tests.unit.cli.scripted import (
    C_GET,
    OTHER,
    STUDY,
    Engine,
    Stream,
    run,
    started,
    stored,
    study_of,
    whole_run,
)

LONG = "1.2.840.113619.2.55.3.2609895290.675.1234567890.123"


def options_of(*argv: str) -> RetrieveCommand:
    return read_command(parse_command_line(argv), {}, str)


def begun(uid: str, worker: int, expected: int | None) -> list[Event]:
    events: list[Event] = [StudyStarted(study_instance_uid=uid, worker=worker)]
    if expected is not None:
        events.append(
            StudyInventoried(study_instance_uid=uid, listed=True, series=1, expected=expected)
        )
    return events


def picture_of(*events: Event, rows_max: int = 20) -> Picture:
    """The numbers after two looks, ten seconds apart: before the events, and after them."""
    account = Account(options_of(*C_GET).selections)
    clock = itertools.count(step=5.0)
    numbers = LiveNumbers(account.progress, lambda: next(clock))
    for event in events:
        account.apply(event)
        numbers.follow(event)
        if isinstance(event, StudyInventoried):
            numbers.picture(rows_max)
    return numbers.picture(rows_max)


def drawn(picture: Picture, width: int = 80, footer: str = "") -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as capture:
        console.print(draw(picture, width=width, footer=footer))
    return capture.get().splitlines()


TWO_WORKERS = (
    started(3, parallel=2),
    *begun(LONG, 1, 100),
    *begun(OTHER, 2, 50),
    *(stored(number, LONG) for number in range(10)),
    *(BytesReceived(study_instance_uid=LONG, size_bytes=5_000_000) for _ in range(10)),
)


def test_each_worker_has_a_row_with_its_count_and_rate() -> None:
    picture = picture_of(*TWO_WORKERS)

    first, second = picture.rows
    assert (first.label, first.study_instance_uid) == ("1", LONG)
    assert (first.done, first.expected) == (10, 100)
    assert first.instances_per_s == pytest.approx(1.0)
    assert first.bytes_per_s == pytest.approx(5_000_000)
    assert (second.done, second.instances_per_s) == (0, 0.0)


def test_a_helper_has_a_row_with_what_it_got_itself() -> None:
    helped = (
        started(1, parallel=2),
        begun(LONG, 1, None)[0],
        HelpStarted(study_instance_uid=LONG, worker=2),
        begun(LONG, 1, 100)[1],
        *(replace(stored(number, LONG), worker=1 + number % 2) for number in range(15)),
    )

    picture = picture_of(*helped)
    owner, helper = picture.rows
    lines = drawn(picture)

    assert (owner.label, owner.done, owner.helping) == ("1", 15, False)
    assert owner.instances_per_s == pytest.approx(1.6)
    assert (helper.label, helper.study_instance_uid, helper.helping) == ("2", LONG, True)
    assert helper.instances_per_s == pytest.approx(1.4)
    assert picture.total.expected == 100
    assert "15/100" in lines[0]
    assert "helping" in lines[1]
    assert lines[1].endswith("1.4/s   0.7 MB/s")


def test_the_total_estimates_the_studies_that_nobody_has_asked_for_yet() -> None:
    picture = picture_of(*TWO_WORKERS)

    assert picture.total.expected == 10 + 90 + 50 + 75
    assert not picture.exact
    assert picture.eta_s == pytest.approx(215.0)


def test_nothing_is_predicted_while_the_queue_is_held() -> None:
    lost = PeerLost(cause=HoldCause.PEER, reason="", studies=1, next_try_s=8.0, limit_s=1800.0)

    assert picture_of(*TWO_WORKERS, lost).eta_s is None


def test_once_all_are_asked_for_the_total_is_exact() -> None:
    picture = picture_of(started(2), *begun(LONG, 1, 100), *begun(OTHER, 2, 50))

    assert picture.exact
    assert picture.total.expected == 150


def test_a_finished_study_leaves_its_row_and_counts_if_it_is_bad() -> None:
    picture = picture_of(started(2), *study_of(Verdict.PARTIAL, came=2))

    assert picture.rows == ()
    assert (picture.finished, picture.bad, picture.total.done) == (1, 1, 2)


def test_a_delivery_moves_by_the_count_of_the_pacs() -> None:
    counted = PeerCounted(study_instance_uid=STUDY, remaining=60, completed=40, failed=0, warning=0)

    picture = picture_of(started(), *begun(STUDY, 1, 100), counted)

    assert picture.rows[0].done == 40


def test_rows_that_do_not_fit_are_counted() -> None:
    picture = picture_of(*TWO_WORKERS, rows_max=1)

    assert len(picture.rows) == 1
    assert picture.hidden == 1
    assert any("and 1 more" in line for line in drawn(picture))


@pytest.mark.parametrize("width", [50, 66, 80, 132, 300])
def test_every_line_fits_the_terminal(width: int) -> None:
    lines = drawn(picture_of(*TWO_WORKERS), width=width)

    assert len(lines) == 4
    assert max(map(len, lines)) <= width


def test_at_80_columns_nothing_important_is_cut() -> None:
    first, second, total, status = drawn(picture_of(*TWO_WORKERS))

    assert first.split()[0] == "1"
    assert "1.2.840.1…1234567890.123" in first
    assert "10/100" in first
    assert first.endswith("1.0/s   5.0 MB/s")
    assert OTHER in second
    assert "0/3 studies" in total
    assert "10/~225" in total
    assert status == "      50.0 MB   elapsed 0:15   ETA ~3:35"


def test_the_board_counts_down_to_the_next_probe_of_a_pacs_that_is_gone() -> None:
    account = Account(options_of(*C_GET).selections)
    now_s = 100.0
    numbers = LiveNumbers(account.progress, lambda: now_s)
    story: list[Event] = [
        PeerLost(cause=HoldCause.PEER, reason="", studies=1, next_try_s=8.0, limit_s=1800.0),
        ProbeFailed(cause=HoldCause.PEER, reason="", waited_s=8.0, next_try_s=16.0),
    ]
    for event in story:
        account.apply(event)
        numbers.follow(event)
    now_s = 103.5

    held = numbers.held
    account.apply(PeerBack(cause=HoldCause.PEER, waited_s=24.0))

    assert held == "The PACS does not answer; next try in 13 s"
    assert not numbers.held


def test_before_the_inventory_the_row_says_asking() -> None:
    lines = drawn(picture_of(started(), *begun(STUDY, 1, None)))

    assert "asking" in lines[0]
    assert lines[1].endswith("ETA --:--")


def test_one_study_needs_no_total() -> None:
    lines = drawn(picture_of(started(), *begun(STUDY, 1, 5)), footer="stopping")

    assert len(lines) == 3
    assert lines[2] == "stopping"


def at_a_terminal(engine: Engine, monkeypatch: pytest.MonkeyPatch, *flags: str) -> str:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    result = run(
        *("pacs://pacs.test:11112", "--method", "c-get", "--uid-list", "-", *flags),
        engine=engine,
        stdin=f"{LONG}\n{OTHER}\n",
        stderr=Stream(terminal=True),
    )
    assert result.code == 1
    return result.err


def two_studies() -> Engine:
    return whole_run(
        study_of(Verdict.COMPLETE, uid=LONG, came=3),
        study_of(Verdict.FAILED, uid=OTHER, reason="Refused."),
    )


def test_at_a_terminal_the_lines_stay_and_the_cursor_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    err = at_a_terminal(two_studies(), monkeypatch)

    assert "1/2  complete            3/3    1.5 MB  1.2.840.113" in err
    assert LONG not in err  # the line would not fit; the summary names what is not complete
    assert "2/2  failed              0/3" in err
    assert err.rindex("\x1b[?25h") > err.rindex("\x1b[?25l")


def test_the_rows_say_that_ctrl_c_was_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, StudyStarted):
            signal.raise_signal(signal.SIGINT)

    # A second signal would end the process: there is one study, hence one signal.
    engine = whole_run(study_of(Verdict.CANCELLED, came=1))
    engine.on_event = interrupt
    monkeypatch.setenv("TERM", "xterm-256color")

    result = run(*C_GET, engine=engine, stderr=Stream(terminal=True))

    assert result.code == 130
    assert "stopping: waiting for running requests" in result.err


class _GoneAway(Stream):
    """A terminal whose window is closed after the first rows."""

    def write(self, text: str) -> int:
        if self.tell():
            raise OSError(errno.EIO, "Input/output error")
        return super().write(text)


def test_a_terminal_that_goes_away_costs_neither_the_rest_nor_the_report(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    report = tmp_path / "report.json"

    result = run(
        *(*C_GET, "--report", str(report)),
        engine=whole_run(study_of(Verdict.COMPLETE, came=3)),
        stderr=_GoneAway(terminal=True),
    )

    assert result.code == 0
    assert json.loads(report.read_text())["verdict"] == "complete"


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_terminal_that_can_do_nothing_gets_plain_lines(
    term: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)

    result = run(
        *C_GET,
        engine=whole_run(study_of(Verdict.COMPLETE, came=3)),
        stderr=Stream(terminal=True),
    )

    assert "\x1b" not in result.err


def test_json_on_the_same_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")

    result = run(
        *(*C_GET, "--json"),
        engine=whole_run(study_of(Verdict.COMPLETE, came=3)),
        stdout=Stream(terminal=True),
        stderr=Stream(terminal=True),
    )

    assert "\x1b" not in result.err


_COLOR = re.compile(r"\x1b\[[39]\d")
"""Of 16 colors or of 256: rich keeps the codes of a style as the first console rendered it."""


@pytest.mark.parametrize(
    ("environment", "flags", "colored"),
    [("", (), True), ("1", (), False), ("", ("--no-color",), False)],
)
def test_nothing_is_colored_where_nobody_wants_it(
    environment: str, flags: tuple[str, ...], *, colored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", environment)

    err = at_a_terminal(two_studies(), monkeypatch, *flags)

    assert bool(_COLOR.search(err)) is colored
