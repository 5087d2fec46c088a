from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.cells import cell_len

from dicom_retrieve_tui.model.progress import WorkerState
from dicom_retrieve_tui.model.study_identity import StudyIdentity
from dicom_retrieve_tui.tui.cut_text import bar, fit
from dicom_retrieve_tui.tui.retrieve_form import draft_of, faults, new_draft, read_draft
from dicom_retrieve_tui.tui.snapshot import Line, Sample, Totals, WorkerRow
from dicom_retrieve_tui.tui.widgets.associations import association_text
from dicom_retrieve_tui.tui.widgets.events_pane import EventsPane
from dicom_retrieve_tui.tui.widgets.header_line import PeerSummary, echo_text, header_texts
from dicom_retrieve_tui.tui.widgets.throughput import graph_lines
from dicom_retrieve_tui.tui.widgets.total_line import total_text
from tests.tui.application import SIZES, Bench, opened

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PEERING = PeerSummary(
    profile="prod",
    ours="MYAE",
    theirs="PACS1 10.0.0.5:104",
    destination="MYAE",
    echo=echo_text(0.012),
)
RUNNING = Totals(
    studies=7,
    active=3,
    running=3,
    failed=1,
    good=3,
    stored=1098,
    expected=2382,
    missing=2,
    received_bytes=420_000_000,
    instances_per_s=412.0,
    bytes_per_s=61e6,
    left=1282,
    eta_s=13,
    elapsed_s=42,
    associations=3,
    associations_max=4,
)


@pytest.mark.parametrize("width", range(20, 170, 7))
def test_the_header_and_the_total_never_exceed_the_line(width: int) -> None:
    left, right = header_texts(width, PEERING, RUNNING, pause="PAUSED")

    assert cell_len(left) + cell_len(right) <= width
    assert cell_len(total_text(width, RUNNING)) <= width


def test_a_wide_header_tells_everything_and_a_narrow_one_what_matters() -> None:
    left, right = header_texts(158, PEERING, RUNNING, pause="")
    assert left == "dicom-retrieve  prod  MYAE → PACS1 10.0.0.5:104  dest MYAE  ● echo 12.0 ms"
    assert right == "assoc 3/4  412 inst/s  61.0 MB/s  0:42"

    left, right = header_texts(58, PEERING, RUNNING, pause="PAUSED")
    assert left == "prod  MYAE → PACS1 10.0.0.5:104"
    assert right == "PAUSED  412 inst/s"


def test_the_total_counts_what_is_missing_as_not_done() -> None:
    text = total_text(158, RUNNING)

    assert text.endswith(" 46%  1,098/2,382  420.0 MB  ETA 0:13  1 study failed  2 missing")
    assert "█" in text


def test_the_total_without_an_estimate_counts_what_is_known() -> None:
    few = replace(RUNNING, stored=4, left=6, expected=10, missing=0, unsized=240, exact=False)

    text = total_text(158, replace(few, eta_s=None))

    assert " 4/10 + 240 studies  " in text
    assert "%" not in text
    assert "ETA" not in text
    assert "█" not in text


@pytest.mark.parametrize(
    ("totals", "text"),
    [
        (Totals(stored=4, expected=10), "4/10"),
        (Totals(stored=4, expected=490, active=1, exact=False), "4/~490"),
        (Totals(stored=4, expected=10, active=9, unsized=1, exact=False), "4/10 + 1 study"),
        (Totals(stored=4, active=9, unsized=9, exact=False), ""),
    ],
)
def test_the_title_counts_as_the_total_does(totals: Totals, text: str) -> None:
    assert totals.instances_text() == text


def test_a_bar_is_full_only_at_the_end_and_empty_only_before_the_start() -> None:
    assert bar(0, 1000, 10) == "··········"
    assert bar(1, 100_000, 10) == "▏·········"
    assert bar(99_999, 100_000, 10).endswith("▉")
    assert bar(5, 5, 10) == "██████████"


def test_text_is_cut_by_cells() -> None:
    assert fit("abc", 5) == "abc  "
    assert fit("abc", 5, right=True) == "  abc"
    assert [cell_len(fit("患者番号", width)) for width in range(9)] == list(range(9))


def test_the_graph_has_its_peak_and_no_rate_where_nothing_runs() -> None:
    history = [Sample(0, 0), Sample(520, 78e6), Sample(412, 61e6)]

    first, second = graph_lines(46, history, live=True)
    assert first.endswith("·█▇    412       peak 520")
    assert second.endswith("·█▆   61.0      peak 78.0")
    assert "412" not in graph_lines(46, history, live=False)[0]


def test_an_association_tells_what_it_does() -> None:
    def text(state: WorkerState, **facts: object) -> str:
        uid = "" if state is WorkerState.IDLE else "1.2.840.99.12"
        row = WorkerRow(
            number=3,
            state=state,
            associated=True,
            study_instance_uid=uid,
            timeout_s=30,
            **facts,  # type: ignore[arg-type]
        )
        return association_text(row, 46).rstrip()

    assert text(WorkerState.IDLE) == "A3  · idle"
    assert text(WorkerState.RECEIVING, left=168, instances_per_s=118.0) == (
        "A3  ▶ 1.2.840.99.12          118/s  left 168"
    )
    assert text(WorkerState.RECEIVING, quiet_s=14).endswith("no data 14 of 30 s")


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (76, "CT Thorax with contrast 2026-03-11, Example, Ädä"),
        (66, "CT Thorax wit… 2026-03-11, Example, Ädä"),
        (56, "CT 2026-03-11, Example, Ädä"),
        (46, "CT, Example, Ädä"),
        (40, "Example, Ädä"),
    ],
)
def test_an_association_names_modality_and_date_before_a_long_description(
    width: int, shown: str
) -> None:
    identity = StudyIdentity(
        patient_name="Example^Ädä",
        study_date="20260311",
        modalities=("CT",),
        study_description="Thorax with contrast",
    )
    row = WorkerRow(
        number=1,
        state=WorkerState.RECEIVING,
        associated=True,
        study_instance_uid="1.2.3",
        identity=identity,
        left=1164,
        instances_per_s=2.1,
    )

    text = association_text(row, width)

    assert text.startswith(f"A1  ▶ {shown}  ")
    assert text.endswith("2.1/s  left 1,164")


