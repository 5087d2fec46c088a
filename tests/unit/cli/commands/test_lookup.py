"""Accession numbers and patients into studies; the PACS is a script."""

import logging
from collections.abc import Generator, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui.cli.commands.lookup import LookupsFailed, LookupsStopped, resolve
from dicom_retrieve_tui.cli.console import Console, DataStream, MessageStream
from dicom_retrieve_tui.cli.parser import parse_command_line
from dicom_retrieve_tui.cli.read_options import RetrieveCommand, read_command
from dicom_retrieve_tui.errors import (
    AssociationAborted,
    AssociationRejected,
    Cancelled,
    OperationFailed,
    PeerError,
    PeerTimeout,
    PeerUnreachable,
)
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.retry import Backoff
from dicom_retrieve_tui.model.search import Match, Remark, Search
from dicom_retrieve_tui.model.selection import Owner, Selection
from dicom_retrieve_tui.model.study_lookup import Answer
from tests.unit.cli.scripted import PACS, PEER, Stream, run

A, B, C = "1.2.1", "1.2.2", "1.2.3"


def study(uid: str, accession: str = "", patient: str = "") -> Match:
    return Match(
        level=Level.STUDY,
        study_instance_uid=uid,
        accession_number=accession,
        patient_id=patient,
    )


class Archive:
    """Answers each search with the next of its answers."""

    def __init__(self, *answers: Answer | PeerError) -> None:
        self.answers = list(answers)
        self.searches: list[Search] = []
        self.err = Stream()

    def __call__(
        self, searches: Iterable[Search], settings: RetrieveOptions, cancel: CancelToken
    ) -> Generator[Answer, None, None]:
        for search in searches:
            self.searches.append(search)
            answer = self.answers.pop(0)
            if isinstance(answer, PeerError) and not isinstance(answer, OperationFailed):
                raise answer
            yield answer

    def resolve(self, text: str, flag: str = "--uid-list", *further: str) -> RetrieveCommand:
        args = parse_command_line((PACS, "--method", "c-get", flag, "-", *further))
        console = Console(
            stdin=Stream(), stdout=DataStream(Stream()), stderr=MessageStream(self.err)
        )
        options = read_command(args, {}, lambda: text)
        return resolve(options, console, self, pauses=Backoff(first_s=0.01, longest_s=0.02))


def wanted(options: RetrieveCommand) -> tuple[Selection, ...]:
    """What is asked for, whoever it has to belong to."""
    return tuple(replace(each, owner=Owner()) for each in options.selections)


def test_what_was_looked_up_has_to_belong_to_what_it_was_looked_up_by() -> None:
    archive = Archive([study(A, "A0\\A1", "P9")], [study(B, "A2", "P2")])
    heading = "StudyInstanceUID,AccessionNumber,PatientID"

    options = archive.resolve(f"{heading}\n,A1,\n,,P2\n{C},A3,P3\n")

    by_uid = {each.study_instance_uid: each.owner for each in options.selections}
    assert by_uid == {
        A: Owner(accession_numbers=frozenset({"A0", "A1"})),
        B: Owner(patient_ids=frozenset({"P2"})),
        C: Owner(),
    }


def test_lines_become_studies_and_those_that_do_not_are_named() -> None:
    archive = Archive(
        [study(A, "A1")],
        [],
        [study(B, "A3"), study(C, "A3")],
        OperationFailed("Out of resources.", operation="C-FIND", status=0xA700),
    )

    options = archive.resolve("A1\nA2\nA3\nA4\n", "--accession-list")

    assert [search.accession_number for search in archive.searches] == ["A1", "A2", "A3", "A4"]
    assert wanted(options) == (Selection.of(A),)
    assert options.lookups == ()
    assert options.left_out == (
        "line 2: the PACS has no study with accession number 'A2'",
        (
            f"line 3: 2 studies have accession number 'A3' ({B}, {C}): "
            "name the right ones by their UIDs"
        ),
        "line 4: Out of resources.",
    )
    assert "4 lines: 1 study found" in archive.err.getvalue()


def _unreachable() -> PeerUnreachable:
    error = PeerUnreachable("Cannot reach the PACS: connection refused.")
    error.unassociated = True
    return error


def _lost() -> AssociationAborted:
    return AssociationAborted("The connection was lost.")


def _busy() -> AssociationRejected:
    error = AssociationRejected("Too many associations.", result=2, source=3, reason=2)
    error.unassociated = True
    return error


