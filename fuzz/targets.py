"""Every reader that is fuzzed, by name. A target takes any bytes, and raises only for a defect."""

from collections.abc import Callable, Mapping
from pathlib import Path

from fuzz import input_targets, network_targets, storage_targets

Target = Callable[[bytes], None]

TARGETS: Mapping[str, Target] = {
    target.__name__: target
    for target in (
        network_targets.pdus,
        network_targets.associate,
        network_targets.commands,
        network_targets.identifiers,
        network_targets.data_sets,
        network_targets.texts,
        input_targets.uid_lists,
        input_targets.list_files,
        input_targets.dates,
        input_targets.pastes,
        input_targets.profiles,
        input_targets.addresses,
        input_targets.layouts,
        storage_targets.journals,
    )
}

_CORPUS = Path(__file__).parent / "corpus"


def corpus_of(name: str) -> Path:
    """The folder of what a target begins with: inputs that reach far, and those that broke it."""
    return _CORPUS / name
