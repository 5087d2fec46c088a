"""One key after the other: each is looked at where the one before it has led.

A key goes to whatever has the focus, and comes back to the application, which does what it is bound
to. Of several that come at once, as over a slow line, Textual sends the last one on its way before
the first one is back: what is typed behind `/` would be lost, or pause and stop what runs.
"""

from collections import deque

from textual import events
from textual.app import App, ReturnType
from textual.message import Message
from textual.widget import Widget

_ROUNDS = 3
"""A key may lead to a message, and that to another one."""
_LOOK_AGAIN_S = 0.25
"""How often to see, while keys wait, that what looks at the one before them is still there."""


class KeyQueueApp(App[ReturnType]):
    """An application that can be typed at faster than it draws."""

    class CameRound(Message):
        """Went the way of a key, behind it."""

        def __init__(self, key: events.Event, rounds: int) -> None:
            super().__init__()
            self.key = key
            self.rounds = rounds

    def __init__(self) -> None:
        super().__init__()
        self._ahead: deque[events.Event] = deque()
        self._under_way: events.Event | None = None
        self._looks: Widget = Widget()
        """Who looks at the key that is under way."""
        self._watching = False

    async def on_event(self, event: events.Event) -> None:
        """Let keys wait for the one before them."""
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
            return
        self._ahead.append(event)
        if self._under_way is None:
            await self._go_on(None)
        elif not self._watching:
            await self._watch()

    async def on_key_queue_app_came_round(self, event: CameRound) -> None:
        """The key has been looked at; the next one may follow."""
        event.stop()
        if event.key is self._under_way and self.screen_stack:  # else it is over
            if event.rounds > 1:
                self._follow(event.key, event.rounds - 1)
            else:
                await self._go_on(event.key)

    async def _send(self, key: events.Event) -> None:
        self._under_way = key
        await super().on_event(key)
        self._follow(key, _ROUNDS)

    def _follow(self, key: events.Event, rounds: int) -> None:
        self._looks = self.focused or self.screen
        behind = self.CameRound(key, rounds)
        if not self._looks.post_message(behind):  # it is about to close
            self.post_message(behind)

    async def _go_on(self, key: events.Event | None) -> None:
        if key is not self._under_way or not self.screen_stack:
            return
        self._under_way = None
        if self._ahead:
            await self._send(self._ahead.popleft())

    async def _watch(self) -> None:
        """Go on where a window that closed has taken with it what went behind a key.

        Only then: a window may be slow to open, and what is typed is for it.
        """
        if not self._looks.is_attached:
            await self._go_on(self._under_way)
        self._watching = bool(self._ahead)
        if self._watching:
            self.set_timer(_LOOK_AGAIN_S, self._watch)
