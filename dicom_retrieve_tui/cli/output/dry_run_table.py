"""What a dry run found: a table by columns, which other programs can read as well. Pure."""

from collections.abc import Iterator

from dicom_retrieve_tui.cli.output.account import Account
from dicom_retrieve_tui.cli.output.study_sentence import subject
from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.narration import verdict_word
from dicom_retrieve_tui.model.progress import StudyProgress
from dicom_retrieve_tui.model.verdict import Verdict

_NOTHING_RETRIEVED = "nothing was retrieved (--dry-run)"


def render_listing(account: Account) -> Iterator[str]:
    """A line for each study that the PACS has; none at all if it has none."""
    found = [(order, study) for order, study in account.studies() if _is_known(study)]
    if not found:
        return
    yield " series  instances  study"
    for order, study in found:
        series = account.series.get(order.study_instance_uid, 0)
        instances = "-" if study.expected is None else f"{study.expected:,}"
        yield f"{series:>7,}  {instances:>9}  {order.study_instance_uid}"


def listing_total(account: Account) -> str:
    """The sentence below the table."""
    judged = account.studies()
    if len(judged) == 1:
        order, study = judged[0]
        word = verdict_word(study.verdict or Verdict.CANCELLED, dry_run=True)
        instances = f"{count(study.expected, 'instance')} of " if study.expected else ""
        return f"{word}: {instances}{subject(order)}; {_NOTHING_RETRIEVED}"
    known = [(order, study) for order, study in judged if _is_known(study)]
    instances = count(sum(study.expected or 0 for _, study in known), "instance")
    series = sum(account.series.get(order.study_instance_uid, 0) for order, _ in known)
    return (
        f"planned: {instances} in {count(series, 'series')} of {len(known):,} of "
        f"{count(len(judged), 'study')}; {_NOTHING_RETRIEVED}"
    )


def _is_known(study: StudyProgress) -> bool:
    return study.verdict in {Verdict.COMPLETE, Verdict.PARTIAL, Verdict.UNVERIFIED}
