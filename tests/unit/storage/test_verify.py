import errno
import os
from pathlib import Path

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.model.verify_result import Flaw, Flawed, VerifiedStudy
from dicom_retrieve_tui.storage import file_check as verification
from dicom_retrieve_tui.storage import verify
from dicom_retrieve_tui.storage.file_system import FileSystem
from dicom_retrieve_tui.storage.journal_database import InstanceRecord
from dicom_retrieve_tui.storage.verify import verify_folder
from tests.unit.storage.kept import DEEP, OTHER, STUDY, files_below, keep, path_of


def findings_of(root: Path, *, deep: bool = False) -> VerifiedStudy:
    (findings,) = verify_folder(root, deep=deep)
    return findings


def flawed(number: int, flaw: Flaw, reason: str = "") -> tuple[Flawed, ...]:
    uid = f"{STUDY}.1.{number}"
    return (Flawed(sop_instance_uid=uid, flaw=flaw, path=path_of(number), reason=reason),)


@pytest.mark.parametrize("deep", [False, True])
def test_what_is_there_and_whole_is_proven(tmp_path: Path, *, deep: bool) -> None:
    keep(tmp_path, 3)

    findings = findings_of(tmp_path, deep=deep)

    assert findings == VerifiedStudy(
        study_instance_uid=STUDY, verdict=Verdict.COMPLETE, whole=3, whole_files=3, flawed=()
    )
    assert findings.proven


def test_a_file_that_is_gone_is_missing(tmp_path: Path) -> None:
    keep(tmp_path, 3)
    (tmp_path / path_of(2)).unlink()

    findings = findings_of(tmp_path)

    assert (findings.whole, findings.instances) == (2, 3)
    assert findings.flawed == flawed(2, Flaw.MISSING)
    assert not findings.proven


def test_a_file_of_another_size_is_damaged(tmp_path: Path) -> None:
    keep(tmp_path, 3)
    os.truncate(tmp_path / path_of(2), 900)

    assert findings_of(tmp_path).flawed == flawed(2, Flaw.DAMAGED)


def test_only_a_deep_look_sees_damage_that_keeps_the_size(tmp_path: Path) -> None:
    keep(tmp_path, 3)
    damaged = tmp_path / path_of(2)
    damaged.write_bytes(b"\0" * damaged.stat().st_size)

    assert findings_of(tmp_path).proven
    assert findings_of(tmp_path, deep=True).flawed == flawed(2, Flaw.DAMAGED)


def test_a_deep_look_sees_that_a_file_is_another_instance(tmp_path: Path) -> None:
    keep(tmp_path, 3)
    (tmp_path / path_of(2)).write_bytes((tmp_path / path_of(3)).read_bytes())

    assert findings_of(tmp_path, deep=True).flawed == flawed(2, Flaw.DAMAGED)


def test_what_never_came_is_missing_and_has_no_path(tmp_path: Path) -> None:
    keep(tmp_path, 2, verdict="partial", missing=[f"{STUDY}.1.3"])

    findings = findings_of(tmp_path)

    assert (findings.whole, findings.verdict) == (2, Verdict.PARTIAL)
    assert findings.flawed == (
        Flawed(sop_instance_uid=f"{STUDY}.1.3", flaw=Flaw.MISSING, path=None),
    )


def test_what_came_after_the_verdict_is_not_missing(tmp_path: Path) -> None:
    keep(tmp_path, 2, verdict="partial", missing=[f"{STUDY}.1.3"])
    keep(tmp_path, 3, verdict=None)

    findings = findings_of(tmp_path)

    assert (findings.whole, findings.flawed) == (3, ())
    assert not findings.proven  # nobody has judged it since


@pytest.mark.parametrize(
    "verdict", ["partial", "cancelled", "unverified", "not found", "new", None]
)
def test_without_a_good_verdict_nothing_is_proven(verdict: str | None, tmp_path: Path) -> None:
    keep(tmp_path, 2, verdict=verdict)

    findings = findings_of(tmp_path)

    assert (findings.whole, findings.flawed) == (2, ())
    assert not findings.proven


def test_files_of_every_layout_are_looked_at(tmp_path: Path) -> None:
    keep(tmp_path, 2)
    keep(tmp_path, 2, **DEEP)
    (tmp_path / "deep" / path_of(1)).unlink()

    findings = findings_of(tmp_path)

    assert (findings.instances, findings.whole) == (2, 2)
    assert (findings.files, findings.whole_files) == (4, 3)
    assert [each.path for each in findings.flawed] == [f"deep/{path_of(1)}"]
    assert findings.flawed[0].whole_elsewhere
    assert not findings.proven


def test_two_intact_layouts_hold_each_instance_once(tmp_path: Path) -> None:
    keep(tmp_path, 3)
    keep(tmp_path, 3, **DEEP)

    findings = findings_of(tmp_path)

    assert (findings.instances, findings.whole) == (3, 3)
    assert (findings.files, findings.whole_files) == (6, 6)
    assert findings.proven


def test_two_layouts_that_give_the_same_path_have_one_file_there(tmp_path: Path) -> None:
    keep(tmp_path, 3)
    keep(tmp_path, 3, layout="./{SOPInstanceUID}.dcm")
    (tmp_path / path_of(2)).unlink()

    findings = findings_of(tmp_path)

    assert (findings.instances, findings.whole) == (3, 2)
    assert (findings.files, findings.whole_files) == (3, 2)
    assert findings.flawed == flawed(2, Flaw.MISSING)


