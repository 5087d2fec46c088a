"""Run a retrieval in this process, or on a Dask cluster, which is loaded only then."""

from collections.abc import Generator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import Event
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.study_identity import Identified

if TYPE_CHECKING:
    from dicom_retrieve_tui.engine.run import Session


def retrieve(
    selections: Sequence[Selection],
    options: RetrieveOptions,
    cancel: CancelToken,
    *,
    learn: bool = False,
) -> Generator[Event, None, None]:
    """Retrieve here or on the cluster that the options name: see `wiring.retrieve`.

    Raises:
        ConfigError: The extra for clusters is not installed.
    """
    engine = _cluster() if options.cluster else wiring
    yield from engine.retrieve(selections, options, cancel, learn=learn)


def open_session(
    selections: Sequence[Selection],
    options: RetrieveOptions,
    cancel: CancelToken | None = None,
    *,
    learn: bool = False,
    identified: Identified | None = None,
) -> "Session":
    """Open a session here or on the cluster: see `wiring.open_session`.

    Raises:
        ConfigError: The extra for clusters is not installed.
    """
    if not options.cluster:
        return wiring.open_session(selections, options, cancel, learn=learn, identified=identified)
    opened: Session = _cluster().open_session(
        selections, options, cancel, learn=learn, identified=identified
    )
    return opened


def _cluster() -> ModuleType:
    try:
        from dicom_retrieve_tui.cluster import session  # noqa: PLC0415 - loads Dask
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"dask", "distributed"}:
            raise
        raise ConfigError(
            "--cluster requires Dask, which is not installed; install dicom-retrieve-tui[cluster], "
            "the package with its extra."
        ) from error
    return session
