"""`dicom-retrieve find`: what it asks, what it prints, and how it ends."""

import json
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from rich.cells import cell_len

from dicom_retrieve_tui.cli.commands.find import run_find
from dicom_retrieve_tui.cli.console import Console, DataStream, MessageStream
from dicom_retrieve_tui.cli.main import main
from dicom_retrieve_tui.cli.output.find_output import render_table
from dicom_retrieve_tui.cli.parser import parse_command_line
from dicom_retrieve_tui.errors import Cancelled, ConfigError, PeerUnreachable
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.dates import DateRange
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.search import Found, Match, Remark, Search
from dicom_retrieve_tui.model.uid_list import parse_uid_list
from dicom_retrieve_tui.model.uid_table import Column
from tests.unit.cli.scripted import PACS, ClosedPipe, Result, Stream

_NOW = datetime(2024, 3, 31, 12, tzinfo=UTC)

HONG = Match(
    level=Level.STUDY,
    patient_name="Hong^Gildong=洪^吉洞=홍^길동",
    patient_id="T-0003",
    study_date="20240102",
    study_time="0304",
    accession_number="A3",
    study_description='CT "Head"',
    modalities=("CT", "SR"),
    study_instance_uid="2.25.307523734851656774986947171643997112766",
    number_of_series=2,
    number_of_instances=1234,
)
DOE = replace(
    HONG,
    patient_name="Doe^John",
    study_date="20240201",
    study_description="",
    study_instance_uid="2.25.115",
    number_of_series=None,
)
SERIES = replace(
    DOE, level=Level.SERIES, series_instance_uid="2.25.115.1", series_number="2", modalities=("CT",)
)


class _Noon(Console):
    def utc_now(self) -> datetime:
        return _NOW


@dataclass
class Finder:
    """Finds what it was told to, and remembers what it was asked."""

    found: Iterable[Found | BaseException]
    asked: list[tuple[Search, RetrieveOptions, date | None]] = field(default_factory=list)
    closed: bool = False

    def __call__(
        self,
        search: Search,
        settings: RetrieveOptions,
        cancel: CancelToken,
        split_until: date | None,
    ) -> Generator[Found, None, None]:
        self.asked.append((search, settings, split_until))
        try:
            for each in self.found:
                if isinstance(each, BaseException):
                    raise each
                yield each
        finally:
            self.closed = True


def find(
    *argv: str,
    found: Iterable[Found | BaseException] = (),
    finder: Finder | None = None,
    stdout: Stream | None = None,
) -> Result:
    out, err = stdout or Stream(), Stream()
    console = _Noon(stdin=Stream(), stdout=DataStream(out), stderr=MessageStream(err))
    args = parse_command_line(["find", PACS, *argv])
    code = run_find(args, console, finder or Finder(found))
    return Result(code, out.getvalue(), err.getvalue())


def _asked(*argv: str) -> Search:
    finder = Finder([DOE])
    find(*argv, finder=finder)
    return finder.asked[0][0]


def test_every_flag_is_a_key_of_the_search() -> None:
    search = _asked(
        *("--patient-id", "P1", "--patient-name", "Doe", "--accession", "A1", "--modality", "ct"),
        *("--date", "2024-01", "--description", "*head*", "--study-uid", "1.2"),
    )

    assert search == Search(
        patient_id="P1",
        patient_name="Doe*",
        accession_number="A1",
        modality="CT",
        study_date=DateRange(date(2024, 1, 1), date(2024, 1, 31)),
        study_description="*head*",
        study_instance_uid="1.2",
    )


def test_days_are_counted_back_from_the_clock() -> None:
    assert _asked("--last", "7d").study_date == DateRange(date(2024, 3, 24), date(2024, 3, 31))


def test_a_series_uid_lists_series() -> None:
    assert _asked("--study-uid", "1.2", "--series-uid", "1.2.3").level is Level.SERIES
    assert _asked("--study-uid", "1.2", "--level", "Image").level is Level.IMAGE


