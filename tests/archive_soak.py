"""Judges runs against random archives by what is on disk."""

import random
from pathlib import Path

from dicom_retrieve_tui.model.events import RetrieveFinished, StudyFinished
from dicom_retrieve_tui.model.verdict import GOOD
from tests.peers.random_archive import Character, RandomArchive
from tests.runs import files_in, get_plan, run, settings


def violation(seed: int, output: Path) -> str | None:
    """Retrieve from the archive of a seed, in one run or in several; what is wrong, if anything is.

    A run may end well only if all that can be had is on disk, and it must where the archive is
    honest: it holds nothing that cannot be had, and no witness of its own is cut short.
    """
    character = Character.draw(seed)
    chance = random.Random(-seed - 1)
    parallel, runs = chance.choice([1, 1, 2, 3]), chance.choice([1, 1, 2, 3])
    with RandomArchive(character) as archive:
        for _ in range(runs):
            for name in chance.sample(here := _here(output), min(len(here), chance.choice([0, 3]))):
                (output / f"{name}.dcm").unlink()
            plan = get_plan(parallel=parallel, retries=3)
            events = run(plan, settings(archive.port, output, timeout_s=5.0))
            (finished,) = [e for e in events if isinstance(e, RetrieveFinished)]
            good, all_here = finished.verdict in GOOD, character.sendable <= set(_here(output))
            if good and not all_here:
                return f"ended well with {len(_here(output))} on disk: {character.traits}"
            if all_here and character.is_honest and not good:
                reasons = [e.reason for e in events if isinstance(e, StudyFinished)]
                return f"did not end well with all on disk: {reasons} {character.traits}"
    return None


def _here(output: Path) -> list[str]:
    """SOP Instance UIDs of the files in a folder."""
    return [name.removesuffix(".dcm") for name in files_in(output) if "/" not in name]
