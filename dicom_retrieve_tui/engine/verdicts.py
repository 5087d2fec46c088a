"""The verdict on a study, from what is proven and nothing else.

The peer's final status and counters give reasons and next steps; they decide only where there is
nothing else to go by: for instances that went to somebody else's SCP.
"""

from collections import Counter
from dataclasses import dataclass, replace

from dicom_retrieve_tui.engine.evidence import Doubt
from dicom_retrieve_tui.engine.study_state import StudyWork
from dicom_retrieve_tui.errors import RequestAborted, RetrieveError
from dicom_retrieve_tui.model.allowed_callers import RefusedCaller
from dicom_retrieve_tui.model.dimse import COUNTER_MAX, FinalResponse
from dicom_retrieve_tui.model.events import StudyFinished
from dicom_retrieve_tui.model.inventory import Inventory
from dicom_retrieve_tui.model.retry import Cure, error_cure, status_cure
from dicom_retrieve_tui.model.sanitize import quoted
from dicom_retrieve_tui.model.status import (
    SUB_OPERATIONS_FAILED,
    SUCCESS,
    Asked,
    describe_status,
    meaning_of,
)
from dicom_retrieve_tui.model.verdict import Verdict

_NOT_THE_DESTINATION = frozenset(
    {SUB_OPERATIONS_FAILED, 0x0120, 0x0122, 0x0124, 0x0210, 0x0211, 0x0212, 0xA701, 0xA900, 0xFE00}
)
"""Failures that an unknown or deaf move destination does not cause."""

_BY_GET = Asked(operation="C-GET")

_NAMED_MAX = 10
"""UIDs in one sentence; the report has all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the transfer of a study ended, as far as its associations tell."""

    final: FinalResponse | None = None
    """The last final response; None if none came."""
    error: RetrieveError | None = None
    """What ended it before its time."""
    cancelled: bool = False
    elsewhere: bool = False
    """The instances went to somebody else's SCP."""
    turned_away: tuple[RefusedCaller, ...] = ()
    """Who called our Storage SCP meanwhile and was refused."""
    starved: bool = False
    """That is most likely why nothing came."""
    destination: str = ""
    """Where a C-MOVE was to send to: AE title, host and port, as its administrator needs it."""
    asked: Asked = _BY_GET
    """The request that was made last."""

    @property
    def reason(self) -> str:
        """What went wrong, in words; empty if nothing did."""
        if self.error is not None:
            aborted = isinstance(self.error, RequestAborted)
            return f"{self.error}{self._where_to_send if aborted else ''}"
        if self.final is None or self.final.status == SUCCESS:
            return ""
        status, comment = self.final.status, self.final.comment
        if self.starved:  # we refused its call, and that is the cause
            return f"The PACS ended the retrieval with {meaning_of(status, comment)}."
        told = "" if status in _NOT_THE_DESTINATION else self._where_to_send
        described = describe_status(status, comment, self.asked)
        return f"The PACS ended the retrieval with {described}{told}"

    @property
    def _where_to_send(self) -> str:
        """What the administrator of a PACS needs to know that cannot send to us, in a sentence."""
        if not self.destination or self.asked.came:
            return ""
        return f" What its administrator needs to know: {self.destination}."

    @property
    def cure(self) -> Cure:
        """What helps, if anything is missing."""
        if self.cancelled:
            return Cure.NONE
        if self.error is not None:
            return error_cure(self.error)
        if self.starved:
            return Cure.ONCE  # it may have been a stranger, and a failure that time heals
        return Cure.NONE if self.final is None else status_cure(self.final.status)


def judge(work: StudyWork, ending: Ending) -> StudyFinished:
    """Judge a study whose instances come to us."""
    if work.inventory.empty:
        return _finished(work, Verdict.NOT_FOUND, "The PACS has nothing that matches these UIDs.")
    doubt = work.doubt if work.satisfied else None
    if doubt is Doubt.UNCORROBORATED and not work.inventory.looks_capped:
        doubt = None  # a list that is as long as it happens to be
    if work.satisfied and doubt is None:
        return _judge_full(work)
    if ending.cancelled:
        return _finished(work, Verdict.CANCELLED, "")
    if doubt is not None:
        finished = _judge_doubtful(work, ending, doubt)
    elif work.inventory.listed:
        finished = _judge_listed(work, ending)
    else:
        finished = _judge_unlisted(work, ending)
    refused = list(map(str, ending.turned_away))  # the PACS itself, perhaps
    told = [*refused, finished.reason] if ending.starved else [finished.reason, *refused]
    if work.inventory.undecided:
        told.append(undecided(work.inventory))
    return replace(finished, reason=" ".join(filter(None, told)))


def _judge_listed(work: StudyWork, ending: Ending) -> StudyFinished:
    """Something of what was listed is missing."""
    verdict = Verdict.PARTIAL if work.stored_count else Verdict.FAILED
    reason = _why_missing(work, ending)
    if work.inventory.absent:
        reason = f"{reason} {absence(work.inventory)}"
    return _finished(work, verdict, reason)


