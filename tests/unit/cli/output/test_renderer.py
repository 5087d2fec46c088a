import itertools
from dataclasses import replace

from dicom_retrieve_tui.cli.console import MessageStream
from dicom_retrieve_tui.cli.output.account import Account
from dicom_retrieve_tui.cli.output.renderer import PlainRenderer, Scene
from dicom_retrieve_tui.cli.parser import parse_command_line
from dicom_retrieve_tui.cli.read_options import read_command
from dicom_retrieve_tui.model.events import (
    AssociationClosed,
    AssociationOpened,
    InstanceRefused,
    InstanceSetAside,
    Noted,
    PeerCounted,
    RetrieveFinished,
    StudyFinished,
    StudyInventoried,
)
from dicom_retrieve_tui.model.verdict import Verdict
from tests.unit.cli.scripted import (
    C_GET,
    OTHER,
    PACS,
    PEER,
    STUDY,
    Engine,
    Stream,
    run,
    started,
    study_of,
    whole_run,
)

LIST = (PACS, "--method", "c-get", "--uid-list", "-")


def test_each_finished_study_of_several_is_one_line() -> None:
    engine = whole_run(
        study_of(Verdict.COMPLETE, came=3),
        study_of(Verdict.FAILED, uid=OTHER, expected=None, reason="Refused."),
    )

    result = run(*LIST, engine=engine, stdin=f"{STUDY}\n{STUDY}\n{OTHER}\n")

    assert result.err.splitlines() == [
        f"retrieving 2 studies (1 duplicate merged) from {PEER} by C-GET into the current folder",
        f"1/2  complete            3/3    1.5 MB  {STUDY}",
        f"2/2  failed                -       0 B  {OTHER}: Refused.",
    ]


def test_irregular_instances_are_reported_once_a_study_with_an_example() -> None:
    odd = "1.2.3.4: 126 bytes of padding behind the last element"
    *before, end = study_of(Verdict.COMPLETE, came=3)
    assert isinstance(end, StudyFinished)
    engine = whole_run(
        [*before, replace(end, irregular=2, irregular_example=odd)],
        study_of(Verdict.COMPLETE, uid=OTHER, came=3),
    )

    result = run(*LIST, engine=engine, stdin=f"{STUDY}\n{OTHER}\n")

    told = f"2 instances, for example {odd}"
    assert result.code == 0
    assert result.err.splitlines()[1].endswith(f"{STUDY}: irregular: {told}")
    assert f"2 instances of 1 study irregular, and kept as sent:\n  {STUDY}  {told}" in result.out


def test_a_delivery_is_announced_as_one() -> None:
    argv = (PACS, "--move-dest", "MY_SCP", "--uid-list", "-", "--parallel", "2")
    engine = Engine(
        [
            started(2, parallel=2, method="c-move"),
            *study_of(Verdict.DELIVERED, expected=120),
            *study_of(Verdict.DELIVERED, uid=OTHER, expected=1),
            RetrieveFinished(verdict=Verdict.DELIVERED),
        ]
    )

    result = run(*argv, engine=engine, stdin=f"{STUDY}\n{OTHER}\n")

    assert result.err.splitlines() == [
        f"asking {PEER} to send 2 studies to MY_SCP by C-MOVE, 2 associations at once",
        f"1/2  delivered      120 sent  {STUDY}",
        f"2/2  delivered        1 sent  {OTHER}",
    ]


def test_a_dry_run_tells_what_it_found() -> None:
    engine = whole_run(
        study_of(Verdict.COMPLETE, expected=1200),
        study_of(Verdict.UNVERIFIED, uid=OTHER, expected=None),
    )

    result = run(*LIST, "--dry-run", engine=engine, stdin=f"{STUDY}\n{OTHER}\n")

    assert result.err.splitlines() == [
        "asking ANY-SCP@pacs.test:11112 what it has of 2 studies",
        f"1/2  planned           1,200  {STUDY}",
        f"2/2  unverified            -  {OTHER}",
    ]


def _many(reason: str) -> tuple[Engine, str]:
    uids = [f"1.2.{number}" for number in range(30)]
    studies = [study_of(Verdict.NOT_FOUND, uid=uid, reason=reason) for uid in uids]
    studies += [study_of(Verdict.COMPLETE, uid=f"1.3.{number}", came=1) for number in range(20)]
    return whole_run(*studies), "\n".join([*uids, *(f"1.3.{number}" for number in range(20))])