def test_dates_are_divided_only_on_demand() -> None:
    finder = Finder([DOE])
    find("--date", "2024", finder=finder)
    find("--date", "2024", "--split", finder=finder)

    assert [split_until for _, _, split_until in finder.asked] == [None, date(2024, 3, 31)]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "No search key was given. Give one, such as --patient-id or --date, or --all"),
        (["--patient-name", "*"], "No search key was given"),
        (["--series-uid", "1.2"], "--series-uid requires --study-uid"),
        (["--all", "--level", "patient"], "choose study, series or image"),
        (["--date", "today", "--last", "1d"], "--date and --last cannot be combined"),
        (["--date", "3/31/2024"], "--date '3/31/2024': expected 2024-03-31"),
        (["--all", "--json", "--uids"], "--json and --uids cannot be combined"),
        (["--all", "--split"], "--split requires a range of dates"),
        (["--date", "..2024-01-01", "--split"], "--split requires a range of dates"),
        (
            ["--study-uid", "1.2", "--series-uid", "1.3", "--level", "study"],
            "cannot be combined with",
        ),
        (["--study-uid", "1.2.*"], "has a wildcard"),
        (["--patient-id", "a\\b"], "backslash"),
        (["--all", "--timeout", "soon"], "--timeout 'soon'"),
    ],
)
def test_contradictory_keys_are_reported_before_anything_is_sent(
    argv: list[str], said: str
) -> None:
    finder = Finder([DOE])

    with pytest.raises(ConfigError) as told:
        find(*argv, finder=finder)

    assert said in str(told.value)
    assert not finder.asked


def test_a_usage_error_points_to_the_help_of_find() -> None:
    err = Stream()

    assert main(["find", PACS], stdout=Stream(), stderr=err) == 1

    assert "dicom-retrieve find --help" in err.getvalue()


def test_piped_it_is_a_table_that_a_uid_list_can_be() -> None:
    result = find("--all", found=[HONG, DOE])

    heading, hong, doe = (line.split("\t") for line in result.out.splitlines())
    assert dict(zip(heading, hong, strict=True)) == {
        "StudyDate": "20240102",
        "StudyTime": "0304",
        "PatientName": "Hong^Gildong=洪^吉洞=홍^길동",
        "PatientID": "T-0003",
        "PatientBirthDate": "",
        "AccessionNumber": "A3",
        "StudyDescription": '"CT ""Head"""',
        "ModalitiesInStudy": "CT,SR",
        "NumberOfStudyRelatedSeries": "2",
        "NumberOfStudyRelatedInstances": "1234",
        "StudyInstanceUID": HONG.study_instance_uid,
    }
    assert doe[-1] == DOE.study_instance_uid
    assert list(parse_uid_list(result.out).uids) == [HONG.study_instance_uid, "2.25.115"]
    assert result.code == 0
    assert result.err.splitlines() == [
        "searching studies in ANY-SCP@pacs.test:11112: everything",
        "2 studies",
    ]


def test_uids_of_studies_stand_alone() -> None:
    result = find("--all", "--uids", found=[HONG, DOE])

    assert result.out.splitlines() == [HONG.study_instance_uid, DOE.study_instance_uid]


def test_uids_of_series_stand_beside_those_of_their_study() -> None:
    result = find("--all", "--uids", "--level", "series", found=[SERIES])

    assert result.out.splitlines() == [
        "StudyInstanceUID\tSeriesInstanceUID",
        "2.25.115\t2.25.115.1",
    ]


def test_json_is_one_object_a_line_with_a_versioned_beginning() -> None:
    remark = Remark(text="The PACS seems to ignore the modality: 1 left out.")
    result = find("--all", "--json", "--level", "series", found=[SERIES, remark])

    start, found, said, end = map(json.loads, result.out.splitlines())
    assert (start["event"], start["schema"], start["level"]) == ("find_started", 1, "series")
    assert (found["event"], found["series_instance_uid"]) == ("series_found", "2.25.115.1")
    assert found["modalities"] == ["CT"]
    assert "sop_instance_uid" not in found
    assert (said["event"], said["incomplete"]) == ("remark", False)
    assert (end["event"], end["found"], end["complete"]) == ("find_finished", 1, True)
    assert end["exit_code"] == result.code == 0


def test_no_match_is_no_success() -> None:
    result = find("--all", "--uids")

    assert (result.code, result.out) == (1, "")
    assert result.err.splitlines()[-1] == "no study matches"


def test_a_list_that_may_be_longer_is_no_success_and_names_the_way_out() -> None:
    doubt = Remark(text="The PACS listed exactly 1 study: it may cap.", incomplete=True)

    result = find("--date", "2024", found=[DOE, doubt])

    assert result.code == 1
    assert "exactly 1 study" in result.err
    assert result.err.splitlines()[-1] == (
        "1 study; there may be more (--split searches by parts of the date range)"
    )


def test_what_came_before_a_failure_is_shown() -> None:
    lost = PeerUnreachable("Lost the connection.")

    result = find("--all", found=[DOE, lost], stdout=Stream(terminal=True))

    assert result.code == 1
    assert "Doe, John" in result.out
    assert "dicom-retrieve: Lost the connection." in result.err
    assert result.err.splitlines()[-1] == "1 study; there may be more"


