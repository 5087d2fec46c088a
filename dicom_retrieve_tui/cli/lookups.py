"""Accession numbers and patients into studies: one C-FIND for each line, before any retrieval.

What the answers mean is judged in `model.looked_up`; no patient ID is shown or written.
"""

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import replace

from dicom_retrieve_tui.cli.options import Options
from dicom_retrieve_tui.cli.signals import Interruption
from dicom_retrieve_tui.cli.surroundings import Surroundings
from dicom_retrieve_tui.errors import Cancelled, ConfigError, PeerError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.looked_up import Answer, LookedUp
from dicom_retrieve_tui.model.lookup import Lookup
from dicom_retrieve_tui.model.search import Search
from dicom_retrieve_tui.model.selection import join
from dicom_retrieve_tui.model.settings import Settings
from dicom_retrieve_tui.model.uid_list import describe
from dicom_retrieve_tui.model.wording import count

Ask = Callable[[Iterable[Search], Settings, CancelToken], Generator[Answer, None, None]]
"""`wiring.lookup.find_each`, or a script in a test."""


class LookupsStopped(Cancelled):
    """The user stopped before every line was looked up, and nothing is to be retrieved."""

    def __init__(self, options: Options) -> None:
        """Keep the order as far as it is known; the lines that are left are among its faults."""
        super().__init__("stopped; nothing was retrieved")
        self.options = options


def resolve(options: Options, around: Surroundings, ask: Ask | None = None) -> Options:
    """The same order by UIDs; lines of which nothing can be asked for are left out, and named.

    Raises:
        ConfigError: Nothing is left to retrieve.
        PeerError: The PACS cannot be asked.
        LookupsStopped: The user stopped.
    """
    lines = count(len(options.lookups), "line")
    around.stderr.say(f"looking up {lines} of {options.list_flag} at {options.settings.peer}")
    found = LookedUp()
    if not _look_up(options, found, ask or _wired()):
        rest = options.lookups[found.lines :]
        raise LookupsStopped(_by_uids(options, found, rest))
    resolved = _by_uids(options, found)
    if not resolved.plan.selections:
        raise ConfigError(f"{options.list_flag}: {describe(resolved.left_out)}")
    around.stderr.say(f"{lines}: {count(len(join(found.selections)), 'study')} found")
    return resolved


def _look_up(options: Options, found: LookedUp, ask: Ask) -> bool:
    """Note what each line stands for; False if the user stopped."""
    cancel = CancelToken()
    searches = [lookup.search for lookup in options.lookups]
    with Interruption(on_first=cancel.request, on_second=lambda: None) as interruption:
        try:
            with closing(ask(searches, options.settings, cancel)) as answers:
                for lookup, answer in zip(options.lookups, answers, strict=True):
                    found.take(lookup, answer)
        except Cancelled:
            return False
        except PeerError:  # some archives answer a C-CANCEL by hanging up
            if not interruption.requested:
                raise
    return not interruption.requested


def _by_uids(options: Options, found: LookedUp, rest: Iterable[Lookup] = ()) -> Options:
    selections = join([*options.plan.selections, *found.selections])
    faults = [*found.faults, *(f"line {each.line}: not looked up before the end" for each in rest)]
    return replace(
        options,
        plan=replace(options.plan, selections=selections),
        lookups=(),
        left_out=(*options.left_out, *faults),
    )


def _wired() -> Ask:
    from dicom_retrieve_tui.wiring.lookup import find_each  # noqa: PLC0415 - it loads the engine

    return find_each
