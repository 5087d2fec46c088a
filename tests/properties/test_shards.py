"""Shards share any list between them, and their account is that of a plain run."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_retrieve_tui.model.folder_account import StudyAccount
from dicom_retrieve_tui.model.shard import Shard
from dicom_retrieve_tui.model.store_records import StudyRecord
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.folder_account import FAILED_LIST, FolderAccount
from dicom_retrieve_tui.storage.shared_lists import keep_list
from dicom_retrieve_tui.storage.store import InstanceStore

_UIDS = st.lists(st.from_regex(r"1(\.[1-9][0-9]{0,3}){1,5}", fullmatch=True), max_size=40)
_ENDS = st.sampled_from([Verdict.COMPLETE, Verdict.PARTIAL, Verdict.FAILED, Verdict.NOT_FOUND])
_MISSING = "1.2.3.4"


@given(_UIDS, st.integers(1, 40))
def test_each_study_of_a_list_belongs_to_one_shard(uids: list[str], count: int) -> None:
    shards = [Shard(number, count) for number in range(1, count + 1)]

    shares = [[uid for uid in uids if shard.has(uid)] for shard in shards]

    assert Counter(uid for share in shares for uid in share) == Counter(uids)


def _retrieve(root: Path, ends: Sequence[tuple[str, Verdict]], shard: Shard | None = None) -> None:
    writer = None if shard is None else shard.writer
    with closing(InstanceStore(root, "{SOPInstanceUID}.dcm", peer="P@h:1", writer=writer)) as store:
        keep_list(root, [uid for uid, _ in ends])
        share = [end for end in ends if shard is None or shard.has(end[0])]
        store.plan([uid for uid, _ in share])
        for uid, verdict in share:
            missing = {_MISSING} if verdict is Verdict.PARTIAL else set[str]()
            store.finish(
                StudyRecord(
                    study_instance_uid=uid,
                    verdict=str(verdict),
                    asked=frozenset({_MISSING}),
                    missing=frozenset(missing),
                    reason=f"as {uid} ended" if verdict is not Verdict.COMPLETE else "",
                )
            )


def _account(root: Path) -> list[tuple[str, str, str, int, int]]:
    def row(study: StudyAccount) -> tuple[str, str, str, int, int]:
        uid, missing = study.study_instance_uid, study.missing
        return uid, study.verdict, study.reason, study.stored, missing

    return [row(study) for study in FolderAccount(root).studies()]


def _failed_list(root: Path) -> str:
    path = root / FAILED_LIST
    return path.read_text() if path.exists() else ""


@settings(deadline=None, max_examples=15)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(1, 12), _ENDS), min_size=1, max_size=12),
        min_size=1,
        max_size=3,
    ),
    st.lists(st.integers(1, 3), min_size=3, max_size=3),
)
def test_the_account_of_shards_is_that_of_plain_runs(
    runs: list[list[tuple[int, Verdict]]], counts: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plain, shared = Path(folder, "plain"), Path(folder, "shared")
        for run, count in zip(runs, counts, strict=False):
            ends = list({f"1.2.{number}": verdict for number, verdict in run}.items())
            _retrieve(plain, ends)
            for number in range(1, count + 1):
                _retrieve(shared, ends, Shard(number, count))

        assert _account(shared) == _account(plain)
        assert _failed_list(shared) == _failed_list(plain)
