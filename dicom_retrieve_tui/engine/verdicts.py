"""The verdict on a study, from what is proven and nothing else.

The peer's final status and counters give reasons and next steps; they decide only where there is
nothing else to go by: for instances that went to somebody else's SCP.
"""

from collections import Counter
from dataclasses import dataclass, replace

from dicom_retrieve_tui.engine.evidence import Doubt
from dicom_retrieve_tui.engine.study_state import StudyState
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
    refused_callers: tuple[RefusedCaller, ...] = ()
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


def judge(study: StudyState, ending: Ending) -> StudyFinished:
    """Judge a study whose instances come to us."""
    if study.inventory.empty:
        return _finished(study, Verdict.NOT_FOUND, "The PACS has nothing that matches these UIDs.")
    doubt = study.doubt if study.satisfied else None
    if doubt is Doubt.UNCORROBORATED and not study.inventory.looks_capped:
        doubt = None  # a list that is as long as it happens to be
    if study.satisfied and doubt is None:
        return _judge_full(study)
    if ending.cancelled:
        return _finished(study, Verdict.CANCELLED, "")
    if doubt is not None:
        finished = _judge_doubtful(study, ending, doubt)
    elif study.inventory.listed:
        finished = _judge_listed(study, ending)
    else:
        finished = _judge_unlisted(study, ending)
    refused = list(map(str, ending.refused_callers))  # the PACS itself, perhaps
    told = [*refused, finished.reason] if ending.starved else [finished.reason, *refused]
    if study.inventory.undecided:
        told.append(undecided(study.inventory))
    return replace(finished, reason=" ".join(filter(None, told)))


def _judge_listed(study: StudyState, ending: Ending) -> StudyFinished:
    """Something of what was listed is missing."""
    verdict = Verdict.PARTIAL if study.stored_count else Verdict.FAILED
    reason = _why_missing(study, ending)
    if study.inventory.absent:
        reason = f"{reason} {absence(study.inventory)}"
    return _finished(study, verdict, reason)


def _why_missing(study: StudyState, ending: Ending) -> str:
    """Why listed instances are missing; what we refused is not blamed on the PACS."""
    causes = Counter(_cause(study, uid) for uid in study.missing())
    sentences = []
    if causes["conflict"]:
        sentences.append(_conflicts(study))
    if causes["given up"]:
        sentences.append(_given_up(study))
    if causes["refused"]:
        sentences.append(_refused(study))
    if causes[""]:
        sentences.append(ending.reason or _unexplained(ending))
    return " ".join(sentences)


def _cause(study: StudyState, uid: str) -> str:
    if uid in study.conflicts:
        return "conflict"
    if uid in study.bad.unfit:
        return "refused"
    return "given up" if uid in study.bad.given_up else ""


def _given_up(study: StudyState) -> str:
    """The instances at which the PACS always breaks off, in a sentence."""
    first, how = next(iter(study.bad.given_up.items()))
    which = f"instance {first} is due"
    if (count := len(study.bad.given_up)) > 1:
        which = f"one of {count} instances is due, such as {first}"
    return (
        f"{how} It does so whenever {which}, so the rest was retrieved without it. The log of the "
        "PACS may say what is wrong."
    )


def _refused(study: StudyState) -> str:
    """The instances that came and were not kept, in a sentence."""
    refused = [uid for uid in study.missing() if uid in study.bad.unfit]
    first = study.bad.unfit[refused[0]][-1].removesuffix(".")
    if len(refused) == 1:
        return f"1 instance was refused here: {first}."
    return f"{len(refused)} instances were refused here, the first: {first}."


def _judge_doubtful(study: StudyState, ending: Ending, doubt: Doubt) -> StudyFinished:
    """All that was listed is there, and a witness speaks of more."""
    more = study.known_count - study.stored_count
    named = len(study.missing())
    match doubt:
        case Doubt.STILL_ARRIVING:
            reason = (
                f"The study is still arriving: {len(study.expected):,} now, {study.listed_first:,} "
                "when it was listed. Run the same command again later."
            )
            return _finished(study, Verdict.UNVERIFIED, reason)
        case Doubt.MORE_FAILED:
            names = "names them" if named >= more else "does not name them"
            said = f"It counts {more:,} more as failed than it lists, and {names}."
            return _finished(study, Verdict.PARTIAL, f"{ending.reason} {said}".strip())
        case Doubt.MORE_ANNOUNCED:
            reason = study.inventory.doubt or (
                f"The PACS lists {len(study.expected):,}, and counts {study.known_count:,} in its "
                f"answers to the request: {more:,} may be missing."
            )
            return _finished(study, Verdict.UNVERIFIED, reason)
        case Doubt.BROKE_OFF:
            reason = f"{ending.reason} All that it lists came, but there may be more."
            return _finished(study, Verdict.UNVERIFIED, reason.strip())
        case Doubt.NO_LONGER_LISTED:
            reason = (
                f"The PACS no longer lists {named:,} of what an earlier run knew, and they did not "
                "come; nothing confirms that it has deleted them."
            )
            return _finished(study, Verdict.PARTIAL, reason)
        case Doubt.UNCORROBORATED:
            reason = (
                f"The PACS listed exactly {len(study.expected):,} and gives no count: it may cap "
                "its answers, and have more."
            )
            return _finished(study, Verdict.UNVERIFIED, reason)


