"""One study cut into requests, so that several workers can ask for it at once.

Over a long line one association moves one instance a round trip, however fast either side is; and
at the end of a run, when fewer studies are left than workers, the others would stand idle.
"""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import groupby

from dicom_retrieve_tui.engine.work import StudyWork
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.inventory import ListedInstance
from dicom_retrieve_tui.model.selection import RetrieveRequest

UIDS_A_REQUEST_MAX = 200
"""SOP Instance UIDs in one IMAGE level request; some PACS reject longer lists."""

_SHARES_A_WORKER = 4
"""Enough of them that nobody waits long for the last one."""

_UIDS_A_SHARE_MIN = 10
"""Each request costs a round trip of its own."""

_TICK_S = 0.2


def image_requests(work: StudyWork, uids_max: int) -> Iterator[RetrieveRequest]:
    """IMAGE level requests for what is missing now, each within one series."""
    for series_uid, instances in _missing_by_series(work):
        uids = [instance.sop_instance_uid for instance in instances]
        for at in range(0, len(uids), uids_max):
            yield RetrieveRequest(
                level=Level.IMAGE,
                study_instance_uid=work.study_instance_uid,
                series_instance_uid=series_uid,
                sop_instance_uids=tuple(uids[at : at + uids_max]),
            )


def _missing_by_series(work: StudyWork) -> Iterator[tuple[str, Sequence[ListedInstance]]]:
    missing = set(work.missing())
    instances = [i for i in work.inventory.instances if i.sop_instance_uid in missing]
    for series_uid, group in groupby(instances, key=lambda i: i.series_instance_uid):
        yield series_uid, list(group)


class Shares:
    """The requests for one study that nobody has made yet. Safe to use from several threads."""

    def __init__(self, work: StudyWork, workers: int) -> None:
        """Cut what is missing of a study for `workers` workers, the largest share first."""
        left = len(work.missing())
        size = left // (workers * _SHARES_A_WORKER)
        size = max(_UIDS_A_SHARE_MIN, min(size, UIDS_A_REQUEST_MAX))
        requests = sorted(image_requests(work, size), key=_size, reverse=True)
        self.work = work
        self._left = deque(requests)
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


def _size(request: RetrieveRequest) -> int:
    return len(request.sop_instance_uids)