def test_an_interruption_ends_with_130() -> None:
    result = find("--all", "--json", found=[DOE, Cancelled()])

    assert result.code == 130
    assert json.loads(result.out.splitlines()[-1])["complete"] is False


def test_a_reader_that_goes_away_ends_the_search() -> None:
    finder = Finder([DOE, HONG])

    result = find("--all", "--uids", finder=finder, stdout=ClosedPipe())

    assert result.code == 1
    assert finder.closed
    assert result.err.splitlines()[-1] == "stdout could not be written: its reader closed the pipe"


def test_a_profile_says_whom_to_ask_and_its_folders_do_not_matter(tmp_path: Path) -> None:
    book = tmp_path / "profiles.toml"
    book.write_text(
        '[profiles.archive]\nhost = "pacs.test"\nport = 11112\ncalled_aet = "ARCHIVE"\n'
        'aet = "US"\nmethod = "c-move"\nmove_dest = "US"\nlisten = "4242"\noutput = "/dev/null/x"\n'
    )
    finder = Finder([DOE])
    console = _Noon(stdin=Stream(), stdout=DataStream(Stream()), stderr=MessageStream(Stream()))
    args = parse_command_line(["find", "@archive", "--all", "--config", str(book)])

    assert run_find(args, console, finder) == 0

    (_, settings, _) = finder.asked[0]
    assert (str(settings.peer), settings.calling_ae_title) == ("ARCHIVE@pacs.test:11112", "US")


@pytest.mark.parametrize("width", [50, 60, 80, 100, 160])
def test_a_table_fits_and_its_columns_stand_below_each_other(width: int) -> None:
    many = [HONG, DOE, replace(HONG, patient_name="=" + "山" * 60, study_description="x" * 64)]

    lines = list(render_table(Level.STUDY, many, width))

    assert max(map(cell_len, lines)) <= width
    title = lines[0]
    at = title.index("ID")
    # Wide characters take two cells: the cells before the patient's ID are as many in each line.
    assert {cell_len(line[: line.index("T-0003")]) for line in lines[1:]} == {at}


def test_a_wide_table_shows_whole_uids_and_dates_as_people_write_them() -> None:
    lines = list(render_table(Level.STUDY, [HONG], 200))

    assert "2024-01-02  Hong, Gildong (洪 吉洞)  T-0003" in lines[1]
    assert lines[1].endswith("1,234  " + HONG.study_instance_uid)


def test_in_80_columns_an_id_stays_whole_and_a_count_goes() -> None:
    study = replace(HONG, patient_id="DEMO-0001", accession_number="ACC000123", modalities=("US",))

    title, row = render_table(Level.STUDY, [study], 80)

    assert "DEMO-0001  ACC000123" in row
    assert "SERIES" not in title
    assert row.endswith("1,234")


def test_a_column_that_is_empty_in_every_row_is_left_out() -> None:
    (title, _) = render_table(Level.STUDY, [DOE], 200)

    assert "DESCRIPTION" not in title
    assert "SERIES" not in title


def test_at_a_terminal_the_newest_comes_first() -> None:
    result = find("--all", found=[HONG, DOE], stdout=Stream(terminal=True))

    assert [line[:10] for line in result.out.splitlines()[1:]] == ["2024-02-01", "2024-01-02"]


def test_a_peer_cannot_steer_the_terminal() -> None:
    evil = replace(DOE, study_description="a\tb\x1b[31m", patient_id="\x9b2J")

    shown = find("--all", found=[evil], stdout=Stream(terminal=True)).out
    piped = find("--all", found=[evil]).out

    assert "\x1b" not in shown + piped
    assert "\x9b" not in shown + piped
    assert len({line.count("\t") for line in piped.splitlines()}) == 1


def test_a_spreadsheet_takes_no_name_for_a_formula_and_an_id_comes_back_as_it_was() -> None:
    said = "=cmd|' /C calc'!A0"
    patient = replace(DOE, patient_name=said, patient_id="-7", study_description="+C Ax T1")

    rows = find("--all", found=[patient]).out
    records = find("--all", "--json", found=[patient]).out.splitlines()

    cells = dict(zip(*(line.split("\t") for line in rows.splitlines()), strict=True))
    assert cells["PatientName"] == f"'{said}"
    assert (cells["PatientID"], cells["StudyDescription"]) == ("'-7", "'+C Ax T1")
    (lookup,) = parse_uid_list(rows, key=Column.PATIENT).lookups
    assert lookup.patient_id == "-7"
    found = json.loads(records[1])
    assert (found["patient_name"], found["patient_id"]) == (said, "-7")
