"""What several scenarios have in common: the tools' names, the rows that each has."""

from benchmarks import corpus, tools
from benchmarks.corpus import Study
from benchmarks.peers import Address, Peers
from benchmarks.scenario import Comparison
from benchmarks.tools import Commands, Tool

OURS = "dicom-retrieve"
UNSYNCED = "dicom-retrieve, no sync"


def pair_of_ours(study: Study, address: Address, flags: list[str]) -> tuple[Tool, Tool]:
    """The command as users get it and without its syncs, both to be checked byte for byte."""
    return (
        checked(UNSYNCED, study, tools.ours(*flags, address=address, sync=False)),
        checked(OURS, study, tools.ours(*flags, address=address, sync=True)),
    )


def checked(name: str, study: Study, commands: Commands) -> Tool:
    """A tool of ours, whose files are compared with the corpus."""
    return Tool(name=name, commands=commands, expected=corpus.expected(study))


def dcmtk(
    name: str, commands: Commands, study: Study, *, tuned: bool, runs_max: int | None = None
) -> Tool:
    """A tool of DCMTK's, whose files are only counted."""
    environ = tools.tuned_environment(tuned=tuned)
    count = study.instances
    return Tool(name=name, commands=commands, environ=environ, count=count, runs_max=runs_max)


def against(targets: dict[str, float]) -> tuple[Comparison, ...]:
    """Us without sync against each opponent, and what the sync adds."""
    ratios = (
        Comparison(subject=UNSYNCED, opponent=name, target=target)
        for name, target in targets.items()
    )
    return (*ratios, Comparison(subject=OURS, opponent=UNSYNCED))


def uid_list(peers: Peers, name: str, uids: list[str]) -> list[str]:
    """The flags that hand over a list of studies."""
    path = peers.folder / f"{name}.txt"
    path.write_text("\n".join(uids))
    return ["--uid-list", str(path)]