def test_a_pacs_that_goes_away_is_waited_for_and_only_the_rest_is_looked_up_again() -> None:
    archive = Archive(
        [study(A, "A1")], _lost(), *(_unreachable() for _ in range(9)), [study(B, "A2")],
        [study(C, "A3")],
    )  # fmt: skip

    options = archive.resolve("A1\nA2\nA3\n", "--accession-list")

    assert wanted(options) == (Selection.of(A), Selection.of(B), Selection.of(C))
    assert [search.accession_number for search in archive.searches][:2] == ["A1", "A2"]
    assert archive.searches[-1].accession_number == "A3"
    told = archive.err.getvalue()
    assert told.count("The PACS does not answer (The connection was lost); 2 lines to look up") == 1
    assert told.count("The PACS is back after") == 1


def test_a_busy_pacs_has_answered() -> None:
    archive = Archive(*(_busy() for _ in range(9)), [study(A, "A1")])
    assert wanted(archive.resolve("A1\n", "--accession-list")) == (Selection.of(A),)


@pytest.mark.parametrize(
    ("failures", "further"),
    [
        pytest.param([_unreachable() for _ in range(4)], (), id="it never answered"),
        pytest.param(
            [[study(A, "A1")], *(_lost() for _ in range(4))],
            (),
            id="it breaks off at one line",
        ),
        pytest.param(
            [[study(A, "A1")], *(_unreachable() for _ in range(99))],
            ("--outage", "0"),
            id="it is not to be waited for",
        ),
    ],
)
def test_a_pacs_that_does_not_come_back_ends_the_look_up(
    failures: list[Answer | PeerError], further: tuple[str, ...]
) -> None:
    with pytest.raises(LookupsFailed):
        Archive(*failures).resolve("A1\nA2\n", "--accession-list", *further)


def test_a_patient_stands_for_all_studies_and_a_list_cut_short_is_told() -> None:
    remark = Remark(text="It may have more.", incomplete=True)
    archive = Archive([study(A, patient="P1"), study(B, patient="P1"), remark])

    options = archive.resolve("P1\n", "--patient-list")

    assert wanted(options) == (Selection.of(A), Selection.of(B))
    assert options.left_out == ("line 1: there may be more studies with this patient ID",)


def test_a_list_that_was_cut_short_does_not_say_that_there_is_no_study() -> None:
    cut_short = Remark(text="The list ends after 0 studies: out of resources.", incomplete=True)
    archive = Archive([cut_short], [study(B, "a2"), cut_short], [study(A, "A3")])

    options = archive.resolve("A1\nA2\nA3\n", "--accession-list")

    assert options.left_out == (
        (
            "line 1: no study with accession number 'A1' was found, but there may be one: "
            "The list ends after 0 studies: out of resources."
        ),
        (
            "line 2: no study with accession number 'A2' was found, but there may be one: "
            "The list ends after 0 studies: out of resources."
        ),
    )


def test_what_is_not_returned_equal_to_the_letter_is_another_patient() -> None:
    archive = Archive([study(A, patient="p1"), study(B, patient="P1"), study(C)])

    options = archive.resolve("P1\n", "--patient-list")

    assert wanted(options) == (Selection.of(B),)


def test_both_keys_of_a_row_must_fit_and_its_series_counts() -> None:
    archive = Archive([study(A, "A1", "P1"), study(B, "A1", "P2")])
    heading = "StudyInstanceUID,SeriesInstanceUID,AccessionNumber,PatientID"

    options = archive.resolve(f"{heading}\n{C},,,\n,1.9,A1,P2\n")

    assert archive.searches == [Search(accession_number="A1", patient_id="P2")]
    assert wanted(options) == (Selection.of(C), Selection.of(B, "1.9"))


def test_nothing_that_can_be_asked_for_is_an_error() -> None:
    reason = r"--patient-list: line 1: the PACS has no study with"
    with pytest.raises(LookupsFailed, match=reason) as failure:
        Archive([]).resolve("P1\n", "--patient-list")

    assert failure.value.options.left_out == ("line 1: the PACS has no study with this patient ID",)
    assert failure.value.brief.endswith("no line of --patient-list has a study.")


