"""The library: what `import dicom_retrieve_tui` offers to other programs and to notebooks.

No function here handles signals, prints or prompts. Every thread that one of them starts has ended
when it returns, or when its context is left.
"""

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypedDict, Unpack

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.config import secrets
from dicom_retrieve_tui.config.user_folders import expanded
from dicom_retrieve_tui.errors import Cancelled, ConfigError
from dicom_retrieve_tui.model.address import DEFAULT_PORT
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import Level, Method, QueryModel
from dicom_retrieve_tui.model.dates import DateRange, parse_dates
from dicom_retrieve_tui.model.events import Event, RetrieveFinished, RetrieveStarted
from dicom_retrieve_tui.model.hours import system_local
from dicom_retrieve_tui.model.option_values import MAX_PDU_BYTES
from dicom_retrieve_tui.model.options import KEYS, SERIES_KEYS, RetrieveOptions, read_options
from dicom_retrieve_tui.model.person_name import name_key
from dicom_retrieve_tui.model.progress import Progress, StudyProgress
from dicom_retrieve_tui.model.search import Match, Search
from dicom_retrieve_tui.model.security import Secret, TlsSettings
from dicom_retrieve_tui.model.selection import Selection, join
from dicom_retrieve_tui.model.series_filter import DESCRIPTION_SEPARATOR
from dicom_retrieve_tui.model.shard import parse_shard, share_of
from dicom_retrieve_tui.model.uids import uid_fault
from dicom_retrieve_tui.model.verdict import GOOD, Verdict
from dicom_retrieve_tui.model.verify_result import VerifiedStudy
from dicom_retrieve_tui.storage.verify import verify_folder

_NOT_STARTED = "not started"
_PARAMETERS = {
    "aet": "calling_ae_title",
    "called_aet": "called_ae_title",
    "move_dest": "move_destination",
    "timeout": "timeout_s",
    "max_pdu": "max_pdu_bytes",
}
"""Parameters that are not called as in the table of options."""
_MAY_BE_EMPTY = SERIES_KEYS | {"keep_free"}


@dataclass(frozen=True, slots=True)
class Pacs:
    """A PACS, and how to talk to it.

    Raises `ConfigError` if a value is invalid. Nothing is sent, and no name is looked up, before
    the PACS is used.
    """

    host: str
    """Host name or address."""
    port: int = DEFAULT_PORT
    called_ae_title: str = field(default=KEYS["called_aet"].default, kw_only=True)
    """AE title of the PACS."""
    calling_ae_title: str = field(default=KEYS["aet"].default, kw_only=True)
    """Our AE title."""
    method: Method | str = field(default=Method.C_MOVE, kw_only=True)
    """`c-move`, `c-get`, or `auto`: C-GET, then C-MOVE if there is a move destination."""
    move_destination: str | None = field(default=None, kw_only=True)
    """AE title that C-MOVE sends to; required by `c-move`."""
    listen: int | str | None = field(default=None, kw_only=True)
    """Port, or `HOST:PORT`, of our own Storage SCP as the move destination. None: the move
    destination is another SCP, and no file arrives here."""
    accept_from: str = field(default="", kw_only=True)
    """Further hosts that may send to our Storage SCP, separated by commas."""
    timeout_s: float = field(default=60.0, kw_only=True)
    """Seconds without a byte before an association is given up."""
    query_model: QueryModel | str = field(default=QueryModel.AUTO, kw_only=True)
    """`study-root`, `patient-root` or `auto`."""
    max_pdu_bytes: int = field(default=MAX_PDU_BYTES, kw_only=True)
    """Largest PDU that the PACS may send."""
    tls: TlsSettings | bool = field(default=False, kw_only=True)
    """True for TLS with the certificates that this machine trusts."""
    user: str | None = field(default=None, kw_only=True)
    """User identity to send."""
    passcode: Secret | str | None = field(default=None, kw_only=True, repr=False)
    """Passcode of `user`; None takes it from `passcode_file`, or from the environment variable
    DICOM_RETRIEVE_PASSCODE, or sends the name alone."""
    passcode_file: Path | str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.passcode is not None and not isinstance(self.passcode, Secret):
            object.__setattr__(self, "passcode", Secret(self.passcode))
        if self.user is None and (self.passcode is not None or self.passcode_file is not None):
            raise ConfigError("passcode and passcode_file require user.")
        if self.accept_from and self.listen is None:
            raise ConfigError("accept_from requires listen: it is about our own Storage SCP.")
        if self.passcode is not None and self.passcode_file is not None:
            raise ConfigError("passcode and passcode_file cannot be combined.")
        _settings(self)

    def __str__(self) -> str:
        return str(_settings(self).peer)


