"""C-GET against a scripted peer: what is asked for, what is kept, what is said of it."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import (
    AssociationOpened,
    BytesReceived,
    StudyInventoried,
)
from dicom_retrieve_tui.model.verdict import Verdict
from tests.peers import wire
from tests.peers.raw_pacs import (
    CT_IMAGE,
    IMPLICIT,
    Conversation,
    RawPacs,
    Request,
    instances,
)
from tests.runs import files_in, get_plan, of_kind, run, settings, verdict_of

_PREAMBLE_AND_PREFIX = b"\0" * 128 + b"DICM"


def test_every_instance_is_kept_as_it_was_sent(tmp_path: Path) -> None:
    with RawPacs(instances(3)) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert files_in(tmp_path) == ["1.2.3.1.1.dcm", "1.2.3.1.2.dcm", "1.2.3.1.3.dcm"]
    for instance in pacs.holdings:
        content = (tmp_path / f"{instance.sop}.dcm").read_bytes()
        assert content.startswith(_PREAMBLE_AND_PREFIX)
        assert content.endswith(instance.data)


def test_an_unknown_study_is_not_found_and_nothing_is_asked_for(tmp_path: Path) -> None:
    with RawPacs() as pacs:
        events = run(get_plan("1.9.9"), settings(pacs.port, tmp_path / "out"))

    assert verdict_of(events, "1.9.9").verdict is Verdict.NOT_FOUND
    assert {request.number(0x0100) for request in pacs.requests} == {0x20}
    assert files_in(tmp_path / "out") == []


def test_no_request_ever_has_an_empty_unique_key(tmp_path: Path) -> None:
    holdings = instances(2) + instances(2, series="1.2.3.2")
    with RawPacs(holdings) as pacs:
        run(get_plan(), settings(pacs.port, tmp_path))

    (retrieval,) = [r for r in pacs.requests if r.number(0x0100) == 0x10]
    assert retrieval.identifier.keys() == {0x00080052, 0x0020000D}
    assert retrieval.key(0x0020000D) == "1.2.3"


class _SendsNone(RawPacs):
    """Refuses, and names in a data set what it did not send."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        named = wire.data_set({0x00080058: "\\".join(each.sop for each in self.holdings)})
        conversation.respond(request, 0xA702, named, completed=0, failed=len(self.holdings))


def test_only_bytes_of_instances_count_as_received(tmp_path: Path) -> None:
    with _SendsNone(instances(3)) as pacs:
        refused = run(get_plan(), settings(pacs.port, tmp_path))
    with RawPacs(instances(3)) as pacs:
        retrieved = run(get_plan(), settings(pacs.port, tmp_path))

    assert of_kind(BytesReceived, refused) == []
    received_bytes = sum(each.size_bytes for each in of_kind(BytesReceived, retrieved))
    assert received_bytes == sum(len(each.data) for each in instances(3))


