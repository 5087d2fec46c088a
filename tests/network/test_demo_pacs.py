"""The demonstration PACS, asked by pynetdicom's own SCU: nothing of our network layer is here."""

import logging
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from pynetdicom import build_context, evt

from dicom_retrieve_tui.demo.instances import DemoStudy
from dicom_retrieve_tui.demo.pacs import DemoPacs
from dicom_retrieve_tui.demo.studies import demo_studies
from dicom_retrieve_tui.demo.ultrasound import RLE_LOSSLESS
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.sop_classes import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)
from tests.peers.pynetdicom_scu import (
    ECHO,
    FIND,
    GET,
    PATIENT_ROOT,
    STUDY_ROOT,
    WAIT_S,
    Store,
    as_stored,
    associated,
    bounded_ae,
    find,
    get,
    join,
    make_identifier,
    move,
    storage_for,
    storage_scp,
)

CT, FILMS, MR, ULTRASOUND = range(4)


@pytest.fixture(scope="module")
def studies() -> tuple[DemoStudy, ...]:
    return demo_studies()


@pytest.fixture
def pacs(studies: tuple[DemoStudy, ...]) -> Iterator[DemoPacs]:
    with DemoPacs(studies=studies) as pacs:
        yield pacs


def test_it_answers_c_echo(pacs: DemoPacs) -> None:
    with associated(pacs, ECHO) as association:
        assert association.send_c_echo().Status == 0x0000


def test_it_listens_on_loopback_and_says_where(pacs: DemoPacs) -> None:
    assert (pacs.host, pacs.ae_title) == ("127.0.0.1", "DEMO")
    assert pacs.port != 0


def test_studies_are_found_with_their_counts(pacs: DemoPacs) -> None:
    identifier = make_identifier(
        "STUDY",
        StudyInstanceUID="",
        PatientName="",
        StudyDescription="",
        ModalitiesInStudy="",
        SOPClassesInStudy="",
        NumberOfStudyRelatedSeries=None,
        NumberOfStudyRelatedInstances=None,
    )

    answers = find(pacs, identifier)

    assert [a.StudyInstanceUID for a in answers] == [s.study_instance_uid for s in pacs.studies]
    films = answers[FILMS]
    assert films.ModalitiesInStudy == ["CR", "SR"]
    assert films.SOPClassesInStudy == sorted({i.sop_class_uid for i in pacs.studies[1].instances})
    assert (films.NumberOfStudyRelatedSeries, films.NumberOfStudyRelatedInstances) == (2, 3)
    assert str(answers[ULTRASOUND].PatientName) == "Muster^Zoë"
    assert films.RetrieveAETitle == "DEMO"


def test_series_are_found_in_their_study(pacs: DemoPacs) -> None:
    identifier = make_identifier(
        "SERIES",
        StudyInstanceUID=pacs.studies[CT].study_instance_uid,
        SeriesInstanceUID="",
        Modality="",
        NumberOfSeriesRelatedInstances=None,
    )

    answers = find(pacs, identifier)

    assert [a.NumberOfSeriesRelatedInstances for a in answers] == [24, 24, 8]
    assert {a.Modality for a in answers} == {"CT"}


def test_images_are_found_in_their_series(pacs: DemoPacs) -> None:
    study = pacs.studies[MR]
    series = study.instances[-1].series_instance_uid
    keys = {"SeriesInstanceUID": series, "SOPInstanceUID": "", "SOPClassUID": ""}

    answers = find(
        pacs, make_identifier("IMAGE", StudyInstanceUID=study.study_instance_uid, **keys)
    )

    expected = [i for i in study.instances if i.series_instance_uid == series]
    assert [a.SOPInstanceUID for a in answers] == [i.sop_instance_uid for i in expected]
    assert {a.SOPClassUID for a in answers} == {"1.2.840.10008.5.1.4.1.1.4"}


def test_images_of_a_whole_study_are_found_without_the_series(pacs: DemoPacs) -> None:
    study = pacs.studies[CT]
    keys = {"StudyInstanceUID": study.study_instance_uid, "SOPInstanceUID": ""}

    answers = find(pacs, make_identifier("IMAGE", **keys))

    assert {a.SOPInstanceUID for a in answers} == {i.sop_instance_uid for i in study.instances}


def test_patients_are_found_in_the_patient_root_only(pacs: DemoPacs) -> None:
    identifier = make_identifier("PATIENT", PatientID="", NumberOfPatientRelatedStudies=None)

    answers = find(pacs, identifier, root=PATIENT_ROOT)
    with associated(pacs, STUDY_ROOT + FIND) as association:
        ((refusal, _),) = association.send_c_find(identifier, STUDY_ROOT + FIND)

    found = {a.PatientID: a.NumberOfPatientRelatedStudies for a in answers}
    assert found == {"DEMO-0001": 2, "DEMO-0002": 1, "DEMO-0003": 1}
    assert refusal.Status == 0xA900


