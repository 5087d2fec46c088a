"""The engine in this process, everything imported before the clock starts.

    python -m benchmarks.engine_get PORT CALLED_AE_TITLE STUDY_UID FOLDER [flags]

Prints seconds as JSON: `get_s` from connect to the final response of the C-GET, the same span as
the floor prints; `inventory_s` for the C-FIND before it; `run_s` for all of it, to the last event;
with `--again` also those of a second run into the same folder, which finds everything there.
"""

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import Any
from unittest.mock import patch

import benchmarks.engine_modules  # noqa: F401
from benchmarks.without_sync import leave_out_syncs
from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.model import tags
from dicom_retrieve_tui.model.address import Endpoint, PeerAE
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.events import InstanceStored, StudyFinished
from dicom_retrieve_tui.model.option_values import FLAT_LAYOUT
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.network.peer import PacsPeer
from dicom_retrieve_tui.storage import store
from dicom_retrieve_tui.storage.part_file import PartFile


class _Span:
    """From the first call of a method to the last return, on whatever thread."""

    def __init__(self, owner: type, method: str, stack: ExitStack) -> None:
        self.started_s = self.ended_s = 0.0
        original: Any = getattr(owner, method)

        def timed(*args: Any, **kwargs: Any) -> Any:
            self.started_s = self.started_s or monotonic()
            try:
                return original(*args, **kwargs)
            finally:
                self.ended_s = monotonic()

        stack.enter_context(patch.object(owner, method, timed))

    @property
    def seconds(self) -> float:
        return self.ended_s - self.started_s


def retrieve(
    port: int, called: str, study_uid: str, folder: Path, parallel: int
) -> dict[str, float]:
    """Retrieve one study by C-GET; the figures of the run.

    Raises:
        RuntimeError: The study did not end complete.
    """
    selections = (Selection(study_instance_uid=study_uid),)
    options = RetrieveOptions(
        peer=PeerAE(ae_title=called, endpoint=Endpoint(host="127.0.0.1", port=port)),
        output=folder,
        layout=FLAT_LAYOUT,
        method=Method.C_GET,
        parallel=parallel,
        retries=0,
    )
    decided_s, stored, verdict = 0.0, 0, Verdict.FAILED
    with ExitStack() as stack:
        inventory = _Span(PacsPeer, "take_inventory", stack)
        get = _Span(PacsPeer, "c_get", stack)
        started_s = monotonic()
        for event in wiring.retrieve(selections, options, CancelToken()):
            if isinstance(event, StudyFinished):
                decided_s, verdict = monotonic(), event.verdict
            elif isinstance(event, InstanceStored):
                stored += 1
        run_s = monotonic() - started_s
    if verdict is not Verdict.COMPLETE:
        raise RuntimeError(f"the study ended {verdict}")
    return {
        "get_s": get.seconds,
        "inventory_s": inventory.seconds,
        "decided_s": decided_s - inventory.ended_s,
        "run_s": run_s,
        "instances": stored,
    }


class _NoJournal:
    """Remembers nothing, whatever it is told."""

    def __init__(self, *_: object) -> None:
        """Open nothing."""

    def entries(self, *_: object) -> list[object]:
        """Nothing was recorded."""
        return []

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return _ignore


def _ignore(*_: object) -> None:
    """Take no note."""


def _leave_out_journal_and_check(study_uid: str) -> None:
    """Replace both; what the check would read is taken from the command instead, on trust."""
    trusted = {tags.STUDY_INSTANCE_UID: study_uid.encode(), tags.SERIES_INSTANCE_UID: b"1"}

    def no_check(part: PartFile, _wanted: frozenset[int]) -> dict[int, bytes]:
        return {
            **trusted,
            tags.SOP_INSTANCE_UID: part.request.sop_instance_uid.encode(),
            tags.SOP_CLASS_UID: part.request.sop_class_uid.encode(),
        }

    patch.object(PartFile, "check", no_check).start()
    patch.object(store, "Journal", _NoJournal).start()


def main() -> None:
    """Retrieve one study, once or twice."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("called")
    parser.add_argument("study_uid")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--no-sync", action="store_true")
    parser.add_argument("--unchecked", action="store_true", help="no journal, no structure check")
    parser.add_argument("--parallel", type=int, default=1, help="associations")
    parser.add_argument("--again", action="store_true", help="and once more, into the same folder")
    args = parser.parse_args()
    if args.no_sync:
        leave_out_syncs()
    if args.unchecked:
        _leave_out_journal_and_check(args.study_uid)
    order = (args.port, args.called, args.study_uid, args.folder, args.parallel)
    figures = retrieve(*order)
    if args.again:
        second = retrieve(*order)
        if second["instances"]:
            raise RuntimeError(f"{second['instances']} instances came a second time")
        figures |= {f"again_{name}": value for name, value in second.items()}
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