class _HidesTwo(RawPacs):
    """Reports success, and leaves the first two instances out unless they are asked for by UID."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        wanted = [i for i in self.holdings if request.matches(i)]
        if request.level == "STUDY":
            wanted = wanted[2:]
        for instance in wanted:
            conversation.store(instance)
        self.finish(conversation, request, completed=10)


def test_what_a_successful_peer_left_out_is_asked_for_again_by_uid(tmp_path: Path) -> None:
    with _HidesTwo(instances(10)) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert pacs.requests[-1].level == "IMAGE"
    assert pacs.requests[-1].key(0x00080018) == "1.2.3.1.1\\1.2.3.1.2"


class _NeverSendsTheThird(RawPacs):
    def on_get(self, conversation: Conversation, request: Request) -> None:
        for instance in self.holdings:
            if request.matches(instance) and not instance.sop.endswith(".3"):
                conversation.store(instance)
        self.finish(conversation, request, completed=3)


def test_success_with_an_instance_missing_is_partial_and_names_it(tmp_path: Path) -> None:
    with _NeverSendsTheThird(instances(3)) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert finished.verdict is Verdict.PARTIAL
    assert finished.missing == ("1.2.3.1.3",)
    assert "0x0000" in finished.reason


class _DropsTheLine(RawPacs):
    """Sends one instance and half of another, and is gone."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        conversation.store(self.holdings[0])
        context_id, command = conversation.store_request(self.holdings[1])
        whole = wire.message(context_id, command, self.holdings[1].data)
        conversation.send(whole[: len(whole) // 2])
        raise EOFError


def test_a_lost_connection_keeps_what_is_whole_and_nothing_else(tmp_path: Path) -> None:
    with _DropsTheLine(instances(3)) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert finished.verdict is Verdict.PARTIAL
    assert finished.stored == 1
    assert "closed the connection" in finished.reason
    assert files_in(tmp_path) == ["1.2.3.1.1.dcm"]


class _Stalls(RawPacs):
    def on_get(self, conversation: Conversation, request: Request) -> None:
        context_id, command = conversation.store_request(self.holdings[0])
        whole = wire.message(context_id, command, self.holdings[0].data)
        conversation.send(whole[:-20])
        self.stopping.wait()


def test_a_peer_that_stalls_within_a_pdu_is_given_up(tmp_path: Path) -> None:
    with _Stalls() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path, timeout_s=0.5))

    finished = verdict_of(events)
    assert finished.verdict is Verdict.FAILED
    assert "Waited" in finished.reason
    assert not files_in(tmp_path)
    assert not [t for t in threading.enumerate() if t.name.startswith("retrieve")]


def test_a_cancel_during_a_stall_ends_the_run_at_once(tmp_path: Path) -> None:
    cancel = CancelToken()

    class StallsAndCancels(_Stalls):
        def on_get(self, conversation: Conversation, request: Request) -> None:
            cancel.request()
            super().on_get(conversation, request)

    with StallsAndCancels() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path, timeout_s=60), cancel)

    assert verdict_of(events).verdict is Verdict.CANCELLED


class _RefusesGet(RawPacs):
    def on_associate(self, conversation: Conversation) -> None:
        conversation.accept(
            refused=frozenset({"1.2.840.10008.5.1.4.1.2.2.3", "1.2.840.10008.5.1.4.1.2.1.3"})
        )


def test_a_peer_without_c_get_is_named_with_the_next_step(tmp_path: Path) -> None:
    with _RefusesGet() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert finished.verdict is Verdict.FAILED
    assert "does not offer C-GET" in finished.reason
    assert "--method c-move" in finished.reason


class _SendsInTheFirstContext(RawPacs):
    """Holds Implicit VR and uses the first context for the class, whatever its syntax.

    dcmqrscp does so, and cannot transcode.
    """

    def on_get(self, conversation: Conversation, request: Request) -> None:
        syntaxes = [s[0] for abstract, s in conversation.contexts.values() if abstract == CT_IMAGE]
        if syntaxes[0] == IMPLICIT:
            super().on_get(conversation, request)
        else:
            conversation.respond(request, 0xA702, completed=0, failed=len(self.holdings))


def test_a_peer_that_picks_the_wrong_context_is_offered_fewer(tmp_path: Path) -> None:
    with _SendsInTheFirstContext() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE


class _OnlyPatientRoot(RawPacs):
    def on_associate(self, conversation: Conversation) -> None:
        study_root = "1.2.840.10008.5.1.4.1.2.2."
        conversation.accept(refused=frozenset(study_root + n for n in "123"))


def test_the_patient_root_model_is_used_where_it_is_all_there_is(tmp_path: Path) -> None:
    with _OnlyPatientRoot() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert pacs.requests[-1].key(0x00100020) == "T-0001"


class _RefusesFind(RawPacs):
    def on_find(self, conversation: Conversation, request: Request) -> None:
        conversation.respond(request, 0xA700)


def test_without_c_find_the_verdict_is_unverified(tmp_path: Path) -> None:
    with _RefusesFind() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert finished.verdict is Verdict.UNVERIFIED
    assert finished.stored == 3
    assert finished.expected is None
    assert "0xA700" in finished.reason


class _Caps(RawPacs):
    """Counts five instances and lists two."""

    def find(self, request: Request) -> list[dict[int, str]]:
        found = super().find(request)
        return found[:2] if request.level == "IMAGE" else found

    def on_get(self, conversation: Conversation, request: Request) -> None:
        for instance in self.holdings[:2]:
            conversation.store(instance)
        self.finish(conversation, request, completed=5)


