"""A PACS that accepts C-GET contexts and aborts at the request, as Orthanc may be set to do."""

from dataclasses import replace
from pathlib import Path

from dicom_retrieve_tui.doctor.result import Conclusion
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.events import AttemptFailed, Noted
from dicom_retrieve_tui.model.verdict import Verdict
from tests.peers import wire
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, Request, instances
from tests.runs import Plan, diagnose, files_in, get_plan, move_plan, of_kind, run, verdict_of

_GET, _MOVE = 0x10, 0x21


class _AbortsGet(MovingPacs):
    """Aborts every C-GET after so many of them, and after so many instances of that one."""

    def __init__(self, *, served: int = 0, sent: int = 0) -> None:
        super().__init__(instances(3) + instances(3, study="1.2.4", series="1.2.4.1"))
        self._served = served
        self._sent = sent

    def on_get(self, conversation: Conversation, request: Request) -> None:
        if self.asked(_GET) <= self._served:
            super().on_get(conversation, request)
            return
        for instance in [i for i in self.holdings if request.matches(i)][: self._sent]:
            conversation.store(instance)
        conversation.send(wire.pdu(7, bytes(4)))
        raise EOFError

    def asked(self, field: int) -> int:
        return sum(request.number(0x0100) == field for request in self.requests)


def _auto(*studies: str) -> Plan:
    return replace(move_plan(*studies), method=Method.AUTO)


def test_it_is_told_with_what_to_type_instead(tmp_path: Path) -> None:
    with _AbortsGet() as pacs:
        given = replace(pacs.settings(tmp_path), listen=None, calling_ae_title="OURS")
        events = run(get_plan(), given)

    assert verdict_of(events).verdict is Verdict.FAILED
    reason = verdict_of(events).reason
    assert "aborted the association by its user" in reason
    assert reason.endswith("Try --method c-move --move-dest OURS --listen 11112.")


def test_auto_asks_by_c_move_says_so_and_remembers(tmp_path: Path) -> None:
    with _AbortsGet() as pacs:
        events = run(_auto("1.2.3", "1.2.4"), pacs.settings(tmp_path))

    assert {verdict_of(events, uid).verdict for uid in ("1.2.3", "1.2.4")} == {Verdict.COMPLETE}
    assert len(files_in(tmp_path)) == 6
    assert (pacs.asked(_GET), pacs.asked(_MOVE)) == (1, 2)
    (note,) = of_kind(Noted, events)
    assert "Asking by C-MOVE instead" in note.text


def test_what_came_by_c_get_shows_that_it_is_another_failure(tmp_path: Path) -> None:
    with _AbortsGet(sent=1) as pacs:
        events = run(_auto(), pacs.settings(tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored) == (Verdict.PARTIAL, 1)
    assert "aborted the association" in finished.reason
    assert "--method" not in finished.reason
    assert pacs.asked(_MOVE) == 0


def test_a_c_get_that_was_served_before_shows_it_too(tmp_path: Path) -> None:
    with _AbortsGet(served=1) as pacs:
        events = run(_auto("1.2.3", "1.2.4"), pacs.settings(tmp_path))

    assert verdict_of(events, "1.2.3").verdict is Verdict.COMPLETE
    assert verdict_of(events, "1.2.4").verdict is Verdict.FAILED
    assert pacs.asked(_MOVE) == 0


class _Closes(_AbortsGet):
    def on_get(self, conversation: Conversation, request: Request) -> None:
        raise EOFError


def test_where_c_get_loses_the_connection_c_move_is_tried(tmp_path: Path) -> None:
    with _Closes() as pacs:
        events = run(replace(_auto(), retries=1), pacs.settings(tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert not of_kind(AttemptFailed, events)
    assert pacs.asked(_MOVE) == 1


def test_doctor_concludes_what_a_retrieval_would_do(tmp_path: Path) -> None:
    with _AbortsGet() as pacs:
        found = diagnose(_auto(), pacs.settings(tmp_path))

    (conclusion,) = [each for each in found if isinstance(each, Conclusion)]
    assert conclusion.works, conclusion.words
