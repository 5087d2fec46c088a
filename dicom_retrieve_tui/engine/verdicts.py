"""The verdict on a study, based only on what is proven.

The final status and counters of the PACS give reasons and next steps. They decide the verdict only
if nothing else is known: for instances that were sent to an SCP that is not ours.
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
"""Failures that an unknown or unreachable move destination does not cause."""

_BY_GET = Asked(operation="C-GET")

_NAMED_MAX = 10
"""UIDs in one sentence; the report has all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The end of the transfer of a study."""

    final: FinalResponse | None = None
    """The last final response; None if none came."""
    error: RetrieveError | None = None
    """The failure that ended it early."""
    cancelled: bool = False
    elsewhere: bool = False
    """The instances were sent to an SCP that is not ours."""
    refused_callers: tuple[RefusedCaller, ...] = ()
    """Callers that our Storage SCP refused meanwhile."""
    starved: bool = False
    """Most likely, nothing came because of that."""
    destination: str = ""
    """Our move destination for the administrator of the PACS: AE title, host and port."""
    asked: Asked = _BY_GET
    """The request that was made last."""

    @property
    def reason(self) -> str:
        """The failure, in sentences; empty if nothing failed."""
        if self.error is not None:
            aborted = isinstance(self.error, RequestAborted)
            return f"{self.error}{self._where_to_send if aborted else ''}"
        if self.final is None or self.final.status == SUCCESS:
            return ""
        status, comment = self.final.status, self.final.comment
        if self.starved:  # our refusal of its call is the cause
            return f"The PACS ended the retrieval with {meaning_of(status, comment)}."
        where = "" if status in _NOT_THE_DESTINATION else self._where_to_send
        described = describe_status(status, comment, self.asked)
        return f"The PACS ended the retrieval with {described}{where}"

    @property
    def _where_to_send(self) -> str:
        """Our address for the administrator of a PACS that cannot send to us, in a sentence."""
        if not self.destination or self.asked.came:
            return ""
        return f" What its administrator needs to know: {self.destination}."

    @property
    def cure(self) -> Cure:
        """The remedy if something is missing."""
        if self.cancelled:
            return Cure.NONE
        if self.error is not None:
            return error_cure(self.error)
        if self.starved:
            return Cure.ONCE  # the refused caller may be a stranger, and the failure temporary
        return Cure.NONE if self.final is None else status_cure(self.final.status)


def judge(study: StudyState, ending: Ending) -> StudyFinished:
    """Judge a study whose instances are sent to us."""
    if study.inventory.empty:
        return _finished(study, Verdict.NOT_FOUND, "The PACS has nothing that matches these UIDs.")
    doubt = study.doubt if study.satisfied else None
    if doubt is Doubt.UNCORROBORATED and not study.inventory.looks_capped:
        doubt = None  # nothing suggests that the list was cut
    if study.satisfied and doubt is None:
        return _judge_satisfied(study)
    if ending.cancelled:
        return _finished(study, Verdict.CANCELLED, "")
    if doubt is not None:
        finished = _judge_doubtful(study, ending, doubt)
    elif study.inventory.listed:
        finished = _judge_listed(study, ending)
    else:
        finished = _judge_unlisted(study, ending)
    refused = list(map(str, ending.refused_callers))  # the PACS may be among them
    reasons = [*refused, finished.reason] if ending.starved else [finished.reason, *refused]
    if study.inventory.undecided:
        reasons.append(undecided(study.inventory))
    return replace(finished, reason=" ".join(filter(None, reasons)))


def _judge_listed(study: StudyState, ending: Ending) -> StudyFinished:
    """Judge a study of which listed instances are missing."""
    verdict = Verdict.PARTIAL if study.stored_count else Verdict.FAILED
    reason = _why_missing(study, ending)
    if study.inventory.absent:
        reason = f"{reason} {absence(study.inventory)}"
    return _finished(study, verdict, reason)


def _why_missing(study: StudyState, ending: Ending) -> str:
    """Return why listed instances are missing, in sentences, by cause."""
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
    """Describe the instances at which the PACS always breaks off."""
    first, how = next(iter(study.bad.given_up.items()))
    which = f"instance {first} is due"
    if (count := len(study.bad.given_up)) > 1:
        which = f"one of {count} instances is due, such as {first}"
    return (
        f"{how} It does so whenever {which}, so the rest was retrieved without it. The log of the "
        "PACS may say what is wrong."
    )


def _refused(study: StudyState) -> str:
    """Describe the instances that came and were refused."""
    refused = [uid for uid in study.missing() if uid in study.bad.unfit]
    first = study.bad.unfit[refused[0]][-1].removesuffix(".")
    if len(refused) == 1:
        return f"1 instance was refused here: {first}."
    return f"{len(refused)} instances were refused here, the first: {first}."


def _judge_doubtful(study: StudyState, ending: Ending, doubt: Doubt) -> StudyFinished:
    """Judge a study of which everything listed is on disk, while evidence indicates more."""
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
            counts = f"It counts {more:,} more as failed than it lists, and {names}."
            return _finished(study, Verdict.PARTIAL, f"{ending.reason} {counts}".strip())
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
            series = len(study.inventory.series_instance_uids)
            reason = (
                f"The PACS listed exactly {len(study.expected):,} instances in {series:,} series "
                "and gives no count of the study: it may cap its answers, and have more."
            )
            return _finished(study, Verdict.UNVERIFIED, reason)


def _judge_satisfied(study: StudyState) -> StudyFinished:
    """Judge a study of which everything listed is on disk, by whether the list was complete."""
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
    """Describe what was requested by UID and does not exist."""
    named = ", ".join(inventory.absent[:_NAMED_MAX])
    more = len(inventory.absent) - _NAMED_MAX
    return f"The PACS has no {named}{f' and {more} more' if more > 0 else ''} in this study."


def undecided(inventory: Inventory) -> str:
    """Describe the series that the filter could not decide."""
    series = inventory.undecided
    named = ", ".join(one.series_instance_uid for one in series[:_NAMED_MAX])
    more = len(series) - _NAMED_MAX
    return (
        f"The PACS does not say the {series[0].unknown} of series {named}"
        f"{f' and {more} more' if more > 0 else ''}, so the filter cannot decide: not retrieved. "
        "Retrieve such series by their UIDs, without a filter."
    )


def no_match(inventory: Inventory) -> str:
    """Describe that the filter left nothing to retrieve; empty if it left something."""
    if inventory.has_match:
        return ""
    return f"No series matches the filter; {len(inventory.left_out)} left out on purpose."


_COMPARE = " Compare them, move away what is wrong, and run the same command again."


def _conflicts(study: StudyState) -> str:
    """Describe the instances whose content differs from that of the file with their name."""
    return (
        f"{len(study.conflicts)} came with other content than the file that was there; "
        f"both are kept.{_other_owner(study) or _COMPARE}"
    )


def _unexplained(ending: Ending) -> str:
    """Describe that instances are missing although the PACS reports no failure."""
    if ending.final is not None and ending.final.status == SUCCESS:
        return (
            "The PACS reports success (status 0x0000), but did not send everything that it lists."
        )
    return "The PACS did not send everything that it lists."


def _other_owner(study: StudyState) -> str:
    """Describe that another study has the same SOP Instance UIDs; empty if none has."""
    if not (owners := set(study.conflicts.values()) - {""}):
        return ""
    return (
        f" The file is of study {quoted(min(owners))}, which has the same SOP Instance UIDs: "
        "--hierarchical keeps both studies."
    )


def _judge_unlisted(study: StudyState, ending: Ending) -> StudyFinished:
    """Judge a study that the PACS does not list, so that it cannot be called complete."""
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
    """Judge a study that the PACS sent elsewhere, by its own status and counters."""
    if study.inventory.empty:
        return _finished(study, Verdict.NOT_FOUND, "The PACS has nothing that matches these UIDs.")
    verdict, reason = _delivery_verdict(study, ending, move_destination)
    return _finished(study, verdict, reason, elsewhere=True)


def _delivery_verdict(
    study: StudyState, ending: Ending, move_destination: str
) -> tuple[Verdict, str]:
    """Return the verdict and its reason, from the final status and counters of the PACS."""
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
    """Judge a study of which everything that was requested was sent."""
    if inventory.undecided:
        return Verdict.UNVERIFIED, undecided(inventory)
    if inventory.absent:
        return Verdict.PARTIAL, absence(inventory)
    return Verdict.DELIVERED, ""


def _agree(sent: int, expected: int) -> bool:
    """True if the PACS counts as many as it lists, modulo its 16-bit counters."""
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
    """Return how many instances there are, by the list and by the evidence of more."""
    listed = study.inventory.expected_count
    if elsewhere or not study.satisfied or listed is None:
        return listed
    return max(listed, study.known_count)
