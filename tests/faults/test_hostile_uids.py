"""UIDs that would be paths, escape codes or nothing at all, from a peer that means us no good."""

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui.cli.main import main
from dicom_retrieve_tui.model.events import Event, InstanceRefused, InstanceStored
from dicom_retrieve_tui.model.option_values import FLAT_LAYOUT, HIERARCHICAL_LAYOUT
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.verdict import Verdict
from tests.faults.catalogue import Told, fault
from tests.faults.processes import c_get
from tests.peers import wire
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, Instance, RawPacs, Request, instances
from tests.peers.raw_scu import RawScu
from tests.peers.wire import CT_IMAGE
from tests.runs import files_in, get_plan, move_plan, of_kind, run, settings, verdict_of

_LONGEST = "1." + "2" * 62
_HOSTILE = [
    *("../x", "/x", "..", ".", "C:\\x", "con", "1..2", ".1", "1/../../2"),
    *("1.2\0.3", "1.2\n.3", "1.2\x1b[31m.3", "1.2\x9b31m.3"),
    *("1." + "2" * 63, "1" * 300),
]
_DOES_NOT_MATCH = 0xA900
_CANNOT_UNDERSTAND = 0xC000
_NOBODY_ASKED = 0xA700


def _name(uid: str) -> str:
    return uid if uid == _LONGEST else hashlib.sha256(uid.encode()).hexdigest()[:32]


def _everything_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("layout", [FLAT_LAYOUT, HIERARCHICAL_LAYOUT], ids=["flat", "tree"])
@pytest.mark.parametrize("study", ["1.2.3", "../x"])
@fault(30, user_reads="complete")
def test_hostile_uids_of_series_and_instances_become_harmless_names(
    tmp_path: Path, layout: str, study: str
) -> Told:
    output = tmp_path / "deep" / "out"
    holdings = [Instance(study, uid, uid) for uid in [*_HOSTILE, _LONGEST]]
    with RawPacs(holdings) as pacs:
        given = replace(settings(pacs.port, output), layout=layout)
        events = run(get_plan(study), given)

    assert verdict_of(events, study).verdict is Verdict.COMPLETE
    folder = f"{_name(study) if '/' in study else study}/{{0}}/{{0}}.dcm"
    shape = "{0}.dcm" if layout == FLAT_LAYOUT else folder
    named = {shape.format(_name(i.sop)): i for i in holdings}
    assert {event.path for event in of_kind(InstanceStored, events)} == named.keys()
    assert files_in(output) == sorted(named)
    for path, instance in named.items():
        assert (output / path).read_bytes().endswith(instance.data)
    assert all(path.is_relative_to(output) for path in _everything_below(tmp_path))
    return events


class _SaysOneSendsAnother(MovingPacs):
    """Stores under one UID in the command and another in the data set."""

    def send_to_scp(self, wanted: list[Instance]) -> list[int]:
        (instance,) = wanted
        self.statuses = []
        with RawScu(self.scp_port, [CT_IMAGE]) as scu:
            for uid in _HOSTILE:
                other = replace(instance, sop=uid)
                self.statuses.append(scu.store(other, instance.data))
                self.statuses.append(scu.store(instance, other.data))
                self.statuses.append(scu.store(other))
            self.statuses.append(scu.store(instance))
            scu.release()
        return self.statuses


@fault(30, user_reads="its data set is instance '1.2\\x1b[31m.3'")
def test_a_hostile_uid_in_place_of_the_one_that_was_asked_for_is_refused(
    tmp_path: Path,
) -> Told:
    output = tmp_path / "deep" / "out"
    with _SaysOneSendsAnother(instances(1)) as pacs:
        plan = move_plan()
        one = Selection.of(plan.selections[0].study_instance_uid, "1.2.3.1", "1.2.3.1.1")
        events = run(replace(plan, selections=(one,)), pacs.settings(output))

    refusals = [_DOES_NOT_MATCH, _DOES_NOT_MATCH, _NOBODY_ASKED]
    assert pacs.statuses == refusals * len(_HOSTILE) + [0]
    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert files_in(output) == ["1.2.3.1.1.dcm"]
    assert all(path.is_relative_to(output) for path in _everything_below(tmp_path))
    return events


