"""What protection costs: TLS (E1), and a besieged Storage SCP, without TLS and with it (B1, B2)."""

from dataclasses import replace

from benchmarks import tools
from benchmarks.contestants import OURS, UNSYNCED, checked
from benchmarks.corpus import LARGE, SMALL, Study
from benchmarks.peers import Address, Peers
from benchmarks.scenario import PEAK, Comparison, Scenario
from benchmarks.tools import Tool

_TLS, _BESIEGED = "over TLS", "besieged"
_AS_FAST = 1.10
"""As fast as undisturbed, within what a busy machine lets one see."""


def e1(peers: Peers) -> Scenario:
    """The same from two of Orthanc, one of which encrypts."""
    study = LARGE[0]
    plain, secured = peers.orthanc(study), peers.tls_orthanc(study)
    flags = tools.get_flags(study.uid)
    unencrypted = checked(UNSYNCED, study, tools.ours(*flags, address=plain, sync=False))
    encrypted = checked(
        f"{UNSYNCED}, {_TLS}",
        study,
        tools.ours(*flags, *peers.tls_flags, address=secured, sync=False),
    )
    return Scenario(
        name="E1",
        title="C-GET, 500 x 0.5 MB, Orthanc, 1 association, with and without TLS",
        tools=(unencrypted, encrypted),
        comparisons=_both(encrypted, unencrypted, target=None),
    )


def b1(peers: Peers) -> Scenario:
    """Small images, each of which is an answer that a siege could delay."""
    return _besieged("B1", SMALL, peers.orthanc(SMALL), peers, tls=False)


def b2(peers: Peers) -> Scenario:
    """Medium images, encrypted both ways."""
    return _besieged("B2", LARGE[0], peers.tls_orthanc(LARGE[0]), peers, tls=True)


def _besieged(name: str, study: Study, address: Address, peers: Peers, *, tls: bool) -> Scenario:
    flags = [*tools.move_flags(study.uid, peers.move_port), *(peers.tls_flags if tls else [])]
    commands = tools.ours(*flags, address=address, sync=False)
    undisturbed = checked(OURS, study, commands)
    besieged = replace(
        checked(f"{OURS}, {_BESIEGED}", study, commands), beside=lambda: peers.siege(tls=tls)
    )
    size = "2,000 x 33 KB" if study is SMALL else "500 x 0.5 MB"
    return Scenario(
        name=name,
        title=f"C-MOVE to our own SCP, {size}, Orthanc, besieged{', over TLS' if tls else ''}",
        tools=(undisturbed, besieged),
        comparisons=_both(besieged, undisturbed, target=_AS_FAST),
    )


def _both(subject: Tool, opponent: Tool, target: float | None) -> tuple[Comparison, ...]:
    """Time and memory."""
    time = Comparison(subject=subject.name, opponent=opponent.name, target=target)
    return (time, replace(time, metric=PEAK))
