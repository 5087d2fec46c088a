"""Rows 28, 29 and 32: instances that nobody asked for, that come twice, or that are not whole."""

from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.events import (
    AttemptFailed,
    InstanceRefused,
    InstanceSetAside,
    InstanceStored,
)
from dicom_retrieve_tui.model.verdict import Verdict
from tests.faults.catalogue import Told, fault
from tests.faults.command import c_get_at_terminal
from tests.peers.raw_pacs import Conversation, Instance, RawPacs, Request, instances
from tests.runs import files_in, get_plan, of_kind, run, settings, verdict_of


class _SendsAStranger(RawPacs):
    def on_get(self, conversation: Conversation, request: Request) -> None:
        self.status = conversation.store(Instance("1.6.6", "1.6.6.1", "1.6.6.1.1"))
        super().on_get(conversation, request)


@fault(28, user_reads="it belongs to study '1.6.6'")
def test_an_instance_of_another_study_is_refused_and_not_counted(tmp_path: Path) -> Told:
    with _SendsAStranger() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert pacs.status == 0xA700
    assert [e.sop_instance_uid for e in of_kind(InstanceRefused, events)] == ["1.6.6.1.1"]
    finished = verdict_of(events)
    assert (finished.verdict, finished.stored) == (Verdict.COMPLETE, 3)
    assert len(files_in(tmp_path)) == 3
    return events


class _SendsVersions(RawPacs):
    """Sends its only instance several times, with contents of these lengths."""

    def __init__(self, *padding_bytes: int) -> None:
        super().__init__([replace(instances(1)[0], padding_bytes=padding_bytes[0])])
        self._padding_bytes = padding_bytes

    def on_get(self, conversation: Conversation, request: Request) -> None:
        self.statuses = [
            conversation.store(replace(self.holdings[0], padding_bytes=padding_bytes))
            for padding_bytes in self._padding_bytes
        ]
        self.finish(conversation, request, completed=len(self._padding_bytes))


@fault(29, user_reads="complete")
def test_the_same_instance_again_is_kept_and_counted_once(tmp_path: Path) -> Told:
    with _SendsVersions(100, 100, 100) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert pacs.statuses == [0, 0, 0]
    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(of_kind(InstanceStored, events)) == 1
    assert not of_kind(InstanceSetAside, events)
    assert files_in(tmp_path) == ["1.2.3.1.1.dcm"]
    return events


@fault(29, user_reads="instances set aside: a file with other content was there, and both are kept")
def test_another_content_under_the_same_uid_is_kept_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Told:
    with _SendsVersions(100, 200, 300) as pacs:
        result = c_get_at_terminal(pacs.port, tmp_path, monkeypatch)

    assert pacs.statuses == [0, 0, 0]
    assert result.code == 0
    assert (tmp_path / "1.2.3.1.1.dcm").read_bytes().endswith(pacs.holdings[0].data)
    aside = [f".dicom-retrieve/conflicts/1.2.3.1.1.dcm.{n}" for n in (1, 2)]
    assert files_in(tmp_path) == [*aside, "1.2.3.1.1.dcm"]
    return result.summary


@fault(29, user_reads="came with other content than the file that was there; both are kept")
def test_another_content_than_the_file_that_was_there_is_never_called_complete(
    tmp_path: Path,
) -> Told:
    (tmp_path / "1.2.3.1.1.dcm").write_bytes(b"somebody else's")
    with RawPacs(instances(2)) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.missing) == (Verdict.PARTIAL, ("1.2.3.1.1",))
    assert (tmp_path / "1.2.3.1.1.dcm").read_bytes() == b"somebody else's"
    return events


class _Damages(RawPacs):
    """Sends `damaged` for the second instance, the first `times` times, all in good order."""

    damaged = b""
    times = 99

    def on_get(self, conversation: Conversation, request: Request) -> None:
        self.statuses = []
        for instance in filter(request.matches, self.holdings):
            data = None
            if instance.sop == "1.2.3.1.2" and self.times:
                self.times -= 1
                data = self.damaged
            self.statuses.append(conversation.store(instance, data))
        failed = sum(status != 0 for status in self.statuses)
        self.finish(conversation, request, completed=len(self.statuses) - failed, failed=failed)


_WHOLE = instances(2)[1].data
_DAMAGES = [
    pytest.param(_WHOLE[:-10], id="cut short"),
    pytest.param(_WHOLE[:3], id="cut short in the first element"),
    pytest.param(b"\xff" * 300, id="garbage"),
    pytest.param(b"", id="empty"),
]


@fault(32, user_reads="Instance '1.2.3.1.2' is damaged: ")
@pytest.mark.parametrize("damaged", _DAMAGES)
def test_a_damaged_instance_is_refused_and_asked_for_again(tmp_path: Path, damaged: bytes) -> Told:
    with _Damages() as pacs:
        pacs.damaged, pacs.times = damaged, 1
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert [e.status for e in of_kind(InstanceRefused, events)] == [0xC000]
    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert [r.key(0x00080018) for r in pacs.retrievals] == ["", "1.2.3.1.2"]
    assert files_in(tmp_path) == ["1.2.3.1.1.dcm", "1.2.3.1.2.dcm", "1.2.3.1.3.dcm"]
    return events


@fault(32, user_reads="Instance '1.2.3.1.2' is damaged: ")
@pytest.mark.parametrize("damaged", _DAMAGES)
def test_an_instance_that_is_always_damaged_ends_partial(tmp_path: Path, damaged: bytes) -> Told:
    with _Damages() as pacs:
        pacs.damaged = damaged
        events = run(get_plan(retries=3), settings(pacs.port, tmp_path))

    assert pacs.statuses == [0xC000]
    assert not of_kind(AttemptFailed, events)
    assert [r.key(0x00080018) for r in pacs.retrievals] == ["", "1.2.3.1.2"]
    finished = verdict_of(events)
    assert (finished.verdict, finished.missing) == (Verdict.PARTIAL, ("1.2.3.1.2",))
    assert "was refused here: Instance '1.2.3.1.2' is damaged: " in finished.reason
    kept = [".dicom-retrieve/damaged/1.2.3.1.2.dcm"] if damaged else []
    assert files_in(tmp_path) == [*kept, "1.2.3.1.1.dcm", "1.2.3.1.3.dcm"]
    assert all((tmp_path / each).read_bytes().endswith(damaged) for each in kept)
    return events
