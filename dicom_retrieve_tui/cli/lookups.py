"""Accession numbers and patients into studies: one C-FIND for each line, before any retrieval.

What the answers mean is judged in `model.looked_up`; no patient ID is shown or written.
"""

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import replace

from dicom_retrieve_tui.cli.options import Options
from dicom_retrieve_tui.cli.signals import Interruption
from dicom_retrieve_tui.cli.surroundings import Surroundings
from dicom_retrieve_tui.errors import Cancelled, ConfigError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.looked_up import Answer, LookedUp
from dicom_retrieve_tui.model.search import Search
from dicom_retrieve_tui.model.selection import join
from dicom_retrieve_tui.model.settings import Settings
from dicom_retrieve_tui.model.uid_list import describe
from dicom_retrieve_tui.model.wording import count

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
    found = LookedUp()
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
