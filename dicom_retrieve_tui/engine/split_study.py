"""Cut a study into requests that several workers make at the same time.

Over a long line, one association transfers one instance a round trip, however fast either side is;
and at the end of a run, when fewer studies are left than workers, the others would be idle.
"""

import math
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import groupby

from dicom_retrieve_tui.engine.study_state import StudyState
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.selection import RetrieveRequest

UIDS_A_REQUEST_MAX = 200
"""SOP Instance UIDs in one IMAGE level request; some PACSs reject longer lists."""

_REQUESTS_A_WORKER = 4
"""Enough that no worker waits long for the last request."""

_UIDS_A_REQUEST_MIN = 10
"""Shorter requests cost too many round trips."""

_TICK_S = 0.2


def image_requests(study: StudyState, uids_max: int) -> Iterator[RetrieveRequest]:
    """Yield IMAGE level requests for what is missing, each within one series."""
    for series_uid, uids in _missing_by_series(study):
        for at in range(0, len(uids), uids_max):
            yield image_request(study, series_uid, uids[at : at + uids_max])


def image_request(study: StudyState, series_uid: str, uids: Sequence[str]) -> RetrieveRequest:
    """Return one request for instances of a series."""
    return RetrieveRequest(
        level=Level.IMAGE,
        study_instance_uid=study.study_instance_uid,
        series_instance_uid=series_uid,
        sop_instance_uids=tuple(uids),
    )


def _cut(study: StudyState, lengths: Iterator[int]) -> Iterator[RetrieveRequest]:
    """Yield requests for what is missing, with about these numbers of instances."""
    room = 0
    for series_uid, uids in _missing_by_series(study):
        at, end = 0, len(uids)
        while at < end:
            if room < _UIDS_A_REQUEST_MIN:
                room = next(lengths)
            # Make no request for a few instances that are left of a series.
            whole = end - at < min(room + _UIDS_A_REQUEST_MIN, UIDS_A_REQUEST_MAX)
            cut = end if whole else at + room
            yield image_request(study, series_uid, uids[at:cut])
            room -= cut - at
            at = cut


def _lengths(count: int, workers: int) -> Iterator[int]:
    """Yield how many instances each request has, in the order in which they are made.

    The first and the last ones are short and of unlike length: if all workers asked at the same
    moment each time, all would wait for an archive that looks up one list of UIDs after the other
    (Orthanc: 0.5 ms for each UID). The worker that began with the shortest request is the first to
    be free at the end, and gets the longest of the last ones.
    """
    size = count // (workers * _REQUESTS_A_WORKER)
    size = max(_UIDS_A_REQUEST_MIN, min(size, UIDS_A_REQUEST_MAX))
    ramp = [max(_UIDS_A_REQUEST_MIN, size * n // workers) for n in range(1, workers + 1)]
    yield from ramp
    between = max(count - 2 * sum(ramp), 0)
    rounds = math.ceil(between / (size * workers))
    for left in range(rounds * workers, 0, -1):  # as many for each worker, of equal length
        length = math.ceil(between / left)
        between -= length
        yield max(length, _UIDS_A_REQUEST_MIN)
    yield from reversed(ramp)
    while True:
        yield size


def _missing_by_series(study: StudyState) -> Iterator[tuple[str, Sequence[str]]]:
    for series_uid, group in groupby(study.to_ask_for(), key=lambda i: i.series_instance_uid):
        yield series_uid, [instance.sop_instance_uid for instance in group]


class SharedRequests:
    """The requests for one study that no worker has made yet. Safe for use by several threads."""

    def __init__(self, study: StudyState, workers: int) -> None:
        """Cut what is missing of a study for `workers` workers."""
        self.study = study
        self._left = deque(_cut(study, _lengths(len(study.to_ask_for()), workers)))
        self._put_off: list[RetrieveRequest] = []
        self._broke_off: list[RetrieveRequest] = []
        self._workers = 0
        self._closed = False
        self._changed = threading.Condition()

    def __len__(self) -> int:
        """Return how many requests no worker has made yet."""
        return len(self._left)

    def join(self) -> bool:
        """Register a worker; False if it is too late. Otherwise `leave` must follow."""
        with self._changed:
            self._workers += not self._closed
            return not self._closed

    def leave(self) -> None:
        """Unregister a worker."""
        with self._changed:
            self._workers -= 1
            self._changed.notify_all()

    def take(self) -> RetrieveRequest | None:
        """Return the next request; None if all are made or being made."""
        with self._changed:
            return self._left.popleft() if self._left else None

    def give_back(self, request: RetrieveRequest) -> None:
        """Return a request that failed, so that another worker may make it."""
        with self._changed:
            self._left.append(request)

    def put_off(self, request: RetrieveRequest) -> None:
        """Return a request that broke off: it is made again after the others.

        If it breaks off again, one instance may be the cause, and the request is set aside.
        """
        with self._changed:
            if request in self._put_off:
                self._broke_off.append(request)
            else:
                self._put_off.append(request)
                self._left.append(request)

    def take_broken_off(self) -> list[RetrieveRequest]:
        """Remove and return the requests that broke off twice."""
        with self._changed:
            taken, self._broke_off = self._broke_off, []
            return taken

    def wait(self) -> None:
        """Wait until every worker has left; none can join after that.

        Also wait when the user has stopped: the workers end soon, and no event of a study may come
        after its verdict.
        """
        with self._changed:
            while self._workers:
                self._changed.wait(_TICK_S)
            self._closed = True
            self._left.clear()
