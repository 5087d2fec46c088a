"""A C-FIND that a test leads: it answers what the test tells it to."""

import queue
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field

from dicom_retrieve_tui.errors import Cancelled, OperationFailed, RetrieveError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.search import Found, Match, Search
from dicom_retrieve_tui.model.study_lookup import Answer

_TICK_S = 0.01


@dataclass
class Searches:
    """Takes the place of `find`; every search gets its answers from the same script."""

    asked: list[Search] = field(default_factory=list)
    settings: list[RetrieveOptions] = field(default_factory=list)
    stopped: int = 0
    """How many searches were stopped before their end."""

    def __post_init__(self) -> None:
        self._script: queue.Queue[Found | RetrieveError | None] = queue.Queue()

    def tell(self, *found: Found) -> None:
        """Let these be found."""
        for each in found:
            self._script.put(each)

    def end(self, error: RetrieveError | None = None) -> None:
        """Let the search be over."""
        self._script.put(error)

    def __call__(
        self, search: Search, settings: RetrieveOptions, cancel: CancelToken
    ) -> Generator[Found, None, None]:
        self.asked.append(search)
        self.settings.append(settings)
        while True:
            if cancel.requested:
                self.stopped += 1
                raise Cancelled
            try:
                found = self._script.get(timeout=_TICK_S)
            except queue.Empty:
                continue
            if found is None:
                return
            if isinstance(found, RetrieveError):
                raise found
            yield found

    def each(
        self, searches: Iterable[Search], settings: RetrieveOptions, cancel: CancelToken
    ) -> Generator[Answer, None, None]:
        """Takes the place of `find_each`."""
        for search in searches:
            try:
                yield list(self(search, settings, cancel))
            except OperationFailed as refusal:
                yield refusal


def study(number: int, **values: object) -> Match:
    """A study of an invented patient; the higher the number, the later the day."""
    return _match(
        {
            "level": Level.STUDY,
            "patient_name": f"Test^No{number}",
            "patient_id": f"P{number:03}",
            "study_date": f"202403{number:02}",
            "study_time": "101500",
            "modalities": ("CT",),
            "study_description": "Thorax",
            "accession_number": f"A{number}",
            "study_instance_uid": f"1.2.{number}",
            "number_of_series": 2,
            "number_of_instances": 480,
            **values,
        }
    )


def series(number: int, study_number: int = 1, **values: object) -> Match:
    """A series of such a study."""
    return _match(
        {
            "level": Level.SERIES,
            "patient_id": f"P{study_number:03}",
            "modalities": ("CT",),
            "study_instance_uid": f"1.2.{study_number}",
            "series_instance_uid": f"1.2.{study_number}.{number}",
            "series_number": str(number),
            "series_description": f"Series {number}",
            "number_of_instances": 240,
            **values,
        }
    )


def _match(values: dict[str, object]) -> Match:
    return Match(**values)  # type: ignore[arg-type]
