import gc
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dicom_retrieve_tui.cli.output.account import Account
from dicom_retrieve_tui.cli.output.census import Census
from dicom_retrieve_tui.cli.output.report import Ending, render_report
from dicom_retrieve_tui.model.events import (
    InstanceRefused,
    InstanceSetAside,
    Noted,
    RetrieveFinished,
)
from dicom_retrieve_tui.model.progress import StudyProgress
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.verdict import Verdict
from tests.event_schema import SCHEMAS
from tests.json_schema import problems
from tests.unit.cli.scripted import (
    C_GET,
    OTHER,
    PACS,
    PEER,
    STUDY,
    Engine,
    run,
    started,
    study_of,
    whole_run,
)
from tests.unit.cli.test_read_options import options_of

_SCHEMA: dict[str, Any] = json.loads((SCHEMAS / "report.json").read_text(encoding="utf-8"))


def report_of(folder: Path, engine: Engine, *flags: str, code: int) -> dict[str, Any]:
    path = folder / "report.json"
    uids = f"{STUDY}\n{OTHER}\n{STUDY}\n"
    argv = (PACS, "--method", "c-get", "--uid-list", "-", "--report", str(path), *flags)

    result = run(*argv, engine=engine, stdin=uids)

    assert result.code == code
    assert result.err.endswith(f"the full account is in {path}\n")
    assert [file.name for file in folder.iterdir()] == ["report.json"]
    report: dict[str, Any] = json.loads(path.read_text())
    assert list(problems(report, _SCHEMA, _SCHEMA)) == []
    return report


def test_the_report_is_the_whole_account(tmp_path: Path) -> None:
    first = study_of(Verdict.COMPLETE, came=3)
    second = study_of(Verdict.PARTIAL, uid=OTHER, came=1, reason="It stopped.")
    second[-1:-1] = [
        Noted(study_instance_uid=OTHER, text="of this study"),
        Noted(study_instance_uid=None, text="of the run"),
        InstanceSetAside(study_instance_uid=OTHER, sop_instance_uid="1.7", path="x/1.7.dcm"),
        InstanceRefused(
            study_instance_uid=OTHER, sop_instance_uid="1.5", status=0xC000, reason="cut short"
        ),
        InstanceRefused(
            study_instance_uid=None, sop_instance_uid="1.6", status=0xA700, reason="uninvited"
        ),
    ]

    report = report_of(tmp_path, whole_run(first, second), code=1)

    assert report["schema"] == 1
    assert report["tool"]["name"] == "dicom-retrieve"
    assert report["peer"] == PEER
    assert report["method"] == "c-get"
    assert report["started"] <= report["finished"]
    assert report["started"].endswith("Z")
    assert (report["verdict"], report["exit_code"]) == ("partial", 1)
    assert report["totals"] == {
        "studies": 2,
        "duplicates_merged": 1,
        "left_out": [],
        "verdicts": {"complete": 1, "partial": 1},
        "expected": 6,
        "stored": 4,
        "present": 0,
        "stored_bytes": 2_000_000,
        "received_bytes": 2_000_000,
        "refused": 2,
        "set_aside": 1,
        "irregular": 0,
        "left_out_series": 0,
        "left_out_modalities": {},
    }
    assert report["notes"] == ["of the run"]
    assert report["refused"] == [
        {"sop_instance_uid": "1.6", "status": "0xA700", "reason": "uninvited"}
    ]
    assert report["studies"][1] == {
        "study_instance_uid": OTHER,
        "narrowed_to": [],
        "verdict": "partial",
        "reason": "It stopped.",
        "series": 1,
        "expected": 3,
        "stored": 1,
        "present": 0,
        "needed": None,
        "needed_bytes": None,
        "received_bytes": 500_000,
        "missing": [f"{OTHER}.1.2", f"{OTHER}.1.3"],
        "absent": [],
        "left_out_series": [],
        "undecided_series": [],
        "refused": [{"sop_instance_uid": "1.5", "status": "0xC000", "reason": "cut short"}],
        "irregular": 0,
        "irregular_example": "",
        "set_aside": [{"sop_instance_uid": "1.7", "path": "x/1.7.dcm"}],
        "notes": ["of this study"],
    }


