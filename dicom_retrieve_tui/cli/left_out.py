"""What the filter left out on purpose, in words. Pure."""

from collections import Counter
from collections.abc import Iterator

from dicom_retrieve_tui.cli.account import Account
from dicom_retrieve_tui.model.wording import count

UNKNOWN = "unknown"
"""What stands for a modality that the PACS does not say."""


def modalities_left_out(account: Account) -> Counter[str]:
    """How many series of each modality were left out."""
    return Counter(
        modality or UNKNOWN for _, study in account.studies() for _, modality in study.left_out
    )


def left_out_lines(account: Account) -> Iterator[str]:
    """The lines of a summary; none without a filter."""
    chosen = account.plan.series_filter
    if not chosen:
        return
    tally = modalities_left_out(account)
    if total := tally.total():
        by_modality = ", ".join(f"{word} {n:,}" for word, n in tally.most_common())
        yield f"{count(total, 'series')} left out on purpose ({by_modality}); asked for: {chosen}"
    studies = [study for _, study in account.studies()]
    if (none := sum(study.no_match for study in studies)) and len(studies) > 1:
        yield f"{count(none, 'study')} {'has' if none == 1 else 'have'} no series that matches"
