"""What the filter left out on purpose, in words. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator

from dicom_retrieve_tui.cli.output.account import Account
from dicom_retrieve_tui.model.humanize import count

_UNKNOWN = "unknown"
"""What stands for a modality that the PACS does not say."""


def count_modalities(left_out: Iterable[tuple[str, str]]) -> Counter[str]:
    """Return how many series there are of each modality.

    Args:
        left_out: Series Instance UID and modality of each.
    """
    return Counter(modality or _UNKNOWN for _, modality in left_out)


def left_out_text(left_out: Iterable[tuple[str, str]]) -> str:
    """`3 series (SR 2, KO 1)`."""
    tally = count_modalities(left_out)
    by_modality = ", ".join(f"{word} {n:,}" for word, n in tally.most_common())
    return f"{count(tally.total(), 'series')} ({by_modality})"


def all_left_out(account: Account) -> list[tuple[str, str]]:
    """Series Instance UID and modality of every series that was left out of a run."""
    return [series for _, study in account.studies() for series in study.left_out]


def left_out_lines(account: Account) -> Iterator[str]:
    """The lines of a summary; none without a filter."""
    chosen = account.plan.series_filter
    if not chosen:
        return
    if left_out := all_left_out(account):
        yield f"{left_out_text(left_out)} left out on purpose; asked for: {chosen}"
    studies = [study for _, study in account.studies()]
    if (none := sum(study.no_match for study in studies)) and len(studies) > 1:
        yield f"{count(none, 'study')} {'has' if none == 1 else 'have'} no series that matches"
