"""What it takes to start: S1."""

from benchmarks import tools
from benchmarks.peers import Peers
from benchmarks.scenario import Comparison, Scenario
from benchmarks.tools import Tool

_HEADLESS = (
    "from dicom_retrieve_tui.cli.commands import retrieve; "
    "from dicom_retrieve_tui.engine import run, study; "
    "from dicom_retrieve_tui.network import peer; "
    "from dicom_retrieve_tui.storage import store"
)


def s1(_peers: Peers) -> Scenario:
    """What it takes to start."""
    bare = Tool(name="python -c pass", commands=tools.python("pass"))
    shown = Tool(name="dicom-retrieve --help", commands=tools.ours_alone("--help"))
    loaded = Tool(name="import of the headless path", commands=tools.python(_HEADLESS))
    return Scenario(
        name="S1",
        title="start-up, more than the bare interpreter",
        pairs_factor=4,
        tools=(shown, loaded, bare),
        comparisons=(
            Comparison(subject=shown.name, opponent=bare.name, target=0.060, difference=True),
            Comparison(subject=loaded.name, opponent=bare.name, target=0.350, difference=True),
        ),
    )
