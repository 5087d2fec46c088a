"""Rows 21 to 25: final responses, counters and comments that say one thing, and a disk another."""

from pathlib import Path

import pytest

from dicom_retrieve_tui.model.events import AttemptFailed, Event
from dicom_retrieve_tui.model.verdict import Verdict
from tests.faults.catalogue import Told, fault
from tests.faults.command import c_get_at_terminal
from tests.peers import wire
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, Instance, RawPacs, Request, instances
from tests.runs import files_in, get_plan, move_plan, of_kind, run, settings, verdict_of

_FAILED_LIST = 0x00080058
_LAST_TWO = ("1.2.3.1.9", "1.2.3.1.10")


class _KeepsTwoBack(RawPacs):
    """Leaves two of ten out when it is asked for all, and ends with `status` all the same."""

    status = 0x0000
    names_them = False
    for_ever = False

    def __init__(self) -> None:
        super().__init__(instances(10))

    def on_get(self, conversation: Conversation, request: Request) -> None:
        wanted = [i for i in self.holdings if request.matches(i)]
        kept_back = self.for_ever or request.level == "STUDY"
        sent = [i for i in wanted if i.sop not in _LAST_TWO] if kept_back else wanted
        for instance in sent:
            conversation.store(instance)
        short = len(wanted) - len(sent)
        failed = "\\".join(_LAST_TWO) if self.names_them and short else ""
        conversation.respond(
            request,
            self.status if short else 0x0000,
            wire.data_set({_FAILED_LIST: failed}) if failed else None,
            completed=len(sent),
            failed=short if self.status else 0,
        )


def _second_pass(pacs: _KeepsTwoBack, output: Path) -> Told:
    with pacs:
        events = run(get_plan(), settings(pacs.port, output))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert not of_kind(AttemptFailed, events)
    assert [(r.level, r.key(0x00080018)) for r in pacs.retrievals] == [
        ("STUDY", ""),
        ("IMAGE", "\\".join(_LAST_TWO)),
    ]
    assert len(files_in(output)) == 10
    return events


def _ends_partial(pacs: _KeepsTwoBack, output: Path) -> Told:
    pacs.for_ever = True
    with pacs:
        events = run(get_plan(), settings(pacs.port, output))

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored) == (Verdict.PARTIAL, 8)
    assert finished.missing == _LAST_TWO
    return events


@fault(21, user_reads="complete")
def test_two_of_ten_that_a_success_left_out_are_fetched_by_a_second_pass(tmp_path: Path) -> Told:
    return _second_pass(_KeepsTwoBack(), tmp_path)


@fault(21, user_reads="success (status 0x0000), but did not send everything that it lists")
def test_two_of_ten_that_never_come_are_named_by_uid(tmp_path: Path) -> Told:
    return _ends_partial(_KeepsTwoBack(), tmp_path)


class _SendsNothing(RawPacs):
    def on_get(self, conversation: Conversation, request: Request) -> None:
        self.finish(conversation, request, completed=len(self.holdings))


@fault(22, user_reads="success (status 0x0000), but did not send everything that it lists")
def test_success_with_nothing_sent_is_a_failure(tmp_path: Path) -> Told:
    with _SendsNothing(instances(10)) as pacs:
        events = run(get_plan(retries=1), settings(pacs.port, tmp_path / "out"))

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored, finished.expected) == (Verdict.FAILED, 0, 10)
    assert len(of_kind(AttemptFailed, events)) == 1
    assert files_in(tmp_path / "out") == []
    return events


@fault(22, user_reads="success (status 0x0000), but did not send everything that it lists")
def test_success_by_c_move_with_nothing_sent_is_a_failure(tmp_path: Path) -> Told:
    class SendsNothing(MovingPacs):
        def send_to_scp(self, wanted: list[Instance]) -> list[int]:
            return []

    with SendsNothing(instances(10)) as pacs:
        events = run(move_plan(), pacs.settings(tmp_path, timeout_s=0.2))

    assert verdict_of(events).verdict is Verdict.FAILED
    return events


@fault(23, user_reads="complete")
@pytest.mark.parametrize("names_them", [True, False])
def test_sub_operations_that_failed_are_asked_for_again(
    tmp_path: Path, *, names_them: bool
) -> Told:
    pacs = _KeepsTwoBack()
    pacs.status, pacs.names_them = 0xB000, names_them

    return _second_pass(pacs, tmp_path)


@fault(23, user_reads="status 0xB000: sub-operations complete, one or more failed")
@pytest.mark.parametrize("names_them", [True, False])
def test_sub_operations_that_fail_for_ever_are_named_by_uid(
    tmp_path: Path, *, names_them: bool
) -> Told:
    pacs = _KeepsTwoBack()
    pacs.status, pacs.names_them = 0xB000, names_them

    return _ends_partial(pacs, tmp_path)


@fault(23, user_reads="complete")
def test_failures_that_the_disk_knows_nothing_of_do_not_count(tmp_path: Path) -> Told:
    class Slanders(RawPacs):
        def on_get(self, conversation: Conversation, request: Request) -> None:
            for instance in self.holdings:
                conversation.store(instance)
            self.finish(conversation, request, completed=0, failed=3)

    with Slanders() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    return events


class _Ends(MovingPacs):
    """Ends every retrieval at once, as `answer` says."""

    answer: dict[str, int | str | bytes]

    def on_get(self, conversation: Conversation, request: Request) -> None:
        fields = dict(self.answer)
        status = fields.pop("status")
        assert isinstance(status, int)
        conversation.respond(request, status, None, **fields)

    on_move = on_get


_TWICE, _ONCE, _NOT = 2, 1, 0
"""How often it is tried again, of two times at most."""


