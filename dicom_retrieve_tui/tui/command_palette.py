"""The command palette: the actions of all keys that work now."""

from collections.abc import Iterator
from functools import partial

from textual.binding import ActiveBinding
from textual.command import DiscoveryHit, Hit, Hits, Provider

_NAMED_OTHERWISE = {"app.toggle_patients"}
"""Actions that `RetrieveApp` offers itself, with a better title."""


class KeyCommands(Provider):
    """Commands for the key bindings of the focused widget and its parents."""

    async def discover(self) -> Hits:
        for each in self._actions():
            yield DiscoveryHit(
                each.binding.description, partial(self._run, each), help=each.tooltip
            )

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for each in self._actions():
            score = matcher.match(each.binding.description)
            if score > 0:
                shown = matcher.highlight(each.binding.description)
                yield Hit(score, shown, partial(self._run, each), help=each.tooltip)

    def _actions(self) -> Iterator[ActiveBinding]:
        seen = set()
        for each in self.screen.active_bindings.values():
            description = each.binding.description
            # Bindings without an id are Textual's, and move a cursor.
            ours = each.binding.id and each.binding.action not in _NAMED_OTHERWISE
            if each.enabled and ours and description and description not in seen:
                seen.add(description)
                yield each

    async def _run(self, active: ActiveBinding) -> None:
        await self.app.run_action(active.binding.action, active.node)