def _why_missing(work: StudyWork, ending: Ending) -> str:
    """Why listed instances are missing; what we refused is not blamed on the PACS."""
    causes = Counter(_cause(work, uid) for uid in work.missing())
    sentences = []
    if causes["conflict"]:
        sentences.append(_conflicts(work))
    if causes["given up"]:
        sentences.append(_given_up(work))
    if causes["refused"]:
        sentences.append(_refused(work))
    if causes[""]:
        sentences.append(ending.reason or _unexplained(ending))
    return " ".join(sentences)


def _cause(work: StudyWork, uid: str) -> str:
    if uid in work.conflicts:
        return "conflict"
    if uid in work.bad.unfit:
        return "refused"
    return "given up" if uid in work.bad.given_up else ""


def _given_up(work: StudyWork) -> str:
    """The instances at which the PACS always breaks off, in a sentence."""
    first, how = next(iter(work.bad.given_up.items()))
    which = f"instance {first} is due"
    if (count := len(work.bad.given_up)) > 1:
        which = f"one of {count} instances is due, such as {first}"
    return (
        f"{how} It does so whenever {which}, so the rest was retrieved without it. The log of the "
        "PACS may say what is wrong."
    )


def _refused(work: StudyWork) -> str:
    """The instances that came and were not kept, in a sentence."""
    refused = [uid for uid in work.missing() if uid in work.bad.unfit]
    first = work.bad.unfit[refused[0]][-1].removesuffix(".")
    if len(refused) == 1:
        return f"1 instance was refused here: {first}."
    return f"{len(refused)} instances were refused here, the first: {first}."


def _judge_doubtful(work: StudyWork, ending: Ending, doubt: Doubt) -> StudyFinished:
    """All that was listed is there, and a witness speaks of more."""
    more = work.known_count - work.stored_count
    named = len(work.missing())
    match doubt:
        case Doubt.STILL_ARRIVING:
            reason = (
                f"The study is still arriving: {len(work.expected):,} now, {work.listed_first:,} "
                "when it was listed. Run the same command again later."
            )
            return _finished(work, Verdict.UNVERIFIED, reason)
        case Doubt.MORE_FAILED:
            names = "names them" if named >= more else "does not name them"
            said = f"It counts {more:,} more as failed than it lists, and {names}."
            return _finished(work, Verdict.PARTIAL, f"{ending.reason} {said}".strip())
        case Doubt.MORE_ANNOUNCED:
            reason = work.inventory.doubt or (
                f"The PACS lists {len(work.expected):,}, and counts {work.known_count:,} in its "
                f"answers to the request: {more:,} may be missing."
            )
            return _finished(work, Verdict.UNVERIFIED, reason)
        case Doubt.BROKE_OFF:
            reason = f"{ending.reason} All that it lists came, but there may be more."
            return _finished(work, Verdict.UNVERIFIED, reason.strip())
        case Doubt.NO_LONGER_LISTED:
            reason = (
                f"The PACS no longer lists {named:,} of what an earlier run knew, and they did not "
                "come; nothing confirms that it has deleted them."
            )
            return _finished(work, Verdict.PARTIAL, reason)
        case Doubt.UNCORROBORATED:
            reason = (
                f"The PACS listed exactly {len(work.expected):,} and gives no count: it may cap "
                "its answers, and have more."
            )
            return _finished(work, Verdict.UNVERIFIED, reason)


def _judge_full(work: StudyWork) -> StudyFinished:
    """All that was listed is there; was the listing whole?"""
    announced = work.inventory.announced_count
    if announced is not None and work.stored_count < announced:
        return _finished(work, Verdict.UNVERIFIED, work.inventory.doubt)
    if work.inventory.undecided:
        verdict = Verdict.UNVERIFIED if work.stored_count else Verdict.FAILED
        return _finished(work, verdict, undecided(work.inventory))
    if work.inventory.absent:
        return _finished(work, Verdict.PARTIAL, absence(work.inventory))
    return _finished(work, Verdict.COMPLETE, no_match(work.inventory))


def absence(inventory: Inventory) -> str:
    """What was asked for by name and is not there, in a sentence."""
    named = ", ".join(inventory.absent[:_NAMED_MAX])
    more = len(inventory.absent) - _NAMED_MAX
    return f"The PACS has no {named}{f' and {more} more' if more > 0 else ''} in this study."


def undecided(inventory: Inventory) -> str:
    """What the filter could not decide, in a sentence."""
    series = inventory.undecided
    named = ", ".join(each.series_instance_uid for each in series[:_NAMED_MAX])
    more = len(series) - _NAMED_MAX
    return (
        f"The PACS does not say the {series[0].unknown} of series {named}"
        f"{f' and {more} more' if more > 0 else ''}, so the filter cannot decide: not retrieved. "
        "Retrieve such series by their UIDs, without a filter."
    )


def no_match(inventory: Inventory) -> str:
    """That the filter left nothing to retrieve, in a sentence; empty if it left something."""
    if inventory.has_match:
        return ""
    return f"No series matches the filter; {len(inventory.left_out)} left out on purpose."


