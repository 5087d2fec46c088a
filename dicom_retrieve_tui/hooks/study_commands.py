"""`--on-study`: one command for each complete study, in threads of their own.

The queue is on the disk, and the transfer never waits for a command. What has succeeded is
recorded, so that a later run does not repeat it.
"""

import logging
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from time import monotonic
from typing import NamedTuple, Protocol

from dicom_retrieve_tui.errors import DiskFailed, RetrieveError
from dicom_retrieve_tui.hooks.process import Outcome, keep_output, run_process, with_output
from dicom_retrieve_tui.model.bug_report import bug_reason
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import (
    Event,
    InstanceStored,
    Noted,
    StudyCommandFinished,
    StudyCommandsDropped,
    StudyFinished,
)
from dicom_retrieve_tui.model.hook_command import HookCommand, StudyHook
from dicom_retrieve_tui.model.humanize import count, duration_text
from dicom_retrieve_tui.model.layout import Layout, clean_component, clean_uid
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.verdict import Verdict

STOPPED = "the run was stopped"
_NOTED_AFTER_S = 2.0
"""From the end of the retrieval until the user is informed that commands are left."""

logger = logging.getLogger(__name__)


class WaitingStudy(NamedTuple):
    """A complete study whose command has not been run."""

    study_instance_uid: str
    folder: str
    """Relative to the output folder."""
    instances: int


class CommandRecords(Protocol):
    """The queue of one command, and what it has done, on the disk.

    Every method raises `DiskFailed` if the disk refuses. Thread-safe.
    """

    def is_done(self, study_instance_uid: str, instances: int) -> bool:
        """Return True if the command succeeded for the study when it had so many instances."""

    def add(self, study_instance_uid: str, folder: str, instances: int) -> bool:
        """Append a study to the queue; return False if it was in the queue already."""

    def take(self) -> tuple[str, str, int] | None:
        """Take the next study from the queue, as a `WaitingStudy`; None if the queue is empty."""

    def finish(self, study_instance_uid: str, *, done: bool) -> object:
        """Record how the command of a study that was taken ended."""

    def drop_waiting(self) -> int:
        """Empty the queue; return how many studies were in it."""

    def close(self) -> object:
        """Close the database."""


