"""The library against the demonstration PACS."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui import (
    ConfigError,
    Event,
    InstanceStored,
    Pacs,
    PeerUnreachable,
    RetrieveFinished,
    RetrieveStarted,
    Selection,
    Verdict,
    echo,
    find,
    retrieve,
    retrieve_all,
    verify,
)
from dicom_retrieve_tui.demo.pacs import DemoPacs
from tests.runs import files_in


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = _our_threads()
    yield
    assert _our_threads() <= before


def _our_threads() -> set[threading.Thread]:
    # Those of pynetdicom, for the associations of the demonstration PACS, end in their own time.
    return {each for each in threading.enumerate() if "pynetdicom" not in type(each).__module__}


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoPacs]:
    with DemoPacs() as pacs:
        yield pacs


@pytest.fixture
def pacs(demo: DemoPacs) -> Pacs:
    return Pacs(demo.host, demo.port, called_ae_title=demo.ae_title, method="c-get")


def _uids(demo: DemoPacs) -> list[str]:
    return [study.study_instance_uid for study in demo.studies]


def test_retrieve_yields_the_events_and_counts_them(
    demo: DemoPacs, pacs: Pacs, tmp_path: Path
) -> None:
    uid = _uids(demo)[0]

    with retrieve(pacs, uid, tmp_path, layout="hierarchical") as events:
        seen = list(events)

    assert isinstance(seen[0], RetrieveStarted)
    assert isinstance(seen[-1], RetrieveFinished)
    stored = [event for event in seen if isinstance(event, InstanceStored)]
    assert events.progress.stored == len(stored) == len(demo.studies[0].instances)
    assert all((tmp_path / event.path).is_file() for event in stored)
    assert stored[0].path.startswith(f"{uid}/")


def test_retrieve_all_returns_the_final_account(demo: DemoPacs, pacs: Pacs, tmp_path: Path) -> None:
    uids = [*_uids(demo)[:2], "1.2.3.4.5"]

    account = retrieve_all(pacs, uids, tmp_path, parallel=2)

    assert [study.study_instance_uid for study in account.studies] == uids
    assert [study.verdict for study in account.studies] == ["complete", "complete", "not found"]
    assert account.verdict is Verdict.PARTIAL
    assert not account.complete
    assert account.studies[0].expected == account.studies[0].stored > 0
    assert account.studies[2].reason


def test_the_same_call_again_asks_only_for_what_is_missing(
    demo: DemoPacs, pacs: Pacs, tmp_path: Path
) -> None:
    uid = _uids(demo)[0]
    retrieve_all(pacs, [uid], tmp_path)
    came: list[Event] = []

    account = retrieve_all(pacs, [uid], tmp_path, on_event=came.append)

    assert account.complete
    assert not [event for event in came if isinstance(event, InstanceStored)]


def test_a_selection_narrows_to_a_series(demo: DemoPacs, pacs: Pacs, tmp_path: Path) -> None:
    uid = _uids(demo)[0]
    first, *others = find(pacs, level="series", study_instance_uid=uid)
    assert others

    account = retrieve_all(pacs, Selection.of(uid, first.series_instance_uid), tmp_path)

    assert account.complete
    assert account.studies[0].stored == first.number_of_instances


def test_c_move_to_our_own_storage_scp(demo: DemoPacs, pacs: Pacs, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    demo.register_destination("LIBRARY", "127.0.0.1", port)
    moving = replace(pacs, method="c-move", move_destination="LIBRARY", listen=f"127.0.0.1:{port}")

    account = retrieve_all(moving, _uids(demo)[:1], tmp_path)

    assert account.complete
    assert len(list(verify(tmp_path))) == 1


def test_a_dry_run_writes_nothing(demo: DemoPacs, pacs: Pacs, tmp_path: Path) -> None:
    account = retrieve_all(pacs, _uids(demo), tmp_path / "out", dry_run=True)

    assert account.complete
    assert account.studies[0].expected == len(demo.studies[0].instances)
    assert not (tmp_path / "out").exists()


def test_cancel_ends_a_retrieval_and_keeps_what_came(tmp_path: Path) -> None:
    with DemoPacs(pace_s=0.05) as demo:
        pacs = Pacs(demo.host, demo.port, called_ae_title="DEMO", method="c-get")
        with retrieve(pacs, _uids(demo), tmp_path) as events:
            for event in events:
                if isinstance(event, InstanceStored):
                    events.cancel()

    account = events.account()
    assert account.verdict is Verdict.CANCELLED
    assert isinstance(event, RetrieveFinished)
    assert account.studies[0].stored >= 1
    assert account.studies[-1].reason == "not started"


def test_leaving_the_context_cancels_and_joins(tmp_path: Path) -> None:
    with DemoPacs(pace_s=0.05) as demo:
        pacs = Pacs(demo.host, demo.port, called_ae_title="DEMO", method="c-get")
        with retrieve(pacs, _uids(demo), tmp_path) as events:
            next(event for event in events if isinstance(event, InstanceStored))
        assert not [t for t in threading.enumerate() if t.name.startswith("retrieve")]
        with pytest.raises(StopIteration):
            next(events)

    assert events.account().verdict is Verdict.CANCELLED
    assert not [each for each in files_in(tmp_path) if "parts" in each]


def test_an_exception_in_the_body_ends_the_retrieval(tmp_path: Path) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, InstanceStored):
            raise KeyboardInterrupt

    with DemoPacs(pace_s=0.05) as demo:
        pacs = Pacs(demo.host, demo.port, called_ae_title="DEMO", method="c-get")
        with pytest.raises(KeyboardInterrupt):
            retrieve_all(pacs, _uids(demo), tmp_path, on_event=stop)


def test_a_folder_in_use_is_refused_before_the_first_event(
    demo: DemoPacs, pacs: Pacs, tmp_path: Path
) -> None:
    with retrieve(pacs, _uids(demo), tmp_path) as first:
        next(first)
        with (
            retrieve(pacs, _uids(demo), tmp_path) as second,
            pytest.raises(ConfigError, match="is retrieving into this folder"),
        ):
            next(second)


def test_find_lists_what_matches(demo: DemoPacs, pacs: Pacs) -> None:
    found = find(pacs, everything=True)
    assert [match.study_instance_uid for match in found] == _uids(demo)
    assert not found.incomplete

    one = find(pacs, patient_id=found.matches[0].patient_id, modality="ct")
    assert len(one) >= 1
    assert {match.patient_id for match in one} == {found.matches[0].patient_id}

    assert len(find(pacs, study_date="1901")) == 0


def test_echo_returns_the_round_trip(pacs: Pacs) -> None:
    assert 0 < echo(pacs) < 10


def test_echo_to_a_closed_port_raises() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(PeerUnreachable):
        echo(Pacs("127.0.0.1", port, timeout_s=2))


def test_verify_finds_what_is_lost(demo: DemoPacs, pacs: Pacs, tmp_path: Path) -> None:
    retrieve_all(pacs, _uids(demo)[:1], tmp_path)
    assert [study.proven for study in verify(tmp_path, deep=True)] == [True]

    next(tmp_path.glob("*.dcm")).unlink()

    (study,) = verify(tmp_path)
    assert not study.proven
    assert [flawed.flaw for flawed in study.flawed] == ["missing"]


def test_a_notebook_may_use_it_from_any_thread(demo: DemoPacs, pacs: Pacs, tmp_path: Path) -> None:
    accounts = []
    worker = threading.Thread(
        target=lambda: accounts.append(retrieve_all(pacs, _uids(demo)[:1], tmp_path))
    )
    with contextlib.ExitStack() as stack:
        worker.start()
        stack.callback(worker.join, 60)

    assert accounts[0].complete


def test_shards_retrieve_every_study_once_into_one_folder(
    demo: DemoPacs, pacs: Pacs, tmp_path: Path
) -> None:
    shares = [
        [
            study.study_instance_uid
            for study in retrieve_all(pacs, _uids(demo), tmp_path, shard=f"{number}/3").studies
        ]
        for number in (1, 2, 3)
    ]

    assert sorted(uid for share in shares for uid in share) == sorted(_uids(demo))
    assert {each.study_instance_uid for each in verify(tmp_path)} == set(_uids(demo))
    assert all(each.verdict is Verdict.COMPLETE for each in verify(tmp_path))


def test_a_shard_that_cannot_be_is_refused(pacs: Pacs, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="shard '4/3': shards are numbered from 1 to 3"):
        retrieve(pacs, "1.2.3", tmp_path, shard="4/3")


def test_a_shard_that_delivers_elsewhere_expects_nothing_in_the_folder(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    pacs = Pacs("127.0.0.1", port, method="c-move", move_destination="ELSEWHERE")

    account = retrieve_all(pacs, "1.2.3", tmp_path, shard="1/1", retries=0)

    assert account.verdict is Verdict.FAILED
    assert not (tmp_path / ".dicom-retrieve" / "lists").exists()
