"""What a retrieval writes beside the instances names no patient, and moves no cursor."""

import json
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.option_values import FLAT_LAYOUT
from tests.faults.processes import c_get, retrieve_here
from tests.interop.command import CommandResult
from tests.peers import wire
from tests.peers.raw_pacs import Conversation, Instance, RawPacs, Request, instances

_NAME, _PATIENT_ID, _BORN = "Zyxwv^Quirinus", "PID-774411", "19010203"
_BY_PATIENT = "{PatientID}/{PatientName}_{SOPInstanceUID}.dcm"


def _patient() -> bytes:
    return (
        wire.element(0x0010, 0x0010, wire.text(_NAME))
        + wire.element(0x0010, 0x0020, wire.text(_PATIENT_ID))
        + wire.element(0x0010, 0x0030, wire.text(_BORN))
    )


class _WithPatients(RawPacs):
    """Instances of a patient; the first comes a second time, with other bytes."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        for number in range(2):
            for instance in self.holdings[: 1 if number else None]:
                data = _inserted(instance) + (
                    wire.element(0x7FE0, 0x0010, b"12") if number else b""
                )
                conversation.store(instance, data)
        self.finish(conversation, request, completed=len(self.holdings))


def _inserted(instance: Instance) -> bytes:
    """The data set with these elements of the patient in the place of its own."""
    data = instance.data
    start, end = data.index(b"\x10\x00\x20\x00"), data.index(b"\x20\x00\x0d\x00")
    return data[:start] + _patient() + data[end:]


def _retrieved(tmp_path: Path, *flags: str) -> tuple[CommandResult, dict[str, str]]:
    log, report = tmp_path / "run.log", tmp_path / "report.json"
    with _WithPatients(instances(3)) as pacs:
        order = [*c_get(pacs, tmp_path / "out"), "-v", "--log-file", log, "--report", report]
        result = retrieve_here(*map(str, order), "--retries", "0", *flags)
    beside = [log, report, *(tmp_path / "out" / ".dicom-retrieve").glob("journal*")]
    return result, {each.name: each.read_bytes().decode("latin-1") for each in beside}


def _assert_nobody_named(texts: dict[str, str]) -> None:
    for name, text in texts.items():
        found = [each for each in ("Zyxwv", _PATIENT_ID, _BORN) if each in text]
        assert not found, f"{name}: {found}"


def test_logs_reports_and_the_journal_name_no_patient(tmp_path: Path) -> None:
    result, texts = _retrieved(tmp_path, "--layout", FLAT_LAYOUT)

    assert {"run.log", "report.json", "journal.db"} <= texts.keys()
    _assert_nobody_named({**texts, "stdout": result.stdout, "stderr": result.stderr})
    report = json.loads(texts["report.json"])
    assert report["studies"][0]["set_aside"][0]["path"].endswith("1.2.3.1.1.dcm.1")
    files = list((tmp_path / "out").glob("*.dcm"))
    assert all(_NAME.encode() in file.read_bytes() for file in files)
    assert len(files) == 3


def test_a_layout_of_patients_stays_out_of_logs_and_reports(tmp_path: Path) -> None:
    _, texts = _retrieved(tmp_path, "--layout", _BY_PATIENT)

    assert len(list((tmp_path / "out" / _PATIENT_ID).glob("*.dcm"))) == 3
    _assert_nobody_named({name: texts[name] for name in ("run.log", "report.json")})
    assert json.loads(texts["report.json"])["studies"][0]["set_aside"][0]["path"] is None


def test_whoever_asks_for_patients_in_the_log_gets_their_paths(tmp_path: Path) -> None:
    _, texts = _retrieved(tmp_path, "--layout", _BY_PATIENT, "--log-patient-data")

    assert _PATIENT_ID in texts["run.log"]
    assert "Zyxwv" in texts["report.json"]


_HOSTILE = ["Müller^", "\x1b[2J", "[bold]x", "../../etc/passwd", "\u202egnp", "9" * 5000]


class _SaysAnything(RawPacs):
    """Every text that a peer controls, one after the other."""

    said = ""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        said = self.said.encode("utf-8").decode("latin-1")
        data = _inserted(self.holdings[0]).replace(
            _NAME.encode(), said[:14].ljust(14).encode("latin-1")
        )
        conversation.store(self.holdings[0], data)
        conversation.store(Instance("1.6.6", said[:60], said[:64]))
        conversation.respond(request, 0xA900, comment=said[:60])


@pytest.mark.parametrize("said", _HOSTILE, ids=["name", "escape", "markup", "path", "bidi", "long"])
def test_whatever_a_peer_says_is_one_line_of_plain_text(tmp_path: Path, said: str) -> None:
    output = tmp_path / "deep" / "out"
    log, report = tmp_path / "run.log", tmp_path / "report.json"
    with _SaysAnything(instances(2)) as pacs:
        pacs.said = said
        order = [*c_get(pacs, output), "-v", "--json", "--log-file", log, "--report", report]
        layout = "{PatientName}/{SOPInstanceUID}.dcm"
        result = retrieve_here(*map(str, order), "--layout", layout, "--retries", "0")

    told = [result.stdout, result.stderr, log.read_text(), report.read_text()]
    events = [json.loads(line) for line in result.stdout.splitlines()]
    told += [text for event in events for text in event.values() if isinstance(text, str)]
    for text in told:
        assert all(c.isprintable() or c == "\n" for c in text)
        assert max(map(len, text.split("\n"))) < 2500
    outside = [p for p in tmp_path.rglob("*") if p.is_file() and not p.is_relative_to(output)]
    assert set(outside) == {log, report}