def test_an_instance_that_is_nowhere_whole_is_counted_once(tmp_path: Path) -> None:
    keep(tmp_path, 2, verdict="partial", missing=[f"{STUDY}.1.3"])
    keep(tmp_path, 2, **DEEP, verdict="partial", missing=[f"{STUDY}.1.3"])
    (tmp_path / path_of(1)).unlink()
    os.truncate(tmp_path / "deep" / path_of(1), 900)

    findings = findings_of(tmp_path)

    assert (findings.instances, findings.whole) == (3, 1)
    assert findings.lost == {f"{STUDY}.1.1": Flaw.DAMAGED, f"{STUDY}.1.3": Flaw.MISSING}
    assert (findings.files, findings.whole_files) == (4, 2)
    assert not any(each.whole_elsewhere for each in findings.flawed)


def test_a_layout_that_was_given_up_is_not_missed(tmp_path: Path) -> None:
    keep(tmp_path, 2)
    keep(tmp_path, 2, **DEEP)
    for number in (1, 2):
        (tmp_path / path_of(number)).unlink()

    findings = findings_of(tmp_path, deep=True)

    assert (findings.whole, findings.flawed) == (2, ())
    assert findings.proven


def test_what_no_other_layout_has_is_missed(tmp_path: Path) -> None:
    keep(tmp_path, 3)
    keep(tmp_path, 2, **DEEP)
    for number in (1, 2, 3):
        (tmp_path / path_of(number)).unlink()
    os.truncate(tmp_path / "deep" / path_of(1), 900)

    findings = findings_of(tmp_path)

    found = [(each.path, each.flaw) for each in findings.flawed]
    assert findings.whole == 1
    assert sorted(found) == [
        (path_of(1), Flaw.MISSING),
        (path_of(3), Flaw.MISSING),
        (f"deep/{path_of(1)}", Flaw.DAMAGED),
    ]


def test_a_file_in_place_of_a_folder_makes_what_was_in_it_missing(tmp_path: Path) -> None:
    keep(tmp_path, 1, below="deep/")
    (tmp_path / "deep" / path_of(1)).unlink()
    (tmp_path / "deep").rmdir()
    (tmp_path / "deep").touch()

    assert [each.flaw for each in findings_of(tmp_path).flawed] == [Flaw.MISSING]


def test_what_the_disk_does_not_give_back_is_damaged_and_the_rest_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bad_sector(path: Path, record: InstanceRecord) -> bool:
        if record.path == path_of(2):
            raise OSError(errno.EIO, "Input/output error", str(path))
        return True

    keep(tmp_path, 3)
    monkeypatch.setattr(verification, "_is_whole", bad_sector)

    findings = findings_of(tmp_path, deep=True)

    assert findings.whole == 2
    assert findings.flawed == flawed(2, Flaw.DAMAGED, "input/output error")


def _loop(root: Path) -> None:
    """Make the folder `deep` one in which nothing can be read, not even by root."""
    (root / "deep").rename(root / "away")
    (root / "deep").symlink_to("deep")


def test_what_cannot_be_read_is_not_called_damaged(tmp_path: Path) -> None:
    keep(tmp_path, 1, **DEEP)
    keep(tmp_path, 1, uid=OTHER)
    _loop(tmp_path)

    unread, other = verify_folder(tmp_path, deep=False)

    assert [each.flaw for each in unread.flawed] == [Flaw.UNREADABLE]
    assert unread.flawed[0].reason == os.strerror(errno.ELOOP).lower()
    assert unread.lost == {f"{STUDY}.1.1": Flaw.UNREADABLE}
    assert (unread.proven, unread.retrievable, other.proven) == (False, False, True)


@pytest.mark.parametrize("number", [errno.EACCES, errno.ESTALE, errno.ENOTCONN, errno.EIO])
def test_an_error_of_a_share_is_not_called_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def no_share(path: Path, _: InstanceRecord) -> bool:
        raise OSError(number, os.strerror(number), str(path))

    keep(tmp_path, 1)
    monkeypatch.setattr(verification, "_is_whole", no_share)
    monkeypatch.setattr(verify, "file_system_of", lambda _: FileSystem(kind="nfs4"))

    findings = findings_of(tmp_path, deep=True)

    assert findings.flawed == flawed(1, Flaw.UNREADABLE, os.strerror(number).lower())


def test_each_study_has_its_findings(tmp_path: Path) -> None:
    keep(tmp_path, 2)
    keep(tmp_path, 1, uid=OTHER)

    found = verify_folder(tmp_path, deep=False)

    assert [(each.study_instance_uid, each.whole) for each in found] == [(STUDY, 2), (OTHER, 1)]


def test_looking_changes_nothing(tmp_path: Path) -> None:
    keep(tmp_path, 3, verdict="partial", missing=["1.9"])
    (tmp_path / path_of(2)).write_bytes(b"damaged")
    before = files_below(tmp_path)

    findings_of(tmp_path, deep=True)

    assert files_below(tmp_path) == before


def test_a_folder_without_a_journal_is_named_at_once_and_stays_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no journal"):
        verify_folder(tmp_path, deep=False)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["nowhere", "file.txt", "file.txt/below"])
def test_what_is_no_folder_is_named_at_once(name: str, tmp_path: Path) -> None:
    (tmp_path / "file.txt").touch()

    with pytest.raises(ConfigError, match="no such folder"):
        verify_folder(tmp_path / name, deep=False)


def test_a_name_that_no_system_takes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        verify_folder(tmp_path / ("x" * 5000), deep=False)
