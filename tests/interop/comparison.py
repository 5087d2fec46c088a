"""Compares what was retrieved with what the peer holds, byte for byte."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.interop.files import StoredInstance, instances_below
from tests.interop.peers import Peer


def assert_same_as_peer(
    retrieved: Path | Iterable[StoredInstance], peer: Peer, sop_instance_uids: Iterable[str]
) -> None:
    """Just these instances were retrieved, each once, in the peer's transfer syntax and bytes.

    Args:
        retrieved: Instances, or the folder that their files are below.
        peer: It holds the originals.
        sop_instance_uids: What should be there.
    """
    found = instances_below(retrieved) if isinstance(retrieved, Path) else list(retrieved)
    times = Counter(instance.sop_instance_uid for instance in found)
    wanted = set(sop_instance_uids)
    faults = [f"{uid}: missing" for uid in sorted(wanted - times.keys())]
    faults += [f"{uid}: not asked for" for uid in sorted(times.keys() - wanted)]
    faults += [f"{uid}: {count} files" for uid, count in times.items() if count > 1]
    for instance in found:
        if instance.sop_instance_uid in wanted:
            faults += _differences(instance, peer)
    assert not faults, "\n".join(faults)


def _differences(instance: StoredInstance, peer: Peer) -> Iterator[str]:
    # Words, because nobody can read what pytest shows of two data sets that differ.
    uid = instance.sop_instance_uid
    held = peer.holds(uid)
    if instance.sop_class_uid != held.sop_class_uid:
        yield f"{uid}: SOP class {instance.sop_class_uid}, the peer has {held.sop_class_uid}"
    if instance.transfer_syntax_uid != held.transfer_syntax_uid:
        yield f"{uid}: in {instance.transfer_syntax_uid}, the peer has {held.transfer_syntax_uid}"
    elif instance.data_set != held.data_set:
        sizes = f"{len(instance.data_set)} bytes, the peer has {len(held.data_set)}"
        yield f"{uid}: {sizes}; they differ from byte {_first_difference(instance, held)}"


def _first_difference(one: StoredInstance, other: StoredInstance) -> int:
    pairs = enumerate(zip(one.data_set, other.data_set, strict=False))
    shorter = min(len(one.data_set), len(other.data_set))
    return next((at for at, (a, b) in pairs if a != b), shorter)
