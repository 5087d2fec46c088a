"""Where the layers meet: only here are engine, network and storage known at once."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from datetime import date
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from dicom_retrieve_tui.engine.desk import Desk
from dicom_retrieve_tui.engine.retriever import Run
from dicom_retrieve_tui.engine.session import Session
from dicom_retrieve_tui.engine.study import Study
from dicom_retrieve_tui.engine.survey import Survey
from dicom_retrieve_tui.engine.trial import an_instance_of, try_one
from dicom_retrieve_tui.errors import Cancelled, ConfigError, OperationFailed
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.diagnosis import (
    INSTANCE_BY,
    Check,
    Finding,
    Looking,
    OurSide,
    Step,
    administrator_lines,
    conclude,
    weighed,
)
from dicom_retrieve_tui.model.events import Event, Noted
from dicom_retrieve_tui.model.findings import StudyFindings
from dicom_retrieve_tui.model.retry import Backoff
from dicom_retrieve_tui.model.search import Found, Search
from dicom_retrieve_tui.model.selection import Method, Plan
from dicom_retrieve_tui.model.settings import Settings
from dicom_retrieve_tui.model.sop_classes import IMPLICIT_VR_LITTLE_ENDIAN
from dicom_retrieve_tui.model.status import try_c_move
from dicom_retrieve_tui.network.association import Association, Caller
from dicom_retrieve_tui.network.callers import Callers
from dicom_retrieve_tui.network.clocks import Clocks
from dicom_retrieve_tui.network.connection import address_towards
from dicom_retrieve_tui.network.examination import Examination
from dicom_retrieve_tui.network.find import find as search_peer
from dicom_retrieve_tui.network.negotiation import Proposal
from dicom_retrieve_tui.network.pacs import PacsPeer
from dicom_retrieve_tui.network.query import c_echo
from dicom_retrieve_tui.network.questions import Listening
from dicom_retrieve_tui.network.services import FIND, VERIFICATION, in_model
from dicom_retrieve_tui.network.storage_scp import Reception, StorageScp
from dicom_retrieve_tui.storage.history import History
from dicom_retrieve_tui.storage.permissions import Permissions
from dicom_retrieve_tui.storage.store import InstanceStore
from dicom_retrieve_tui.storage.verify import verify_folder

if TYPE_CHECKING:
    from dicom_retrieve_tui.network.tls import TlsClient, TlsServer

_BACKOFF = Backoff()
_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - to be told apart, not to be bound


def retrieve(
    plan: Plan, settings: Settings, cancel: CancelToken, backoff: Backoff = _BACKOFF
) -> Generator[Event, None, None]:
    """Retrieve everything in `plan`, telling the story as events.

    Closing the iterator cancels the retrieval and joins its threads.

    Raises:
        ConfigError: Before the first event: the output folder or the listening port cannot be used.
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
    """
    cancel = cancel or CancelToken()
    outbox: deque[Event] = deque()
    clocks = Clocks.from_timeout(settings.timeout_s)
    with ExitStack() as unused:
        planned = [selection.study_instance_uid for selection in plan.selections]
        store = InstanceStore(
            settings.output,
            settings.layout,
            planned,
            Permissions(settings.umask),
            settings.keep_free,
        )
        unused.callback(store.close)
        desk = Desk(store, outbox.append)
        _note_dangers(settings, outbox)
        scp = _storage_scp(desk, clocks, settings, plan)
        if scp is not None:
            unused.enter_context(scp)
        run = _run(plan, settings, clocks, outbox, cancel)
        study = Study(
            plan=plan,
            desk=desk,
            drain_s=clocks.drain_s,
            backoff=backoff,
            queue=run.queue,
            instead_of_get=try_c_move(settings.calling_ae_title, plan.move_destination),
            listening_at=_reachable_at(scp, settings, desk) if scp else "",
        )
        return Session(run, study, cancel, resources=unused.pop_all(), report=desk.report_bytes)


def survey(plan: Plan, settings: Settings, cancel: CancelToken) -> Generator[Event, None, None]:
    """Ask what there would be to retrieve; nothing is retrieved and nothing written.

    Emits the same events as `retrieve`; the verdict `complete` means that the PACS listed it all.
    """
    outbox: deque[Event] = deque()
    clocks = Clocks.from_timeout(settings.timeout_s)
    _note_dangers(settings, outbox)
    run = _run(plan, settings, clocks, outbox, cancel)
    run.queue.close()
    yield from run.events(
        Survey(outbox.append),
        resources=nullcontext(),
        report=lambda: None,
    )


def verify(folder: Path, *, deep: bool) -> Iterator[StudyFindings]:
    """Look whether everything that was retrieved into `folder` is still there and whole.

    Raises:
        ConfigError: It has no journal, or one that cannot be read.
    """
    return verify_folder(folder, deep=deep)


def echo(settings: Settings) -> float:
    """Ask the PACS by C-ECHO if it is there and knows us; the round trip in seconds.

    Raises:
        PeerError: It is not, or does not.
    """
    clocks = Clocks.from_timeout(settings.timeout_s)
    caller = _caller(settings, clocks, CancelToken())
    proposal = Proposal(VERIFICATION, IMPLICIT_VR_LITTLE_ENDIAN)
    with Association.request(caller, (proposal,)) as association:
        return c_echo(association)


def find(
    search: Search,
    settings: Settings,
    cancel: CancelToken,
    split_until: date | None = None,
) -> Generator[Found, None, None]:
    """List what the PACS has of what is searched for, as it comes; then what is to be said of it.

    Closing the iterator ends the association. A `Remark` that is `incomplete` means that there may
    be more; without one, what came is all that there is by the word of the PACS.

    Args:
        search: What to list.
        settings: Which PACS to ask.
        cancel: Ends the search from another thread, or from a signal handler.
        split_until: Divide the range of dates wherever the PACS seems to cap its answers; a range
            with an open end is divided up to this day, which is today.

    Raises:
        PeerError: The PACS cannot be asked, or refuses.
        Cancelled: `cancel` was requested; the PACS has been told by C-CANCEL.
    """
    with _finding(settings, cancel) as association:
        yield from search_peer(association, search, split_until)


def find_each(
    searches: Iterable[Search], settings: Settings, cancel: CancelToken
) -> Generator[list[Found] | OperationFailed, None, None]:
    """What the PACS has of each search, or how it refused that one; all on one association.

    Raises:
        PeerError: The PACS cannot be asked.
        Cancelled: `cancel` was requested.
    """
    with _finding(settings, cancel) as association:
        for search in searches:
            try:
                yield list(search_peer(association, search))
            except OperationFailed as refusal:
                yield refusal


def _finding(settings: Settings, cancel: CancelToken) -> Association:
    """An association for C-FIND."""
    caller = _caller(settings, Clocks.from_timeout(settings.timeout_s), cancel)
    proposals = tuple(
        Proposal(uid, IMPLICIT_VR_LITTLE_ENDIAN) for uid in in_model(FIND, settings.query_model)
    )
    return Association.request(caller, proposals)


def diagnose(plan: Plan, settings: Settings, cancel: CancelToken) -> Generator[Finding, None, None]:
    """Look step by step whether a retrieval would work, and say what to do where it would not.

    Where the plan names a study, one real instance of it is retrieved by each method that the PACS
    offers: by C-MOVE to our own Storage SCP only. It goes into a folder that is removed; the output
    folder is not touched. The last finding is the conclusion, unless the user stops.
    """
    clocks = Clocks.from_timeout(settings.timeout_s)
    listening = None
    if settings.listen is not None:
        bind = partial(_listen, clocks, settings, plan)
        listening = Listening(settings.listen[1], bind)
    examination = Examination(_caller(settings, clocks, cancel), plan, listening)
    steps: list[Step] = []
    try:
        for finding in chain(examination.steps(), _trials(plan, settings, examination, cancel)):
            if isinstance(finding, Step):
                steps.append(finding)
            yield finding
    except Cancelled:
        return
    yield conclude(steps, examination.method, plan, examination.us)


def _trials(
    plan: Plan, settings: Settings, examination: Examination, cancel: CancelToken
) -> Iterator[Finding]:
    """What `diagnose` tries for real; begun only once the examination is over."""
    works, inventory = examination.works, examination.inventory
    if inventory is None or not inventory.instances:
        return
    one = replace(plan, selections=(an_instance_of(inventory),))
    for method, offered in (
        (Method.C_GET, works.get(Check.GET)),
        (Method.C_MOVE, works.get(Check.MOVE) and settings.listen is not None),
    ):
        if offered:
            yield Looking(INSTANCE_BY[method])
            step = try_one(retrieve, method, one, settings, cancel)
            yield weighed(step, method, examination.method)


def tell_administrator(plan: Plan, settings: Settings) -> tuple[str, ...]:
    """What the administrator of the PACS needs to know of us, a sentence each."""
    host, port = settings.listen or (None, None)
    try:
        address = host or address_towards(settings.peer.endpoint)
    except ConfigError:
        address = ""
    us = OurSide(calling_ae_title=settings.calling_ae_title, address=address, listening_port=port)
    return tuple(administrator_lines(plan, us))


def check_protection(settings: Settings) -> None:
    """Read every file of TLS as a retrieval would; nothing is sent.

    Raises:
        ConfigError: One cannot be used.
    """
    _tls_client(settings)
    if settings.listen is not None:
        _tls_server(settings)


def open_history(path: Path | None = None) -> History:
    """The history at `path`, made if it is missing, and set aside if it is damaged.

    Args:
        path: The database; None is the one of this user.

    Raises:
        ConfigError: It cannot be used.
    """
    if path is None:
        from platformdirs import user_data_path  # noqa: PLC0415 - no retrieval needs it

        path = user_data_path("dicom-retrieve", appauthor=False) / "history.db"
    return History(path)


def _run(
    plan: Plan, settings: Settings, clocks: Clocks, outbox: deque[Event], cancel: CancelToken
) -> Run:
    caller = _caller(settings, clocks, cancel)
    return Run(
        plan=plan,
        peer_name=str(settings.peer),
        open_peer=lambda worker: PacsPeer(caller, worker, outbox.append),
        outbox=outbox,
        cancel=cancel,
    )


def _caller(settings: Settings, clocks: Clocks, cancel: CancelToken) -> Caller:
    return Caller(
        peer=settings.peer,
        calling_ae_title=settings.calling_ae_title,
        clocks=clocks,
        cancel=cancel,
        tls=_tls_client(settings),
        user=settings.user,
        query_model=settings.query_model,
        max_pdu_bytes=settings.max_pdu_bytes,
    )


def _note_dangers(settings: Settings, outbox: deque[Event]) -> None:
    """Say on every run what a security officer would not like."""
    for words in settings.dangers:
        outbox.append(Noted(study_instance_uid=None, text=words))


def _tls_client(settings: Settings) -> "TlsClient | None":
    if settings.tls is None:
        return None
    from dicom_retrieve_tui.network.tls import TlsClient  # noqa: PLC0415 - it loads ssl, 60 ms

    return TlsClient(settings.tls)


def _tls_server(settings: Settings) -> "TlsServer | None":
    if settings.tls is None:
        return None
    from dicom_retrieve_tui.network.tls import TlsServer  # noqa: PLC0415 - as above

    return TlsServer(settings.tls)


def _storage_scp(desk: Desk, clocks: Clocks, settings: Settings, plan: Plan) -> StorageScp | None:
    return None if settings.listen is None else _listen(clocks, settings, plan, desk)


def _listen(clocks: Clocks, settings: Settings, plan: Plan, reception: Reception) -> StorageScp:
    host, port = settings.listen or (None, 0)
    host = host or address_towards(settings.peer.endpoint)
    callers = Callers(settings.peer.endpoint.host, settings.accept_from)
    ae_title = plan.move_destination or settings.calling_ae_title
    return StorageScp(
        reception,
        clocks,
        callers,
        ae_title=ae_title,
        host=host,
        port=port,
        tls=_tls_server(settings),
        max_pdu_bytes=settings.max_pdu_bytes,
    )


def _reachable_at(scp: StorageScp, settings: Settings, desk: Desk) -> str:
    """Host and port as the PACS needs them; a word if we listen where nobody thought of."""
    if scp.host not in _EVERYWHERE:
        return f"{scp.host}:{scp.port}"
    text = (
        f"Listening on port {scp.port} of every interface of this machine, as --listen {scp.host} "
        "says; --listen PORT alone takes only the one towards the PACS."
    )
    desk.emit(Noted(study_instance_uid=None, text=text))
    return f"{address_towards(settings.peer.endpoint)}:{scp.port}"
