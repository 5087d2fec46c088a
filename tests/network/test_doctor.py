"""`doctor` against scripted peers: what it finds and advises, and what it never sends."""

import socket
import struct
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.doctor.result import Check, Conclusion, Finding, Looking, Outcome, Step
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.options import RetrieveOptions
from tests.peers import wire
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, RawPacs, Request, instances
from tests.runs import Plan, get_plan, move_plan, settings

_GET_CLASSES = frozenset({"1.2.840.10008.5.1.4.1.2.1.3", "1.2.840.10008.5.1.4.1.2.2.3"})
_OK, _FAILED, _WARNING, _SKIPPED = Outcome.OK, Outcome.FAILED, Outcome.WARNING, Outcome.SKIPPED


def _diagnose(
    plan: Plan, given: RetrieveOptions, *, study: bool = False
) -> tuple[dict[Check, Step], Conclusion]:
    """Each step by its check, and the conclusion."""
    selections, options = plan.on(given)
    findings = list(wiring.diagnose(selections[0] if study else None, options, CancelToken()))
    steps = {each.check: each for each in findings if isinstance(each, Step)}
    conclusion = findings[-1]
    assert isinstance(conclusion, Conclusion)
    looked_at = [each.check for each in findings if isinstance(each, Looking)]
    assert looked_at == list(steps)
    return steps, conclusion


def _outcomes(steps: dict[Check, Step]) -> dict[Check, Outcome]:
    return {check: step.outcome for check, step in steps.items()}


def test_what_a_pacs_offers_is_told_and_no_study_is_asked_for(tmp_path: Path) -> None:
    output = tmp_path / "out"
    with RawPacs() as pacs:
        steps, conclusion = _diagnose(get_plan(), settings(pacs.port, output))

    assert _outcomes(steps) == {
        Check.HOST: _OK,
        Check.CONNECTION: _OK,
        Check.ASSOCIATION: _OK,
        Check.ECHO: _OK,
        Check.FIND: _OK,
        Check.GET: _OK,
        Check.STORAGE: _WARNING,  # this peer does not answer the role selection
        Check.MOVE: _SKIPPED,
    }
    assert "whether we may be the SCP was not answered" in steps[Check.STORAGE].found
    assert (conclusion.works, conclusion.proven) == (True, False)
    (line,) = conclusion.for_administrator
    assert line == (
        "Please let AE title DICOMRETRIEVE at address 127.0.0.1 query and retrieve "
        "(C-ECHO, C-FIND, C-GET)."
    )
    studies = {request.key(0x0020000D) for request in pacs.requests if request.identifier}
    assert len(studies) == 1
    assert studies.pop().startswith("2.25.")
    assert not output.exists()


def test_a_study_that_is_named_brings_one_instance_and_leaves_nothing(tmp_path: Path) -> None:
    output = tmp_path / "out"
    with RawPacs(instances(3)) as pacs:
        steps, conclusion = _diagnose(get_plan(), settings(pacs.port, output), study=True)

    assert steps[Check.STUDY].found == "The PACS lists 1 series with 3 instances."
    assert steps[Check.GET_INSTANCE].outcome is _OK
    assert "came whole" in steps[Check.GET_INSTANCE].found
    assert conclusion.proven
    assert [r.key(0x00080018) for r in pacs.retrievals if r.level == "IMAGE"] == ["1.2.3.1.1"]
    assert not output.exists()


def test_both_methods_are_tried_where_both_are_offered(tmp_path: Path) -> None:
    with MovingPacs(instances(2)) as pacs:
        steps, conclusion = _diagnose(move_plan(), pacs.settings(tmp_path), study=True)

    assert steps[Check.LISTENER].outcome is _OK
    assert steps[Check.GET_INSTANCE].outcome is _OK
    assert steps[Check.MOVE_INSTANCE].outcome is _OK
    assert (
        conclusion.words
        == "A retrieval by C-MOVE works: one instance was retrieved, and is complete."
    )
    assert conclusion.for_administrator[-1] == (
        f"Please add AE title DRTUI at address 127.0.0.1, port {pacs.scp_port}, "
        "as a C-STORE destination."
    )


def test_a_study_that_the_pacs_does_not_have_is_a_failed_test(tmp_path: Path) -> None:
    with RawPacs() as pacs:
        steps, conclusion = _diagnose(get_plan("1.9"), settings(pacs.port, tmp_path), study=True)

    assert steps[Check.STUDY].found == "The PACS has no 1.9."
    assert Check.GET_INSTANCE not in steps
    assert not conclusion.works