@pytest.mark.parametrize("index", [CT, FILMS, MR, ULTRASOUND])
def test_a_study_arrives_by_c_get_as_it_is_stored(pacs: DemoPacs, index: int) -> None:
    study = pacs.studies[index]
    identifier = make_identifier("STUDY", StudyInstanceUID=study.study_instance_uid)

    final, store = get(pacs, identifier, storage_for(study.instances))

    assert final.Status == 0x0000
    assert final.NumberOfCompletedSuboperations == study.number_of_instances
    assert store.received == as_stored(study.instances)


def test_ultrasound_arrives_as_rle_even_from_a_context_with_a_choice(pacs: DemoPacs) -> None:
    study = pacs.studies[ULTRASOUND]
    identifier = make_identifier("STUDY", StudyInstanceUID=study.study_instance_uid)
    choice = [IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN, RLE_LOSSLESS]
    storage = tuple((uid, choice) for uid in {i.sop_class_uid for i in study.instances})

    final, store = get(pacs, identifier, storage)

    assert final.Status == 0x0000
    assert {syntax for syntax, _ in store.received.values()} == {RLE_LOSSLESS}


def test_who_takes_no_rle_is_told_that_it_failed(pacs: DemoPacs) -> None:
    study = pacs.studies[ULTRASOUND]
    identifier = make_identifier("STUDY", StudyInstanceUID=study.study_instance_uid)
    storage = tuple(
        (uid, [EXPLICIT_VR_LITTLE_ENDIAN]) for uid in {i.sop_class_uid for i in study.instances}
    )

    final, store = get(pacs, identifier, storage)

    assert (final.Status, final.NumberOfFailedSuboperations) == (0xA702, 9)
    assert store.received == {}


def test_a_list_of_instances_arrives_and_nothing_else(pacs: DemoPacs) -> None:
    study = pacs.studies[CT]
    wanted = study.instances[3:40:9]
    identifier = make_identifier(
        "IMAGE",
        StudyInstanceUID=study.study_instance_uid,
        SOPInstanceUID=[i.sop_instance_uid for i in wanted],
    )

    _, store = get(pacs, identifier, storage_for(wanted))

    assert store.received == as_stored(wanted)


def test_a_series_and_a_patient_can_be_retrieved(pacs: DemoPacs) -> None:
    study = pacs.studies[MR]
    series = study.instances[0].series_instance_uid
    of_series = make_identifier(
        "SERIES", StudyInstanceUID=study.study_instance_uid, SeriesInstanceUID=series
    )
    of_patient = make_identifier("PATIENT", PatientID="DEMO-0002")

    _, one = get(pacs, of_series, storage_for(study.instances))
    _, both = get(pacs, of_patient, storage_for(study.instances), root=PATIENT_ROOT)

    assert len(one.received) == 16
    assert both.received == as_stored(study.instances)


def test_an_unknown_study_is_a_success_with_nothing_in_it(pacs: DemoPacs) -> None:
    identifier = make_identifier("STUDY", StudyInstanceUID="1.2.3")

    final, store = get(pacs, identifier, storage_for(pacs.studies[CT].instances))

    assert (final.Status, final.NumberOfCompletedSuboperations) == (0x0000, 0)
    assert store.received == {}


@pytest.mark.parametrize("keys", [{}, {"StudyInstanceUID": ""}, {"PatientID": "DEMO-0001"}])
def test_a_retrieval_without_its_unique_key_is_refused(
    pacs: DemoPacs, keys: dict[str, str]
) -> None:
    identifier = make_identifier("STUDY", **keys)

    final, store = get(pacs, identifier, storage_for(pacs.studies[CT].instances))

    assert final.Status == 0xA900
    assert store.received == {}


def test_c_cancel_ends_a_retrieval(pacs: DemoPacs) -> None:
    study = pacs.studies[CT]
    identifier = make_identifier("STUDY", StudyInstanceUID=study.study_instance_uid)

    def cancel(event: evt.Event) -> int:
        event.assoc.send_c_cancel(1, query_model=STUDY_ROOT + GET)
        return 0x0000

    storage = storage_for(study.instances)
    with associated(pacs, STUDY_ROOT + GET, storage=storage, store=cancel) as association:
        (*_, (final, _)) = association.send_c_get(identifier, STUDY_ROOT + GET)

    assert final.Status == 0xFE00
    assert final.NumberOfRemainingSuboperations > 0