@fault(24, user_reads="The PACS ended the retrieval with status 0x")
@pytest.mark.parametrize(
    ("status", "again", "meaning", "next_step"),
    [
        (0x0110, _ONCE, "processing failure", "log of the PACS"),
        (0x0120, _NOT, "missing attribute", "try another --query-model"),
        (0x0122, _NOT, "SOP class not supported", "Try --method c-move"),
        (0x0124, _NOT, "not authorised", "Ask the PACS administrator for the right"),
        (0x0210, _NOT, "duplicate invocation", "log of the PACS"),
        (0x0211, _NOT, "unrecognised operation", "Try --method c-move"),
        (0x0212, _NOT, "mistyped argument", "log of the PACS"),
        (0xA701, _TWICE, "unable to calculate the matches", "Try again later"),
        (0xA702, _TWICE, "unable to perform the sub-operations", "Try --method c-move"),
        (0xA7FF, _TWICE, "out of resources", "Try again later"),
        (0xA900, _NOT, "does not match the SOP class", "try another --query-model"),
        (0xB000, _TWICE, "one or more failed", "log of the PACS"),
        (0xC000, _ONCE, "unable to process", "log of the PACS"),
        (0xC123, _ONCE, "unable to process", "log of the PACS"),
        (0xFE00, _TWICE, "cancelled", "did so by itself"),
        (0x1234, _ONCE, "a status that the standard does not give", "log of the PACS"),
    ],
)
def test_a_final_status_is_told_with_its_meaning_and_the_next_step(
    tmp_path: Path, status: int, again: int, meaning: str, next_step: str
) -> Told:
    with _Ends() as pacs:
        pacs.answer = {"status": status}
        events = run(get_plan(retries=2), settings(pacs.port, tmp_path))

    reason = _failed_reason(events, again)
    assert f"status 0x{status:04X}: " in reason
    assert meaning in reason
    assert next_step in reason
    return events


@fault(24, user_reads="The PACS ended the retrieval with status 0x")
@pytest.mark.parametrize(
    ("status", "again", "meaning", "next_step"),
    [
        (0xA702, _TWICE, "unable to perform", "cannot connect to the move destination"),
        (0xA801, _NOT, "move destination unknown", "add the move destination with its address"),
        (0xC000, _ONCE, "unable to process", "do not know the move destination"),
        (0xC801, _NOT, "not allowed", "administrator to allow the move destination"),
    ],
)
def test_a_final_status_of_a_c_move_is_told_with_what_it_mostly_means(
    tmp_path: Path, status: int, again: int, meaning: str, next_step: str
) -> Told:
    with _Ends() as pacs:
        pacs.answer = {"status": status}
        events = run(move_plan(retries=2), pacs.settings(tmp_path, timeout_s=0.2))

    reason = _failed_reason(events, again)
    assert f"status 0x{status:04X}: " in reason
    assert meaning in reason
    assert next_step in reason
    return events


def _failed_reason(events: list[Event], again: int) -> str:
    finished = verdict_of(events)
    assert finished.verdict is Verdict.FAILED
    assert len(of_kind(AttemptFailed, events)) == again
    return finished.reason


@fault(24, user_reads='status 0xC000: unable to process ("[2J[31mno such study; offending element')
def test_a_comment_is_shown_without_anything_that_a_terminal_obeys(tmp_path: Path) -> Told:
    with _Ends() as pacs:
        pacs.answer = {
            "status": 0xC000,
            "comment": "\x1b[2J\x1b[31m\x9dno\r\nsuch\tstudy\0",
            "offending": b"\x20\x00\x0d\x00",
        }
        events = run(get_plan(), settings(pacs.port, tmp_path))

    reason = verdict_of(events).reason
    assert "(0020,000D)" in reason
    assert reason.isprintable()
    return events


@fault(24, user_reads="no no no no...; offending element (0001,0001), (0001,0001)")
def test_a_comment_of_any_length_stays_readable(tmp_path: Path) -> Told:
    with _Ends() as pacs:
        pacs.answer = {"status": 0xC000, "comment": "no " * 10_000, "offending": b"\1\0" * 9_999}
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert len(verdict_of(events).reason) < 1000
    return events


class _Miscounts(RawPacs):
    """Sends everything, and counts as `counters` says, from the first response to the last."""

    counters: dict[str, int | str | bytes]

    def __init__(self) -> None:
        super().__init__(instances(10))

    def on_get(self, conversation: Conversation, request: Request) -> None:
        for instance in self.holdings:
            conversation.store(instance)
            conversation.respond(request, wire.PENDING, None, **self.counters)
            self.stopping.wait(0.03)  # time for the display to be drawn
        conversation.respond(request, wire.SUCCESS, None, **self.counters)


@fault(25, user_reads="complete: all 10 instances of study 1.2.3 are in")
@pytest.mark.parametrize(
    "counters",
    [
        pytest.param({}, id="absent"),
        pytest.param(dict.fromkeys(("remaining", "completed"), 0xFFFF), id="negative-looking"),
        pytest.param({"remaining": 10, "completed": 0, "failed": 0}, id="frozen"),
        pytest.param({"completed": 11, "failed": 30_000, "warning": 500}, id="beyond the total"),
        pytest.param(
            {"remaining": b"\1\0\0\0", "completed": b"", "failed": b"xyz"}, id="no numbers"
        ),
    ],
)
def test_counters_that_lie_disturb_neither_display_nor_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counters: dict[str, int | str | bytes]
) -> Told:
    with _Miscounts() as pacs:
        pacs.counters = counters
        result = c_get_at_terminal(pacs.port, tmp_path / "out", monkeypatch)

    assert result.code == 0
    assert "Traceback" not in result.narration
    assert len(pacs.retrievals) == 1
    return result.summary
