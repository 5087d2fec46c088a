"""The accounts of output folders, loaded at their first use: the first frame does not wait."""

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property
from pathlib import Path

from dicom_retrieve_tui.model.folder_account import StudyAccount
from dicom_retrieve_tui.tui.ports import FolderAccounts


class DeferredAccounts:
    """Opens the accounts when one is wanted; without an opener, every folder has none."""

    def __init__(self, open_accounts: Callable[[], FolderAccounts] | None = None) -> None:
        self._open = open_accounts

    @cached_property
    def _accounts(self) -> FolderAccounts | None:
        return self._open() if self._open is not None else None

    def failures(self, folder: Path) -> Iterator[StudyAccount]:
        """See `FolderAccounts`."""
        return self._accounts.failures(folder) if self._accounts is not None else iter(())

    def complete(self, folder: Path, uids: Collection[str]) -> set[str]:
        """See `FolderAccounts`."""
        return self._accounts.complete(folder, uids) if self._accounts is not None else set()

    def failed_list(self, folder: Path) -> Path | None:
        """See `FolderAccounts`."""
        return self._accounts.failed_list(folder) if self._accounts is not None else None

    def write_failed_list(self, folder: Path) -> Path | None:
        """See `FolderAccounts`."""
        return self._accounts.write_failed_list(folder) if self._accounts is not None else None

    def forget(self, folder: Path, uids: Sequence[str], *, held: bool) -> None:
        """See `FolderAccounts`."""
        if self._accounts is not None:
            self._accounts.forget(folder, uids, held=held)
