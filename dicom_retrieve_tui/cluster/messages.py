"""What the client and a slot on a worker tell each other, as opaque bytes.

A slot is the place of one session on one Dask worker. Dask carries the bytes and never sees what is
in them: no UID is part of a task, a key or a log line, and secrets are only in `Open`.
"""

import pickle
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version

from dicom_retrieve_tui import __version__
from dicom_retrieve_tui.cluster.shared_folder import SharedProbe
from dicom_retrieve_tui.errors import RetrieveError
from dicom_retrieve_tui.model.choices import HoldCause
from dicom_retrieve_tui.model.events import Event, StudyFinished
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.rate_limit import Rate
from dicom_retrieve_tui.model.security import Secret
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.storage.heartbeat import Owner


class Secrets:
    """The options of a run with their secrets: the only way in which these leave the process."""

    def __init__(self, options: RetrieveOptions) -> None:
        user, tls = options.user, options.tls
        self._passcode = user.passcode.reveal() if user and user.passcode else None
        self._passphrase = tls.key_passphrase.reveal() if tls and tls.key_passphrase else None
        if user is not None:
            options = replace(options, user=replace(user, passcode=None))
        if tls is not None:
            options = replace(options, tls=replace(tls, key_passphrase=None))
        self._options = options

    def __repr__(self) -> str:
        return "Secrets(...)"

    def options(self) -> RetrieveOptions:
        """Return the options with their secrets."""
        options = self._options
        if options.user is not None and self._passcode is not None:
            user = replace(options.user, passcode=Secret(self._passcode))
            options = replace(options, user=user)
        if options.tls is not None and self._passphrase is not None:
            tls = replace(options.tls, key_passphrase=Secret(self._passphrase))
            options = replace(options, tls=tls)
        return options


# From the client to a slot


@dataclass(frozen=True, slots=True)
class Open:
    """Begin a session."""

    secrets: Secrets
    shared: SharedProbe | None
    """What the worker must see before it begins."""
    place: int
    """The number of the slot's part of the output folder."""
    most: int
    """Associations at once, at most."""
    rate: Rate | None
    answered: bool
    """The PACS has answered in this run."""
    may_be_empty: bool
    """The PACS came back from an outage, and no study was found since, unlike before."""


@dataclass(frozen=True, slots=True)
class Work:
    """Retrieve these studies, too."""

    selections: tuple[Selection, ...]
    more_waiting: bool
    """Further studies wait for a slot."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Use this many associations at once, at most; `Using` answers."""

    most: int


@dataclass(frozen=True, slots=True)
class LimitRate:
    """Receive no faster than this."""

    rate: Rate | None


@dataclass(frozen=True, slots=True)
class Stop:
    """The user stops this study."""

    study_instance_uid: str


@dataclass(frozen=True, slots=True)
class GiveBack:
    """End the session softly: what is not finished is returned, and loses no attempt."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """End the session within seconds."""

    insist: bool


@dataclass(frozen=True, slots=True)
class Probe:
    """Find out whether the obstacle that was reported is over; `Probed` answers."""


@dataclass(frozen=True, slots=True)
class Finish:
    """End the session when its studies are done; no more will come."""


@dataclass(frozen=True, slots=True)
class Leave:
    """End the slot."""


Order = Open | Work | Limit | LimitRate | Stop | GiveBack | Cancel | Probe | Finish | Leave


# From a slot to the client


@dataclass(frozen=True, slots=True)
class Ready:
    """The slot is there and takes orders."""

    owner: Owner
    """Its process."""
    versions: dict[str, str]
    """Which must be those of the client."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The session has its folder and its port."""


@dataclass(frozen=True, slots=True)
class Happened:
    """Events of the session, in order."""

    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Returned:
    """A study that was begun is given back, in this state."""

    study: StudyFinished


@dataclass(frozen=True, slots=True)
class Done:
    """A study needs no association any more; its end is told once the journal has it."""

    study_instance_uid: str


@dataclass(frozen=True, slots=True)
class Using:
    """No more than so many associations are in use from now on, whatever `Limit` was before."""

    associations: int


@dataclass(frozen=True, slots=True)
class Obstructed:
    """Something is in the way of the session, which holds its queue."""

    cause: HoldCause
    failure: RetrieveError
    crowded: bool
    """The PACS had no association left."""


@dataclass(frozen=True, slots=True)
class Crowded:
    """The PACS had no association left for one more; the session uses one fewer."""


@dataclass(frozen=True, slots=True)
class Probed:
    """How a probe ended."""

    failure: RetrieveError | None
    """None: the obstacle is over."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The session has ended, and every association of it is closed."""

    error: RetrieveError | None = None
    """Why it could not begin."""
    bug: str = ""
    """A bug of ours ended it: the traceback."""


Report = Ready | Opened | Happened | Returned | Done | Using | Obstructed | Crowded | Probed | Ended


def packed(messages: Sequence[Order] | Sequence[Report]) -> bytes:
    """Return messages as bytes."""
    return zlib.compress(pickle.dumps(tuple(messages), pickle.HIGHEST_PROTOCOL), 1)


def orders_in(payload: bytes) -> tuple[Order, ...]:
    """Return the orders of `packed`; the caller trusts the Dask cluster, which runs our code."""
    found: tuple[Order, ...] = pickle.loads(zlib.decompress(payload))  # noqa: S301 - see above
    return found


def reports_in(payload: bytes) -> tuple[Report, ...]:
    """Return the reports of `packed`; see `orders_in`."""
    found: tuple[Report, ...] = pickle.loads(zlib.decompress(payload))  # noqa: S301 - see above
    return found


def our_versions() -> dict[str, str]:
    """Return the versions that must be the same everywhere; called on every worker."""
    return {
        "dicom-retrieve-tui": __version__,
        "distributed": version("distributed"),
        "Python": f"{sys.version_info.major}.{sys.version_info.minor}",
    }
