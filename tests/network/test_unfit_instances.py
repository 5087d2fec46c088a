"""Instances that come by C-GET and are not what they should be: refused, or kept aside."""

from dataclasses import replace
from pathlib import Path

from dicom_retrieve_tui.model.events import (
    InstanceRefused,
    InstanceSetAside,
    InstanceStored,
)
from dicom_retrieve_tui.model.verdict import Verdict
from tests.peers import wire
from tests.peers.raw_pacs import (
    Conversation,
    Instance,
    RawPacs,
    Request,
    instances,
)
from tests.runs import files_in, get_plan, of_kind, run, settings, verdict_of


class _SendsAStranger(RawPacs):
    def on_get(self, conversation: Conversation, request: Request) -> None:
        self.status = conversation.store(Instance("1.6.6", "1.6.6.1", "1.6.6.1.1"))
        super().on_get(conversation, request)


def test_an_instance_of_another_study_is_refused_and_not_kept(tmp_path: Path) -> None:
    with _SendsAStranger() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    (refused,) = of_kind(InstanceRefused, events)
    assert refused.sop_instance_uid == "1.6.6.1.1"
    assert pacs.status == refused.status == 0xA700
    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(files_in(tmp_path)) == 3


class _Misnames(RawPacs):
    """The command names one instance, the data set is another."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        context_id, command = conversation.store_request(self.holdings[0])
        conversation.send(wire.message(context_id, command, self.holdings[1].data))
        self.status = conversation.read().number(0x0900)
        self.finish(conversation, request, completed=1)


def test_a_data_set_that_is_not_what_its_command_says_is_refused(tmp_path: Path) -> None:
    with _Misnames() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert pacs.status == 0xA900
    assert verdict_of(events).verdict is Verdict.FAILED
    assert not files_in(tmp_path)


class _CutsShort(RawPacs):
    """Ends a data set in good order before it is whole."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        context_id, command = conversation.store_request(self.holdings[0])
        conversation.send(wire.message(context_id, command, self.holdings[0].data[:-10]))
        self.status = conversation.read().number(0x0900)
        self.finish(conversation, request, completed=1)


def test_a_cut_short_data_set_is_refused_as_damaged(tmp_path: Path) -> None:
    with _CutsShort() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert pacs.status == 0xC000
    refused = of_kind(InstanceRefused, events)[0]
    assert "cut short" in refused.reason
    assert files_in(tmp_path) == [refused.path] == [".dicom-retrieve/damaged/1.2.3.1.1.dcm"]


class _SendsTwice(RawPacs):
    def on_get(self, conversation: Conversation, request: Request) -> None:
        for instance in [*self.holdings, *self.holdings]:
            conversation.store(instance)
        self.finish(conversation, request, completed=4)


def test_the_same_instance_twice_is_counted_once(tmp_path: Path) -> None:
    with _SendsTwice(instances(2)) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert len(of_kind(InstanceStored, events)) == 2
    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(files_in(tmp_path)) == 2


class _SendsTwoVersions(RawPacs):
    def on_get(self, conversation: Conversation, request: Request) -> None:
        for padding_bytes in (100, 200, 200):
            conversation.store(replace(self.holdings[0], padding_bytes=padding_bytes))
        self.finish(conversation, request, completed=3)


def test_other_bytes_under_the_same_uid_are_kept_aside(tmp_path: Path) -> None:
    with _SendsTwoVersions(instances(1)) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    aside = ".dicom-retrieve/conflicts/1.2.3.1.1.dcm.1"
    assert files_in(tmp_path) == [aside, "1.2.3.1.1.dcm"]
    assert (tmp_path / "1.2.3.1.1.dcm").read_bytes().endswith(pacs.holdings[0].data)
    assert {event.path for event in of_kind(InstanceSetAside, events)} == {aside}


def test_a_file_that_was_there_is_never_overwritten(tmp_path: Path) -> None:
    other = tmp_path / "1.2.3.1.1.dcm"
    other.write_bytes(b"somebody else's")
    with RawPacs(instances(2)) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.missing) == (Verdict.PARTIAL, ("1.2.3.1.1",))
    assert other.read_bytes() == b"somebody else's"