def test_a_listing_that_seems_capped_is_never_called_complete(tmp_path: Path) -> None:
    with _Caps(instances(5)) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert finished.verdict is Verdict.UNVERIFIED
    assert "listed 2 instances where the PACS counts 5" in finished.reason


class _TwoMessagesInOnePdu(RawPacs):
    def on_get(self, conversation: Conversation, request: Request) -> None:
        for instance in self.holdings:
            conversation.store(instance)
        done = wire.command(field=0x8010, responding_to=request.number(0x0110),
                            data_set_type=0x0101, status=0xFF00)  # fmt: skip
        final = wire.command(field=0x8010, responding_to=request.number(0x0110),
                             data_set_type=0x0101, status=0x0000)  # fmt: skip
        values = b"".join(wire.p_data(request.context_id, 3, c)[6:] for c in (done, final))
        conversation.send(wire.pdu(4, values))


def test_two_messages_in_one_pdu_are_both_read(tmp_path: Path) -> None:
    with _TwoMessagesInOnePdu() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE


def test_workers_share_the_studies_and_keep_their_associations(tmp_path: Path) -> None:
    studies = [f"1.2.{n}" for n in range(10, 22)]
    holdings = [i for uid in studies for i in instances(2, study=uid, series=f"{uid}.1")]
    with RawPacs(holdings) as pacs:
        events = run(get_plan(*studies, parallel=3), settings(pacs.port, tmp_path))

    assert {verdict_of(events, uid).verdict for uid in studies} == {Verdict.COMPLETE}
    assert len(files_in(tmp_path)) == 24
    opened = of_kind(AssociationOpened, events)
    assert {e.worker for e in opened} <= {1, 2, 3}
    assert len(opened) <= 6  # one to ask, one with the storage contexts; kept for the next study


def test_an_association_that_died_while_kept_is_opened_again(tmp_path: Path) -> None:
    class ClosesAfterEachRetrieval(RawPacs):
        def finish(
            self, conversation: Conversation, request: Request, *, completed: int, failed: int = 0
        ) -> None:
            super().finish(conversation, request, completed=completed, failed=failed)
            raise EOFError

    holdings = instances(1) + instances(1, study="1.2.4", series="1.2.4.1")
    with ClosesAfterEachRetrieval(holdings) as pacs:
        events = run(get_plan("1.2.3", "1.2.4"), settings(pacs.port, tmp_path))

    assert verdict_of(events, "1.2.4").verdict is Verdict.COMPLETE


def test_the_inventory_of_several_series_takes_one_image_query(tmp_path: Path) -> None:
    holdings = [i for n in range(1, 5) for i in instances(2, series=f"1.2.3.{n}")]
    with RawPacs(holdings) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert [r.level for r in pacs.requests if r.number(0x0100) == 0x20] == ["SERIES", "IMAGE"]
    (inventoried,) = of_kind(StudyInventoried, events)
    assert (inventoried.series, inventoried.expected) == (4, 8)


@pytest.mark.parametrize(
    ("result", "source", "reason", "words"),
    [
        (1, 1, 3, "does not know our AE title DICOMRETRIEVE"),
        (1, 1, 7, "Its AE title is not RAW"),
        (2, 3, 2, "no association left for us"),
    ],
)
def test_a_rejection_names_its_numbers_and_the_next_step(
    tmp_path: Path, result: int, source: int, reason: int, words: str
) -> None:
    class Rejects(RawPacs):
        def on_associate(self, conversation: Conversation) -> None:
            conversation.send(wire.pdu(3, bytes([0, result, source, reason])))
            raise EOFError

    with Rejects() as pacs:
        events = run(get_plan(), replace(settings(pacs.port, tmp_path), outage_s=0))

    finished = verdict_of(events)
    assert finished.verdict is (Verdict.NOT_TRIED if result == 2 else Verdict.FAILED)
    assert words in finished.reason
    assert f"result {result}, source {source}, reason {reason}" in finished.reason
