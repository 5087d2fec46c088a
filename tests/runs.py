"""Runs of the engine, as tests ask for them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.doctor.result import Finding
from dicom_retrieve_tui.model.address import Endpoint, PeerAE
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.events import Event, StudyFinished
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.retry import Backoff
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.series_filter import NO_FILTER, SeriesFilter

_E = TypeVar("_E", bound=Event)

STUDY = "1.2.3"
_AT_ONCE = Backoff(first_s=0.01)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a test retrieves, and how; the options of a PACS hold the rest."""

    selections: tuple[Selection, ...]
    method: Method
    move_destination: str | None = None
    listening: bool = False
    parallel: int = 1
    retries: int = 0
    series_filter: SeriesFilter = NO_FILTER

    def on(self, pacs: RetrieveOptions) -> tuple[tuple[Selection, ...], RetrieveOptions]:
        """Return what `wiring.retrieve` takes."""
        options = replace(
            pacs,
            method=self.method,
            move_destination=self.move_destination,
            listen=pacs.listen if self.listening else None,
            parallel=self.parallel,
            retries=self.retries,
            series_filter=self.series_filter,
        )
        return self.selections, options


def settings(
    port: int, output: Path, *, timeout_s: float = 10.0, called: str = "RAW"
) -> RetrieveOptions:
    peer = PeerAE(ae_title=called, endpoint=Endpoint(host="127.0.0.1", port=port))
    return RetrieveOptions(peer=peer, output=output, timeout_s=timeout_s)


def get_plan(*studies: str, parallel: int = 1, retries: int = 0) -> Plan:
    selections = tuple(Selection(study_instance_uid=uid) for uid in studies or (STUDY,))
    return Plan(selections=selections, method=Method.C_GET, parallel=parallel, retries=retries)


def move_plan(
    *studies: str, destination: str = "DRTUI", parallel: int = 1, retries: int = 0
) -> Plan:
    return replace(
        get_plan(*studies, parallel=parallel, retries=retries),
        method=Method.C_MOVE,
        move_destination=destination,
        listening=True,
    )


def run(
    plan: Plan,
    given: RetrieveOptions,
    cancel: CancelToken | None = None,
    backoff: Backoff = _AT_ONCE,
) -> list[Event]:
    """All events of a run."""
    return list(wiring.retrieve(*plan.on(given), cancel or CancelToken(), backoff))


def diagnose(plan: Plan, given: RetrieveOptions) -> list[Finding]:
    """All findings of a diagnosis with the first study of a plan."""
    selections, options = plan.on(given)
    return list(wiring.diagnose(selections[0], options, CancelToken()))


def of_kind(kind: type[_E], events: Iterable[Event]) -> list[_E]:
    return [event for event in events if isinstance(event, kind)]


def verdict_of(events: Iterable[Event], study: str = STUDY) -> StudyFinished:
    """The one verdict on a study."""
    (finished,) = [e for e in of_kind(StudyFinished, events) if e.study_instance_uid == study]
    return finished


_ACCOUNT = (".dicom-retrieve/journal.db", ".dicom-retrieve/run.json", "failed-studies.txt")


def files_in(folder: Path) -> list[str]:
    """Every file below a folder, by its path from there, except its account; parts are shown."""
    files = (p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return sorted(file for file in files if not file.startswith(_ACCOUNT))
