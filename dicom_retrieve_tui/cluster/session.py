"""Open a session on a cluster: the same interface as a session in this process."""

import secrets
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.cluster.link import DaskLink
from dicom_retrieve_tui.cluster.run import ClusterRun
from dicom_retrieve_tui.cluster.shared_folder import shared_probe
from dicom_retrieve_tui.engine.ports import Peer
from dicom_retrieve_tui.engine.queue import HelpTask, Postponed, PutBack, StudyTask
from dicom_retrieve_tui.engine.run import Session
from dicom_retrieve_tui.errors import reason_of
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import Event, Noted, StudyFinished
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.study_identity import Identified
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.permissions import Permissions
from dicom_retrieve_tui.storage.shared_lists import keep_list


def retrieve(
    selections: Sequence[Selection],
    options: RetrieveOptions,
    cancel: CancelToken,
    *,
    learn: bool = False,
) -> Generator[Event, None, None]:
    """Retrieve on a cluster: see `wiring.retrieve`."""
    session = open_session(selections, options, cancel, learn=learn)
    session.finish()
    yield from session.events()


def open_session(
    selections: Sequence[Selection],
    options: RetrieveOptions,
    cancel: CancelToken | None = None,
    *,
    learn: bool = False,
    identified: Identified | None = None,
) -> Session:
    """Prepare a retrieval on a cluster: see `wiring.open_session`.

    It connects once its events are read.

    Args:
        selections: What to begin with.
        options: `cluster` is the address.
        cancel: Ends the session.
        learn: Has no effect: what the instances took is not added to the user's history.
        identified: Is not called: no patient data leaves the workers.
    """
    del learn, identified
    cancel = cancel or CancelToken()
    outbox: deque[Event] = deque()
    options = replace(options, output=options.output.absolute())
    run = ClusterRun(selections=selections, options=options, outbox=outbox, cancel=cancel)

    def start(stack: ExitStack) -> "ClusterRetriever":
        wiring.note_dangers(options, outbox)
        link = DaskLink.open(options.cluster, secrets.token_hex(4))
        stack.callback(link.close)
        if not (options.own_folders or options.delivering):
            run.on_answer = partial(_keep_list, selections, options, outbox)
            names = link.workers()
            probing = shared_probe(
                options.output,
                Permissions(options.umask),
                link.ask_workers,
                lambda address: names.get(address, address),
            )
            run.shared = stack.enter_context(probing)
        run.link = link
        return ClusterRetriever(run)

    return Session(run, start, cancel, None, run.limit_rate)


def _keep_list(
    selections: Sequence[Selection], options: RetrieveOptions, outbox: deque[Event]
) -> None:
    """Keep the whole list in the folder: each worker records only what it was given."""
    uids = (each.study_instance_uid for each in selections)
    try:
        keep_list(options.output, uids, Permissions(options.umask))
    except OSError as error:
        text = f"The list of studies is not kept in the folder: {reason_of(error)}."
        outbox.append(Noted(study_instance_uid=None, text=text))


class ClusterRetriever:
    """Ends the studies that no slot ends: an `engine.run.Retriever`."""

    def __init__(self, run: ClusterRun) -> None:
        self._run = run

    def expect(self, uids: Iterable[str]) -> None:
        """See `engine.run.Retriever`."""

    def forget(self, uid: str) -> None:
        """See `engine.run.Retriever`."""

    def give_up(self, uids: Sequence[str], reason: str) -> None:
        """See `engine.run.Retriever`."""

    def retrieve(
        self, task: StudyTask, peer: Peer, worker: int
    ) -> StudyFinished | Postponed | PutBack:
        """Never called: the slots retrieve."""
        raise AssertionError(task, peer, worker)

    def help(self, task: HelpTask, peer: Peer, worker: int) -> None:
        """Never called: the slots help themselves."""
        raise AssertionError(task, peer, worker)

    def abandon(self, task: StudyTask) -> StudyFinished:
        """Finish a study that a slot began and will have no further attempt."""
        known = self._run.known.pop(task.uid, None)
        stored = known.stored if known else 0
        expected = known.expected if known else None
        verdict = Verdict.CANCELLED
        if task.given_up:
            verdict = Verdict.FAILED if stored == expected else Verdict.PARTIAL
            verdict = verdict if stored else Verdict.NOT_TRIED
        last = known.last if known else None
        finished = StudyFinished(
            study_instance_uid=task.uid,
            verdict=verdict,
            expected=expected,
            stored=stored,
            missing=last.missing if last else (),
            reason=task.given_up,
        )
        self._run.emit(finished)
        return finished

    def break_off(self, task: StudyTask, bug: Exception) -> StudyFinished:
        """Never called: a bug in a slot ends the run."""
        raise AssertionError(task) from bug

    def poll(self) -> None:
        """See `engine.run.Retriever`."""