class _NeverSends(RawPacs):
    """Lists hostile UIDs, sends a stranger's instance under each, and names them in its comment."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        if request.level == "STUDY":
            for instance in self.holdings:
                stranger = replace(instance, study="1.6.6")
                conversation.store(instance, stranger.data)
            conversation.store(replace(self.holdings[0], sop="1.2.3.1.1", series="1.2.3.1"))
        conversation.respond(request, 0xA900, comment="\x1b]0;owned\x07 " + _HOSTILE[-4])


@fault(30, user_reads="missing 1.2[31m.3")
def test_hostile_uids_reach_the_terminal_and_the_log_as_plain_text(tmp_path: Path) -> str:
    out, err, log, report = io.StringIO(), io.StringIO(), tmp_path / "log", tmp_path / "report"
    with _NeverSends([Instance("1.2.3", uid, uid) for uid in _HOSTILE[-6:]]) as pacs:
        order = [*c_get(pacs, tmp_path / "out"), "-v", "--log-file", log, "--report", report]
        code = main([str(each) for each in order], stdout=out, stderr=err)

    assert code == 1
    for text in (out.getvalue(), err.getvalue(), log.read_text(), report.read_text()):
        assert all(c.isprintable() or c == "\n" for c in text)
    assert len(json.loads(report.read_text())["studies"][0]["refused"]) == len(pacs.holdings)
    return out.getvalue()


def _command(**fields: wire.Value) -> bytes:
    usual: dict[str, wire.Value] = {
        "sop_class": CT_IMAGE, "field": 1, "message_id": 9, "priority": 0, "data_set_type": 1,
        "sop_instance": "1.2.3.1.1",
    }  # fmt: skip
    given = usual | fields
    return wire.command(**{name: value for name, value in given.items() if value != ""})


_INSTANCE = instances(1)[0]


class _StoresWrongly(MovingPacs):
    command = b""
    data = b""

    def send_to_scp(self, wanted: list[Instance]) -> list[int]:
        with self.call_scp(wanted) as scu:
            scu.send(wire.message(1, self.command, self.data or None))
            self.statuses = [scu.read_status(), scu.store(wanted[0])]
            scu.release()
            return self.statuses


def _moved(
    output: Path, command: bytes, data: bytes = _INSTANCE.data
) -> tuple[list[Event], list[int]]:
    with _StoresWrongly([_INSTANCE]) as pacs:
        pacs.command, pacs.data = command, data
        events = run(move_plan(), pacs.settings(output))
    assert [each for each in files_in(output) if "conflicts" not in each] == ["1.2.3.1.1.dcm"]
    assert verdict_of(events).verdict is Verdict.COMPLETE
    return events, pacs.statuses


@pytest.mark.parametrize(
    ("command", "data"),
    [
        (_command(sop_instance="1.2.3.1.9"), _INSTANCE.data),
        (_command(), replace(_INSTANCE, sop="1.2.3.1.9").data),
    ],
    ids=["command", "data-set"],
)
@fault(31, user_reads="its data set is ")
def test_an_instance_whose_command_and_data_set_differ_is_refused(
    tmp_path: Path, command: bytes, data: bytes
) -> Told:
    events, statuses = _moved(tmp_path / "out", command, data)

    assert statuses == [_DOES_NOT_MATCH, 0]
    assert len(of_kind(InstanceRefused, events)) == 1
    return events


@pytest.mark.parametrize(
    ("command", "data"),
    [
        (_command(), replace(_INSTANCE, sop="").data),
        (_command(sop_class="1.2.840.10008.5.1.4.1.1.4"), _INSTANCE.data),
        (_command(), replace(_INSTANCE, sop_class="1.2.840.10008.5.1.4.1.1.4").data),
        (_command(), replace(_INSTANCE, sop_class="").data),
        (_command(), replace(_INSTANCE, series="").data),
        (_command(), replace(_INSTANCE, study="").data),
        (_command(), wire.data_set({0x00100020: "T-0001"})),
    ],
    ids=["no-uid", "class", "other-class", "no-class", "no-series", "no-study", "nothing"],
)
@fault(31, user_reads="its data set ")
def test_an_instance_that_does_not_say_all_that_it_is_is_kept(
    tmp_path: Path, command: bytes, data: bytes
) -> Told:
    events, statuses = _moved(tmp_path / "out", command, data)

    assert statuses == [0, 0]
    assert verdict_of(events).irregular == 1
    assert (tmp_path / "out" / f"{_INSTANCE.sop}.dcm").read_bytes().endswith(data)
    return events


@pytest.mark.parametrize(
    "command",
    [
        _command(sop_instance=""),
        _command(sop_instance=b""),
        _command(sop_instance=b"\0\0"),
    ],
    ids=["no-uid", "empty-uid", "blank-uid"],
)
@fault(31, user_reads="C-STORE request without a SOP Instance UID")
def test_a_store_request_without_a_uid_is_refused_and_logged(
    tmp_path: Path, command: bytes, caplog: pytest.LogCaptureFixture
) -> str:
    _, statuses = _moved(tmp_path / "out", command)

    assert statuses == [_CANNOT_UNDERSTAND, 0]
    return caplog.text


@pytest.mark.parametrize("command", [_command(sop_class=""), _command(sop_class=b"")])
@fault(31, user_reads="complete")
def test_a_store_request_without_a_class_is_of_that_of_its_context(
    tmp_path: Path, command: bytes
) -> Told:
    events, statuses = _moved(tmp_path / "out", command)

    assert statuses == [0, 0]
    return events
