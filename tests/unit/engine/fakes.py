"""A peer and a store that do as a test says, without a socket or a file."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dicom_retrieve_tui.dataset.walk_result import WalkResult
from dicom_retrieve_tui.engine.archive_outage import ArchiveWatch
from dicom_retrieve_tui.engine.hold import Holds
from dicom_retrieve_tui.engine.outage import PeerWatch, Probe
from dicom_retrieve_tui.engine.queue import TaskQueue
from dicom_retrieve_tui.errors import DiskFailed, PeerError, RetrieveError
from dicom_retrieve_tui.model.address import Endpoint, PeerAE
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import HoldCause, Method
from dicom_retrieve_tui.model.dimse import FinalResponse, Receiver, RetrieveOperation, StoreRequest
from dicom_retrieve_tui.model.inventory import Inventory, ListedInstance
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.retry import Backoff
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.store_records import Placed, Placement, Recalled, StudyRecord

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
IMPLICIT = "1.2.840.10008.1.2"
STUDY = "1.2.3"
SERIES = "1.2.3.1"


def inventory_of(*sops: str, listed: bool = True, announced: int | None = None) -> Inventory:
    instances = tuple(
        ListedInstance(series_instance_uid=SERIES, sop_instance_uid=sop, sop_class_uid=CT_IMAGE)
        for sop in sops
    )
    counted = listed and announced in {None, len(sops)}
    return Inventory(
        study_instance_uid=STUDY,
        listed=listed,
        instances=instances if listed else (),
        series_instance_uids=(SERIES,),
        announced_count=announced,
        counted=counted,
        study_counted=counted,
        doubt="" if listed else "It does not list.",
    )


class FakePart:
    """A part that takes everything and is whatever its request says."""

    size_bytes = 100
    transfer_syntax_uid = IMPLICIT

    def __init__(self, request: StoreRequest) -> None:
        self._request = request

    def write(self, pieces: Sequence[memoryview]) -> None:
        """Forget it."""

    def check(self, wanted: frozenset[int]) -> WalkResult:
        values = {
            0x00080016: self._request.sop_class_uid,
            0x00080018: self._request.sop_instance_uid,
            0x0020000D: STUDY,
            0x0020000E: SERIES,
        }
        found = {tag: value.encode() for tag, value in values.items() if tag in wanted}
        return WalkResult(found, IMPLICIT)

    def discard(self) -> None:
        """Nothing was made."""


class FakeStore:
    """A folder of names; `conflicts` are there already with other bytes."""

    wanted_tags: frozenset[int] = frozenset()

    def __init__(self, conflicts: Sequence[str] = (), broken: DiskFailed | None = None) -> None:
        self.conflicts = conflicts
        self.broken = broken
        self.here: set[str] = set()
        """What an earlier run left."""
        self.gone: dict[str, str] = {}
        """What it left, and is no longer there: SOP Instance UID to Series Instance UID."""
        self.missing: frozenset[str] = frozenset()
        """What it recorded as missing."""
        self.planned: set[str] = set()
        self.claimed: dict[str, str] = {}
        """The processes that have studies, by Study Instance UID."""
        self.finished: StudyRecord | None = None

    def begin(self, request: StoreRequest) -> FakePart:
        if self.broken:
            raise self.broken
        return FakePart(request)

    def has_room(self) -> bool:
        return self.broken is None

    def place(self, part: FakePart, values: Mapping[int, bytes], irregular: str = "") -> Placed:
        del part, irregular
        name = values[0x00080018].decode()
        placement = Placement.SET_ASIDE if name in self.conflicts else Placement.NEW
        return Placed(placement, name)

    def keep_damaged(self, part: FakePart) -> str:
        del part
        return ""

    def recall(self, inventory: Inventory) -> Recalled:
        del inventory
        return Recalled(present=frozenset(self.here), gone=self.gone, missing=self.missing)

    def claim(self, study_instance_uid: str) -> str:
        return self.claimed.get(study_instance_uid, "")

    def kept_count(self, study_instance_uid: str) -> int:
        del study_instance_uid
        return len(self.here)

    def plan(self, uids: Iterable[str]) -> None:
        self.planned.update(uids)

    def unplan(self, uid: str) -> None:
        self.planned.discard(uid)

    def give_up(self, uids: Sequence[str], reason: str) -> None:
        self.given_up = dict.fromkeys(uids, reason)

    def finish(self, study: StudyRecord) -> None:
        self.finished = study


Answer = FinalResponse | RetrieveError
Script = Callable[[RetrieveOperation], tuple[Sequence[str], Answer]]
"""Which instances come for an operation, and how it ends."""


class FakePeer:
    """Answers as its script says."""

    def __init__(self, inventory: Inventory | RetrieveError, script: Script) -> None:
        self.inventory = inventory
        self.script = script
        self.operations: list[RetrieveOperation] = []
        self.counted: list[RetrieveOperation] = []
        """Orders that could bring nothing."""
        self.count = FinalResponse(status=0xA702)
        """How these end."""
        self.closed = False
        self.last_heard_s: float | None = None
        self.wider: tuple[str, ...] = ()
        self.unlisted: tuple[str, ...] = ()
        """What it has as wider negotiations."""
        self.receiver: Receiver | None = None
        """Where instances of a C-MOVE arrive."""

    def take_inventory(
        self, selection: Selection, cancel: CancelToken, *, count_study: bool = False
    ) -> Inventory:
        del selection, cancel, count_study
        if isinstance(self.inventory, RetrieveError):
            raise self.inventory
        return self.inventory

    def negotiations(self, inventory: Inventory) -> tuple[str, ...]:
        del inventory
        return ("all",)

    def narrow_negotiations(self, inventory: Inventory) -> tuple[str, ...]:
        del inventory
        return ()

    def wider_negotiations(self, inventory: Inventory, *, unlisted: bool) -> Iterator[str]:
        del inventory
        yield from self.unlisted if unlisted else self.wider

    def c_get(
        self, operation: RetrieveOperation, negotiation: object, receiver: Receiver
    ) -> FinalResponse:
        del negotiation
        return self._answer(operation, receiver)

    def c_get_nothing(self, operation: RetrieveOperation) -> FinalResponse:
        self.counted.append(operation)
        return self.count

    def c_move(self, operation: RetrieveOperation, move_destination: str) -> FinalResponse:
        del move_destination
        return self._answer(operation, self.receiver)

    def _answer(self, operation: RetrieveOperation, receiver: Receiver | None) -> FinalResponse:
        self.operations.append(operation)
        sops, answer = self.script(operation)
        self.deliver(sops, receiver)
        if isinstance(answer, PeerError):
            answer.mid_request = True
        if isinstance(answer, RetrieveError):
            raise answer
        return answer

    def deliver(self, sops: Sequence[str], receiver: Receiver | None = None) -> None:
        """Have instances arrive, by default where those of a C-MOVE do."""
        for sop in sops:
            request = StoreRequest(
                sop_class_uid=CT_IMAGE, sop_instance_uid=sop, transfer_syntax_uid=IMPLICIT
            )
            receiver = receiver or self.receiver
            assert receiver is not None
            receiver.begin(request).commit()

    def close(self) -> None:
        self.closed = True


def answers(cancel: CancelToken) -> None:
    """A probe to which the PACS answers."""
    del cancel


def watch_of(queue: TaskQueue, probe: Probe = answers) -> PeerWatch:
    """The watch of a study without a run, which cannot give up."""

    def give_up(cause: HoldCause, reason: str, waited_s: float) -> None:
        del cause, reason, waited_s

    holds = Holds(queue, lambda _event: None, CancelToken(), give_up)
    return PeerWatch(queue=queue, holds=holds, probe=probe, limit_s=0.0, give_up=give_up)


def archive_watch_of(queue: TaskQueue) -> ArchiveWatch:
    """The watch of a study without a run, which never holds it."""
    holds = Holds(queue, lambda _event: None, CancelToken(), lambda *_: None)
    return ArchiveWatch(
        queue=queue, holds=holds, emit=lambda _event: None, limit_s=0.0, intervals=Backoff()
    )


def options(**given: Any) -> RetrieveOptions:
    """Options of a PACS that is not asked."""
    peer = PeerAE(ae_title="PACS", endpoint=Endpoint(host="host", port=104))
    given = {"method": Method.C_GET, "retries": 0, **given}
    return RetrieveOptions(peer=peer, output=Path(), **given)
