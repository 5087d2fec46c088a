"""The command palette: every key of what has the focus, by its words."""

from collections.abc import Iterator
from functools import partial

from textual.binding import ActiveBinding
from textual.command import DiscoveryHit, Hit, Hits, Provider

_NAMED_OTHERWISE = {"app.toggle_patients"}
"""What the application itself offers, wherever the focus is, by a better name."""


class KeyCommands(Provider):
    """Generated from the bindings, as the help is."""

    async def discover(self) -> Hits:
        """Everything there is, before anything is typed."""
        for each in self._actions():
            yield DiscoveryHit(
                each.binding.description, partial(self._run, each), help=each.tooltip
            )

    async def search(self, query: str) -> Hits:
        """What fits the words."""
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
            # Ours have ids; those of Textual's widgets move a cursor.
            ours = each.binding.id and each.binding.action not in _NAMED_OTHERWISE
            if each.enabled and ours and description and description not in seen:
                seen.add(description)
                yield each

    async def _run(self, active: ActiveBinding) -> None:
        await self.app.run_action(active.binding.action, active.node)
