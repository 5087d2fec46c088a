"""Accession numbers and patients into studies: one C-FIND for each line, before any retrieval.

An accession number stands for one study: where it has several, nobody but the user can say which
is meant, and they are named. A patient stands for all studies. Only what is equal to the letter
counts: an archive that finds `p1` for `P1` has found somebody else. No patient ID is shown or
written.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from dicom_retrieve_tui.cli.options import Options
from dicom_retrieve_tui.cli.signals import Interruption
from dicom_retrieve_tui.cli.surroundings import Surroundings
from dicom_retrieve_tui.errors import Cancelled, ConfigError, OperationFailed
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.lookup import Lookup
from dicom_retrieve_tui.model.search import Found, Match, Remark, Search
from dicom_retrieve_tui.model.selection import Selection, join
from dicom_retrieve_tui.model.settings import Settings
from dicom_retrieve_tui.model.uid_list import describe
from dicom_retrieve_tui.model.uids import uid_fault
from dicom_retrieve_tui.model.wording import count

_STUDIES_SHOWN_MAX = 5

Answer = list[Found] | OperationFailed
Ask = Callable[[Iterable[Search], Settings, CancelToken], Generator[Answer, None, None]]
"""`wiring.lookup.find_each`, or a script in a test."""


def resolve(options: Options, around: Surroundings, ask: Ask | None = None) -> Options:
    """The same order by UIDs; lines of which nothing can be asked for are left out, and named.

    Raises:
        ConfigError: Nothing is left to retrieve.
        PeerError: The PACS cannot be asked.
        KeyboardInterrupt: The user stopped.
    """
    ask = ask or _wired()
    lookups, plan = options.lookups, options.plan
    lines = count(len(lookups), "line")
    around.stderr.say(f"looking up {lines} of {options.list_flag} at {options.settings.peer}")
    cancel = CancelToken()
    found = _Found()
    searches = [lookup.search for lookup in lookups]
    interruption = Interruption(on_first=cancel.request, on_second=lambda: None)
    try:
        with interruption, closing(ask(searches, options.settings, cancel)) as answers:
            for lookup, answer in zip(lookups, answers, strict=True):
                found.take(lookup, answer)
    except Cancelled:
        around.stderr.say("stopped; nothing was retrieved")
        raise KeyboardInterrupt from None
    selections = join([*plan.selections, *found.selections])
    left_out = (*options.left_out, *found.faults)
    if not selections:
        raise ConfigError(f"{options.list_flag}: {describe(left_out)}")
    around.stderr.say(f"{lines}: {count(len(join(found.selections)), 'study')} found")
    return replace(
        options, plan=replace(plan, selections=selections), lookups=(), left_out=left_out
    )


def _wired() -> Ask:
    from dicom_retrieve_tui.wiring.lookup import find_each  # noqa: PLC0415 - it loads the engine

    return find_each


@dataclass(slots=True)
class _Found:
    """What came of the lines so far."""

    selections: list[Selection] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def take(self, lookup: Lookup, answer: Answer) -> None:
        """Note what one line stands for."""
        if isinstance(answer, OperationFailed):
            self._fault(lookup, str(answer))
            return
        matches = [each for each in answer if isinstance(each, Match)]
        uids = [each.study_instance_uid for each in matches if _is_meant(lookup, each)]
        if broken := [uid for uid in uids if uid_fault(uid)]:
            # A PACS that answers * would otherwise be asked for all that it has.
            self._fault(lookup, f"the PACS answers {_some(broken)!r} where a UID was due")
        elif not uids:
            self._fault(lookup, f"the PACS has no study with {lookup.subject}")
        elif len(uids) > 1 and lookup.accession_number:
            self._fault(
                lookup,
                f"{lookup.subject} is that of {len(uids)} studies ({_some(uids)}): "
                "ask for those that are meant by their UIDs",
            )
        elif len(uids) > 1 and lookup.series_instance_uid:
            self._fault(lookup, f"a series is named, and the patient has {len(uids)} studies")
        else:
            part = (lookup.series_instance_uid, lookup.sop_instance_uid)
            self.selections += [Selection.of(uid, *part) for uid in uids]
            if any(isinstance(each, Remark) and each.incomplete for each in answer):
                self._fault(lookup, f"there may be more studies with {lookup.subject}")

    def _fault(self, lookup: Lookup, text: str) -> None:
        self.faults.append(f"line {lookup.line}: {text}")


def _is_meant(lookup: Lookup, found: Match) -> bool:
    """True for a study whose keys are those of the line; one that the PACS does not tell passes."""
    return all(
        not asked or told.strip() in {"", asked}
        for asked, told in (
            (lookup.accession_number, found.accession_number),
            (lookup.patient_id, found.patient_id),
        )
    )


def _some(uids: Sequence[str]) -> str:
    more = len(uids) - _STUDIES_SHOWN_MAX
    return ", ".join([*uids[:_STUDIES_SHOWN_MAX], *([f"{more} more"] if more > 0 else [])])
