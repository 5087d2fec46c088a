"""One study cut into requests, so that several workers can ask for it at once.

Over a long line one association moves one instance a round trip, however fast either side is; and
at the end of a run, when fewer studies are left than workers, the others would stand idle.
"""

import math
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from dicom_retrieve_tui.engine.study_state import StudyState
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.selection import RetrieveRequest

UIDS_A_REQUEST_MAX = 200
"""SOP Instance UIDs in one IMAGE level request; some PACS reject longer lists."""

_REQUESTS_A_WORKER = 4
"""Enough of them that nobody waits long for the last one."""

_UIDS_A_REQUEST_MIN = 10
"""Each request costs a round trip of its own."""

_TICK_S = 0.2


def image_requests(study: StudyState, uids_max: int) -> Iterator[RetrieveRequest]:
    """IMAGE level requests for what is missing now, each within one series."""
    for series_uid, uids in _missing_by_series(study):
        for at in range(0, len(uids), uids_max):
            yield image_request(study, series_uid, uids[at : at + uids_max])


def image_request(study: StudyState, series_uid: str, uids: Sequence[str]) -> RetrieveRequest:
    """One request for instances of a series."""
    return RetrieveRequest(
        level=Level.IMAGE,
        study_instance_uid=study.study_instance_uid,
        series_instance_uid=series_uid,
        sop_instance_uids=tuple(uids),
    )


def _cut(study: StudyState, lengths: Iterable[int]) -> Iterator[RetrieveRequest]:
    """The same in lists of about these lengths, one after the other."""
    each, room = iter(lengths), 0
    for series_uid, uids in _missing_by_series(study):
        at, end = 0, len(uids)
        while at < end:
            if room < _UIDS_A_REQUEST_MIN:
                room = next(each)
            # No request for a handful that is left of a series.
            whole = end - at < min(room + _UIDS_A_REQUEST_MIN, UIDS_A_REQUEST_MAX)
            cut = end if whole else at + room
            yield image_request(study, series_uid, uids[at:cut])
            room -= cut - at
            at = cut


def _lengths(count: int, workers: int) -> Iterator[int]:
    """How many instances each share has, in the order in which they are asked for.

    They begin short and unlike, and end so: if all workers asked at once, each time, all would wait
    for an archive that looks up one list of UIDs after the other (Orthanc: 0.5 ms for each UID).
    Who began with the shortest share is the first to be free at the end, and finds the longest.
    """
    size = count // (workers * _REQUESTS_A_WORKER)
    size = max(_UIDS_A_REQUEST_MIN, min(size, UIDS_A_REQUEST_MAX))
    ramp = [max(_UIDS_A_REQUEST_MIN, size * n // workers) for n in range(1, workers + 1)]
    yield from ramp
    between = max(count - 2 * sum(ramp), 0)
    rounds = math.ceil(between / (size * workers))
    for left in range(rounds * workers, 0, -1):  # as many for each, and alike
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
    """The requests for one study that nobody has made yet. Safe to use from several threads."""

    def __init__(self, study: StudyState, workers: int) -> None:
        """Cut what is missing of a study for `workers` workers."""
        self.study = study
        self._left = deque(_cut(study, _lengths(len(study.to_ask_for()), workers)))
        self._put_off: list[RetrieveRequest] = []
        self._broke_off: list[RetrieveRequest] = []
        self._askers = 0
        self._closed = False
        self._changed = threading.Condition()

    def __len__(self) -> int:
        """How many requests nobody has made yet."""
        return len(self._left)

    def join(self) -> bool:
        """Begin to ask, share by share; False if it is too late. If not, `leave` must follow."""
        with self._changed:
            self._askers += not self._closed
            return not self._closed

    def leave(self) -> None:
        """Ask no more."""
        with self._changed:
            self._askers -= 1
            self._changed.notify_all()

    def take(self) -> RetrieveRequest | None:
        """The next request, or None if all are made or being made."""
        with self._changed:
            return self._left.popleft() if self._left else None

    def give_back(self, request: RetrieveRequest) -> None:
        """A request that was taken has failed; somebody else may make it."""
        with self._changed:
            self._left.append(request)

    def put_off(self, request: RetrieveRequest) -> None:
        """A request that was taken broke off: it is made once more when the others are made.

        If it breaks off again, one instance may be to blame, and it is set aside.
        """
        with self._changed:
            if request in self._put_off:
                self._broke_off.append(request)
            else:
                self._put_off.append(request)
                self._left.append(request)

    def take_broken_off(self) -> list[RetrieveRequest]:
        """The requests that broke off twice."""
        with self._changed:
            taken, self._broke_off = self._broke_off, []
            return taken

    def wait(self) -> None:
        """Wait until nobody asks any more; nobody can join after that.

        Also when the user stopped: askers end soon, then, and nothing may be told of a study after
        its verdict.
        """
        with self._changed:
            while self._askers:
                self._changed.wait(_TICK_S)
            self._closed = True
            self._left.clear()