def _conflicts(work: StudyWork) -> str:
    """The instances that came with other content than their files have, in a sentence or two."""
    return (
        f"{len(work.conflicts)} came with other content than the file that was there; "
        f"both are kept.{_rivalry(work)}"
    )


def _unexplained(ending: Ending) -> str:
    """Instances are missing although the PACS names no failure."""
    if ending.final is not None and ending.final.status == SUCCESS:
        return (
            "The PACS reports success (status 0x0000), but did not send everything that it lists."
        )
    return "The PACS did not send everything that it lists."


def _rivalry(work: StudyWork) -> str:
    """That another study has the same SOP Instance UIDs, in a sentence; empty if none has."""
    if not (owners := set(work.conflicts.values()) - {""}):
        return ""
    return (
        f" The file is of study {quoted(min(owners))}, which has the same SOP Instance UIDs: "
        "--hierarchical keeps both studies."
    )


def _judge_unlisted(work: StudyWork, ending: Ending) -> StudyFinished:
    """C-FIND would not list the instances, so nothing can be called complete."""
    doubt = work.inventory.doubt
    if not work.stored_count:
        reason = ending.reason or _nothing_came(work.inventory)
        return _finished(work, Verdict.FAILED, f"{reason} {doubt}".strip())
    if ending.reason:
        return _finished(work, Verdict.PARTIAL, f"{ending.reason} {doubt}".strip())
    return _finished(work, Verdict.UNVERIFIED, doubt)


def _nothing_came(inventory: Inventory) -> str:
    if inventory.has_match:
        return "The PACS sent nothing, and would not say what it has."
    return "No series is known to match the filter, so nothing was asked for."


def judge_delivery(work: StudyWork, ending: Ending, move_destination: str) -> StudyFinished:
    """Judge a study that the PACS sent to somebody else: its own account is all there is."""
    if work.inventory.empty:
        return _finished(work, Verdict.NOT_FOUND, "The PACS has nothing that matches these UIDs.")
    verdict, reason = _weigh_delivery(work, ending, move_destination)
    return _finished(work, verdict, reason, elsewhere=True)


def _weigh_delivery(work: StudyWork, ending: Ending, move_destination: str) -> tuple[Verdict, str]:
    """The verdict and its reason, from the peer's final status and counters."""
    if ending.cancelled:
        return Verdict.CANCELLED, ""
    final = ending.final
    if final is None or final.status not in {SUCCESS, SUB_OPERATIONS_FAILED}:
        return Verdict.FAILED, ending.reason
    expected = work.inventory.expected_count if work.inventory.listed else None
    if final.completed is None or expected is None:
        reason = f"The PACS reports status 0x{final.status:04X} for {move_destination}, but " + (
            "does not count what it sent." if expected is not None else work.inventory.doubt
        )
        return Verdict.UNVERIFIED, reason
    sent = final.completed + (final.warning or 0)
    if final.status == SUCCESS and not final.failed and _agree(sent, expected):
        return _judge_sent(work.inventory)
    reason = ending.reason or "The PACS reports success (status 0x0000)."
    verdict = Verdict.PARTIAL if sent else Verdict.FAILED
    failed = f", and {final.failed:,} failed" if final.failed else ""
    account = (
        f"By its own count, {sent:,} of {expected:,} instances went to {move_destination}{failed}."
    )
    if sent == expected:
        verdict = Verdict.UNVERIFIED
        account = f"{account} The one contradicts the other."
    if sent > expected:
        verdict = Verdict.UNVERIFIED
        account = (
            f"It counts {sent:,} instances sent to {move_destination} where it lists "
            f"{expected:,}: its count proves nothing."
        )
    return verdict, f"{reason} {account}"


def _judge_sent(inventory: Inventory) -> tuple[Verdict, str]:
    """Everything that was asked for was sent; was that all?"""
    if inventory.undecided:
        return Verdict.UNVERIFIED, undecided(inventory)
    if inventory.absent:
        return Verdict.PARTIAL, absence(inventory)
    return Verdict.DELIVERED, ""


def _agree(sent: int, expected: int) -> bool:
    """True if the PACS counts as many as it lists, as far as its counters go."""
    return sent == expected or (expected > COUNTER_MAX and sent == expected % (COUNTER_MAX + 1))


def _finished(
    work: StudyWork, verdict: Verdict, reason: str, *, elsewhere: bool = False
) -> StudyFinished:
    listed = work.inventory.listed
    return StudyFinished(
        study_instance_uid=work.study_instance_uid,
        verdict=verdict,
        expected=_expected(work, elsewhere=elsewhere) if listed else None,
        stored=work.stored_count,
        missing=work.missing() if listed and not elsewhere else (),
        reason=reason,
        irregular=len(work.irregular),
        irregular_example=": ".join(next(iter(work.irregular.items()), ())),
    )


def _expected(work: StudyWork, *, elsewhere: bool) -> int | None:
    """How many instances there are, by the list and by whatever speaks of more."""
    listed = work.inventory.expected_count
    if elsewhere or not work.satisfied or listed is None:
        return listed
    return max(listed, work.known_count)