def test_many_studies_with_one_reason_take_one_more_line() -> None:
    engine, uids = _many("Not there.")

    quiet = run(*LIST, engine=engine, stdin=uids).err.splitlines()
    engine, _ = _many("Not there.")
    verbose = run(*LIST, "-v", engine=engine, stdin=uids).err

    assert sum("not found" in line and "/50" in line for line in quiet) == 10
    assert quiet[11] == (
        "further studies that end not found for one reason are counted only (see -v): Not there."
    )
    assert sum("complete" in line for line in quiet) == 20
    assert verbose.count("not found ") == 30


def test_notes_are_always_told() -> None:
    study = study_of(Verdict.COMPLETE, came=3)
    study.insert(1, Noted(study_instance_uid=STUDY, text="the PACS counts 4\x1b[2J"))

    result = run(*C_GET, engine=whole_run(study))

    assert f"note: study {STUDY}: the PACS counts 4[2J\n" in result.err


def test_verbose_tells_of_associations_inventories_and_refusals() -> None:
    study = study_of(Verdict.COMPLETE, came=3)
    study[1:1] = [
        AssociationOpened(
            worker=1, accepted_contexts=3, proposed_contexts=5, peer_max_pdu_bytes=16384
        ),
        AssociationOpened(worker=2, accepted_contexts=3, proposed_contexts=5, peer_max_pdu_bytes=0),
        StudyInventoried(study_instance_uid=STUDY, listed=False, series=0, expected=7),
        StudyInventoried(study_instance_uid=STUDY, listed=False, series=0, expected=None),
        InstanceSetAside(study_instance_uid=STUDY, sop_instance_uid="1.7", path="x/1.7.dcm"),
        InstanceRefused(
            study_instance_uid=STUDY, sop_instance_uid="1.5", status=0xC000, reason="cut short"
        ),
        AssociationClosed(worker=2),
    ]

    quiet = run(*C_GET, engine=whole_run(study))
    result = run(*C_GET, "--verbose", engine=whole_run(study))

    assert len(quiet.err.splitlines()) == 1
    assert result.err.splitlines()[1:] == [
        "association 1 opened: 3 of 5 presentation contexts accepted, PDUs of up to 16,384 bytes",
        "association 2 opened: 3 of 5 presentation contexts accepted, PDUs of any length",
        f"study {STUDY}: the PACS counts 7 instances, but does not list them",
        f"study {STUDY}: the PACS does not list its instances",
        "instance 1.7 came with other content than its file has; kept as x/1.7.dcm",
        "instance 1.5 refused with status 0xC000: cut short",
        "association 2 closed",
        f"study {STUDY}: 3 instances in 1 series",
    ]


def test_verbose_tells_progress_every_few_seconds_and_not_per_event() -> None:
    err = Stream()
    options = read_command(parse_command_line([*C_GET, "-v"]), {}, str)
    account = Account(options.selections)
    clock = itertools.count(step=0.5)
    renderer = PlainRenderer(Scene(MessageStream(err), account, options, lambda: next(clock)))

    for event in [started(), *study_of(Verdict.COMPLETE, expected=20, came=10)]:
        account.apply(event)
        renderer.show(event)

    told = [line for line in err.getvalue().splitlines() if "received" in line]
    assert told == [
        "3/20 instances, 2.0 MB received, 0.6/s, 0.4 MB/s",
        "8/20 instances, 4.5 MB received, 0.8/s, 0.5 MB/s",
    ]


def test_what_the_pacs_counted_is_not_what_came() -> None:
    failed = study_of(Verdict.FAILED)
    failed.insert(
        2,
        PeerCounted(study_instance_uid=STUDY, remaining=0, completed=3, failed=0, warning=0),
    )
    engine = whole_run(failed, study_of(Verdict.COMPLETE, uid=OTHER, came=3))

    result = run(*LIST, engine=engine, stdin=f"{STUDY}\n{OTHER}\n")

    assert f"1/2  failed              0/3       0 B  {STUDY}\n" in result.err
