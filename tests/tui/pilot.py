"""An application that runs for a test, and does one thing after the other on any machine."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import pytest
from textual._context import active_app
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen

from tests.tui.slow_threads import dawdle

LIMIT_S = 30.0


@asynccontextmanager
async def running(app: App[Any], size: tuple[int, int]) -> AsyncIterator[Pilot[Any]]:
    """Run an application in a terminal of so many columns and rows."""
    app.animation_level = "none"  # a frame in the middle of a movement would be another each time
    with pytest.MonkeyPatch.context() as patch:
        for module in ("textual.app", "textual.pilot"):
            patch.setattr(f"{module}.wait_for_idle", settled)
        if seed := os.environ.get("DICOM_RETRIEVE_DAWDLE"):
            dawdle(patch, seed)
        async with app.run_test(size=size, notifications=True) as pilot:
            await settled()
            yield pilot


async def settled(min_sleep: float = 0, max_sleep: float = LIMIT_S) -> None:
    """Wait until nothing but timers, threads and people could make the application do more.

    It stands in the place of Textual's `wait_for_idle`, which waits until the process uses little
    processor time: where other processes use all of it, that is so at once.
    """
    loop: Any = asyncio.get_running_loop()
    ends = monotonic() + max_sleep
    while monotonic() < ends:
        await asyncio.sleep(0)
        if loop._ready:
            continue
        app = active_app.get()
        if app._exit or not undrawn(app.screen):  # one that ends draws nothing any more
            return
        app.screen._on_timer_update()
    pytest.fail(f"The application was not at rest for {max_sleep:.0f} s")


def undrawn(screen: Screen[Any]) -> bool:
    """Whether the screen waits for its timer to show what has changed."""
    return bool(
        screen.is_current
        and (
            screen._layout_required
            or screen._repaint_required
            or screen._recompose_required
            or screen._dirty_widgets
            or screen._callbacks
        )
    )