class StudyCommands:
    """Runs the command of `--on-study` for each complete study of a run."""

    def __init__(
        self,
        program: str,
        options: RetrieveOptions,
        layout: Layout,
        records: CommandRecords,
        *,
        recorded_paths: Callable[[str], Iterable[str]],
        emit: Callable[[Event], None],
        cancel: CancelToken,
    ) -> None:
        """Start nothing before the first complete study.

        Args:
            program: The path of the program.
            options: The command, and how often it may run at once.
            layout: Of the files' names.
            records: The queue, and what was done in earlier runs; closed by `close`.
            recorded_paths: Returns the paths of files that earlier runs recorded of a study.
            emit: Takes events, from any thread.
            cancel: Ends running commands, and drops those that wait.
        """
        assert options.on_study is not None  # noqa: S101 - the caller has looked
        self._command: HookCommand = options.on_study
        self._program = program
        self._output = options.output.absolute()
        self._umask = options.umask
        self._limit_s = options.command_timeout_s
        self._parallel = options.on_study_parallel
        self._layout = layout
        self._depth = layout.study_folder_depth
        self._records = records
        self._recorded_paths = recorded_paths
        self._emit = emit
        self._cancel = cancel.child()
        self._folders: defaultdict[str, set[str]] = defaultdict(set)
        """Of studies that are being received, where the UID alone does not name the folder."""
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._waiting = 0
        self._running = 0
        self._ending = False
        self._noted = False
        self._ending_s = 0.0
        self._advanced_s = 0.0
        """When a command last ended by itself, or the end of the run began."""

    def follow(self, event: Event) -> None:
        """Look at an event of the run; queue the command of a study that is complete."""
        if isinstance(event, InstanceStored):
            if not self._layout.study_folder(event.study_instance_uid):
                self._folders[event.study_instance_uid].add(self._folder_of(event.path))
        elif isinstance(event, StudyFinished):
            found = self._folders.pop(event.study_instance_uid, set())
            if event.verdict is Verdict.COMPLETE and event.stored:
                try:
                    self._queue(event, found)
                except RetrieveError as failure:
                    self._fail(event.study_instance_uid, f"cannot be recorded: {failure}")

    def finish(self) -> None:
        """Begin the end: no further study comes."""
        with self._changed:
            self._ending = True
            self._ending_s = self._advanced_s = monotonic()
            self._changed.notify_all()

    @property
    def busy(self) -> bool:
        """True while a command runs or waits."""
        with self._changed:
            return bool(self._waiting or self._running)

    def wait(self, timeout_s: float) -> None:
        """Wait a little; drop what waits if the run was stopped, or no command makes progress."""
        with self._changed:
            self._changed.wait(timeout_s)
            late = monotonic() - self._advanced_s > self._limit_s
            left = self._waiting + self._running
        if self._cancel.requested:
            self._drop(STOPPED)
        elif late:
            self._drop(f"no command ended by itself for {duration_text(self._limit_s)}")
        elif left and not self._noted and monotonic() - self._ending_s > _NOTED_AFTER_S:
            self._noted = True
            text = f"{count(left, 'command')} of --on-study are still to be run or to end."
            self._emit(Noted(study_instance_uid=None, text=text))

    def close(self) -> None:
        """End running commands, and join the threads."""
        self._cancel.request()
        with self._changed:
            self._changed.notify_all()
        self._drop(STOPPED)
        for thread in self._threads:
            thread.join()
        self._records.close()

    def _folder_of(self, path: str) -> str:
        return "/".join(path.split("/")[: self._depth])

    def _queue(self, event: StudyFinished, found: set[str]) -> None:
        uid = event.study_instance_uid
        if self._records.is_done(uid, event.stored):
            logger.info("study %s: --on-study has succeeded before", uid)
            return
        folder = self._layout.study_folder(uid)
        if not folder:
            folders = found | {self._folder_of(path) for path in self._recorded_paths(uid)}
            if len(folders) != 1:
                self._fail(uid, f"its files are in {len(folders)} folders, not in one")
                return
            (folder,) = folders
        with self._changed:
            if not self._records.add(uid, folder, event.stored):
                return
            self._waiting += 1
            if len(self._threads) < min(self._parallel, self._waiting + self._running):
                thread = threading.Thread(target=self._work, name=f"on-study-{len(self._threads)}")
                self._threads.append(thread)
                thread.start()
            self._changed.notify_all()

    def _work(self) -> None:
        """Run one command after the other: a thread."""
        while (study := self._take()) is not None:
            try:
                self._run(study)
            except RetrieveError as failure:
                self._fail(study.study_instance_uid, f"cannot be recorded: {failure}")
            except Exception as bug:  # the study must not look as if all was well
                logger.exception("study %s: --on-study", study.study_instance_uid)
                reason = bug_reason(bug)
                self._fail(study.study_instance_uid, reason)
            finally:
                with self._changed:
                    self._running -= 1
                    self._changed.notify_all()

    def _take(self) -> WaitingStudy | None:
        """Wait for a study; None once there will be no more."""
        with self._changed:
            while not self._cancel.requested:
                if not self._waiting:
                    if self._ending:
                        return None
                    self._changed.wait()
                    continue
                self._waiting -= 1
                try:
                    taken = self._records.take()
                except DiskFailed as failure:
                    self._emit(StudyCommandsDropped(studies=1, reason=str(failure)))
                    continue
                if taken is not None:
                    self._running += 1
                    return WaitingStudy(*taken)
            return None

    def _run(self, study: WaitingStudy) -> None:
        uid = study.study_instance_uid
        folder = self._output / study.folder
        hook = StudyHook(
            study_instance_uid=uid,
            folder=str(folder),
            output=str(self._output),
            instances=study.instances,
        )
        if os.path.isdir(folder):  # noqa: PTH112 - never raises
            logger.info("study %s: --on-study begins", uid)
            outcome = run_process(
                [self._program, *self._command.argv(hook.values)[1:]],
                hook.environment,
                limit_s=self._limit_s,
                cancel=self._cancel,
            )
        else:
            outcome = Outcome(exit_code=None, reason="the folder is gone", seconds=0.0)
        name = clean_component(clean_uid(uid))
        kept = keep_output(self._output, name, outcome, self._umask)
        reason = with_output(outcome, kept)
        written = len(outcome.output) + outcome.dropped_bytes
        logger.info("study %s: --on-study: %s, %d bytes of output", uid, reason or "done", written)
        self._records.finish(uid, done=not reason)
        self._emit(
            StudyCommandFinished(
                study_instance_uid=uid,
                exit_code=outcome.exit_code,
                seconds=round(outcome.seconds, 3),
                reason=reason,
            )
        )
        if outcome.exit_code is not None:
            with self._changed:
                self._advanced_s = monotonic()

    def _fail(self, uid: str, reason: str) -> None:
        logger.info("study %s: --on-study: %s", uid, reason)
        self._emit(
            StudyCommandFinished(study_instance_uid=uid, exit_code=None, seconds=0.0, reason=reason)
        )

    def _drop(self, reason: str) -> None:
        """Give up every study that waits."""
        with self._changed:
            dropped, self._waiting = self._waiting, 0
            if not dropped:
                return
            try:
                self._records.drop_waiting()
            except DiskFailed as failure:
                # The next run finds that they are not done.
                logger.info("--on-study: %s", failure)
        self._emit(StudyCommandsDropped(studies=dropped, reason=reason))