class RetrieveKeywords(TypedDict, total=False):
    """Keyword arguments of `retrieve` and `retrieve_all`."""

    layout: str
    """Names of the files below `output`: `flat` (the default), `hierarchical` or a template such as
    `{PatientID}/{SOPInstanceUID}.dcm`."""
    parallel: int
    """Associations at once, 1 by default."""
    retries: int
    """Further attempts at a study after a failure that may be temporary, 3 by default."""
    outage: str
    """How long to wait for a PACS that has answered and is gone, or for room on the disk, such as
    `2h`; `30m` by default."""
    modality: str | Iterable[str]
    """Retrieve only series of these modalities."""
    exclude_modality: str | Iterable[str]
    """Leave out series of these modalities."""
    series_description: str | Iterable[str]
    """Retrieve only series whose description matches one of these patterns with `*` and `?`."""
    umask: int
    """Permissions that new files and folders do not get, 0o077 by default."""
    between: str
    """Hours for requests, local time: `mon-fri 19:00-06:30, sat-sun`; always by default."""
    max_rate: str
    """Limit of what all associations receive together, such as `20MB/s`; none by default."""
    keep_free: str
    """Disk space to leave free, such as `5%` or `20G`; `0` for none."""
    shard: str
    """Retrieve the K-th of N shares of the selections, as `2/8`, by a hash of the Study Instance
    UID; `auto` takes K and N from a Slurm array, a Kubernetes Indexed Job or GNU parallel. Shards
    of one N may write into one `output` at once."""
    shards: int
    """N for `auto`, where the environment does not have it."""
    dry_run: bool
    """Only ask the PACS what there is; the verdict `complete` means that it listed everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyAccount:
    """The result of one study of a retrieval."""

    study_instance_uid: str
    verdict: Verdict
    expected: int | None
    """Instances that the PACS lists; None if it does not list them."""
    stored: int
    """Instances proven on disk, those of earlier runs included."""
    missing: tuple[str, ...] = ()
    """SOP Instance UIDs that the PACS lists and that are not on disk."""
    reason: str = ""
    """What went wrong and what to do next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveAccount:
    """The result of a retrieval, study by study."""

    verdict: Verdict
    """Of all studies together."""
    studies: tuple[StudyAccount, ...]
    """Every study that was asked for, in that order."""
    notes: tuple[str, ...] = ()
    """What the user should know that belongs to no single study."""

    @property
    def complete(self) -> bool:
        """True if everything asked for is complete, or delivered: exit code 0 of the command."""
        return self.verdict in GOOD


