"""The user's own keys, by the id of a binding, checked before they replace ours."""

import difflib
import importlib
import pkgutil
from collections.abc import Iterator, Mapping

from textual.binding import Binding, InvalidBinding
from textual.dom import DOMNode
from textual.keys import KEY_NAME_REPLACEMENTS, Keys, key_to_character

from dicom_retrieve_tui.tui import screens

_PACKAGE = __package__ or ""
_MODIFIERS = frozenset({"alt", "ctrl", "hyper", "meta", "shift", "super"})
_NAMES = frozenset({*(key.value for key in Keys), *KEY_NAME_REPLACEMENTS.values()})
_EVERYWHERE = frozenset({"app", "main"})
"""Prefixes of binding ids that work wherever the focus is."""


def judge_keys(wanted: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return valid keys by binding id, and a sentence for each invalid one."""
    if not wanted:
        return {}, []
    ours = _bindings()
    usable: dict[str, tuple[str, ...]] = {}
    faults = []
    for binding, text in wanted.items():
        if binding not in ours:
            near = difflib.get_close_matches(binding, sorted(ours), n=1)
            hint = f"; did you mean {near[0]}?" if near else "."
            faults.append(f"[keys] {binding}: unknown id{hint}")
        elif (keys := _read(text)) is None:
            faults.append(f"[keys] {binding} = {text!r}: unknown key; write ctrl+r, f7 or R.")
        else:
            usable[binding] = keys
    # A refused binding keeps its own keys, which the user may have given to another.
    while clash := next(_clashes(usable, ours), None):
        binding, other, key = clash
        del usable[binding]
        faults.append(
            f"[keys] {binding}: {key} is the key of {other}; give that another key first."
        )
    return {binding: ",".join(keys) for binding, keys in usable.items()}, faults


def _clashes(
    usable: Mapping[str, tuple[str, ...]], ours: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[str, str, str]]:
    """Yield pairs of bindings, one of them the user's, that listen to the same key at once."""
    for binding, keys in usable.items():
        place = binding.partition(".")[0]
        for other, theirs in {**ours, **usable}.items():
            elsewhere = other.partition(".")[0]
            together = place == elsewhere or {place, elsewhere} & _EVERYWHERE
            if other != binding and together:
                yield from ((binding, other, key) for key in keys if key in theirs)


def _read(text: str) -> tuple[str, ...] | None:
    """Return the keys by Textual's names; None if one is unknown."""
    try:
        keys = tuple(each.key for each in Binding.make_bindings([Binding(text, "")]))
    except InvalidBinding:
        return None
    return keys if all(map(_is_key, keys)) else None


def _is_key(text: str) -> bool:
    *modifiers, key = text.split("+")
    named = key in _NAMES or key_to_character(key) is not None
    return _MODIFIERS.issuperset(modifiers) and named


def _bindings() -> dict[str, tuple[str, ...]]:
    """Return every binding id of our screens and widgets, with its keys."""
    for module in pkgutil.iter_modules(screens.__path__, f"{screens.__name__}."):
        importlib.import_module(module.name)
    keys: dict[str, tuple[str, ...]] = {}
    for kind in _kinds(DOMNode):
        for binding in Binding.make_bindings(kind.BINDINGS):
            if binding.id:
                keys[binding.id] = (*keys.get(binding.id, ()), binding.key)
    return keys


def _kinds(kind: type[DOMNode]) -> Iterator[type[DOMNode]]:
    for each in kind.__subclasses__():
        if each.__module__.startswith(_PACKAGE) and "BINDINGS" in vars(each):
            yield each
        yield from _kinds(each)
