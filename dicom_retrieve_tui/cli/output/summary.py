"""The summary of a run: what is complete, what is not, and why. Pure.

A lone study gets a sentence, several get a table of verdicts. Studies that failed for the same
reason are grouped, so that a PACS which is down does not fill 20,000 lines.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice

from dicom_retrieve_tui.cli.output.account import Account, Judged
from dicom_retrieve_tui.cli.output.census import FIRST_MAX, UNFINISHED, Census, Left, is_listed
from dicom_retrieve_tui.cli.read_options import RetrieveCommand
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.humanize import (
    byte_rate_text,
    count,
    duration_text,
    folder_text,
    rate_text,
    rounded_size_text,
    size_text,
)
from dicom_retrieve_tui.model.narration import irregular_text, space_text, verdict_word
from dicom_retrieve_tui.model.progress import StudyProgress
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.series_filter import modalities_text
from dicom_retrieve_tui.model.verdict import GOOD, Verdict

UIDS_MAX = FIRST_MAX
"""UIDs listed one by one; the report lists all."""


def summarise(
    account: Account, census: Census, options: RetrieveCommand, elapsed_s: float
) -> Iterator[str]:
    """Yield the lines of the summary.

    Args:
        account: The whole run.
        census: The counts over its studies.
        options: The command's options.
        elapsed_s: From the first event to the last.
    """
    if options.dry_run:
        totals = [
            listing_total(account, census),
            *left_out_lines(account, census),
            *space_lines(account, census, options),
        ]
        return _apart(render_listing(account, census), census, options, totals)
    totals = [
        *_totals(account, census, options, elapsed_s),
        *left_out_lines(account, census),
        *command_lines(account, options),
        *again(account, census, options),
    ]
    if census.studies == 1:
        (lone,) = account.studies()
        return chain(_lone_lines(lone, options), totals)
    return _apart(_verdicts(census, options), census, options, totals)


def _lone_lines(lone: Judged, options: RetrieveCommand) -> Iterator[str]:
    yield lone_study(lone.selection, lone.study, lone.verdict, options)
    if lone.verdict not in GOOD:
        if lone.study.reason:
            yield f"  {lone.study.reason}"
        yield from _missing(lone, options, "  ")


def _apart(
    heading: Iterator[str], census: Census, options: RetrieveCommand, totals: list[str]
) -> Iterator[str]:
    """Yield the blocks one below the other, with blank lines between if there are failures."""
    if not census.groups:
        yield from heading
        yield from totals
        return
    blank = False
    for line in heading:
        yield line
        blank = True
    yield from [""] if blank else []
    yield from _failures(census, options)
    yield from ["", *totals] if totals else []


def _verdicts(census: Census, options: RetrieveCommand) -> Iterator[str]:
    tally = census.verdicts
    good = sum(tally[verdict] for verdict in GOOD)
    total = count(census.studies, "study")
    delivered = tally[Verdict.DELIVERED]
    word = "delivered" if delivered and delivered == good else "complete"
    if delivered and not tally[Verdict.COMPLETE]:
        yield (
            f"{good:,} of {total} {word}: {count(census.delivered, 'instance')} delivered to "
            f"{options.retrieval.move_destination} according to the PACS; nothing was written to "
            f"{folder_text(options.retrieval.output)}"
        )
    elif good == census.studies:
        yield f"all {total} complete, in {folder_text(options.retrieval.output)}"
    else:
        yield f"{good:,} of {total} {word}"
    if len(tally) > 1:
        width = len(f"{max(tally.values()):,}")
        yield from (f"  {v:<10}  {tally[v]:>{width},}" for v in Verdict if tally[v])


def _failures(census: Census, options: RetrieveCommand) -> Iterator[str]:
    """Yield every study that is not good, grouped by verdict and reason."""
    for group in census.in_order():
        yield f"{group.verdict}: {group.reason}" if group.reason else f"{group.verdict}:"
        for judged in group.first:
            uid = judged.selection.study_instance_uid
            yield f"  {uid}{_came(judged.study, options)}"
            yield from _missing(judged, options, "    ")
        if (more := group.studies - len(group.first)) > 0:
            yield f"  ... and {count(more, 'study')} more {_where(options)}"


def _came(study: StudyProgress, options: RetrieveCommand) -> str:
    if options.delivering or options.dry_run:
        return ""
    if study.expected:
        return f"  {study.stored:,} of {count(study.expected, 'instance')}"
    return f"  {count(study.stored, 'instance')}" if study.stored else ""


def _missing(judged: Judged, options: RetrieveCommand, indent: str) -> Iterator[str]:
    """Yield the missing UIDs, except of a delivery, where they are unknown.

    A study of which nothing was stored, or that the user stopped, gets no list.
    """
    study, stopped = judged.study, judged.verdict in UNFINISHED
    if options.delivering or stopped or not study.missing or not study.stored:
        return
    yield from (f"{indent}missing {uid}" for uid in study.missing[:UIDS_MAX])
    if (more := len(study.missing) - UIDS_MAX) > 0:
        yield f"{indent}... and {more:,} more missing {_where(options)}"


def _where(options: RetrieveCommand) -> str:
    return f"(see {options.report})" if options.report else "(--report FILE names them all)"


def _totals(
    account: Account, census: Census, options: RetrieveCommand, elapsed_s: float
) -> Iterator[str]:
    progress = account.progress
    if progress.outages:
        waited_s = sum(outage.waited_s for outage in progress.outages)
        yield f"{count(len(progress.outages), 'outage')}, {duration_text(waited_s)} in all"
    if progress.hours_waited_s:
        yield f"waited {duration_text(progress.hours_waited_s)} for the hours of --between"
    if progress.refused:
        yield _refused(account, options)
    yield from _irregular(account, census, options)
    if progress.set_aside:
        yield (
            f"{count(progress.set_aside, 'instance')} set aside: a file with other content was "
            f"there, and both are kept in {folder_text(options.retrieval.output)}"
        )
    if progress.present:
        present = count(progress.present, "instance")
        yield f"{present} of an earlier run found again, with their sizes, and kept"
    if came := progress.stored - progress.present:
        rates = ""
        if elapsed_s > 0:
            instances = rate_text(came / elapsed_s).replace("/s", " instances/s")
            rates = f" ({instances}, {byte_rate_text(progress.stored_bytes / elapsed_s)})"
        yield (
            f"{count(came, 'instance')}, {size_text(progress.stored_bytes)}, "
            f"in {duration_text(elapsed_s)}{rates}"
        )


def _irregular(account: Account, census: Census, options: RetrieveCommand) -> Iterator[str]:
    """Yield the number of irregular instances, with an example of each study."""
    studies = census.irregular_first
    if census.studies == 1:
        for study in studies:
            yield f"irregular, and kept as sent: {irregular_text(study)}"
        return
    if studies:
        instances = count(account.progress.irregular, "instance")
        yield f"{instances} of {count(census.irregular, 'study')} irregular, and kept as sent:"
    for study in studies:
        yield f"  {study.study_instance_uid}  {irregular_text(study)}"
    if (more := census.irregular - len(studies)) > 0:
        yield f"  ... and {count(more, 'study')} more {_where(options)}"


def _refused(account: Account, options: RetrieveCommand) -> str:
    """Return the number of refused instances, and the most frequent reason."""
    reasons: Counter[str] = Counter()
    instances = 0
    for details in account.all_details():
        # The first sentence; the advice after it is printed with the study.
        reasons.update(
            each.reason.partition(". ")[0].removesuffix(".") for each in details.refusals
        )
        instances += len({each.sop_instance_uid for each in details.refusals})
    refusals = reasons.total()
    times = f" ({refusals:,} times)" if refusals > instances else ""
    ((reason, _),) = reasons.most_common(1)
    others = ", and for other reasons" if len(reasons) > 1 else ""
    more = "" if options.verbose else f" {_which(options)}"
    return f"{count(instances, 'instance')} refused{times}: {reason}{others}{more}"


def _which(options: RetrieveCommand) -> str:
    return f"(see {options.report})" if options.report else "(--verbose lists them)"


_SOME = "{came} of {what} {are} in {folder}; completeness unknown"

_RETRIEVED = {
    Verdict.COMPLETE: "{all} of {what} {are} in {folder}",
    Verdict.PARTIAL: "{stored} of {expected} of {what} {are} in {folder}; {missing} missing",
    Verdict.UNVERIFIED: _SOME,
    Verdict.CANCELLED: "{stored} of {expected} of {what} {are} in {folder}",
    Verdict.FAILED: "nothing of {what} was retrieved",
    Verdict.NOT_TRIED: "nothing of {what} was retrieved",
    Verdict.NOT_FOUND: "{what}",
}
"""For studies that the PACS listed."""

_UNLISTED = _RETRIEVED | {
    Verdict.PARTIAL: _SOME,
    Verdict.CANCELLED: "{came} of {what} {are} in {folder}",
}
_FAILED_AGAIN = "nothing more of {what} was retrieved; {came} of an earlier run {are} in {folder}"
"""For studies that the PACS did not list, or was no longer asked for."""

_SENT = {
    Verdict.DELIVERED: "{expected} delivered to {to} according to the PACS; "
    "nothing was written to {folder}",
    Verdict.PARTIAL: "not all of {what} went to {to}",
    Verdict.UNVERIFIED: "an unknown part of {what} went to {to}",
    Verdict.CANCELLED: "an unknown part of {what} went to {to} before the stop",
    Verdict.FAILED: "{what} could not be sent to {to}",
    Verdict.NOT_TRIED: "{what} was not sent to {to}",
    Verdict.NOT_FOUND: "{what}",
}
"""For deliveries to another Storage SCP, which only the PACS can count."""


def subject(order: Selection) -> str:
    """Return what was requested: `study 1.2.3`, `series 1.2.3.4`, `2 series of study 1.2.3`."""
    study = f"study {order.study_instance_uid}"
    match list(order.rows()):
        case [(_, "", _)]:
            return study
        case [(_, series, "")]:
            return f"series {series}"
        case [(_, _, instance)]:
            return f"instance {instance}"
        case _ if any(each.sop_instance_uids for each in order.series):
            return f"the requested part of {study}"
        case _:
            return f"{count(len(order.series), 'series')} of {study}"


def lone_study(
    order: Selection, study: StudyProgress, verdict: Verdict, options: RetrieveCommand
) -> str:
    """Return the sentence about a lone study, which starts with the verdict."""
    came = count(study.stored, "instance")
    words = {
        "order": subject(order),
        "what": f"the matching series of {subject(order)}" if study.left_out else subject(order),
        "folder": folder_text(options.retrieval.output),
        "to": options.retrieval.move_destination,
        "came": came,
        "all": "the one instance" if study.stored == 1 else f"all {came}",
        "are": "is" if study.stored == 1 else "are",
        "stored": f"{study.stored:,}",
        "expected": count(study.expected or 0, "instance"),
        "missing": f"{len(study.missing) or (study.expected or 0) - study.stored:,}",
    }
    return f"{verdict}: {_template(order, study, verdict, options).format_map(words)}"


def _template(
    order: Selection, study: StudyProgress, verdict: Verdict, options: RetrieveCommand
) -> str:
    if verdict is Verdict.COMPLETE and study.no_match:
        return "no series of {order} matches; nothing was retrieved"
    if verdict is Verdict.DELIVERED or options.delivering:
        # A complete study of a delivery is on our disk already.
        return _SENT.get(verdict, _RETRIEVED[Verdict.COMPLETE])
    if verdict is Verdict.COMPLETE and order.level is Level.IMAGE and len([*order.rows()]) == 1:
        return "{what} is in {folder}"
    if verdict in {Verdict.FAILED, Verdict.NOT_TRIED} and study.stored:
        return _FAILED_AGAIN
    return (_UNLISTED if study.expected is None else _RETRIEVED)[verdict]


_NOTHING_RETRIEVED = "nothing was retrieved (--dry-run)"


def render_listing(account: Account, census: Census) -> Iterator[str]:
    """Yield a line for each study that the PACS has, below a heading."""
    if not census.listed.studies:
        return
    # A delivery needs no space here.
    sized = account.progress.space is not None
    yield f" series  instances{'    about' if sized else ''}  study"
    for each in filter(is_listed, account.studies()):
        study = each.study
        instances = "-" if study.expected is None else f"{study.expected:,}"
        size = "-" if study.needed_bytes is None else rounded_size_text(study.needed_bytes)
        about = f"  {size:>7}" if sized else ""
        yield f"{study.series or 0:>7,}  {instances:>9}{about}  {study.study_instance_uid}"


def listing_total(account: Account, census: Census) -> str:
    """Return the line below the table."""
    if census.studies == 1:
        (lone,) = account.studies()
        word, expected = verdict_word(lone.verdict, dry_run=True), lone.study.expected
        instances = f"{count(expected, 'instance')} of " if expected else ""
        return f"{word}: {instances}{subject(lone.selection)}; {_NOTHING_RETRIEVED}"
    listed = census.listed
    return (
        f"planned: {count(listed.instances, 'instance')} in {count(listed.series, 'series')} of "
        f"{listed.studies:,} of {count(census.studies, 'study')}; {_NOTHING_RETRIEVED}"
    )


def space_lines(account: Account, census: Census, options: RetrieveCommand) -> Iterator[str]:
    """Yield what the retrieval would take on the disk, and what is not known of that."""
    if (space := account.progress.space) is None:
        return
    built_in = " (by built-in figures: few such instances came before)" if space.built_in else ""
    yield f"{space_text(space)}{built_in}"
    if census.here:
        folder = folder_text(options.retrieval.output)
        instances = count(census.here, "instance")
        yield f"{instances} of them in {folder} already: not in this forecast"
    if space.uncounted:
        yield (
            f"{count(space.uncounted, 'study')} without a count of instances: not in this forecast"
        )


def left_out_lines(account: Account, census: Census) -> Iterator[str]:
    """Yield what the filter left out; nothing without a filter."""
    chosen = account.series_filter
    if not chosen:
        return
    if census.left_out:
        yield f"{modalities_text(census.left_out)} left out by the filter: {chosen}"
    if (none := census.no_match) and census.studies > 1:
        yield f"{count(none, 'study')} {'has' if none == 1 else 'have'} no series that matches"


def command_lines(account: Account, options: RetrieveCommand) -> Iterator[str]:
    """Yield how the commands of `--on-study` ended; nothing if none was run."""
    progress = account.progress
    if not (progress.commands_succeeded or progress.commands_failed):
        return
    failed, dropped = len(progress.command_failures), progress.commands_dropped
    done = progress.commands_succeeded
    parts = [f"done for {count(done, 'study')}"] if done else []
    parts += [f"failed for {count(failed, 'study')}"] if failed else []
    parts += [f"not run for {count(dropped, 'study')}"] if dropped else []
    yield f"--on-study: {', '.join(parts)}"
    for uid, reason in islice(progress.command_failures.items(), UIDS_MAX):
        yield f"  {uid}  {reason}"
    if failed > UIDS_MAX:
        yield f"  ... and {count(failed - UIDS_MAX, 'study')} more {_where(options)}"


_AGAIN = "run the same command again"


def again(account: Account, census: Census, options: RetrieveCommand) -> Iterator[str]:
    """Yield how to continue, where a further run may retrieve more."""
    if not options.resumable:
        return
    if any(census.verdicts[verdict] for verdict in UNFINISHED):
        yield f"{_AGAIN}: {_left(census.left)}"
    elif census.any_may_heal:
        rest = census.any_stored
        yield f"{_AGAIN} to {'ask for the rest only' if rest else 'try once more'}"
    elif account.progress.commands_failed:
        yield f"{_AGAIN} to run --on-study where it has not succeeded"


def _left(left: Left) -> str:
    """Return `412 of 1,098 instances left, and 3 studies not started`."""
    parts = []
    if left.instances:
        parts.append(f"{left.instances:,} of {count(left.expected, 'instance')} left")
    if left.not_started:
        parts.append(f"{count(left.not_started, 'study')} not started")
    return ", and ".join(parts) or "completeness unknown"