def test_a_form_and_its_terms_are_the_same_thing() -> None:
    draft = {
        **new_draft(),
        "pacs": "[::1]:11112",
        "method": "c-move",
        "move_dest": "MYAE",
        "listen": "127.0.0.1:4242",
    }

    options = read_draft(draft, "prod")

    assert read_draft(draft_of(options), "prod") == options


@pytest.mark.parametrize(
    ("field", "text", "fault"),
    [
        ("pacs", "", "which PACS? give host:port"),
        ("pacs", "pacs:99999", "'99999' is not a port: expected a number from 1 to 65535"),
        ("called_aet", "x" * 17, "has 17 characters; an AE title has at most 16"),
        ("series", "1.2.*", "has a wildcard, and would match more than one"),
        ("instance", "1.2.3", "needs the series, too"),
        ("layout", "{Nothing}.dcm", "there is no field {Nothing}"),
        ("parallel", "0", "expected a whole number from 1 to 64"),
        ("timeout", "soon", "expected seconds, more than 0 and at most 86400"),
        ("output", "/dev/null/x", "/dev/null is a file"),
    ],
)
def test_each_fault_belongs_to_its_field(field: str, text: str, fault: str) -> None:
    found = faults({**new_draft(), "pacs": "pacs.test", "method": "c-get", field: text})

    assert list(found) == [field]
    assert found[field].startswith(fault)


async def test_the_last_events_are_seen_however_many_there_were() -> None:
    async with opened(SIZES["large"]) as bench:
        pane = bench.main.query_one(EventsPane)
        for first in range(0, 2200, 100):
            numbers = range(first, first + 100)
            pane.show_lines([Line(NOON, f"event {number}", grave=False) for number in numbers])
            await bench.pilot.pause()
        await bench.until(lambda: "event 2199" in bench.text(pane))


def numbered(first: int, last: int) -> list[Line]:
    return [Line(NOON, f"event {number}", grave=False) for number in range(first, last)]


async def with_forty(bench: Bench) -> EventsPane:
    """Show forty events, and wait for the last one."""
    pane = bench.main.query_one(EventsPane)
    pane.show_lines(numbered(0, 40))
    await bench.until(lambda: "event 39" in bench.text(pane))
    return pane


@pytest.mark.parametrize("size", [(120, 36), (220, 70), (80, 24)])
async def test_events_are_followed_after_a_resize(size: tuple[int, int]) -> None:
    async with opened((200, 60)) as bench:
        pane = await with_forty(bench)

        await bench.pilot.resize_terminal(*size)
        if size[0] < 100:
            await bench.pilot.press("escape", "f6")
        await bench.until(lambda: "event 39" in bench.text(pane))
        pane.show_lines(numbered(40, 42))

        await bench.until(lambda: "event 41" in bench.text(pane))


async def test_events_are_followed_after_one_that_is_longer_than_the_pane() -> None:
    async with opened(SIZES["large"]) as bench:
        pane = await with_forty(bench)
        pane.show_lines([Line(NOON, "long " * 60, grave=False)])
        await bench.until(lambda: pane.show_horizontal_scrollbar)

        await bench.until(lambda: "long" in bench.text(pane))
        pane.show_lines(numbered(41, 42))

        await bench.until(lambda: "event 41" in bench.text(pane))


async def test_events_that_the_user_scrolls_stay_until_the_end_is_reached() -> None:
    async with opened(SIZES["large"]) as bench:
        pane = await with_forty(bench)
        pane.focus()
        await bench.pilot.press("home")
        await bench.until(lambda: "event 0" in bench.text(pane))

        pane.show_lines(numbered(40, 41))
        await bench.pilot.resize_terminal(140, 40)
        await bench.until(lambda: pane.size.width < 90)
        assert "event 0" in bench.text(pane)
        await bench.pilot.press("end")
        await bench.until(lambda: "event 40" in bench.text(pane))
        pane.show_lines(numbered(41, 42))
        await bench.until(lambda: "event 41" in bench.text(pane))


async def test_an_event_that_is_longer_than_the_pane_ends_in_an_ellipsis() -> None:
    async with opened(SIZES["large"]) as bench:
        pane = bench.main.query_one(EventsPane)
        lines = [Line(NOON, "long " * 60 + "end", grave=False) for _ in range(30)]
        pane.show_lines([*lines, Line(NOON, "short", grave=False)])
        await bench.until(lambda: "short" in bench.text(pane))

        long = next(line for line in bench.text(pane).splitlines() if "long" in line)
        assert long.rstrip("│ ").endswith("…")
        assert "short…" not in bench.text(pane)