def _judge_full(study: StudyState) -> StudyFinished:
    """All that was listed is there; was the listing whole?"""
    announced = study.inventory.announced_count
    if announced is not None and study.stored_count < announced:
        return _finished(study, Verdict.UNVERIFIED, study.inventory.doubt)
    if study.inventory.undecided:
        verdict = Verdict.UNVERIFIED if study.stored_count else Verdict.FAILED
        return _finished(study, verdict, undecided(study.inventory))
    if study.inventory.absent:
        return _finished(study, Verdict.PARTIAL, absence(study.inventory))
    return _finished(study, Verdict.COMPLETE, no_match(study.inventory))


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


def _conflicts(study: StudyState) -> str:
    """The instances that came with other content than their files have, in a sentence or two."""
    return (
        f"{len(study.conflicts)} came with other content than the file that was there; "
        f"both are kept.{_rivalry(study)}"
    )


def _unexplained(ending: Ending) -> str:
    """Instances are missing although the PACS names no failure."""
    if ending.final is not None and ending.final.status == SUCCESS:
        return (
            "The PACS reports success (status 0x0000), but did not send everything that it lists."
        )
    return "The PACS did not send everything that it lists."


def _rivalry(study: StudyState) -> str:
    """That another study has the same SOP Instance UIDs, in a sentence; empty if none has."""
    if not (owners := set(study.conflicts.values()) - {""}):
        return ""
    return (
        f" The file is of study {quoted(min(owners))}, which has the same SOP Instance UIDs: "
        "--hierarchical keeps both studies."
    )


def _judge_unlisted(study: StudyState, ending: Ending) -> StudyFinished:
    """C-FIND would not list the instances, so nothing can be called complete."""
    doubt = study.inventory.doubt
    if not study.stored_count:
        reason = ending.reason or _nothing_came(study.inventory)
        return _finished(study, Verdict.FAILED, f"{reason} {doubt}".strip())
    if ending.reason:
        return _finished(study, Verdict.PARTIAL, f"{ending.reason} {doubt}".strip())
    return _finished(study, Verdict.UNVERIFIED, doubt)


def _nothing_came(inventory: Inventory) -> str:
    if inventory.has_match:
        return "The PACS sent nothing, and would not say what it has."
    return "No series is known to match the filter, so nothing was asked for."


def judge_delivery(study: StudyState, ending: Ending, move_destination: str) -> StudyFinished:
    """Judge a study that the PACS sent to somebody else: its own account is all there is."""
    if study.inventory.empty:
        return _finished(study, Verdict.NOT_FOUND, "The PACS has nothing that matches these UIDs.")
    verdict, reason = _weigh_delivery(study, ending, move_destination)
    return _finished(study, verdict, reason, elsewhere=True)


def _weigh_delivery(
    study: StudyState, ending: Ending, move_destination: str
) -> tuple[Verdict, str]:
    """The verdict and its reason, from the peer's final status and counters."""
    if ending.cancelled:
        return Verdict.CANCELLED, ""
    final = ending.final
    if final is None or final.status not in {SUCCESS, SUB_OPERATIONS_FAILED}:
        return Verdict.FAILED, ending.reason
    expected = study.inventory.expected_count if study.inventory.listed else None
    if final.completed is None or expected is None:
        reason = f"The PACS reports status 0x{final.status:04X} for {move_destination}, but " + (
            "does not count what it sent." if expected is not None else study.inventory.doubt
        )
        return Verdict.UNVERIFIED, reason
    sent = final.completed + (final.warning or 0)
    if final.status == SUCCESS and not final.failed and _agree(sent, expected):
        return _judge_sent(study.inventory)
    reason = ending.reason or "The PACS reports success (status 0x0000)."
    verdict = Verdict.PARTIAL if sent else Verdict.FAILED
    failed = f", and {final.failed:,} failed" if final.failed else ""
    counts = (
        f"By its own count, {sent:,} of {expected:,} instances went to {move_destination}{failed}."
    )
    if sent == expected:
        verdict = Verdict.UNVERIFIED
        counts = f"{counts} The one contradicts the other."
    if sent > expected:
        verdict = Verdict.UNVERIFIED
        counts = (
            f"It counts {sent:,} instances sent to {move_destination} where it lists "
            f"{expected:,}: its count proves nothing."
        )
    return verdict, f"{reason} {counts}"


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
    study: StudyState, verdict: Verdict, reason: str, *, elsewhere: bool = False
) -> StudyFinished:
    listed = study.inventory.listed
    return StudyFinished(
        study_instance_uid=study.study_instance_uid,
        verdict=verdict,
        expected=_expected(study, elsewhere=elsewhere) if listed else None,
        stored=study.stored_count,
        missing=study.missing() if listed and not elsewhere else (),
        reason=reason,
        irregular=len(study.irregular),
        irregular_example=": ".join(next(iter(study.irregular.items()), ())),
    )


def _expected(study: StudyState, *, elsewhere: bool) -> int | None:
    """How many instances there are, by the list and by whatever speaks of more."""
    listed = study.inventory.expected_count
    if elsewhere or not study.satisfied or listed is None:
        return listed
    return max(listed, study.known_count)