class Retrieval:
    """A running retrieval: an iterator of its events, to be used as a context manager.

    Leaving the context before the last event cancels the retrieval and joins its threads; complete
    instances are kept. `cancel` may be called from any thread, everything else from the thread that
    reads the events.
    """

    def __init__(
        self, selections: tuple[Selection, ...], options: RetrieveOptions, *, dry_run: bool
    ) -> None:
        self._selections = selections
        self._options = options
        self._cancel = CancelToken()
        self._events = _events(selections, options, self._cancel, dry_run=dry_run)
        self.progress = Progress()
        """Counts of the events read so far; read it, do not change it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        """Return the next event; wait for it.

        Raises:
            ConfigError: Before the first event: the output folder or the listening port cannot be
                used, or a TLS file cannot be loaded.
        """
        event = next(self._events)
        self.progress.apply(event)
        return event

    def cancel(self) -> None:
        """Ask the retrieval to end; the events that remain say how it ended."""
        self._cancel.request()

    def close(self) -> None:
        """Cancel the retrieval if it still runs, and join its threads."""
        self._events.close()

    def account(self) -> RetrieveAccount:
        """Return the account of the events read so far; the final one after the last event.

        A study without a verdict counts as cancelled.
        """
        found = self.progress.studies
        return RetrieveAccount(
            verdict=self.progress.verdict or Verdict.CANCELLED,
            studies=tuple(
                self._account(uid, found.get(uid))
                for uid in (each.study_instance_uid for each in self._selections)
            ),
            notes=tuple(self.progress.notes),
        )

    def _account(self, uid: str, study: StudyProgress | None) -> StudyAccount:
        if study is None and uid in self.progress.not_tried:
            verdict, reason = Verdict.NOT_TRIED, self.progress.given_up
            study = StudyProgress(uid, worker=0, verdict=verdict, reason=reason)
        return _account(uid, study, delivering=self._options.delivering)


def retrieve(
    pacs: Pacs,
    selections: str | Selection | Iterable[str | Selection],
    output: Path | str,
    **options: Unpack[RetrieveKeywords],
) -> Retrieval:
    """Retrieve studies to a folder; iterate over the result, in a `with` block, for the events.

    The retrieval begins with the first event that is read. Run again with the same arguments, it
    asks only for what is missing.

    Args:
        pacs: The PACS to ask.
        selections: Study Instance UIDs, or `Selection`s for series and instances of a study.
        output: Folder for the files; created if missing.
        **options: See `RetrieveKeywords`.

    Raises:
        ConfigError: An argument is invalid, or two contradict each other. Nothing was sent.
    """
    return _retrieval(pacs, selections, output, **options)


def retrieve_all(
    pacs: Pacs,
    selections: str | Selection | Iterable[str | Selection],
    output: Path | str,
    *,
    on_event: Callable[[Event], None] = lambda _: None,
    **options: Unpack[RetrieveKeywords],
) -> RetrieveAccount:
    """Retrieve studies to a folder; return the final account.

    Args:
        pacs: The PACS to ask.
        selections: Study Instance UIDs, or `Selection`s for series and instances of a study.
        output: Folder for the files; created if missing.
        on_event: Called with each event. If it raises, the retrieval is cancelled.
        **options: See `RetrieveKeywords`.

    Raises:
        ConfigError: An argument is invalid, two contradict each other, or the output folder or the
            listening port cannot be used. Nothing was sent.
    """
    with _retrieval(pacs, selections, output, **options) as events:
        for event in events:
            on_event(event)
        return events.account()


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """The answer of a PACS to a search; iterating over it gives the matches."""

    matches: tuple[Match, ...]
    remarks: tuple[str, ...] = ()
    """What the user should know about the list."""
    incomplete: bool = False
    """There may be more matches; `remarks` say why."""

    def __iter__(self) -> Iterator[Match]:
        return iter(self.matches)

    def __len__(self) -> int:
        return len(self.matches)


def find(
    pacs: Pacs,
    *,
    level: Level | str = Level.STUDY,
    patient_id: str = "",
    patient_name: str = "",
    accession_number: str = "",
    study_date: str | DateRange | None = None,
    modality: str = "",
    study_description: str = "",
    study_instance_uid: str = "",
    series_instance_uid: str = "",
    everything: bool = False,
    split: bool = False,
) -> SearchResult:
    """List the studies, series or instances that match all criteria, by C-FIND.

    Texts may have the wildcards `*` and `?`.

    Args:
        pacs: The PACS to ask.
        level: What to list: `study`, `series` or `image`.
        patient_id: Patient ID (0010,0020).
        patient_name: Patient's Name (0010,0010), as `Doe^Jane` or `Doe, Jane`.
        accession_number: Accession Number (0008,0050).
        study_date: Such as `2024-03-31`, `2024-01..2024-03`, `today`, `last week` or `last 7d`.
        modality: A modality of the study; of the series, where these are listed.
        study_description: Study Description (0008,1030).
        study_instance_uid: Study Instance UID (0020,000D).
        series_instance_uid: Series Instance UID (0020,000E).
        everything: List everything that the PACS has; required without criteria.
        split: Split the range of dates wherever the PACS seems to cap its answers.

    Raises:
        ConfigError: A criterion is invalid, or there is none.
        PeerError: The PACS cannot be asked, or refuses.
    """
    if str(level).upper() not in set(Level):
        raise ConfigError(f"level {str(level)!r}: choose study, series or image.")
    today = system_local(datetime.now(UTC)).date()
    dates = (
        parse_dates("study_date", study_date, today) if isinstance(study_date, str) else study_date
    )
    search = Search(
        level=Level(str(level).upper()),
        patient_id=patient_id,
        patient_name=name_key(patient_name),
        accession_number=accession_number,
        study_date=dates,
        modality=modality.upper(),
        study_description=study_description,
        study_instance_uid=study_instance_uid,
        series_instance_uid=series_instance_uid,
    )
    if not search.selective and not everything:
        raise ConfigError("Without criteria, find requires everything=True.")
    if split and (dates is None or dates.first is None):
        raise ConfigError("split requires study_date with a first day.")
    settings = _settings_with_secrets(pacs)
    with closing(wiring.find(search, settings, CancelToken(), today if split else None)) as found:
        answers = list(found)
    remarks = [each for each in answers if not isinstance(each, Match)]
    return SearchResult(
        matches=tuple(each for each in answers if isinstance(each, Match)),
        remarks=tuple(each.text for each in remarks),
        incomplete=any(each.incomplete for each in remarks),
    )


def echo(pacs: Pacs) -> float:
    """Send a C-ECHO; return the round trip in seconds.

    Raises:
        ConfigError: A file with a secret or a certificate cannot be used.
        PeerError: The PACS cannot be reached, or refuses.
    """
    return wiring.echo(_settings_with_secrets(pacs))


def verify(folder: Path | str, *, deep: bool = False) -> Iterator[VerifiedStudy]:
    """Check that every file that was retrieved to `folder` is there and whole, study by study.

    No PACS is asked, and nothing is changed.

    Args:
        folder: What was the `output` of retrievals.
        deep: Read every file and compare its checksum; otherwise only its size is checked.

    Raises:
        ConfigError: The folder has no journal of a retrieval, or the journal cannot be read.
    """
    return verify_folder(Path(folder), deep=deep)


def _retrieval(
    pacs: Pacs,
    selections: str | Selection | Iterable[str | Selection],
    output: Path | str,
    **keywords: Unpack[RetrieveKeywords],
) -> Retrieval:
    if unknown := sorted(keywords.keys() - RetrieveKeywords.__annotations__.keys()):
        raise TypeError(f"retrieve() got an unexpected keyword argument {unknown[0]!r}")
    dry_run = keywords.pop("dry_run", False)
    shard_text, count = keywords.pop("shard", None), keywords.pop("shards", None)
    shards = None if count is None else str(count)
    texts = {name: _text(name, value) for name, value in keywords.items()}
    given = {name: text for name, text in texts.items() if text or name not in _MAY_BE_EMPTY}
    studies = _selections(selections)
    options = _settings_with_secrets(pacs, given, to_retrieve=True)
    options = replace(options, output=expanded(output))
    if shard := parse_shard(shard_text, shards, os.environ, "shard"):
        studies, options = share_of(studies, options, shard)
    return Retrieval(studies, options, dry_run=dry_run)


def _text(name: str, value: object) -> str:
    """Return the value of a keyword as the text that the option of that name takes."""
    if isinstance(value, Iterable) and not isinstance(value, str):
        return (DESCRIPTION_SEPARATOR if name == "series_description" else ",").join(value)
    return f"{value:03o}" if name == "umask" else str(value)


def _settings(
    pacs: Pacs, texts: Mapping[str, str] | None = None, *, to_retrieve: bool = False
) -> RetrieveOptions:
    """Return the settings, without secrets that are read from elsewhere.

    Args:
        pacs: The PACS.
        texts: Further options, by their names in the table of options.
        to_retrieve: Raise `ConfigError` if method, move destination and listener contradict each
            other.
    """
    values = {
        "host": pacs.host,
        "port": pacs.port,
        "called_aet": pacs.called_ae_title,
        "aet": pacs.calling_ae_title,
        "method": pacs.method,
        "move_dest": pacs.move_destination,
        "listen": pacs.listen,
        "accept_from": pacs.accept_from or None,
        "timeout": pacs.timeout_s,
        "query_model": pacs.query_model,
        "max_pdu": pacs.max_pdu_bytes,
        "user": pacs.user,
        "passcode_file": pacs.passcode_file,
    }
    given = {name: str(value) for name, value in values.items() if value is not None}
    options = read_options(
        {**given, **(texts or {})},
        where=lambda name: _PARAMETERS.get(name, name),
        to_retrieve=to_retrieve,
    )
    user, passcode = options.user, pacs.passcode
    if user is not None and isinstance(passcode, Secret):
        user = replace(user, passcode=passcode)
    tls = pacs.tls if isinstance(pacs.tls, TlsSettings) else TlsSettings() if pacs.tls else None
    return replace(options, user=user, tls=tls)


def _settings_with_secrets(
    pacs: Pacs, texts: Mapping[str, str] | None = None, *, to_retrieve: bool = False
) -> RetrieveOptions:
    """Return the settings with their secrets; our own Storage SCP is there only `to_retrieve`.

    Raises:
        ConfigError: A value is invalid, a secret is missing, or a file with one cannot be read.
    """
    settings = _settings(pacs, texts, to_retrieve=to_retrieve)
    if not to_retrieve:
        settings = replace(settings, listen=None, accept_from=())
    elif settings.listen and settings.tls and settings.tls.certificate is None:
        raise ConfigError("listen with tls requires a certificate: TlsSettings(certificate=).")
    passcode = settings.user.passcode if settings.user else None
    passphrase = settings.tls.key_passphrase if settings.tls else None
    given = {secrets.PASSCODE: passcode, secrets.PASSPHRASE: passphrase}
    environ = {name: text for name, text in os.environ.items() if given.get(name) is None}
    return secrets.unlocked(
        settings, environ, lambda question: passcode if question.peer else passphrase
    )


def _selections(
    given: str | Selection | Iterable[str | Selection],
) -> tuple[Selection, ...]:
    """Return one selection for each study.

    Raises:
        ConfigError: A UID is invalid, or nothing is selected.
    """
    each = [given] if isinstance(given, str | Selection) else list(given)
    found = [Selection.of(one) if isinstance(one, str) else one for one in each]
    for uid in (uid for selection in found for uid in selection.uids):
        if (fault := uid_fault(uid)) is not None:
            raise ConfigError(f"The UID {uid!r} {fault}.")
    if not found:
        raise ConfigError("No study was selected.")
    return join(found)


def _events(
    selections: Sequence[Selection],
    options: RetrieveOptions,
    cancel: CancelToken,
    *,
    dry_run: bool,
) -> Generator[Event, None, None]:
    run = wiring.dry_run if dry_run else wiring.retrieve
    started = False
    try:
        with closing(run(selections, options, cancel)) as events:
            for event in events:
                started = True
                yield event
    except Cancelled:
        if started:
            raise
        # Cancelled before the first event: the contract of the events still holds.
        yield RetrieveStarted(
            peer=str(options.peer),
            method=str(options.method),
            studies=len(selections),
            parallel=options.parallel,
        )
        yield RetrieveFinished(verdict=Verdict.CANCELLED)


def _account(uid: str, study: StudyProgress | None, *, delivering: bool) -> StudyAccount:
    if study is None:
        return StudyAccount(
            study_instance_uid=uid,
            verdict=Verdict.CANCELLED,
            expected=None,
            stored=0,
            reason=_NOT_STARTED,
        )
    return StudyAccount(
        study_instance_uid=uid,
        verdict=study.verdict or Verdict.CANCELLED,
        expected=study.expected,
        stored=study.stored,
        # The files of a delivery are on another machine: none is known to be missing.
        missing=() if delivering else study.missing,
        reason=study.reason,
    )
