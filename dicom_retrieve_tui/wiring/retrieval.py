"""A retrieval, steered or not, and the survey of what there would be to retrieve."""

from collections import deque
from collections.abc import Callable, Generator
from contextlib import ExitStack, nullcontext

from dicom_retrieve_tui.engine.dry_run import Survey
from dicom_retrieve_tui.engine.receiver import Desk
from dicom_retrieve_tui.engine.run import Run
from dicom_retrieve_tui.engine.session import Session
from dicom_retrieve_tui.engine.study import Study
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import Event, Noted
from dicom_retrieve_tui.model.retry import Backoff
from dicom_retrieve_tui.model.selection import Plan
from dicom_retrieve_tui.model.settings import Settings
from dicom_retrieve_tui.model.status import try_c_move
from dicom_retrieve_tui.network.deviations import Deviations
from dicom_retrieve_tui.network.peer import PacsPeer
from dicom_retrieve_tui.network.storage_scp import StorageScp
from dicom_retrieve_tui.network.timeouts import Timeouts
from dicom_retrieve_tui.storage.permissions import Permissions
from dicom_retrieve_tui.storage.store import InstanceStore
from dicom_retrieve_tui.wiring.calling import association_parameters
from dicom_retrieve_tui.wiring.listening import listen, our_address

_BACKOFF = Backoff()
_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - to be told apart, not to be bound


def retrieve(
    plan: Plan, settings: Settings, cancel: CancelToken, backoff: Backoff = _BACKOFF
) -> Generator[Event, None, None]:
    """Retrieve everything in `plan`, telling the story as events.

    Closing the iterator cancels the retrieval and joins its threads.

    Raises:
        ConfigError: Before the first event: the output folder or the listening port cannot be used.
        Cancelled: Before the first event, too: `cancel` was requested.
    """
    session = open_session(plan, settings, cancel, backoff)
    session.finish()
    yield from session.events()


def open_session(
    plan: Plan,
    settings: Settings,
    cancel: CancelToken | None = None,
    backoff: Backoff = _BACKOFF,
) -> Session:
    """Make ready for a retrieval that is steered while it goes on.

    Nothing is sent before its events are read. Whoever never reads them calls `Session.close`.

    Args:
        plan: What to begin with: no study at all, perhaps. Its options hold for all that is added.
        cancel: Does what `Session.cancel` does, within a second, and also from a signal handler.

    Raises:
        ConfigError: The output folder or the listening port cannot be used.
        Cancelled: `cancel` was requested before all was ready.
    """
    cancel = cancel or CancelToken()
    outbox: deque[Event] = deque()
    timeouts = Timeouts.from_timeout(settings.timeout_s)
    with ExitStack() as unused:
        planned = [selection.study_instance_uid for selection in plan.selections]
        store = InstanceStore(
            settings.output,
            settings.layout,
            planned,
            Permissions(settings.umask),
            settings.keep_free,
            hurried=lambda: cancel.requested,
            note=lambda text: outbox.append(Noted(study_instance_uid=None, text=text)),
        )
        unused.callback(store.close)
        desk = Desk(store, outbox.append)
        _note_dangers(settings, outbox)
        scp = _storage_scp(desk, timeouts, settings, plan, cancel)
        if scp is not None:
            unused.enter_context(scp)
        run = _run(plan, settings, timeouts, outbox, cancel)
        study = Study(
            plan=plan,
            desk=desk,
            drain_s=timeouts.drain_s,
            late_s=timeouts.stall_s,
            no_progress_s=timeouts.no_progress_s,
            backoff=backoff,
            queue=run.queue,
            instead_of_get=try_c_move(settings.calling_ae_title, plan.move_destination),
            listening_at=_reachable_at(scp, timeouts, settings, desk, cancel) if scp else "",
        )

        def report() -> None:
            desk.report_bytes()
            if scp is not None:
                scp.raise_bug()

        return Session(run, study, cancel, resources=unused.pop_all(), report=report)


def survey(plan: Plan, settings: Settings, cancel: CancelToken) -> Generator[Event, None, None]:
    """Ask what there would be to retrieve; nothing is retrieved and nothing written.

    Emits the same events as `retrieve`; the verdict `complete` means that the PACS listed it all.
    """
    outbox: deque[Event] = deque()
    timeouts = Timeouts.from_timeout(settings.timeout_s)
    _note_dangers(settings, outbox)
    run = _run(plan, settings, timeouts, outbox, cancel)
    run.queue.close()
    yield from run.events(
        Survey(outbox.append),
        resources=nullcontext(),
        report=lambda: None,
    )


def _run(
    plan: Plan, settings: Settings, timeouts: Timeouts, outbox: deque[Event], cancel: CancelToken
) -> Run:
    parameters = association_parameters(settings, timeouts, cancel, _deviations(outbox.append))
    return Run(
        plan=plan,
        peer_name=str(settings.peer),
        open_peer=lambda worker: PacsPeer(parameters, worker, outbox.append, plan.series_filter),
        outbox=outbox,
        cancel=cancel,
    )


def _note_dangers(settings: Settings, outbox: deque[Event]) -> None:
    """Say on every run what a security officer would not like."""
    for words in settings.dangers:
        outbox.append(Noted(study_instance_uid=None, text=words))


def _deviations(emit: Callable[[Event], None]) -> Deviations:
    """Notes what a peer does against the standard as minor events."""
    return Deviations(lambda text: emit(Noted(study_instance_uid=None, text=text, minor=True)))


def _storage_scp(
    desk: Desk, timeouts: Timeouts, settings: Settings, plan: Plan, cancel: CancelToken
) -> StorageScp | None:
    if settings.listen is None:
        return None
    return listen(timeouts, settings, plan, cancel, desk, deviations=_deviations(desk.emit))


def _reachable_at(
    scp: StorageScp, timeouts: Timeouts, settings: Settings, desk: Desk, cancel: CancelToken
) -> str:
    """Host and port as the PACS needs them; a word if we listen where nobody thought of."""
    if scp.host not in _EVERYWHERE:
        return f"{scp.host}:{scp.port}"
    text = (
        f"Listening on port {scp.port} of every interface of this machine, as --listen {scp.host} "
        "says; --listen PORT alone takes only the one towards the PACS."
    )
    desk.emit(Noted(study_instance_uid=None, text=text))
    return f"{our_address(timeouts, settings, cancel)}:{scp.port}"