def test_studies_that_were_not_started_are_in_the_report(tmp_path: Path) -> None:
    engine = Engine(
        [
            started(2),
            *study_of(Verdict.CANCELLED, came=1),
            RetrieveFinished(verdict=Verdict.CANCELLED),
        ]
    )

    report = report_of(tmp_path, engine, code=1)

    assert [study["verdict"] for study in report["studies"]] == ["cancelled", "cancelled"]
    assert report["studies"][1]["reason"] == "not started"


def test_a_dry_run_plans_and_completes_nothing(tmp_path: Path) -> None:
    engine = whole_run(study_of(Verdict.COMPLETE), study_of(Verdict.COMPLETE, uid=OTHER))

    report = report_of(tmp_path, engine, "--dry-run", code=0)

    assert report["dry_run"] is True
    assert report["verdict"] == "planned"
    assert report["totals"]["verdicts"] == {"planned": 2}


def test_of_a_delivery_no_instance_is_called_missing(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    argv = (PACS, "--move-dest", "DEST", "--study-uid", STUDY, "--report", str(path))

    run(*argv, engine=whole_run(study_of(Verdict.PARTIAL, came=0), method="c-move"))

    assert json.loads(path.read_text())["studies"][0]["missing"] == []


def test_an_older_report_is_replaced_through_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("old")
    link.symlink_to(real)
    argv = (PACS, "--method", "c-get", "--study-uid", STUDY, "--report", str(link))

    run(*argv, engine=whole_run(study_of(Verdict.COMPLETE, came=3)))

    assert link.is_symlink()
    assert json.loads(real.read_text())["verdict"] == "complete"


def test_a_report_that_cannot_be_written_makes_the_run_exit_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")

    def full(part: Path, target: Path) -> None:
        raise OSError(28, "No space left on device", str(part), None, str(target))

    monkeypatch.setattr(Path, "replace", full)
    argv = (PACS, "--method", "c-get", "--study-uid", STUDY, "--report", str(path))

    result = run(*argv, engine=whole_run(study_of(Verdict.COMPLETE, came=3)))

    assert result.code == 1
    assert f"--report {path}: cannot be written: no space left on device" in result.err
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]
    assert path.read_text() == "old"


def test_the_report_is_written_study_by_study(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    uids = [f"1.2.{number}" for number in range(1500)]
    argv = (PACS, "--method", "c-get", "--uid-list", "-", "--report", str(path))
    absent = [study_of(Verdict.NOT_FOUND, uid=uid, reason="Not there.") for uid in uids[1:]]
    engine = whole_run(study_of(Verdict.COMPLETE, uid=uids[0], came=1), *absent)

    run(*argv, engine=engine, stdin="\n".join(reversed(uids)))
    text = path.read_text()
    report = json.loads(text)

    assert [each["study_instance_uid"] for each in report["studies"]] == [*reversed(uids)]
    assert [line for line in text.splitlines() if f'"{uids[7]}"' in line][-1].startswith("    {")
    assert report["totals"]["verdicts"] == {"complete": 1, "not found": 1499}
    assert report["reasons"] == [
        {
            "verdict": "not found",
            "reason": "Not there.",
            "studies": 1499,
            "first": [*reversed(uids)][:10],
        }
    ]


def test_a_report_without_studies_is_valid() -> None:
    account = Account(())
    options = replace(options_of(*C_GET), selections=())
    now = datetime(2026, 11, 29, tzinfo=UTC)
    ending = Ending(started=now, finished=now, elapsed_s=0.0, exit_code=1)

    text = "".join(render_report(account, Census.of(account.studies()), options, ending))

    assert json.loads(text)["studies"] == []


def test_the_account_keeps_no_study_in_memory_that_ended() -> None:
    uids = [f"1.2.{number}" for number in range(4000)]
    account = Account(tuple(Selection(study_instance_uid=uid) for uid in uids))
    account.apply(started(len(uids)))
    for uid in uids:
        for event in study_of(Verdict.COMPLETE, uid=uid, came=1):
            account.apply(event)
    gc.collect()

    in_memory = sum(isinstance(each, StudyProgress) for each in gc.get_objects())
    assert in_memory < 2000
    assert all(judged.verdict is Verdict.COMPLETE for judged in account.studies())
    assert account.progress.good == len(account.progress.studies) == len(uids)