def test_a_closed_port_ends_it_and_names_the_host_and_the_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    steps, conclusion = _diagnose(get_plan(), settings(port, tmp_path))

    assert list(steps) == [Check.HOST, Check.CONNECTION]
    failed = steps[Check.CONNECTION]
    assert failed.found == f"Cannot reach 127.0.0.1:{port}: connection refused."
    assert failed.keys == ("host", "port")
    assert not conclusion.works


@pytest.mark.parametrize(
    ("reason", "keys", "flag"),
    [(3, ("aet",), "--aet"), (7, ("called_aet", "aet"), "--called-aet")],
)
def test_an_ae_title_that_is_not_recognised_is_named_with_its_key(
    reason: int, keys: tuple[str, ...], flag: str, tmp_path: Path
) -> None:
    class Rejecting(RawPacs):
        def on_associate(self, conversation: Conversation) -> None:
            conversation.send(wire.pdu(3, struct.pack("BBBB", 0, 1, 1, reason)))
            raise EOFError

    with Rejecting() as pacs:
        steps, conclusion = _diagnose(get_plan(), settings(pacs.port, tmp_path))

    assert steps[Check.ASSOCIATION].keys == keys
    assert flag in steps[Check.ASSOCIATION].next_step
    assert not conclusion.works


class _NoGet(RawPacs):
    def on_associate(self, conversation: Conversation) -> None:
        conversation.accept(refused=_GET_CLASSES)


@pytest.mark.parametrize(
    ("method", "outcome"),
    [(Method.C_GET, _FAILED), (Method.C_MOVE, _WARNING), (Method.AUTO, _WARNING)],
)
def test_a_missing_c_get_matters_only_where_it_would_be_used(
    method: Method, outcome: Outcome, tmp_path: Path
) -> None:
    class Moving(_NoGet):
        def on_move(self, conversation: Conversation, request: Request) -> None:
            self.finish(conversation, request, completed=0)

    plan = replace(move_plan(), method=method, listening=False)
    with Moving() as pacs:
        steps, conclusion = _diagnose(plan, settings(pacs.port, tmp_path))

    assert steps[Check.GET].outcome is outcome
    assert conclusion.works is (outcome is not _FAILED)


def test_an_abort_at_c_get_costs_no_other_look(tmp_path: Path) -> None:
    class Aborting(RawPacs):
        def on_get(self, conversation: Conversation, request: Request) -> None:
            conversation.send(wire.pdu(7, bytes([0, 0, 2, 0])))
            raise EOFError

    with Aborting() as pacs:
        steps, conclusion = _diagnose(get_plan(), settings(pacs.port, tmp_path))

    assert steps[Check.GET].outcome is _FAILED
    assert "--method c-move --move-dest DICOMRETRIEVE --listen" in steps[Check.GET].next_step
    assert steps[Check.MOVE].outcome is _SKIPPED
    assert not conclusion.works


def test_an_unknown_move_destination_shows_without_a_study(tmp_path: Path) -> None:
    plan = replace(move_plan(), listening=False)
    with RawPacs() as pacs:  # it answers every C-MOVE 0xA801
        steps, conclusion = _diagnose(plan, settings(pacs.port, tmp_path))

    assert steps[Check.MOVE].outcome is _FAILED
    assert "0xA801: move destination unknown" in steps[Check.MOVE].found
    assert steps[Check.MOVE].keys[0] == "move_dest"
    assert not conclusion.works


def test_a_port_that_is_taken_is_told_even_where_the_pacs_is_not_reached(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = ("127.0.0.1", taken.getsockname()[1])
        given = replace(settings(port, tmp_path), listen=listen)
        steps, conclusion = _diagnose(move_plan(), given)

    assert steps[Check.LISTENER].outcome is _FAILED
    assert "address already in use" in steps[Check.LISTENER].found
    assert steps[Check.LISTENER].keys == ("listen",)
    assert "our own port" in conclusion.words


def test_a_cancel_ends_it_without_a_conclusion(tmp_path: Path) -> None:
    class Silent(RawPacs):
        def on_associate(self, conversation: Conversation) -> None:
            reached.set()
            self.stopping.wait()

    reached, cancel = threading.Event(), CancelToken()
    with Silent() as pacs:
        given = settings(pacs.port, tmp_path, timeout_s=600.0)
        findings: list[Finding] = []

        def stop() -> None:
            if reached.wait(20):
                cancel.request()

        stopper = threading.Thread(target=stop)
        stopper.start()
        findings.extend(wiring.diagnose(get_plan().selections[0], given, cancel))
        stopper.join()

    assert findings[-1] == Looking(Check.ASSOCIATION)
