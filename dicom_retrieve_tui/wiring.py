"""The only module that knows engine, network and storage at once, and joins them.

Faces import it at their start, so importing it is cheap: each function loads the layers that it
needs when it is called.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dicom_retrieve_tui.errors import ConfigError, DiskFailed, OperationFailed, reason_of
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.events import Event, Noted, RetrieveFinished
from dicom_retrieve_tui.model.hook_command import FinishHook
from dicom_retrieve_tui.model.options import RetrieveOptions, flag_of
from dicom_retrieve_tui.model.retry import Backoff
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.sop_classes import IMPLICIT_VR_LITTLE_ENDIAN
from dicom_retrieve_tui.model.status import try_c_move

if TYPE_CHECKING:
    from dicom_retrieve_tui.doctor.result import Finding
    from dicom_retrieve_tui.engine.hold import Overseer
    from dicom_retrieve_tui.engine.queue import TaskQueue
    from dicom_retrieve_tui.engine.receiver import InstanceReceiver
    from dicom_retrieve_tui.engine.requests import RunContext
    from dicom_retrieve_tui.engine.run import Run, Session
    from dicom_retrieve_tui.engine.run_forecast import RunForecast
    from dicom_retrieve_tui.hooks.study_commands import StudyCommands
    from dicom_retrieve_tui.model.forecast import Outlook, PlannedStudy
    from dicom_retrieve_tui.model.search import Found, Search
    from dicom_retrieve_tui.model.study_identity import Identified
    from dicom_retrieve_tui.network.access import ScpReceiver
    from dicom_retrieve_tui.network.association import Association, AssociationParameters
    from dicom_retrieve_tui.network.deviations import Deviations
    from dicom_retrieve_tui.network.rate_limit import RateLimiter
    from dicom_retrieve_tui.network.storage_scp import StorageScp
    from dicom_retrieve_tui.network.tls.context import TlsClient, TlsServer
    from dicom_retrieve_tui.storage.folder_account import FolderAccounts
    from dicom_retrieve_tui.storage.history import History
    from dicom_retrieve_tui.storage.history_database import HistoryDatabase
    from dicom_retrieve_tui.storage.run_recorder import RunRecorder
    from dicom_retrieve_tui.storage.store import InstanceStore

_BACKOFF = Backoff()
_ALL_INTERFACES = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound


def retrieve(
    selections: Sequence[Selection],
    options: RetrieveOptions,
    cancel: CancelToken,
    backoff: Backoff = _BACKOFF,
    *,
    learn: bool = False,
) -> Generator[Event, None, None]:
    """Retrieve `selections`, and yield the events of the run.

    Closing the iterator cancels the retrieval and joins its threads.

    Args:
        selections: What to retrieve.
        options: How.
        cancel: Ends the run; may be requested from a signal handler.
        backoff: The waits between attempts.
        learn: Forecast by the sizes in the user's history, and add those of this run.

    Raises:
        ConfigError: Before the first event: the output folder or the listening port cannot be used.
        Cancelled: Before the first event: `cancel` was requested.
    """
    session = open_session(selections, options, cancel, backoff, learn=learn)
    session.finish()
    yield from session.events()


def open_session(
    selections: Sequence[Selection],
    options: RetrieveOptions,
    cancel: CancelToken | None = None,
    backoff: Backoff = _BACKOFF,
    *,
    learn: bool = False,
    identified: "Identified | None" = None,
    overseer: "Overseer | None" = None,
) -> "Session":
    """Prepare a retrieval whose queue can be changed while it runs.

    It takes the output folder and the port, and sends something, once its events are read.

    Args:
        selections: What to begin with, perhaps no study.
        options: They hold for every study added later, too.
        cancel: Has the effect of `Session.cancel` within a second; may be requested from a signal
            handler.
        backoff: The waits between attempts.
        learn: Forecast by the sizes in the user's history, and add those of this session.
        identified: Called with the Study Instance UID and the identity of each study, from any
            thread. None asks the PACS for no patient data.
        overseer: Decides for this session and for others against the same PACS; None if it stands
            alone.
    """
    from dicom_retrieve_tui.engine.receiver import InstanceReceiver
    from dicom_retrieve_tui.engine.run import Session
    from dicom_retrieve_tui.engine.study import StudyRetriever
    from dicom_retrieve_tui.network.rate_limit import RateLimiter

    cancel = cancel or CancelToken()
    outbox: deque[Event] = deque()
    rate_limiter = RateLimiter(options.max_rate, connections=options.parallel)
    named = identified is not None
    run = _run(
        selections,
        options,
        outbox,
        cancel,
        backoff,
        rate_limiter=rate_limiter,
        identify=named,
        overseer=overseer,
    )
    recorder = _recorder(options)
    counted: deque[PlannedStudy] = deque()

    def start(stack: ExitStack) -> StudyRetriever:
        check_commands(options)
        store = _open_store(options, outbox, cancel, overseer)
        stack.callback(store.close)
        _keep_list(options, outbox)
        recorder.begin()
        stack.callback(recorder.settle)
        if options.on_study is not None:
            run.follower = _study_commands(options, store, outbox, cancel, stack)
        receiver = InstanceReceiver(store, outbox.append)
        note_dangers(options, outbox)
        scp = _listen_if_possible(options, cancel, receiver, rate_limiter)
        if scp is not None:
            stack.enter_context(scp)
        space = _run_forecast(options, run, outbox, stack, counted, learn=learn)
        context = replace(
            _run_context(options, run.queue, receiver, scp, cancel),
            space=space,
            identified=identified,
        )
        retriever = StudyRetriever(
            run=context, watch=run.watch, archive=run.archive, backoff=backoff
        )
        return replace(retriever, raise_bug=scp.raise_bug) if scp else retriever

    return Session(run, start, cancel, recorder, rate_limiter.limit, foresee=counted.extend)


def _run_context(
    options: RetrieveOptions,
    queue: "TaskQueue",
    receiver: "InstanceReceiver",
    scp: "StorageScp | None",
    cancel: CancelToken,
) -> "RunContext":
    from dicom_retrieve_tui.engine.requests import RunContext
    from dicom_retrieve_tui.network.timeouts import Timeouts

    timeouts = Timeouts.from_timeout(options.timeout_s)
    return RunContext(
        options=options if scp or options.listen is None else _by_get_alone(options),
        receiver=receiver,
        queue=queue,
        drain_s=timeouts.drain_s,
        late_s=timeouts.stall_s,
        no_progress_s=timeouts.no_progress_s,
        listening_at=_reachable_at(scp, options, receiver, cancel) if scp else "",
        instead_of_get=try_c_move(options.calling_ae_title, options.move_destination),
    )


def _keep_list(options: RetrieveOptions, outbox: deque[Event]) -> None:
    """Keep the list of which this run has a share, so that its other shares are known.

    What goes to another SCP is not in the account of the folder.

    Raises:
        ConfigError: The disk refuses.
    """
    if options.writer is None or not options.listed or options.delivering:
        return
    from dicom_retrieve_tui.storage.folder_runs import note_on_lists
    from dicom_retrieve_tui.storage.permissions import Permissions
    from dicom_retrieve_tui.storage.shared_lists import keep_list

    try:
        kept = keep_list(options.output, options.listed, Permissions(options.umask))
        note = note_on_lists(options.output, options.writer, kept)
    except OSError as error:
        reason = reason_of(error)
        raise ConfigError(f"--output {options.output}: cannot write there: {reason}.") from error
    if note:
        outbox.append(Noted(study_instance_uid=None, text=note))


def _recorder(options: RetrieveOptions) -> "RunRecorder":
    from dicom_retrieve_tui.model.shard import list_fingerprint
    from dicom_retrieve_tui.storage.permissions import Permissions
    from dicom_retrieve_tui.storage.run_recorder import RunRecorder

    return RunRecorder(
        options.output,
        peer=str(options.peer),
        method=str(options.method),
        permissions=Permissions(options.umask),
        writer=options.writer,
        listed=list_fingerprint(options.listed) if options.listed else "",
    )


def _open_store(
    options: RetrieveOptions,
    outbox: deque[Event],
    cancel: CancelToken,
    overseer: "Overseer | None",
) -> "InstanceStore":
    from dicom_retrieve_tui.storage.permissions import Permissions
    from dicom_retrieve_tui.storage.store import InstanceStore

    return InstanceStore(
        options.output,
        options.layout,
        Permissions(options.umask),
        options.keep_free,
        peer=str(options.peer),
        writer=options.writer,
        hurried=lambda: cancel.requested,
        note=lambda text: outbox.append(Noted(study_instance_uid=None, text=text)),
        detail=lambda text: outbox.append(Noted(study_instance_uid=None, text=text, minor=True)),
        recorded=overseer.recorded if overseer is not None else lambda _: None,
    )


def check_commands(options: RetrieveOptions) -> None:
    """Find the programs of `--on-study` and `--on-finish`; nothing is run.

    Raises:
        ConfigError: A program is not found.
    """
    if options.on_study is None and options.on_finish is None:
        return
    from dicom_retrieve_tui.hooks.process import find_program
    from dicom_retrieve_tui.model.hook_command import ON_FINISH, ON_STUDY

    for name, command in ((ON_STUDY, options.on_study), (ON_FINISH, options.on_finish)):
        if command is not None:
            find_program(flag_of(name), command)


def run_finish_command(options: RetrieveOptions, hook: FinishHook, cancel: CancelToken) -> str:
    """Run the command of `--on-finish`; return why it failed, or an empty text.

    Args:
        options: The command, how long it may take, and the folder for the output of a failure.
        hook: What it is told.
        cancel: Ends it.
    """
    from dicom_retrieve_tui.hooks.finish_command import run_finish_command as run

    return run(options, hook, cancel)


def dry_run(
    selections: Sequence[Selection],
    options: RetrieveOptions,
    cancel: CancelToken,
    backoff: Backoff = _BACKOFF,
    *,
    learn: bool = False,
    identified: "Identified | None" = None,
) -> Generator[Event, None, None]:
    """Ask the PACS what a retrieval would get; nothing is retrieved and nothing is written.

    Emits the same events as `retrieve`; the verdict `complete` means that the PACS listed it all.
    `SpaceForecast` is the last event but one, unless nothing would be written to the folder.

    Args:
        selections: What a retrieval would get.
        options: How.
        cancel: Ends the run; may be requested from a signal handler.
        learn: Forecast by the sizes in the user's history.
        identified: As for `open_session`.
    """
    from dicom_retrieve_tui.engine.dry_run import DryRun
    from dicom_retrieve_tui.storage.folder_journals import KeptInstances

    outbox: deque[Event] = deque()
    note_dangers(options, outbox)
    # What needs no C-GET and no C-MOVE is not bound to hours.
    unbound = replace(options, between=None)
    run = _run(selections, unbound, outbox, cancel, backoff, identify=identified is not None)
    run.queue.close()
    with ExitStack() as stack:
        space = _run_forecast(options, run, outbox, stack, learn=learn)
        kept = KeptInstances(options.output)
        handler = DryRun(
            outbox.append, run.queue, run.watch, run.archive, space, kept.of_study, identified
        )
        for event in run.events(handler, resources=nullcontext()):
            if space is not None and isinstance(event, RetrieveFinished):
                yield space.total()
            yield event


def space_outlook(studies: "Iterable[PlannedStudy]", options: RetrieveOptions) -> "Outlook | None":
    """Forecast what studies will take, by the user's history and without asking the PACS.

    It reads files and asks for the free space, which may take long on a network drive.

    Returns:
        None if nothing is written to the output folder.
    """
    from dicom_retrieve_tui.model.forecast import SizeTable, outlook_of
    from dicom_retrieve_tui.storage.folder_journals import KeptInstances
    from dicom_retrieve_tui.storage.free_space import room_of
    from dicom_retrieve_tui.storage.history_database import HistorySizes

    if options.delivering:
        return None
    history = HistorySizes(_open_sizes)
    try:
        table = SizeTable(history.sizes())
    except (ConfigError, DiskFailed):
        table = SizeTable()
    finally:
        history.close()
    room = room_of(options.output, options.keep_free)
    return outlook_of(
        studies,
        table,
        KeptInstances(options.output).complete_studies(),
        None if room is None else room.usable_bytes,
    )


def find(
    search: "Search",
    options: RetrieveOptions,
    cancel: CancelToken,
    split_until: date | None = None,
) -> Generator["Found", None, None]:
    """List what the PACS has that matches `search`, as it comes; then remarks about the list.

    Closing the iterator ends the association. A `Remark` that is `incomplete` means that there may
    be more matches; without one, the PACS says that these are all.

    Args:
        search: What to list.
        options: Which PACS to ask.
        cancel: Ends the search; may be requested from another thread or from a signal handler.
        split_until: Split the range of dates wherever the PACS seems to cap its answers; a range
            with an open end is split up to this day, which is today.

    Raises:
        PeerError: The PACS cannot be asked, or refuses.
        Cancelled: `cancel` was requested; C-CANCEL was sent to the PACS.
    """
    from dicom_retrieve_tui.network.study_search import find as search_peer

    with _association_for_find(options, cancel) as association:
        yield from search_peer(association, search, split_until)


def find_each(
    searches: Iterable["Search"],
    options: RetrieveOptions,
    cancel: CancelToken,
    *,
    identify: bool = False,
) -> Generator["list[Found] | OperationFailed", None, None]:
    """Run several searches on one association; yield the matches or the refusal of each.

    Args:
        searches: What to list.
        options: Which PACS to ask.
        cancel: As for `find`.
        identify: Ask for all that `find` asks for; otherwise only for what identifies a study.

    Raises:
        PeerError: The PACS cannot be asked.
        Cancelled: `cancel` was requested.
    """
    from dicom_retrieve_tui.network.study_search import find as search_peer

    with _association_for_find(options, cancel) as association:
        for search in searches:
            try:
                yield list(search_peer(association, search, fewest_keys=not identify))
            except OperationFailed as refusal:
                yield refusal


def echo(options: RetrieveOptions, cancel: CancelToken | None = None) -> float:
    """Send a C-ECHO to the PACS; return the round trip in seconds.

    Raises:
        PeerError: The PACS cannot be reached, or refuses.
        Cancelled: `cancel` was requested.
    """
    from dicom_retrieve_tui.model.sop_classes import VERIFICATION
    from dicom_retrieve_tui.network.association import Association
    from dicom_retrieve_tui.network.c_echo import c_echo
    from dicom_retrieve_tui.network.negotiation import Proposal

    proposal = Proposal(VERIFICATION, IMPLICIT_VR_LITTLE_ENDIAN)
    parameters = _association_parameters(options, cancel or CancelToken())
    with Association.request(parameters, (proposal,)) as association:
        return c_echo(association)


def diagnose(
    study: Selection | None, options: RetrieveOptions, cancel: CancelToken
) -> Generator["Finding", None, None]:
    """Check step by step whether a retrieval would work, and advise where it would not.

    Where a study is named, one instance of it is retrieved by each method that the PACS
    offers: by C-MOVE to our own Storage SCP only. It goes into a temporary folder; the output
    folder is not touched. The last finding is the conclusion, unless the user stops.
    """
    from dicom_retrieve_tui.doctor.request_checks import OurListener
    from dicom_retrieve_tui.doctor.run import run_checks

    listener = None
    if options.listen is not None:
        listener = OurListener(options.listen[1], partial(_listen, options, cancel))
    parameters = _association_parameters(options, cancel)
    return run_checks(parameters, study, options, listener, retrieve)


def tell_administrator(options: RetrieveOptions) -> tuple[str, ...]:
    """Return what the administrator of the PACS needs to know about us, one sentence each."""
    from dicom_retrieve_tui.doctor.result import OurSide, administrator_lines

    host, port = options.listen or (None, None)
    try:
        address = host or _our_address(options, CancelToken())
    except ConfigError:
        address = ""
    us = OurSide(calling_ae_title=options.calling_ae_title, address=address, listening_port=port)
    return tuple(administrator_lines(options, us))


def check_tls(options: RetrieveOptions) -> None:
    """Load every TLS file as a retrieval would; nothing is sent.

    Raises:
        ConfigError: One of the files cannot be used.
    """
    _tls_client(options)
    if options.listen is not None:
        _tls_server(options)


def open_history(path: Path | None = None) -> "History":
    """Open the history at `path`; create it if it is missing, set it aside if it is damaged.

    Args:
        path: The database; None means the one of this user.

    Raises:
        ConfigError: The database cannot be used.
    """
    from dicom_retrieve_tui.storage.history import History

    return History(path or _history_path())


def _open_sizes() -> "HistoryDatabase":
    """Open the history for its sizes only; raises as `open_history` does."""
    from dicom_retrieve_tui.storage.history_database import HistoryDatabase

    return HistoryDatabase(_history_path())


def _history_path() -> Path:
    from dicom_retrieve_tui.config.user_folders import data_folder

    return data_folder() / "history.db"


def open_accounts() -> "FolderAccounts":
    """Return the accounts of all output folders."""
    from dicom_retrieve_tui.storage.folder_account import FolderAccounts

    return FolderAccounts()


def _run(
    selections: Sequence[Selection],
    options: RetrieveOptions,
    outbox: deque[Event],
    cancel: CancelToken,
    backoff: Backoff,
    *,
    rate_limiter: "RateLimiter | None" = None,
    identify: bool = False,
    overseer: "Overseer | None" = None,
) -> "Run":
    from dicom_retrieve_tui.engine.outage import PROBES
    from dicom_retrieve_tui.engine.run import Run
    from dicom_retrieve_tui.network.peer import PacsPeer, probe

    parameters = replace(
        _association_parameters(options, cancel, _deviations(outbox.append)),
        rate_limiter=rate_limiter,
    )
    run = Run(
        selections=selections,
        options=options,
        open_peer=lambda worker: PacsPeer(
            parameters, worker, run.emit_of_peer, options.series_filter, identify=identify
        ),
        probe=lambda cancel: probe(replace(parameters, cancel=cancel)),
        probes=replace(backoff, jitter=PROBES.jitter),
        outbox=outbox,
        cancel=cancel,
        overseer=overseer,
    )
    return run


def _study_commands(
    options: RetrieveOptions,
    store: "InstanceStore",
    outbox: deque[Event],
    cancel: CancelToken,
    stack: ExitStack,
) -> "StudyCommands":
    from dicom_retrieve_tui.hooks.process import find_program
    from dicom_retrieve_tui.hooks.study_commands import StudyCommands
    from dicom_retrieve_tui.model.hook_command import ON_STUDY
    from dicom_retrieve_tui.model.layout import parse_layout
    from dicom_retrieve_tui.storage.command_records import SqliteCommandRecords
    from dicom_retrieve_tui.storage.permissions import Permissions

    command = options.on_study
    assert command is not None  # noqa: S101 - the caller has looked
    commands = StudyCommands(
        find_program(flag_of(ON_STUDY), command),
        options,
        parse_layout(options.layout),
        SqliteCommandRecords(
            options.output, command.text, Permissions(options.umask), options.writer
        ),
        recorded_paths=store.recorded_paths,
        emit=outbox.append,
        cancel=cancel,
    )
    stack.callback(commands.close)
    return commands


def _run_forecast(
    options: RetrieveOptions,
    run: "Run",
    outbox: deque[Event],
    stack: ExitStack,
    counted: "deque[PlannedStudy] | None" = None,
    *,
    learn: bool,
) -> "RunForecast | None":
    """Return the check of a run; None if nothing is written to the output folder."""
    from dicom_retrieve_tui.engine.run_forecast import RunForecast
    from dicom_retrieve_tui.storage.free_space import room_of
    from dicom_retrieve_tui.storage.history_database import HistorySizes

    if options.delivering:
        return None
    history = HistorySizes(_open_sizes) if learn else None
    if history is not None:
        stack.callback(history.close)
    space = RunForecast(
        outbox.append,
        output=options.output,
        room=lambda: room_of(options.output, options.keep_free),
        history=history,
        unfinished=lambda: run.queue.left_count,
        counted=counted,
    )
    stack.callback(space.close)
    return space


def note_dangers(options: RetrieveOptions, outbox: deque[Event]) -> None:
    """Add what a security officer should know to the events of the run."""
    for danger in options.dangers:
        outbox.append(Noted(study_instance_uid=None, text=danger))


def _deviations(emit: Callable[[Event], None]) -> "Deviations":
    """Report departures of a peer from the standard as minor events."""
    from dicom_retrieve_tui.network.deviations import Deviations

    return Deviations(lambda text: emit(Noted(study_instance_uid=None, text=text, minor=True)))


def _association_parameters(
    options: RetrieveOptions, cancel: CancelToken, deviations: "Deviations | None" = None
) -> "AssociationParameters":
    """Return the parameters of our associations with the PACS.

    Args:
        deviations: Takes note of departures from the standard; None only logs them.
    """
    from dicom_retrieve_tui.network.association import AssociationParameters
    from dicom_retrieve_tui.network.deviations import Deviations
    from dicom_retrieve_tui.network.timeouts import Timeouts

    return AssociationParameters(
        peer=options.peer,
        calling_ae_title=options.calling_ae_title,
        timeouts=Timeouts.from_timeout(options.timeout_s),
        cancel=cancel,
        tls=_tls_client(options),
        user=options.user,
        query_model=options.query_model,
        max_pdu_bytes=options.max_pdu_bytes,
        deviations=deviations or Deviations(),
    )


def _association_for_find(options: RetrieveOptions, cancel: CancelToken) -> "Association":
    from dicom_retrieve_tui.model.sop_classes import FIND_CLASSES, in_model
    from dicom_retrieve_tui.network.association import Association
    from dicom_retrieve_tui.network.negotiation import Proposal

    proposals = tuple(
        Proposal(uid, IMPLICIT_VR_LITTLE_ENDIAN)
        for uid in in_model(FIND_CLASSES, options.query_model)
    )
    return Association.request(_association_parameters(options, cancel), proposals)


def _listen_if_possible(
    options: RetrieveOptions,
    cancel: CancelToken,
    receiver: "InstanceReceiver",
    rate_limiter: "RateLimiter",
) -> "StorageScp | None":
    """Bind the port of our own Storage SCP; None if there is to be none.

    Another run may have the port. With the method auto that is a note, because C-GET needs none.

    Raises:
        ConfigError: The port cannot be bound, and the method is C-MOVE.
        Cancelled: `cancel` was requested while a name was looked up.
    """
    if options.listen is None:
        return None
    try:
        return _listen(options, cancel, receiver, _deviations(receiver.emit), rate_limiter)
    except ConfigError as error:
        if options.method is not Method.AUTO:
            raise
        text = f"{error} Without it, only C-GET is used."
        receiver.emit(Noted(study_instance_uid=None, text=text))
        return None


def _by_get_alone(options: RetrieveOptions) -> RetrieveOptions:
    return replace(options, method=Method.C_GET, listen=None, move_destination=None)


def _listen(
    options: RetrieveOptions,
    cancel: CancelToken,
    receiver: "ScpReceiver",
    deviations: "Deviations | None" = None,
    rate_limiter: "RateLimiter | None" = None,
) -> "StorageScp":
    """Bind the port of our own Storage SCP; it accepts callers once its context is entered.

    Args:
        deviations: Takes note of departures from the standard; None only logs them.
        rate_limiter: Limits what is received; None: no limit.

    Raises:
        ConfigError: The port cannot be bound, or a host name is unknown.
        Cancelled: `cancel` was requested while a name was looked up.
    """
    from dicom_retrieve_tui.network.access import AccessList
    from dicom_retrieve_tui.network.storage_scp import StorageScp
    from dicom_retrieve_tui.network.timeouts import Timeouts

    timeouts = Timeouts.from_timeout(options.timeout_s)
    host, port = options.listen or (None, 0)
    host = host or _our_address(options, cancel)
    access_list = AccessList(
        options.peer.endpoint.host,
        options.accept_from,
        limit_s=timeouts.connect_s,
        cancel=cancel,
    )
    return StorageScp(
        receiver,
        timeouts,
        access_list,
        ae_title=options.move_destination or options.calling_ae_title,
        host=host,
        port=port,
        tls=_tls_server(options),
        max_pdu_bytes=options.max_pdu_bytes,
        deviations=deviations,
        rate_limiter=rate_limiter,
    )


def _reachable_at(
    scp: "StorageScp", options: RetrieveOptions, receiver: "InstanceReceiver", cancel: CancelToken
) -> str:
    """Return host and port as the PACS needs them; note it if we listen on every interface."""
    if scp.host not in _ALL_INTERFACES:
        return f"{scp.host}:{scp.port}"
    text = (
        f"Listening on port {scp.port} of every interface of this machine, as --listen {scp.host} "
        "says; --listen PORT alone takes only the one towards the PACS."
    )
    receiver.emit(Noted(study_instance_uid=None, text=text))
    return f"{_our_address(options, cancel)}:{scp.port}"


def _our_address(options: RetrieveOptions, cancel: CancelToken) -> str:
    """Return the address of this machine that leads to the PACS.

    Raises:
        ConfigError: No address leads there, or it cannot be found out.
        Cancelled: `cancel` was requested.
    """
    from dicom_retrieve_tui.network.dns import address_towards
    from dicom_retrieve_tui.network.timeouts import Timeouts, within

    endpoint = options.peer.endpoint
    connect_s = Timeouts.from_timeout(options.timeout_s).connect_s
    patience = within(connect_s, f"the address of {endpoint.host}", cancel)
    return address_towards(endpoint, patience)


def _tls_client(options: RetrieveOptions) -> "TlsClient | None":
    """Return the TLS set-up of our associations; None if they are not encrypted."""
    if options.tls is None:
        return None
    from dicom_retrieve_tui.network.tls.context import TlsClient

    return TlsClient(options.tls)


def _tls_server(options: RetrieveOptions) -> "TlsServer | None":
    """Return the TLS set-up of our Storage SCP; None if it does not encrypt."""
    if options.tls is None:
        return None
    from dicom_retrieve_tui.network.tls.context import TlsServer

    return TlsServer(options.tls)
