"""Two studies with the same SOP Instance UIDs, as a copied or anonymised study has them."""

from pathlib import Path

from dicom_retrieve_tui.model.verdict import Verdict
from tests.faults.catalogue import fault
from tests.faults.processes import c_get, retrieve_here
from tests.peers.raw_pacs import Instance, RawPacs
from tests.runs import get_plan, run, settings, verdict_of

_FIRST, _SECOND = "1.2.3", "1.2.4"
_UIDS = ["1.2.9.1", "1.2.9.2", "1.2.9.3"]
_SHARED = [Instance(study, f"{study}.1", uid) for study in (_FIRST, _SECOND) for uid in _UIDS]


@fault(62, user_reads="has the same SOP Instance UIDs: --hierarchical keeps both studies.")
def test_a_flat_folder_has_room_for_one_of_two_studies_with_the_same_uids(tmp_path: Path) -> str:
    with RawPacs(_SHARED) as pacs:
        first = run(get_plan(_FIRST, _SECOND), settings(pacs.port, tmp_path))
        second = run(get_plan(_FIRST, _SECOND), settings(pacs.port, tmp_path))

    reasons = [verdict_of(events, _SECOND).reason for events in (first, second)]
    assert [verdict_of(events, _FIRST).verdict for events in (first, second)] == [
        Verdict.COMPLETE,
        Verdict.COMPLETE,
    ]
    assert reasons[0] == reasons[1]
    assert f"of study '{_FIRST}'" in reasons[0]
    return reasons[0]


@fault(62, user_reads="came with other content than the file of that name; kept in ")
def test_verify_says_where_the_instances_of_the_other_study_are(tmp_path: Path) -> str:
    with RawPacs(_SHARED) as pacs:
        run(get_plan(_FIRST, _SECOND), settings(pacs.port, tmp_path))

    result = retrieve_here("verify", tmp_path)

    assert result.exit_code == 1
    assert f"missing 3           0/3  {_SECOND}" in result.stdout
    return result.stdout


def test_a_folder_for_each_study_keeps_both(tmp_path: Path) -> None:
    with RawPacs(_SHARED) as pacs:
        codes = [
            retrieve_here(*c_get(pacs, tmp_path, study), "--hierarchical").exit_code
            for study in (_FIRST, _SECOND)
        ]

    assert codes == [0, 0]
    assert retrieve_here("verify", tmp_path, "--deep").exit_code == 0
