"""Pausing: no request begins while the run is paused; those that have begun go on to their end."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dicom_retrieve_tui.engine.ports import Peer, Receiver
from dicom_retrieve_tui.engine.queue import TaskQueue
from dicom_retrieve_tui.errors import Cancelled
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.dimse import FinalResponse, RetrieveOperation
from dicom_retrieve_tui.model.inventory import Inventory
from dicom_retrieve_tui.model.selection import Selection


@dataclass(frozen=True, slots=True)
class GatedPeer:
    """A worker's way to the PACS, as `ports.Peer` says, that waits before each request."""

    peer: Peer
    queue: TaskQueue

    def take_inventory(
        self, selection: Selection, cancel: CancelToken, *, count_study: bool = False
    ) -> Inventory:
        """See `ports.Peer`."""
        self._pass(cancel)
        return self.peer.take_inventory(selection, cancel, count_study=count_study)

    def negotiations(self, inventory: Inventory) -> tuple[Any, ...]:
        """See `ports.Peer`."""
        return self.peer.negotiations(inventory)

    def narrow_negotiations(self, inventory: Inventory) -> tuple[Any, ...]:
        """See `ports.Peer`."""
        return self.peer.narrow_negotiations(inventory)

    def wider_negotiations(self, inventory: Inventory, *, unlisted: bool) -> Iterator[Any]:
        """See `ports.Peer`."""
        return self.peer.wider_negotiations(inventory, unlisted=unlisted)

    def c_get(
        self, operation: RetrieveOperation, negotiation: Any, receiver: Receiver
    ) -> FinalResponse:
        """See `ports.Peer`."""
        self._pass(operation.cancel)
        return self.peer.c_get(operation, negotiation, receiver)

    def c_get_nothing(self, operation: RetrieveOperation) -> FinalResponse:
        """See `ports.Peer`."""
        self._pass(operation.cancel)
        return self.peer.c_get_nothing(operation)

    def c_move(self, operation: RetrieveOperation, move_destination: str) -> FinalResponse:
        """See `ports.Peer`."""
        self._pass(operation.cancel)
        return self.peer.c_move(operation, move_destination)

    def close(self) -> None:
        """See `ports.Peer`."""
        self.peer.close()

    def _pass(self, cancel: CancelToken) -> None:
        """Wait while the run is paused, without keeping an association from others.

        Raises:
            Cancelled: The user stopped meanwhile.
        """
        if not self.queue.paused:
            return
        self.peer.close()
        self.queue.wait_while_paused(cancel)
        if cancel.requested:
            raise Cancelled
