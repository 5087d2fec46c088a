"""What the engine needs from the layers beside it; `network` and `storage` satisfy it by shape."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from dicom_retrieve_tui.dataset.walk_result import WalkResult
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.dimse import (
    FinalResponse,
    Receiver,
    RetrieveOperation,
    StoreRequest,
)
from dicom_retrieve_tui.model.inventory import Inventory
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.store_records import Placed, Recalled, StudyRecord


class Peer(Protocol):
    """One worker's way to the PACS: at most one association, opened when needed and kept."""

    def take_inventory(
        self, selection: Selection, cancel: CancelToken, *, count_study: bool = False
    ) -> Inventory:
        """Ask by C-FIND what there is. Raises `PeerError`, `Cancelled`.

        Args:
            count_study: Ask for the count of the study, also where that is not needed for a list.
        """

    def negotiations(self, inventory: Inventory) -> tuple[Any, ...]:
        """What to negotiate for C-GET, best first; each fits one association.

        Opaque to the engine: it only hands one back to `c_get`. More than one where not all
        contexts fit into a proposal, or where the classes must be guessed.
        """

    def narrow_negotiations(self, inventory: Inventory) -> tuple[Any, ...]:
        """What to try for instances that did not come with any of `negotiations`."""

    def wider_negotiations(self, inventory: Inventory, *, unlisted: bool) -> Iterator[Any]:
        """What to try for instances that did not come with these either, the likeliest first.

        Each has contexts that none before it had, and is made when it is asked for. `c_get` raises
        `ContextNotAccepted` where the PACS accepts none of them.

        Args:
            unlisted: False for the classes that the PACS lists, or the most likely ones; True for
                all others, dozens of negotiations.
        """

    def c_get(
        self, operation: RetrieveOperation, negotiation: Any, receiver: Receiver
    ) -> FinalResponse:
        """Retrieve by C-GET. Raises `PeerError`, `DiskFailed`, `Cancelled`."""

    def c_get_nothing(self, operation: RetrieveOperation) -> FinalResponse:
        """Make a C-GET without a presentation context for any instance, so that all of it fails.

        What it would send shows in the counters, and often in the list of what failed, without
        being sent. Raises `PeerError`, `Cancelled`.
        """

    def c_move(self, operation: RetrieveOperation, move_destination: str) -> FinalResponse:
        """Retrieve by C-MOVE. Raises `PeerError`, `Cancelled`."""

    def close(self) -> None:
        """Release the association, if one is open. Never raises."""


class Part(Protocol):
    """A file that has no name yet."""

    @property
    def size_bytes(self) -> int:
        """Size of the whole file so far."""

    @property
    def transfer_syntax_uid(self) -> str:
        """What its file meta names: once it is checked, the syntax in which it can be read."""

    def write(self, pieces: Sequence[memoryview]) -> object:
        """Append to the data set. Raises `DiskFailed`."""

    def check(self, wanted: frozenset[int]) -> WalkResult:
        """Walk the data set; the raw values of the wanted elements. Raises `StoreError`."""

    def discard(self) -> None:
        """Remove it, if it has not been named."""


class Store(Protocol):
    """The output folder."""

    @property
    def wanted_tags(self) -> frozenset[int]:
        """Elements that naming a file takes."""

    def begin(self, request: StoreRequest) -> Part:
        """Open a part. Raises `DiskFailed`."""

    def place(self, part: Any, values: dict[int, bytes], irregular: str = "") -> Placed:
        """Give a part its name, and remember it. Raises `DiskFailed`."""

    def keep_damaged(self, part: Any) -> str:
        """Move a damaged part aside; its path in the folder, or nothing if it is not kept."""

    def recall(self, inventory: Inventory) -> Recalled:
        """Return what earlier runs recorded of a study, proven again. Raises `DiskFailed`."""

    def kept_count(self, study_instance_uid: str) -> int:
        """Return how many instances of a study earlier runs left, by their files' sizes."""

    def plan(self, uids: Iterable[str]) -> None:
        """Remember that these studies are to be retrieved."""

    def unplan(self, uid: str) -> None:
        """A study is not to be retrieved after all."""

    def finish(self, study: StudyRecord) -> None:
        """Remember how a study ended."""
