"""The account of one study while it is retrieved: what is expected, what is proven on disk."""

import threading
from time import monotonic

from dicom_retrieve_tui.model.activity import Activity
from dicom_retrieve_tui.model.inventory import Inventory
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.text import quoted

_NAMING_S = 2.0
"""A rename takes longer than this only where the disk hangs."""
FINISHED = "its study is finished"


class StudyWork:
    """One study in the hands of one worker; instances for it may come on any thread."""

    def __init__(
        self,
        selection: Selection,
        inventory: Inventory,
        present: frozenset[str] = frozenset(),
    ) -> None:
        """Begin the account.

        Args:
            present: SOP Instance UIDs that are on disk already, proven.
        """
        now_s = monotonic()
        self.selection = selection
        self.inventory = inventory
        self.activity = Activity(last_byte_s=now_s, last_instance_s=now_s)
        self._narrowed = selection.instances_by_series
        self.expected = inventory.sop_instance_uids
        self.conflicts: set[str] = set()
        # Of a study whose list is short, what is not listed may be what is missing in it.
        all_count = inventory.is_short and not selection.series
        self.present = present if all_count else present & self.expected
        """What an earlier run left; none of it is asked for again."""
        self._stored = set(self.present)
        self._left = len(self.expected - self.present)
        self._closed = False
        self._naming = 0
        """Instances that are getting their final names just now."""
        self._reported_bytes = 0
        self._changed = threading.Condition()
        self.account = self._changed
        """Held while an instance is counted and told of; reentrant."""

    @property
    def study_instance_uid(self) -> str:
        """Study Instance UID (0020,000D)."""
        return self.selection.study_instance_uid

    @property
    def stored_count(self) -> int:
        """Instances proven on disk."""
        return len(self._stored)

    @property
    def complete(self) -> bool:
        """True if every instance that the PACS listed is proven on disk."""
        return self.inventory.listed and self._left == 0

    def objection(self, study_uid: str, series_uid: str, sop_uid: str) -> str | None:
        """Say why an instance is none that this work asked for, or None if it is.

        An instance of the right study that C-FIND did not list is welcome: it may have reached the
        PACS since.
        """
        if study_uid != self.study_instance_uid:
            return f"it belongs to study {quoted(study_uid)}"
        if self._narrowed and series_uid not in self._narrowed:
            return f"it belongs to series {quoted(series_uid)}"
        if (instances := self._narrowed.get(series_uid)) and sop_uid not in instances:
            return "another instance was asked for"
        return FINISHED if self._closed else None

    def add(self, sop_uid: str) -> bool:
        """Count an instance that stands under its final name; True if it is news."""
        with self._changed:
            if sop_uid in self._stored:
                return False
            self._stored.add(sop_uid)
            self._left -= sop_uid in self.expected
            # The bytes of an instance whose study was unknown at first were noted elsewhere.
            self.activity.last_byte_s = self.activity.last_instance_s = monotonic()
            if self.complete:
                self._changed.notify_all()
            return True

    def missing(self) -> tuple[str, ...]:
        """SOP Instance UIDs that were listed and are not on disk, in the order of the listing."""
        with self._changed:
            uids = (i.sop_instance_uid for i in self.inventory.instances)
            return tuple(uid for uid in uids if uid not in self._stored)

    def has(self, sop_uids: frozenset[str]) -> bool:
        """True if all of these were listed and are on disk."""
        with self._changed:
            return self.inventory.listed and sop_uids <= self._stored

    def wait_complete(self, timeout_s: float) -> None:
        """Wait until everything expected is there, `timeout_s` at most."""
        with self._changed:
            self._changed.wait_for(lambda: self.complete, timeout_s)

    def open(self) -> None:
        """Count what comes, from now on; an earlier attempt may have closed it."""
        with self._changed:
            self._closed = False

    def begin_naming(self) -> bool:
        """Let an instance get its final name, until `end_naming`; False once the study is closed.

        A file under its final name is counted, so the study waits for it before it is judged.
        """
        with self._changed:
            if self._closed:
                return False
            self._naming += 1
            return True

    def end_naming(self) -> None:
        """The instance has its name and is counted, or has none."""
        with self._changed:
            self._naming -= 1
            self._changed.notify_all()

    def close(self) -> None:
        """Let no further instance in."""
        with self._changed:
            self._closed = True

    def wait_named(self) -> None:
        """Wait until no instance is getting its name; a disk that hangs holds up no end."""
        with self._changed:
            self._changed.wait_for(lambda: not self._naming, _NAMING_S)

    def take_unreported_bytes(self) -> int:
        """Data set bytes that came since the last call."""
        received = self.activity.received_bytes
        news, self._reported_bytes = received - self._reported_bytes, received
        return news
