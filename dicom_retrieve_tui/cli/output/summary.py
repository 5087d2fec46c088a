"""The last words of a run: what is complete, what is not, and why. Pure.

One study gets a sentence of its own, several get a table of verdicts; troubles with the same cause
are told together, so that a PACS which is down does not fill 20,000 lines.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator

from dicom_retrieve_tui.cli.output.account import Account
from dicom_retrieve_tui.cli.output.dry_run_table import listing_total, render_listing
from dicom_retrieve_tui.cli.output.left_out import left_out_lines
from dicom_retrieve_tui.cli.output.next_step import again
from dicom_retrieve_tui.cli.output.study_sentence import lone_study
from dicom_retrieve_tui.cli.read_options import Options
from dicom_retrieve_tui.model.humanize import (
    byte_rate_text,
    count,
    duration_text,
    folder_text,
    rate_text,
    size_text,
)
from dicom_retrieve_tui.model.narration import irregular_text
from dicom_retrieve_tui.model.progress import StudyProgress
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.verdict import GOOD, Verdict

UIDS_MAX = 10
"""UIDs named one by one; the report has them all."""

Judged = tuple[Selection, StudyProgress, Verdict]


def summarise(account: Account, options: Options, elapsed_s: float) -> list[str]:
    """The summary's lines.

    Args:
        account: The whole run.
        options: The order.
        elapsed_s: From the first event to the last.
    """
    judged = [
        (order, study, study.verdict or Verdict.CANCELLED) for order, study in account.studies()
    ]
    if options.dry_run:
        listing = list(render_listing(account))
        totals = [listing_total(account), *left_out_lines(account)]
        return _apart(listing, list(_troubles(judged, options)), totals)
    totals = [
        *_totals(account, options, elapsed_s),
        *left_out_lines(account),
        *again(account, options),
    ]
    if len(judged) == 1:
        order, study, verdict = judged[0]
        lines = [lone_study(order, study, verdict, options)]
        if verdict not in GOOD:
            lines += [f"  {study.reason}"] if study.reason else []
            lines += _missing(study, verdict, options, "  ")
        return lines + totals
    return _apart(list(_verdicts(judged, options)), list(_troubles(judged, options)), totals)


def _apart(heading: list[str], troubles: list[str], totals: list[str]) -> list[str]:
    """The blocks one below the other; with air between where there are troubles to read."""
    if not troubles:
        return heading + totals
    blocks = [block for block in (heading, troubles, totals) if block]
    return [line for block in blocks for line in ("", *block)][1:]


def _verdicts(judged: list[Judged], options: Options) -> Iterator[str]:
    tally = Counter(verdict for _, _, verdict in judged)
    good = sum(tally[verdict] for verdict in GOOD)
    total = count(len(judged), "study")
    delivered = tally[Verdict.DELIVERED]
    word = "delivered" if delivered and delivered == good else "complete"
    if delivered and not tally[Verdict.COMPLETE]:
        sent = sum(study.expected or 0 for _, study, v in judged if v is Verdict.DELIVERED)
        yield (
            f"{good:,} of {total} {word}: {count(sent, 'instance')} delivered to "
            f"{options.plan.move_destination} by the PACS's account; nothing was written to "
            f"{folder_text(options.settings.output)}"
        )
    elif good == len(judged):
        yield f"all {total} complete, in {folder_text(options.settings.output)}"
    else:
        yield f"{good:,} of {total} {word}"
    if len(tally) > 1:
        width = len(f"{max(tally.values()):,}")
        yield from (f"  {v:<10}  {tally[v]:>{width},}" for v in Verdict if tally[v])


def _troubles(judged: list[Judged], options: Options) -> Iterator[str]:
    """Every study that is not good: grouped by verdict and reason, in the order of the verdicts."""
    groups: defaultdict[tuple[Verdict, str], list[Judged]] = defaultdict(list)
    for each in judged:
        if each[2] not in GOOD:
            groups[each[2], each[1].reason].append(each)
    order = list(Verdict)
    for (verdict, reason), members in sorted(groups.items(), key=lambda g: order.index(g[0][0])):
        yield f"{verdict}: {reason}" if reason else f"{verdict}:"
        for selection, study, _ in members[:UIDS_MAX]:
            uid = selection.study_instance_uid
            yield f"  {uid}{_came(study, options)}"
            yield from _missing(study, verdict, options, "    ")
        if len(members) > UIDS_MAX:
            yield f"  ... and {count(len(members) - UIDS_MAX, 'study')} more {_where(options)}"


def _came(study: StudyProgress, options: Options) -> str:
    if options.delivering or options.dry_run:
        return ""
    if study.expected:
        return f"  {study.stored:,} of {count(study.expected, 'instance')}"
    return f"  {count(study.stored, 'instance')}" if study.stored else ""


def _missing(
    study: StudyProgress, verdict: Verdict, options: Options, indent: str
) -> Iterator[str]:
    """The missing UIDs; of a delivery nobody knows them, whatever is not on our disk.

    Nor does it help to name all of a study of which nothing came, or that the user stopped.
    """
    stopped = verdict is Verdict.CANCELLED
    if options.delivering or stopped or not study.missing or not study.stored:
        return
    yield from (f"{indent}missing {uid}" for uid in study.missing[:UIDS_MAX])
    if (more := len(study.missing) - UIDS_MAX) > 0:
        yield f"{indent}... and {more:,} more missing {_where(options)}"


def _where(options: Options) -> str:
    return f"(see {options.report})" if options.report else "(--report FILE names them all)"


def _totals(account: Account, options: Options, elapsed_s: float) -> Iterator[str]:
    progress = account.progress
    if progress.refused:
        yield _refused(account, options)
    yield from _irregular(account, options)
    if progress.set_aside:
        yield (
            f"{count(progress.set_aside, 'instance')} set aside: a file with other content was "
            f"there, and both are kept in {folder_text(options.settings.output)}"
        )
    if progress.present:
        yield f"{count(progress.present, 'instance')} of an earlier run checked again and kept"
    if came := progress.stored - progress.present:
        rates = ""
        if elapsed_s > 0:
            instances = rate_text(came / elapsed_s).replace("/s", " instances/s")
            rates = f" ({instances}, {byte_rate_text(progress.stored_bytes / elapsed_s)})"
        yield (
            f"{count(came, 'instance')}, {size_text(progress.stored_bytes)}, "
            f"in {duration_text(elapsed_s)}{rates}"
        )


def _irregular(account: Account, options: Options) -> Iterator[str]:
    """What was kept although it departs from the standard, with an example of each study."""
    studies = [study for _, study in account.studies() if study.irregular]
    if len(account.plan.selections) == 1:
        for study in studies:
            yield f"irregular, and kept as sent: {irregular_text(study)}"
        return
    if studies:
        instances = count(account.progress.irregular, "instance")
        yield f"{instances} of {count(len(studies), 'study')} irregular, and kept as sent:"
    for study in studies[:UIDS_MAX]:
        yield f"  {study.study_instance_uid}  {irregular_text(study)}"
    if len(studies) > UIDS_MAX:
        yield f"  ... and {count(len(studies) - UIDS_MAX, 'study')} more {_where(options)}"


def _refused(account: Account, options: Options) -> str:
    """What our side did not keep, and the reason that most of it has."""
    refusals = [each for several in account.refusals.values() for each in several]
    instances = len({each.sop_instance_uid for each in refusals})
    times = f" ({len(refusals):,} times)" if len(refusals) > instances else ""
    # Its first sentence: what to try stands beside the study.
    reasons = Counter(each.reason.partition(". ")[0].removesuffix(".") for each in refusals)
    ((reason, _),) = reasons.most_common(1)
    others = ", and for other reasons" if len(reasons) > 1 else ""
    more = "" if options.verbose else f" {_which(options)}"
    return f"{count(instances, 'instance')} refused{times}: {reason}{others}{more}"


def _which(options: Options) -> str:
    return f"(see {options.report})" if options.report else "(--verbose says which and why)"
