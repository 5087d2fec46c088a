"""Find the instance at which the PACS breaks off, and retrieve the others.

An archive that cannot read one of its files may abort, hang up or fall silent when that file is
due, so that what would have come after it is missing, too. A request that breaks off again is
therefore repeated without the instance that was due both times, and if that does not help, by
halves.
"""

from collections import deque
from collections.abc import Callable, Iterable

from dicom_retrieve_tui.engine.split_study import image_request
from dicom_retrieve_tui.engine.study_state import StudyState
from dicom_retrieve_tui.errors import PeerError
from dicom_retrieve_tui.model.selection import RetrieveRequest

BREAKS_MAX = 2
"""How often a request may break off when an instance is due, until it is not requested again."""

_IN_VAIN_MAX = 16
"""Requests in a row that break off and bring nothing, until the PACS itself is to blame."""
_IN_VAIN_AT_FIRST_MAX = 6
"""The same while nothing of the study has come at all."""

Ask = Callable[[RetrieveRequest], None]
"""Makes a request, in one way or another."""


class Isolation:
    """The retrieval of one IMAGE level request that may break off, list by list."""

    def __init__(self, request: RetrieveRequest, study: StudyState, ask: Ask) -> None:
        self._series_uid = request.series_instance_uid or ""
        self._study = study
        self._ask = ask
        self._lists = deque([request.sop_instance_uids])
        self._suspects: list[str] = []
        """Instances that were due when a request broke off twice, set aside while the rest is
        requested."""
        self._proven = True
        """The rest came without another break, so the suspects are the cause."""
        self._in_vain = 0
        self._last: PeerError | None = None
        """How a request broke off the last time."""

    def retrieve(self, stopped: Callable[[], bool]) -> None:
        """Request until what can come is here; give up the instances at which the PACS breaks off.

        Raises:
            PeerError: No single instance is the cause: the PACS cannot be reached, or breaks off
                at every request.
        """
        while self._lists and not stopped():
            if uids := self._missing(self._lists.popleft()):
                self._try(uids)
        for uid in self._suspects:
            if self._proven:
                self._give_up(uid)
            elif self._missing([uid]) and not stopped():
                self._try((uid,))
                if self._missing([uid]) and self._study.bad.breaks_at(uid) >= BREAKS_MAX:
                    self._give_up(uid)

    def _give_up(self, uid: str) -> None:
        if self._last is None:
            return
        if not self._study.arrivals:
            raise self._last  # nothing else came either
        # The rest came, so it is not the destination that an abort made suspect.
        cause = self._last.__cause__
        last = cause if isinstance(cause, PeerError) else self._last
        self._study.bad.given_up[uid] = last.found

    def _missing(self, uids: Iterable[str]) -> tuple[str, ...]:
        wanted = {instance.sop_instance_uid for instance in self._study.to_ask_for()}
        return tuple(uid for uid in uids if uid in wanted)

    def _try(self, uids: tuple[str, ...]) -> None:
        try:
            self._ask(image_request(self._study, self._series_uid, uids))
        except PeerError as error:
            if not error.mid_request:
                raise
            self._last = error
            left = self._missing(uids)
            self._in_vain = 0 if len(left) < len(uids) else self._in_vain + 1
            if self._in_vain >= (_IN_VAIN_MAX if self._study.arrivals else _IN_VAIN_AT_FIRST_MAX):
                raise
            if left:
                self._go_on(left, came=len(left) < len(uids))
        else:
            self._in_vain = 0

    def _go_on(self, left: tuple[str, ...], *, came: bool) -> None:
        """Decide what to request next, after a request broke off when `left` was due."""
        due, rest = left[0], left[1:]
        twice = self._study.bad.breaks_at(due) >= BREAKS_MAX
        if not rest:
            if twice:
                self._give_up(due)
            else:
                self._lists.appendleft(left)
        elif twice:
            self._suspects.append(due)
            self._lists.appendleft(rest)
        elif came or not self._suspects:
            self._lists.appendleft(left)
        else:  # without the suspect, still nothing comes: each of these may be the cause
            self._proven = False
            half = len(left) // 2
            self._lists.extendleft((left[half:], left[:half]))
