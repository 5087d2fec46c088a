"""Retrieve one real instance into a temporary folder."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from time import monotonic

from dicom_retrieve_tui.config.user_folders import temporary_folder
from dicom_retrieve_tui.doctor.result import INSTANCE_BY, Check, Outcome, Step
from dicom_retrieve_tui.errors import Cancelled, RetrieveError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.events import Event, InstanceStored, StudyFinished
from dicom_retrieve_tui.model.humanize import duration_text, size_text
from dicom_retrieve_tui.model.inventory import Inventory
from dicom_retrieve_tui.model.option_values import FLAT_LAYOUT
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.verdict import Verdict

Retrieve = Callable[
    [Sequence[Selection], RetrieveOptions, CancelToken], Generator[Event, None, None]
]


def retrieve_sample(
    retrieve: Retrieve,
    method: Method,
    sample: Selection,
    options: RetrieveOptions,
    cancel: CancelToken,
) -> Step:
    """Retrieve one instance by `method`, and report what came.

    Args:
        sample: Names one instance.
        options: For C-MOVE, these include where to listen.

    Raises:
        Cancelled: The user stops.
        ConfigError: A temporary folder cannot be created.
    """
    moving = method is Method.C_MOVE
    with temporary_folder() as folder:
        where = replace(
            options,
            method=method,
            parallel=1,
            retries=0,
            outage_s=0.0,
            output=folder,
            layout=FLAT_LAYOUT,
            listen=options.listen if moving else None,
        )
        return _step_of(INSTANCE_BY[method], retrieve([sample], where, cancel))


def sample_of(inventory: Inventory) -> Selection:
    """Return the first instance that is listed."""
    first = inventory.instances[0]
    return Selection.of(
        inventory.study_instance_uid, first.series_instance_uid, first.sop_instance_uid
    )


def _step_of(check: Check, events: Generator[Event, None, None]) -> Step:
    """Run the retrieval of one instance; return how it went."""
    started_s = monotonic()
    stored: InstanceStored | None = None
    finished: StudyFinished | None = None
    try:
        with closing(events):
            for event in events:
                if isinstance(event, InstanceStored):
                    stored = event
                elif isinstance(event, StudyFinished):
                    finished = event
    except RetrieveError as error:
        return _failed(check, error.found, error.next_step)
    if finished is None or finished.verdict is Verdict.CANCELLED:
        raise Cancelled
    if stored is None or finished.verdict is not Verdict.COMPLETE:
        return _failed(check, finished.reason or f"It ended {finished.verdict}.", "")
    took = duration_text(monotonic() - started_s)
    return Step(
        check=check,
        outcome=Outcome.OK,
        found=f"{size_text(stored.size_bytes)} came whole, in {took}, in transfer syntax "
        f"{stored.transfer_syntax_uid}.",
    )


def _failed(check: Check, found: str, next_step: str) -> Step:
    return Step(check=check, outcome=Outcome.FAILED, found=found, next_step=next_step)
