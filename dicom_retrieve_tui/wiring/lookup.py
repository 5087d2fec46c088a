"""What a PACS has, and whether it is there."""

from collections.abc import Generator, Iterable
from datetime import date

from dicom_retrieve_tui.errors import OperationFailed
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.search import Found, Search
from dicom_retrieve_tui.model.settings import Settings
from dicom_retrieve_tui.model.sop_classes import IMPLICIT_VR_LITTLE_ENDIAN
from dicom_retrieve_tui.network.association import Association
from dicom_retrieve_tui.network.c_find import c_echo
from dicom_retrieve_tui.network.negotiation import Proposal
from dicom_retrieve_tui.network.query_retrieve_classes import FIND, VERIFICATION, in_model
from dicom_retrieve_tui.network.study_search import find as search_peer
from dicom_retrieve_tui.network.timeouts import Timeouts
from dicom_retrieve_tui.wiring.calling import association_parameters


def echo(settings: Settings) -> float:
    """Ask the PACS by C-ECHO if it is there and knows us; the round trip in seconds.

    Raises:
        PeerError: It is not, or does not.
    """
    timeouts = Timeouts.from_timeout(settings.timeout_s)
    parameters = association_parameters(settings, timeouts, CancelToken())
    proposal = Proposal(VERIFICATION, IMPLICIT_VR_LITTLE_ENDIAN)
    with Association.request(parameters, (proposal,)) as association:
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
                yield list(search_peer(association, search, fewest_keys=True))
            except OperationFailed as refusal:
                yield refusal


def _finding(settings: Settings, cancel: CancelToken) -> Association:
    """An association for C-FIND."""
    parameters = association_parameters(settings, Timeouts.from_timeout(settings.timeout_s), cancel)
    proposals = tuple(
        Proposal(uid, IMPLICIT_VR_LITTLE_ENDIAN) for uid in in_model(FIND, settings.query_model)
    )
    return Association.request(parameters, proposals)