def test_a_pacs_that_fails_while_looking_up_keeps_what_is_known() -> None:
    silence = PeerTimeout("Silence.", next_step="Wait.", waiting_for="it", waited_s=1.0)
    with pytest.raises(LookupsFailed) as failure:
        Archive([study(A, "A1")], silence).resolve("A1\nA2\n", "--accession-list", "--retries", "0")

    assert wanted(failure.value.options) == (Selection.of(A),)
    assert failure.value.options.left_out == ("line 2: not looked up before the end",)
    assert (failure.value.found, failure.value.next_step) == ("Silence.", "Wait.")
    assert failure.value.brief == "Silence. Wait."


def test_ctrl_c_while_looking_up_ends_the_command() -> None:
    class Stopped(Archive):
        def __call__(
            self, searches: Iterable[Search], settings: RetrieveOptions, cancel: CancelToken
        ) -> Generator[Answer, None, None]:
            yield [study(A, "A1")]
            raise Cancelled

    with pytest.raises(LookupsStopped) as stop:
        Stopped().resolve("A1\nA2\n", "--accession-list")

    assert wanted(stop.value.options) == (Selection.of(A),)
    assert stop.value.options.left_out == ("line 2: not looked up before the end",)


def test_the_log_has_uids_and_numbers_and_nobody_s_name(caplog: pytest.LogCaptureFixture) -> None:
    archive = Archive(
        [study(A, patient="Lee")],
        [],
        [study(B, patient="Ode"), study(C, patient="Ode"), Remark(text="Lee^Ann", incomplete=True)],
        [study("Lee^Ann*", patient="Poe"), study(C, patient="Poe")],
        OperationFailed("No Roe.", operation="C-FIND at the STUDY level", status=0xA900),
        [study(C, patient="moe")],
    )

    with caplog.at_level(logging.DEBUG):
        archive.resolve("Lee\nKim\nOde\nPoe\nRoe\nMoe\n", "--patient-list")

    assert caplog.messages == [
        f"looking up 6 lines at {PEER}",
        f"line 1: 1 study listed, 1 taken ({A})",
        "line 2: 0 studies listed, 0 taken",
        f"line 3: 2 studies listed, 2 taken ({B}, {C}); there may be more",
        "line 4: 2 studies listed, 0 taken",
        "line 5: C-FIND at the STUDY level refused with status 0xA900",
        "line 6: 1 study listed, 0 taken",
        "looked up 6 of 6 lines: 3 studies found",
    ]


def test_the_log_of_a_patient_with_many_studies_is_a_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    uids = [f"1.2.{number}" for number in range(100)]

    with caplog.at_level(logging.DEBUG):
        Archive([study(uid, patient="P1") for uid in uids]).resolve("P1\n", "--patient-list")

    assert f"line 1: 100 studies listed, 100 taken ({', '.join(uids[:5])}, 95 more)" in caplog.text


def test_the_log_says_how_a_look_up_ended(caplog: pytest.LogCaptureFixture) -> None:
    for end in (Cancelled(), PeerTimeout("Silence.", waiting_for="it", waited_s=1.0)):

        class Ended(Archive):
            def __call__(
                self, searches: Iterable[Search], settings: RetrieveOptions, cancel: CancelToken
            ) -> Generator[Answer, None, None]:
                yield [study(A, "A1")]
                raise end  # noqa: B023 - called before the loop goes on

        with caplog.at_level(logging.DEBUG), pytest.raises((LookupsStopped, LookupsFailed)):
            Ended().resolve("A1\nA2\n", "--accession-list", "--retries", "0")

    ends = [record for record in caplog.records if record.levelno > logging.DEBUG]
    assert [
        (each.levelname, each.getMessage()) for each in ends if "1 of 2" in each.getMessage()
    ] == [
        ("INFO", "looked up 1 of 2 lines: stopped"),
        ("ERROR", "looked up 1 of 2 lines: Silence."),
    ]


def test_lists_exclude_each_other(tmp_path: Path) -> None:
    result = run(PACS, "--method", "c-get", "--uid-list", "a", "--patient-list", "b")

    assert result.code == 1
    assert "--uid-list and --patient-list cannot be combined" in result.err


def test_what_is_no_uid_is_never_asked_for() -> None:
    archive = Archive([study("*", "A1")], [study(A, "A2")])

    options = archive.resolve("A1\nA2\n", "--accession-list")

    assert wanted(options) == (Selection.of(A),)
    assert "line 1: the PACS answered '*' instead of a UID" in "\n".join(options.left_out)