def test_parallel_retrievals_each_arrive_whole(pacs: DemoPacs) -> None:
    study = pacs.studies[CT]
    identifier = make_identifier("STUDY", StudyInstanceUID=study.study_instance_uid)
    stores: list[Store] = []

    def retrieve() -> None:
        stores.append(get(pacs, identifier, storage_for(study.instances))[1])

    threads = [threading.Thread(target=retrieve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert [store.received for store in stores] == [as_stored(study.instances)] * 4


def test_c_move_sends_to_a_registered_destination(pacs: DemoPacs) -> None:
    wanted = (pacs.studies[FILMS], pacs.studies[ULTRASOUND])
    identifier = make_identifier("STUDY", StudyInstanceUID=[s.study_instance_uid for s in wanted])
    store = Store()

    with storage_scp(store, pacs.studies) as port:
        pacs.register_destination("DEST", "127.0.0.1", port)
        final = move(pacs, identifier, "DEST")

    assert (final.Status, final.NumberOfCompletedSuboperations) == (0x0000, 12)
    assert store.received == as_stored(wanted[0].instances + wanted[1].instances)


def test_what_the_destination_refuses_is_counted_as_failed(pacs: DemoPacs) -> None:
    identifier = make_identifier("STUDY", StudyInstanceUID=pacs.studies[FILMS].study_instance_uid)

    with storage_scp(Store(status=0xA700), pacs.studies) as port:
        pacs.register_destination("DEST", "127.0.0.1", port)
        final = move(pacs, identifier, "DEST")

    assert (final.Status, final.NumberOfFailedSuboperations) == (0xA702, 3)


def test_an_unknown_move_destination_is_refused(pacs: DemoPacs) -> None:
    identifier = make_identifier("STUDY", StudyInstanceUID=pacs.studies[CT].study_instance_uid)

    assert move(pacs, identifier, "ELSEWHERE").Status == 0xA801


def test_c_move_of_an_unknown_study_moves_nothing(pacs: DemoPacs) -> None:
    pacs.register_destination("DEST", "127.0.0.1", 1)

    final = move(pacs, make_identifier("STUDY", StudyInstanceUID="1.2.3"), "DEST")

    assert (final.Status, final.NumberOfCompletedSuboperations) == (0x0000, 0)


def test_no_patient_is_named_in_the_log(pacs: DemoPacs, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    study = pacs.studies[FILMS]
    identifier = make_identifier("STUDY", StudyInstanceUID=study.study_instance_uid)

    find(pacs, make_identifier("STUDY", PatientName="Example*", PatientID="DEMO-0001"))
    get(pacs, identifier, storage_for(study.instances))

    assert "C-GET" in caplog.text.upper() or "C_GET" in caplog.text.upper()
    assert "Example" not in caplog.text
    assert "DEMO-0001" not in caplog.text


def test_a_port_in_use_is_named_in_words(pacs: DemoPacs) -> None:
    with pytest.raises(ConfigError, match=f"127.0.0.1 port {pacs.port}: address already in use"):
        DemoPacs(port=pacs.port, studies=()).__enter__()


def _silent(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), WAIT_S)


def _stalled(port: int) -> socket.socket:
    """Connected, and in the middle of its A-ASSOCIATE-RQ for ever."""
    sock = _silent(port)
    sock.sendall(b"\x01\x00\x00\x00\x00\xff\x00\x01")
    return sock


def test_it_stops_in_time_and_leaves_no_thread(studies: tuple[DemoStudy, ...]) -> None:
    before = set(threading.enumerate())
    opened = threading.Semaphore(0)

    with DemoPacs(studies=studies) as pacs:
        pacs._server.bind(evt.EVT_CONN_OPEN, lambda _: opened.release())
        peers = [_silent(pacs.port), _stalled(pacs.port)]
        for _ in peers:
            assert opened.acquire(timeout=WAIT_S)
        idle = bounded_ae("IDLE").associate(pacs.host, pacs.port, [build_context(ECHO)])
        assert idle.is_established
        start = time.monotonic()

    assert time.monotonic() - start < 2.0
    for peer in peers:
        peer.close()
    join(idle, idle.dul)
    assert set(threading.enumerate()) <= before


def test_it_stops_in_the_middle_of_a_retrieval(studies: tuple[DemoStudy, ...]) -> None:
    before = set(threading.enumerate())
    study = studies[CT]
    identifier = make_identifier("STUDY", StudyInstanceUID=study.study_instance_uid)
    arriving, stopped = threading.Event(), threading.Event()

    def hold(_: evt.Event) -> int:
        arriving.set()
        stopped.wait(WAIT_S)
        return 0x0000

    def retrieve(pacs: DemoPacs) -> None:
        storage = storage_for(study.instances)
        with associated(pacs, STUDY_ROOT + GET, storage=storage, store=hold) as association:
            list(association.send_c_get(identifier, STUDY_ROOT + GET))

    with DemoPacs(studies=studies) as pacs:
        thread = threading.Thread(target=retrieve, args=(pacs,))
        thread.start()
        assert arriving.wait(WAIT_S)
        start = time.monotonic()
    took_s = time.monotonic() - start
    stopped.set()

    join(thread)
    assert took_s < 2.0
    join(*(set(threading.enumerate()) - before))
