"""A queue of key events: each key is handled before the next one is delivered.

A key goes to the focused widget and returns to the application, which runs its action. Textual
(8.2) delivers the next key before the first has returned, so that over a slow line `/` followed
by text loses the text, or runs its letters as commands. Remove this module once
`test_textual_still_delivers_keys_too_early` fails.
"""

from collections import deque

from textual import events
from textual.app import App, ReturnType
from textual.message import Message
from textual.widget import Widget

_ROUNDS = 3
"""A key may post a message, and that another one."""
_CHECK_S = 0.25
"""How often to check, while keys wait, that the widget of the current key still exists."""


class KeyQueueApp(App[ReturnType]):
    """An application that handles keys one after the other."""

    class Marker(Message):
        """A marker posted behind a key; when it is handled, so is the key."""

        def __init__(self, key: events.Event, rounds: int) -> None:
            super().__init__()
            self.key = key
            self.rounds = rounds

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[events.Event] = deque()
        self._current: events.Event | None = None
        self._handler: Widget = Widget()
        """The widget that handles the current key."""
        self._watching = False

    async def on_event(self, event: events.Event) -> None:
        """Queue keys and pastes behind the current one; handle other events at once."""
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
            return
        self._waiting.append(event)
        if self._current is None:
            await self._go_on(None)
        elif not self._watching:
            await self._watch()

    async def on_key_queue_app_marker(self, event: Marker) -> None:
        """Send the next key, now that the current one is handled."""
        event.stop()
        if event.key is self._current and self.screen_stack:
            if event.rounds > 1:
                self._follow(event.key, event.rounds - 1)
            else:
                await self._go_on(event.key)

    async def _send(self, key: events.Event) -> None:
        self._current = key
        await super().on_event(key)
        self._follow(key, _ROUNDS)

    def _follow(self, key: events.Event, rounds: int) -> None:
        self._handler = self.focused or self.screen
        marker = self.Marker(key, rounds)
        if not self._handler.post_message(marker):
            # It is about to close.
            self.post_message(marker)

    async def _go_on(self, key: events.Event | None) -> None:
        if key is not self._current or not self.screen_stack:
            return
        self._current = None
        if self._waiting:
            await self._send(self._waiting.popleft())

    async def _watch(self) -> None:
        """Continue if a closed screen has taken the marker with it.

        Not before the screen is closed: one that opens slowly gets the keys typed for it.
        """
        if not self._handler.is_attached:
            await self._go_on(self._current)
        self._watching = bool(self._waiting)
        if self._watching:
            self.set_timer(_CHECK_S, self._watch)
