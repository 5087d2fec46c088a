"""What the fuzzer found, and what it begins with: each input through its target once more."""

from pathlib import Path

import pytest

from fuzz.targets import TARGETS, corpus_of

_INPUTS = [
    pytest.param(name, path, id=f"{name}-{path.name}")
    for name in TARGETS
    for path in sorted(corpus_of(name).iterdir())
]


@pytest.mark.parametrize(("name", "path"), _INPUTS)
def test_an_input_breaks_no_promise(name: str, path: Path) -> None:
    TARGETS[name](path.read_bytes())


def test_every_corpus_has_a_target() -> None:
    folder = corpus_of("pdus").parent

    assert {path.name for path in folder.iterdir()} == set(TARGETS)
