"""Judges runs against random archives by what is on disk."""

import random
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.events import Event, RetrieveFinished, StudyFinished
from dicom_retrieve_tui.model.verdict import GOOD
from tests.peers.random_archive import Character, RandomArchive
from tests.runs import Plan, files_in, get_plan, move_plan, run

_TIMEOUT_S = 5.0
_TIMEOUT_OF_MOVES_S = 1.5
"""Also how long the late instances of a C-MOVE are waited for."""
_MOVES = 0.1
_AT_ONCE = 10


def violation(seed: int, output: Path) -> str | None:
    """Retrieve from the archive of a seed, in one run or in several; what is wrong, if anything is.

    A run may end well only if all that can be had is on disk, and it must where the archive is
    honest: it holds nothing that cannot be had, and no witness of its own is cut short.
    """
    character = Character.draw(seed)
    chance = random.Random(-seed - 1)
    parallel, runs = chance.choice([1, 1, 2, 3]), chance.choice([1, 1, 2, 3])
    moves = chance.random() < _MOVES or not character.serves_get
    plan = (move_plan if moves else get_plan)(parallel=parallel, retries=3)
    if moves and character.serves_get and chance.random() < 1 / 2:
        plan = replace(plan, method=Method.AUTO)
    with RandomArchive(character) as archive:
        for _ in range(runs):
            for name in chance.sample(here := _here(output), min(len(here), chance.choice([0, 3]))):
                (output / f"{name}.dcm").unlink()
            timeout_s = _TIMEOUT_OF_MOVES_S if moves else _TIMEOUT_S
            events = _events(plan, archive, output, timeout_s)
            (finished,) = [e for e in events if isinstance(e, RetrieveFinished)]
            good, all_here = finished.verdict in GOOD, character.sendable <= set(_here(output))
            if good and not all_here:
                return f"ended well with {len(_here(output))} on disk: {character.traits}"
            if all_here and character.is_honest and not good:
                reasons = [e.reason for e in events if isinstance(e, StudyFinished)]
                return f"did not end well with all on disk: {reasons} {character.traits}"
    return None


def _events(plan: Plan, archive: RandomArchive, output: Path, timeout_s: float) -> list[Event]:
    """Run; other archives look for ports at the same time, and may have taken ours."""
    while True:
        try:
            return run(plan, archive.settings(output, timeout_s=timeout_s))
        except ConfigError as error:
            if "address already in use" not in str(error):
                raise
            archive.move_elsewhere()


def first_violation(seeds: Iterable[int], folder: Path) -> str | None:
    """Look at the archives of all seeds, several at once, for they mostly wait."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(lambda seed: (seed, violation(seed, folder / str(seed))), seeds)
        return next((f"seed {seed}: {wrong}" for seed, wrong in found if wrong), None)


def _here(output: Path) -> list[str]:
    """SOP Instance UIDs of the files in a folder."""
    return [name.removesuffix(".dcm") for name in files_in(output) if "/" not in name]
