"""What the client of a cluster costs by itself: `python -m benchmarks.cluster_client [STUDIES]`.

The workers are scripted: each answers a batch at once, with the events of complete studies of three
instances. So everything that is measured is the client's: queue, leases, batches, messages packed
and unpacked, and the fold of the events.
"""

import os
import queue
import resource
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

from dicom_retrieve_tui.cluster import messages as m
from dicom_retrieve_tui.cluster.link import Arrival, DaskLink, SlotReport
from dicom_retrieve_tui.cluster.messages import our_versions
from dicom_retrieve_tui.cluster.run import ClusterRun
from dicom_retrieve_tui.cluster.session import ClusterRetriever
from dicom_retrieve_tui.model import events as ev
from dicom_retrieve_tui.model.address import Endpoint, PeerAE
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.progress import Progress
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.heartbeat import us

_WORKERS = 4
_INSTANCES = 3


class ScriptedLink:
    """Workers that retrieve everything at once; the shape of `DaskLink`."""

    run = "benchmark"
    is_up = True

    def __init__(self) -> None:
        self.inbox: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self.batches = 0

    def workers(self) -> dict[str, str]:
        """See `DaskLink`."""
        return {f"tcp://worker-{number}": str(number) for number in range(_WORKERS)}

    def start_slot(self, slot: str, address: str) -> None:
        """See `DaskLink`."""
        del address
        self._report(slot, m.Ready(us(), our_versions()))

    def send(self, slot: str, orders: Sequence[m.Order]) -> None:
        """See `DaskLink`: the answer is there at once."""
        for order in m.orders_in(m.packed(orders)):
            if isinstance(order, m.Work):
                self.batches += 1
                self._report(slot, m.Happened(tuple(_events(order))))
            elif isinstance(order, m.Limit):
                self._report(slot, m.Using(order.most))
            elif isinstance(order, m.Finish | m.Cancel):
                self._report(slot, m.Ended())

    def release_slot(self, slot: str) -> None:
        """See `DaskLink`."""
        del slot

    def _report(self, slot: str, report: m.Report) -> None:
        self.inbox.put(SlotReport(slot, m.packed([report])))


def _events(work: m.Work) -> list[ev.Event]:
    found: list[ev.Event] = []
    for selection in work.selections:
        uid = selection.study_instance_uid
        found.append(ev.StudyStarted(study_instance_uid=uid, worker=1))
        found.append(
            ev.StudyInventoried(study_instance_uid=uid, listed=True, series=1, expected=_INSTANCES)
        )
        found += [
            ev.InstanceStored(
                study_instance_uid=uid, series_instance_uid=f"{uid}.1",
                sop_instance_uid=f"{uid}.1.{number}", sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
                transfer_syntax_uid="1.2.840.10008.1.2.1", path=f"{uid}.1.{number}.dcm",
                size_bytes=1000, worker=1, checksum="crc32:00000000",
            )
            for number in range(_INSTANCES)
        ]  # fmt: skip
        found.append(
            ev.StudyFinished(
                study_instance_uid=uid, verdict=Verdict.COMPLETE, expected=_INSTANCES,
                stored=_INSTANCES,
            )
        )  # fmt: skip
    return found


def main() -> None:
    """Run it, and print time and memory."""
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    cancel, outbox = CancelToken(), deque[ev.Event]()
    options = RetrieveOptions(
        peer=PeerAE(ae_title="A", endpoint=Endpoint(host="127.0.0.1", port=1)),
        output=Path(), method=Method.C_GET, parallel=8, cluster="local:4",
    )  # fmt: skip
    began_s = time.perf_counter()
    selections = [Selection.of(f"1.2.840.113619.2.55.3.{number}") for number in range(studies)]
    link = ScriptedLink()
    run = ClusterRun(selections=selections, options=options, outbox=outbox, cancel=cancel)
    run.link = cast("DaskLink", link)
    run.queue.close()
    retriever: Any = ClusterRetriever(run)
    progress, cpu_s = Progress(), time.process_time()
    for event in run.events(retriever, resources=nullcontext()):
        progress.apply(event)
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - began_s
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if progress.good != studies:
        sys.exit(f"{progress.good} of {studies} studies are complete: {progress.verdict}")
    sys.stdout.write(
        f"{studies:,} studies in {link.batches:,} batches: {wall_s:.1f} s, "
        f"{cpu_s / studies * 1000:.3f} ms of CPU a study (the scripted workers included), "
        f"{rss_mb:.0f} MB, load {os.getloadavg()[0]:.1f}\n"
    )


if __name__ == "__main__":
    main()
