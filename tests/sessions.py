"""A session whose events a thread reads, so that a test can steer it and wait for what shows."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from dicom_retrieve_tui.engine.run import Session
from dicom_retrieve_tui.model.events import Event, StudyFinished
from dicom_retrieve_tui.model.progress import Progress
from dicom_retrieve_tui.model.selection import Selection

PATIENCE_S = 60.0


def selections(*uids: str) -> tuple[Selection, ...]:
    return tuple(Selection(study_instance_uid=uid) for uid in uids)


class Watched:
    """Reads and folds the events of a session until it ends; leaving it cancels what is left."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.events: list[Event] = []
        self.progress = Progress()
        self._news = threading.Condition()
        self._error: BaseException | None = None
        self._over = False
        self._reader = threading.Thread(target=self._read, name="watcher")

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.session.cancel()
        self.join()

    def _read(self) -> None:
        try:
            for event in self.session.events():
                with self._news:
                    self.events.append(event)
                    self.progress.apply(event)
                    self._news.notify_all()
        except BaseException as error:  # noqa: BLE001 - raised where the test can see it
            self._error = error
        with self._news:
            self._over = True
            self._news.notify_all()

    def until(self, seen: Callable[[Progress], object]) -> None:
        """Wait until the state is as `seen` wants it."""
        with self._news:
            met = self._news.wait_for(lambda: seen(self.progress) or self._over, PATIENCE_S)
            assert met, self.events[-10:]
            assert seen(self.progress), self._error

    def comes(self, seen: Callable[[Progress], object], within_s: float) -> bool:
        """True if the state is, or becomes, as `seen` describes it within that time."""
        with self._news:
            return bool(self._news.wait_for(lambda: seen(self.progress), within_s))

    def until_finished(self, uid: str, times: int = 1) -> StudyFinished:
        """Wait for the verdict on a study, and for as many before it as it was tried."""

        def verdicts() -> list[StudyFinished]:
            finished = [event for event in self.events if isinstance(event, StudyFinished)]
            return [event for event in finished if event.study_instance_uid == uid]

        self.until(lambda _progress: len(verdicts()) >= times)
        return verdicts()[times - 1]

    def finish(self) -> list[Event]:
        """Let the session come to its end; all events."""
        self.session.finish()
        self.join()
        return self.events

    def join(self) -> None:
        self._reader.join(PATIENCE_S)
        assert not self._reader.is_alive()
        if self._error is not None:
            raise self._error
