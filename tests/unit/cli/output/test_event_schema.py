"""`docs/schema/events.json` is what `--json` writes of a retrieval."""

import json
from typing import Any

from dicom_retrieve_tui.model.events import (
    AttemptFailed,
    InstanceRefused,
    InstanceSetAside,
    Noted,
    PeerCounted,
    RunPaused,
    StudyQueued,
)
from dicom_retrieve_tui.model.verdict import Verdict
from tests.documents import ROOT
from tests.event_schema import COMMAND, DOCUMENT, SCHEMAS, render
from tests.json_schema import problems
from tests.unit.cli.scripted import C_GET, STUDY, Engine, run, study_of, whole_run

_SCHEMA: dict[str, Any] = json.loads(DOCUMENT.read_text(encoding="utf-8"))


def test_the_schema_has_every_event_and_field() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == render(), f"write it again: {COMMAND}"


def test_the_guide_names_every_event_and_field() -> None:
    guide = (ROOT / "docs" / "guide" / "scripting.md").read_text(encoding="utf-8")
    names = {name for kind in _SCHEMA["$defs"].values() for name in kind["properties"]}

    assert [name for name in (*_SCHEMA["$defs"], *names) if f"`{name}`" not in guide] == []


def test_the_guide_names_every_key_of_the_report() -> None:
    guide = (ROOT / "docs" / "guide" / "scripting.md").read_text(encoding="utf-8")
    report = json.loads((SCHEMAS / "report.json").read_text(encoding="utf-8"))
    totals, study = report["properties"]["totals"], report["$defs"]["study"]
    names = {*report["properties"], *totals["properties"], *study["properties"]}

    assert [name for name in names if f"`{name}`" not in guide] == []


def test_every_line_matches_the_schema() -> None:
    result = run(*C_GET, "--json", engine=_eventful_run())

    assert [text for line in result.out.splitlines() for text in _problems(line)] == []


def test_a_line_that_departs_from_the_schema_is_found() -> None:
    line = run(*C_GET, "--json", engine=_eventful_run()).out.splitlines()[0]
    changed = json.loads(line) | {"parallel": "two"}

    assert _problems(json.dumps(changed)) == ["parallel: 'two' is not of type integer"]


def _problems(line: str) -> list[str]:
    return list(problems(json.loads(line), _SCHEMA, _SCHEMA))


def _eventful_run() -> Engine:
    study = study_of(Verdict.PARTIAL, came=2, reason="It stopped.")
    study[1:1] = [
        StudyQueued(study_instance_uid=STUDY),
        RunPaused(),
        AttemptFailed(
            study_instance_uid=STUDY, failed_attempts=1, retries=3, wait_s=0.5, reason="It hung up."
        ),
        PeerCounted(study_instance_uid=STUDY, remaining=None, completed=1, failed=0, warning=None),
        InstanceSetAside(study_instance_uid=STUDY, sop_instance_uid="1.7", path="x/1.7.dcm"),
        InstanceRefused(
            study_instance_uid=None, sop_instance_uid="1.6", status=0xA700, reason="not requested"
        ),
        Noted(study_instance_uid=None, text="of the run"),
    ]
    return whole_run(study)
