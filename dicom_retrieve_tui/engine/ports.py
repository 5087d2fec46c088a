"""The interfaces that the engine needs; `network` and `storage` satisfy them by shape."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from dicom_retrieve_tui.dataset.walk_result import WalkResult
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.dimse import (
    FinalResponse,
    Receiver,
    RetrieveOperation,
    StoreRequest,
)
from dicom_retrieve_tui.model.events import Event
from dicom_retrieve_tui.model.forecast import Kind, Sizes
from dicom_retrieve_tui.model.inventory import Inventory
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.store_records import Placed, Recalled, StudyRecord


class Peer(Protocol):
    """The PACS as one worker reaches it: at most one association, opened on demand and kept."""

    def take_inventory(
        self, selection: Selection, cancel: CancelToken, *, count_study: bool = False
    ) -> Inventory:
        """Ask by C-FIND what there is. Raises `PeerError`, `Cancelled`.

        Args:
            selection: What to list.
            cancel: Ends the search.
            count_study: Ask for the count of the study even if the list does not need it.
        """

    def negotiations(self, inventory: Inventory) -> tuple[Any, ...]:
        """Return what to negotiate for C-GET, best first; each fits one association.

        They are opaque to the engine, which passes one to `c_get`. There are several if not all
        contexts fit into a proposal, or if the classes must be guessed.
        """

    def narrow_negotiations(self, inventory: Inventory) -> tuple[Any, ...]:
        """Return what to try for instances that did not come with any of `negotiations`."""

    def wider_negotiations(self, inventory: Inventory, *, unlisted: bool) -> Iterator[Any]:
        """Yield what to try for instances that did not come with these either, likeliest first.

        Each has contexts that none before it had. `c_get` raises `ContextNotAccepted` if the PACS
        accepts none of them.

        Args:
            inventory: What the PACS lists.
            unlisted: False for the classes that the PACS lists, or the most likely ones; True for
                all others, dozens of negotiations.
        """

    def c_get(
        self, operation: RetrieveOperation, negotiation: Any, receiver: Receiver
    ) -> FinalResponse:
        """Retrieve by C-GET. Raises `PeerError`, `DiskFailed`, `Cancelled`."""

    def c_get_nothing(self, operation: RetrieveOperation) -> FinalResponse:
        """Make a C-GET without a presentation context for any instance, so that each one fails.

        The counters, and often the list of failed instances, show what the PACS would send, without
        it being sent. Raises `PeerError`, `Cancelled`.
        """

    def c_move(self, operation: RetrieveOperation, move_destination: str) -> FinalResponse:
        """Retrieve by C-MOVE. Raises `PeerError`, `Cancelled`."""

    @property
    def last_heard_s(self) -> float | None:
        """When a byte last came for the open association, by the monotonic clock; None without one.

        The instances of a C-MOVE count, too.
        """

    def close(self) -> None:
        """Release the association if one is open. Never raises."""


class Part(Protocol):
    """A file without its final name."""

    @property
    def size_bytes(self) -> int:
        """Size of the file so far."""

    @property
    def transfer_syntax_uid(self) -> str:
        """The transfer syntax in its file meta; once checked, the one in which it can be read."""

    def write(self, pieces: Sequence[memoryview]) -> object:
        """Append to the data set. Raises `DiskFailed`."""

    def check(self, wanted: frozenset[int]) -> WalkResult:
        """Walk the data set; return the raw values of the wanted elements. Raises `StoreError`."""

    def discard(self) -> None:
        """Remove it if it has no final name."""


class RunWatcher(Protocol):
    """Follows the events of a run on the thread that reads them."""

    def see(self, event: Event) -> object:
        """Take an event into account. Returns at once."""

    def close(self) -> object:
        """Record that the run has ended, and every thread of it."""


class Store(Protocol):
    """The output folder."""

    @property
    def wanted_tags(self) -> frozenset[int]:
        """Elements that file names are made of."""

    def begin(self, request: StoreRequest) -> Part:
        """Open a part. Raises `DiskFailed`."""

    def has_room(self) -> bool:
        """Return True if instances can be kept again, after the disk had no room."""

    def place(self, part: Any, values: dict[int, bytes], irregular: str = "") -> Placed:
        """Give a part its final name and record it. Raises `DiskFailed`."""

    def keep_damaged(self, part: Any) -> str:
        """Move a damaged part aside; return its path in the folder, empty if it is not kept."""

    def recall(self, inventory: Inventory) -> Recalled:
        """Return what earlier runs recorded of a study, checked again. Raises `DiskFailed`."""

    def claim(self, study_instance_uid: str) -> str:
        """Keep other processes from a study; return the one that has it, empty if none has."""

    def kept_count(self, study_instance_uid: str) -> int:
        """Return how many instances of a study earlier runs left, judged by file sizes."""

    def plan(self, uids: Iterable[str]) -> None:
        """Record that these studies are to be retrieved."""

    def unplan(self, uid: str) -> None:
        """Remove a study that is not to be retrieved after all."""

    def give_up(self, uids: Sequence[str], reason: str) -> None:
        """Record that these planned studies were not tried, and why."""

    def finish(self, study: StudyRecord) -> None:
        """Record how a study ended."""


class DiskRoom(Protocol):
    """The free space of the output folder's disk."""

    @property
    def free_bytes(self) -> int:
        """Free space."""

    @property
    def kept_bytes(self) -> int:
        """The part of it that is to stay free."""

    @property
    def usable_bytes(self) -> int:
        """The part of it that may be written."""


class SizeHistory(Protocol):
    """The sizes of instances of complete studies, in all runs. Methods raise `RetrieveError`."""

    def sizes(self) -> Mapping[Kind, Sizes]:
        """Return what is known."""

    def add_sizes(self, news: Mapping[Kind, Sizes]) -> object:
        """Add what further studies took."""
