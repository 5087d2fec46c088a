"""Waiting until an application has done all that it was told, however slow the machine is."""

import asyncio
from time import monotonic
from typing import Any

from textual._context import active_app
from textual.screen import Screen

LIMIT_S = 10.0


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
        screen = active_app.get().screen
        if not undrawn(screen):
            return
        screen._on_timer_update()


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
