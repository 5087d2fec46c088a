"""One study's end in one sentence. Pure; every claim in it is what the verdict proves, no more."""

from dicom_retrieve_tui.cli.read_options import Options
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.humanize import count, folder_text
from dicom_retrieve_tui.model.progress import StudyProgress
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.verdict import Verdict

_SOME = "{came} of {what} {are} in {folder}; whether that is all, is unknown"

_RETRIEVED = {
    Verdict.COMPLETE: "{all} of {what} {are} in {folder}",
    Verdict.PARTIAL: "{stored} of {expected} of {what} {are} in {folder}; {missing} missing",
    Verdict.UNVERIFIED: _SOME,
    Verdict.CANCELLED: "{stored} of {expected} of {what} {are} in {folder}",
    Verdict.FAILED: "nothing of {what} was retrieved",
    Verdict.NOT_FOUND: "{what}",
}
"""Where the PACS listed what there is."""

_UNLISTED = _RETRIEVED | {
    Verdict.PARTIAL: _SOME,
    Verdict.CANCELLED: "{came} of {what} {are} in {folder}",
}
_FAILED_AGAIN = "nothing more of {what} was retrieved; {came} of an earlier run {are} in {folder}"
"""Where it did not, or was not asked any more."""

_SENT = {
    Verdict.DELIVERED: "{expected} delivered to {to} by the PACS's account; "
    "nothing was written to {folder}",
    Verdict.PARTIAL: "not all of {what} went to {to}",
    Verdict.UNVERIFIED: "how much of {what} went to {to}, is unknown",
    Verdict.CANCELLED: "how much of {what} went to {to} before the end, is unknown",
    Verdict.FAILED: "{what} could not be sent to {to}",
    Verdict.NOT_FOUND: "{what}",
}
"""Where the instances went past us, and only the PACS knows of them."""


def subject(order: Selection) -> str:
    """What was asked for: `study 1.2.3`, `series 1.2.3.4`, `2 series of study 1.2.3`."""
    study = f"study {order.study_instance_uid}"
    match list(order.rows()):
        case [(_, "", _)]:
            return study
        case [(_, series, "")]:
            return f"series {series}"
        case [(_, _, instance)]:
            return f"instance {instance}"
        case _ if any(each.sop_instance_uids for each in order.series):
            return f"what was asked for of {study}"
        case _:
            return f"{count(len(order.series), 'series')} of {study}"


def lone_study(order: Selection, study: StudyProgress, verdict: Verdict, options: Options) -> str:
    """The sentence, its first word the verdict."""
    came = count(study.stored, "instance")
    words = {
        "order": subject(order),
        "what": f"the matching series of {subject(order)}" if study.left_out else subject(order),
        "folder": folder_text(options.settings.output),
        "to": options.plan.move_destination,
        "came": came,
        "all": "the one instance" if study.stored == 1 else f"all {came}",
        "are": "is" if study.stored == 1 else "are",
        "stored": f"{study.stored:,}",
        "expected": count(study.expected or 0, "instance"),
        "missing": f"{len(study.missing) or (study.expected or 0) - study.stored:,}",
    }
    return f"{verdict}: {_template(order, study, verdict, options).format_map(words)}"


def _template(order: Selection, study: StudyProgress, verdict: Verdict, options: Options) -> str:
    if verdict is Verdict.COMPLETE and study.no_match:
        return "no series of {order} matches, so that nothing was retrieved"
    if verdict is Verdict.DELIVERED or options.delivering:
        # A delivery judged complete would be a file that is here: the plain words fit it.
        return _SENT.get(verdict, _RETRIEVED[Verdict.COMPLETE])
    if verdict is Verdict.COMPLETE and order.level is Level.IMAGE and len([*order.rows()]) == 1:
        return "{what} is in {folder}"
    if verdict is Verdict.FAILED and study.stored:
        return _FAILED_AGAIN
    return (_UNLISTED if study.expected is None else _RETRIEVED)[verdict]
