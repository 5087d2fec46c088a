"""An outage in the application: the header, the keys, and what is left at the end."""

from pathlib import Path

from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.choices import HoldCause
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui.app import RetrieveApp
from dicom_retrieve_tui.tui.screens.confirm import ConfirmScreen
from dicom_retrieve_tui.tui.snapshot import State
from dicom_retrieve_tui.wiring import find, find_each, open_session
from tests.peers.absent_pacs import AbsentPacs
from tests.peers.held_pacs import A as X
from tests.peers.held_pacs import B as Y
from tests.peers.held_pacs import C as Z
from tests.tui.application import SIZES, Bench, opened, preset
from tests.tui.builders import uids
from tests.tui.pilot import running
from tests.tui.scripted_session import Sessions, begins, ends, whole

A, B, C = uids(3)


def _lost(cause: HoldCause = HoldCause.PEER) -> list[events.Event]:
    return [
        events.PeerLost(
            cause=cause,
            reason="Cannot reach pacs.test:104: connection refused.",
            studies=2,
            next_try_s=600.0,
            limit_s=1800.0,
        )
    ]


async def test_the_header_says_that_the_pacs_is_gone_until_it_is_back() -> None:
    async with opened(SIZES["large"]) as bench:
        await bench.start(A, B, C)
        await bench.tell(whole(A), _lost())
        await bench.until(lambda: "NO ANSWER, next try in " in bench.text())
        assert "The PACS does not answer (Cannot reach pacs.test:104" in bench.joined()

        await bench.tell([events.PeerBack(cause=HoldCause.PEER, waited_s=252.0)])
        await bench.until(lambda: "NO ANSWER" not in bench.text())
        assert "The PACS is back after 4 min 12 s" in bench.joined()


async def test_the_header_names_a_full_disk() -> None:
    async with opened() as bench:
        await bench.start(A)
        await bench.tell(_lost(HoldCause.DISK))

        await bench.until(lambda: "DISK FULL, next try in " in bench.text())


async def test_r_tries_now_while_the_pacs_is_gone_and_retries_otherwise() -> None:
    async with opened() as bench:
        session = await bench.start(A)
        await bench.pilot.press("r")
        assert "try now" not in session.asked
        await bench.tell(_lost())
        await bench.until(lambda: "NO ANSWER" in bench.text())
        await bench.pilot.press("r")

        assert session.asked == ["try now"]


async def test_w_gives_up_after_a_question(tmp_path: Path) -> None:
    async with opened(folder=tmp_path) as bench:
        session = await bench.start(A, B, C)
        await bench.pilot.press("w")
        assert not isinstance(bench.app.screen, ConfirmScreen)
        await bench.tell(begins(A), _lost())
        await bench.until(lambda: "NO ANSWER" in bench.text())
        await bench.pilot.press("w")
        await bench.until(lambda: isinstance(bench.app.screen, ConfirmScreen))
        assert not session.asked
        await bench.pilot.press("y")
        await bench.until(lambda: session.asked)
        assert session.asked == ["give up"]

        given_up = events.QueueGivenUp(
            cause=HoldCause.PEER,
            reason="The PACS went away.",
            waited_s=20.0,
            studies=2,
            study_instance_uids=(B, C),
        )
        await bench.tell([given_up], ends(A, Verdict.NOT_TRIED, stored=0, reason="Gone."))
        await bench.until(lambda: "finish" in session.asked)
        await bench.until(lambda: all(row.verdict for row in bench.main.table.rows))

        rows = [bench.row(uid) for uid in (A, B, C)]
        assert [row and (row.state, row.verdict) for row in rows] == [
            (State.FAILED, Verdict.NOT_TRIED)
        ] * 3
        assert rows[1] is not None
        assert rows[1].reason == "The PACS went away."


async def test_a_pacs_that_goes_away_and_comes_back_costs_no_study(tmp_path: Path) -> None:
    """Through the real engine and real sockets."""
    with AbsentPacs(drops=1_000_000) as pacs:
        place = preset(folder=tmp_path, pacs=f"127.0.0.1:{pacs.port}", called_aet="RAW")
        app = RetrieveApp(
            open_session, [place], find=find, find_each=find_each, text=f"{X}\n{Y}\n{Z}"
        )
        async with running(app, SIZES["usual"]) as pilot:
            bench = Bench(app, pilot, Sessions())
            await bench.until(lambda: bench.main.query("#form"))
            await pilot.press("enter")
            await bench.until(lambda: "NO ANSWER, next try in " in bench.text())
            pacs.calls = 1_000_000
            await pilot.press("r")
            await bench.until(lambda: not app.jobs.busy)
            await bench.until(lambda: all(row.verdict for row in bench.main.table.rows))
            states = {row.state for row in bench.main.table.rows}
        assert app.jobs.close()

    assert states == {State.DONE}
    assert len(list(tmp_path.rglob("*.dcm"))) == 9
